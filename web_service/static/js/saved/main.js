// Puts the page of saved searches together.

import { api } from "../api.js";
import { $, $$ } from "../dom.js";
import { Grid } from "../grid.js";
import { items } from "../items.js";
import { t } from "../words.js";
import { open as recombine, startCombine } from "./combine.js";
import { edit, startEdit } from "./edit.js";
import { startList } from "./list.js";
import { labelOf, startOne } from "./one.js";
import { store } from "./store.js";

const WIDTH = 1280;
const grid = new Grid($("#scroller"), $("#grid"), { labelOf, catalogue: () => store.chosen?.catalogue });
let again = null; // what "Try again" does
let deleted = null; // what "Undo" brings back
let busy = 0;

/** Runs a task with the progress bar shown; what goes wrong is said, and can be tried again where that may help. */
async function doing(task) {
  $("#progress").hidden = ++busy === 0;
  // Before, not after: a task that ends well must not hide what another one had to say meanwhile.
  problem(null);
  try {
    await task();
  } catch (error) {
    if (error.name === "AbortError") return; // asked of an entry that was left
    problem(error, error.passing || error.status >= 500 ? () => doing(task) : null);
    if (error.code === "conflict" || error.code === "unknown_saved") await store.load().catch(() => {});
  } finally {
    $("#progress").hidden = --busy === 0;
  }
}

function problem(error, retry = null) {
  again = retry;
  $("#problem").hidden = !error;
  $("#problem-words").textContent = error?.message ?? "";
  $("#problem-again").hidden = !retry;
}

/** Goes to an entry, or back to the list. */
function look(id, { push = true } = {}) {
  if (push) history.pushState(null, "", id ? `saved?id=${id}` : "saved");
  document.title = `${store.find(id)?.name ?? t("saved.title")} · CLIP-Branches`;
  doing(() => store.choose(id));
  if (id && push) $("#one").focus({ preventScroll: true });
}

function remove(entry) {
  doing(async () => {
    deleted = await store.remove(entry);
    history.replaceState(null, "", "saved");
    $("#told").hidden = false;
    $("#told-words").textContent = t("saved.deleted", { name: entry.name });
    $("#told-undo").focus();
  });
}

function restore() {
  $("#told").hidden = true;
  doing(async () => {
    await store.restore(deleted);
    history.replaceState(null, "", `saved?id=${deleted.id}`);
    $("#one").focus({ preventScroll: true });
  });
}

const asked = () => new URLSearchParams(location.search).get("id");

function openLarge(index) {
  const hit = grid.hits?.at(index);
  if (!hit) return;
  const { catalogue } = store.chosen;
  $("#large-image").src = api.image(catalogue, hit.id, WIDTH);
  $("#large-caption").textContent = items.nameOf(hit.id);
  $("#large-alike").href = `./?${new URLSearchParams({ catalogue, image: hit.id })}`;
  $("#large").showModal();
}

function move(event) {
  const index = Number(event.target.closest(".cell")?.dataset.index);
  if (Number.isNaN(index)) return;
  const screen = grid.screenRows * grid.columns;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -grid.columns, ArrowDown: grid.columns, PageUp: -screen, PageDown: screen, Home: -Infinity, End: Infinity };
  if (event.key === "Enter" || event.key === " ") openLarge(index);
  else if (event.key in steps) grid.focus(Math.max(0, Math.min(grid.hits.total - 1, index + steps[event.key])));
  else return;
  event.preventDefault();
}

startList(look);
startOne({ grid, doing, edit, recombine, remove, back: () => look(null) });
startEdit();
startCombine(look);
$("#grid").addEventListener("keydown", move);
$("#grid").addEventListener("click", ({ target }) => target.closest(".cell") && openLarge(Number(target.closest(".cell").dataset.index)));
$("#problem-again").addEventListener("click", () => again?.());
$("#problem-close").addEventListener("click", () => problem(null));
$("#told-undo").addEventListener("click", restore);
$("#told-close").addEventListener("click", () => ($("#told").hidden = true));
for (const button of $$("#large [data-close]")) button.addEventListener("click", () => $("#large").close());
$("#large").addEventListener("click", ({ target }) => target === $("#large") && $("#large").close());
$("#language").addEventListener("change", ({ target }) => {
  document.cookie = `language=${target.value}; path=${new URL("./", document.baseURI).pathname}; max-age=31536000; samesite=lax`;
  location.reload();
});
addEventListener("popstate", () => look(asked(), { push: false }));

async function begin() {
  await store.load();
  const id = asked();
  const missing = id && !store.find(id);
  // Beside the list there is room for one: the latest. On a phone the list comes first.
  const first = matchMedia("(min-width: 901px)").matches ? store.all[0]?.id : null;
  look(missing ? null : (id ?? first), { push: false });
  if (missing) throw new Error(t("saved.notThere"));
}

doing(begin).finally(() => (document.documentElement.dataset.ready = "true"));
