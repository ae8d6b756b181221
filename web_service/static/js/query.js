// The search line: words, asked while they are typed, and an image by upload, paste or drop.

import { api, widthFor } from "./api.js";
import { app } from "./app.js";
import { keptFor } from "./changing.js";
import { $, debounce, h } from "./dom.js";
import { queryChips, takeChips } from "./scope.js";
import { listenToDrops, prepared } from "./upload.js";
import { recentQueries, rememberUpload, uploadOf } from "./storage.js";
import { t } from "./words.js";

const CHIP = 28;
const TYPING_MS = 250;
const FEWEST_LETTERS = 2;
let image = { imageId: null, upload: null }; // the image part of the query being written

export function startQuery() {
  const form = $("#search");
  const typed = debounce(whileTyping, TYPING_MS);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    typed.cancel();
    submit();
  });
  $("#query").addEventListener("input", typed);
  $("#query").addEventListener("focus", drawSuggestions);
  $("#catalogue").addEventListener("change", ({ target }) => changeCatalogue(target.value));
  $("#image-button").addEventListener("click", () => $("#image-file").click());
  $("#image-file").addEventListener("change", ({ target }) => {
    if (target.files[0]) useFile(target.files[0]);
    target.value = ""; // the same file again is a change again
  });
  $("#image-drop").addEventListener("click", () => useImage({ imageId: null, upload: null }));
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (!file) return;
    event.preventDefault();
    useFile(file);
  });
  listenToDrops($("#drop"), useFile);
  app.on("session", drawQuery);
  app.on("catalogue", drawCatalogues);
}

/** Puts the caret into the search field. */
export function focusSearch() {
  $("#query").focus();
  $("#query").select();
}

function submit() {
  const chips = queryChips();
  const text = takeChips($("#query").value, chips);
  const query = { text, ...image, ...chips, ...keptFor(image) };
  if (!text && image.imageId === null && !image.upload && !chips.terms.length) {
    app.emit("problem", t("search.empty"));
    return focusSearch();
  }
  if (!app.catalogue) return app.emit("problem", t("search.noCatalogue"));
  $("#query").value = text;
  $("#query").blur();
  return app.search(query);
}

/** The answer follows the words, unless there are labels: those wait for Enter. */
function whileTyping() {
  const { session } = app;
  const started = session && (session.rounds.length > 1 || session.round.draft.size > 0 || app.busy === "refine");
  // What is marked with - or + becomes a chip with Enter: until then it may be half a word.
  const text = takeChips($("#query").value, { terms: [], without: [] });
  if (started || !app.catalogue || document.activeElement !== $("#query") || text.length < FEWEST_LETTERS) return;
  if (session && text === session.query.text) return;
  app.search({ text, ...image, ...queryChips(), ...keptFor(image) }, { live: true });
}

function changeCatalogue(name) {
  app.choose(name);
  // An image of one catalogue means nothing in another; words and uploads do.
  image.imageId = null;
  drawChip();
  if (app.session && ($("#query").value.trim() || image.upload)) submit();
  else app.home();
}

function useImage(chosen) {
  image = chosen;
  drawChip();
}

async function useFile(file) {
  try {
    const { key, base64 } = await prepared(file);
    rememberUpload(key, base64);
    useImage({ imageId: null, upload: key });
    submit();
  } catch (error) {
    app.emit("problem", error.message);
  }
}

function drawQuery() {
  const { session } = app;
  const typing = session?.live && document.activeElement === $("#query");
  if (!typing) $("#query").value = session?.query.text ?? "";
  useImage({ imageId: session?.query.imageId ?? null, upload: session?.query.upload ?? null });
  if (session?.uploadMissing) {
    app.emit("problem", t("search.imageElsewhere"));
  }
}

/** What was searched for before here, then the catalogue's examples; the browser offers them while one types. */
function drawSuggestions() {
  const words = [...new Set([...recentQueries(), ...(app.catalogue?.examples ?? [])])];
  $("#suggestions").replaceChildren(...words.map((text) => h("option", { value: text })));
}

function drawChip() {
  const { imageId, upload } = image;
  const chosen = imageId !== null || Boolean(upload);
  $("#image-chip").hidden = !chosen;
  $("#query").placeholder = chosen ? t("search.andWords") : t("search.what");
  if (!chosen) return;
  const base64 = upload ? uploadOf(upload) : null;
  const source = upload ? base64 && `data:image/jpeg;base64,${base64}` : api.image(app.catalogue.name, imageId, widthFor(CHIP));
  $("#image-chip-picture").replaceChildren(source ? h("img", { src: source, alt: "", width: CHIP, height: CHIP }) : "?");
}

function drawCatalogues() {
  const select = $("#catalogue");
  const option = ({ name, title }) => h("option", { value: name }, title || name);
  const broken = ([name]) => h("option", { value: name, disabled: true }, t("catalogue.brokenOption", { name }));
  select.replaceChildren(...app.catalogues.map(option), ...Object.entries(app.unavailable).map(broken));
  select.value = app.catalogue?.name ?? "";
  select.disabled = !app.catalogues.length;
}
