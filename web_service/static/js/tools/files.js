// The files that an answer, a saved search or a collection can be had as.

import { h } from "../dom.js";
import { t } from "../words.js";

const FORMATS = ["csv", "json", "parquet", "coco", "zip", "webdataset", "recipe"];

/** A list of links; `address(format)` is where a file is. */
export function fileLinks(address) {
  const link = (format) => h("a", { class: "file", download: "", href: address(format) }, h("b", {}, t(`file.${format}`)), h("span", { class: "note" }, t(`file.${format}More`)));
  return h("ul", { class: "files" }, FORMATS.map((format) => h("li", {}, link(format))));
}
