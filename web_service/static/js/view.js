// How the answer is looked at: captions, picture size, the panel on a narrow screen, the link to share.

import { app } from "./app.js";
import { $ } from "./dom.js";
import { openHelp } from "./keys.js";
import { copied } from "./boxes.js";
import { t } from "./words.js";

const SIZES = [t("view.small"), t("view.middle"), t("view.large")];

export function startView(grid, { choices, remember }) {
  const captions = $("#captions");
  const size = $("#size");

  const apply = () => {
    grid.captions = choices.captions;
    grid.size = choices.size;
    $("#grid").classList.toggle("with-captions", choices.captions);
    captions.setAttribute("aria-pressed", choices.captions);
    size.value = choices.size;
    size.setAttribute("aria-valuetext", SIZES[choices.size]);
    grid.layout();
  };
  const choose = (change) => {
    Object.assign(choices, change);
    remember(change);
    apply();
  };
  captions.addEventListener("click", () => choose({ captions: !choices.captions }));
  size.addEventListener("input", () => choose({ size: Number(size.value) }));
  $("#help").addEventListener("click", openHelp);
  $("#keys-close").addEventListener("click", () => $("#keys").close());
  $("#keys").addEventListener("click", (event) => event.target === $("#keys") && $("#keys").close());
  $("#home").addEventListener("click", (event) => {
    event.preventDefault();
    app.home();
  });

  $("#language").addEventListener("change", ({ target }) => {
    // The server writes the page in it; what is marked comes back from the address.
    document.cookie = `language=${target.value}; path=${new URL(document.baseURI).pathname}; max-age=31536000; samesite=lax`;
    app.reload();
  });

  const share = $("#share");
  share.addEventListener("click", async () => {
    const words = (await copied(app.link)) ? t("share.copied") : t("share.byHand");
    $("#share-words").textContent = words;
    app.emit("say", `${words}.`);
    setTimeout(() => ($("#share-words").textContent = t("share.share")), 2000);
  });

  const panel = $("#panel-button");
  const setPanel = (open) => {
    $("#side").dataset.open = open;
    panel.setAttribute("aria-expanded", open);
  };
  panel.addEventListener("click", () => setPanel($("#side").dataset.open !== "true"));
  app.on("session", () => setPanel(false));

  app.on("session", () => ($("#share").hidden = app.session === null));
  app.on("answer", () => (captions.hidden = !(app.catalogue?.has_captions ?? true)));
  apply();
}
