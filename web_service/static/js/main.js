// Puts the page together.

import { alike } from "./alike.js";
import { api, ApiError } from "./api.js";
import { app } from "./app.js";
import { startChanging } from "./changing.js";
import { connection } from "./connection.js";
import { $, debounce } from "./dom.js";
import { pictures } from "./format.js";
import { Grid } from "./grid.js";
import { spoken, startHead } from "./head.js";
import { AWAITED, hitsOf } from "./hits.js";
import { items } from "./items.js";
import { listenToKeys, openHelp } from "./keys.js";
import { Lens } from "./lens.js";
import { startNotices } from "./notices.js";
import { listenToPointer } from "./pointer.js";
import { focusSearch, startQuery } from "./query.js";
import { startRounds } from "./rounds.js";
import { startScope } from "./scope.js";
import { Selection } from "./selection.js";
import { LOOKS } from "./session.js";
import { rememberView, viewChoices } from "./storage.js";
import { startTray } from "./tray.js";
import { startView } from "./view.js";
import { startWelcome } from "./welcome.js";
import { startWhy } from "./why.js";
import { stateOf } from "./cell.js";
import { t } from "./words.js";

const EMPTY_WAIT_MS = 2000;

const grid = new Grid($("#scroller"), $("#grid"), {
  labelOf: (id) => app.round?.draft.get(id),
  catalogue: () => app.session.catalogue,
});
const selection = new Selection(grid);
const lens = new Lens(grid);
const look = (what) => lens.open(what);
const say = debounce(() => ($("#live").textContent = sentence), 150);
let sentence = "";

startQuery();
startScope();
startChanging();
startHead();
startRounds();
startWhy();
startTray();
startNotices(look);
startWelcome();
startView(grid, { choices: viewChoices(), remember: rememberView });
listenToPointer(grid, selection, look);
listenToKeys({ grid, selection, look, help: openHelp, focusSearch });

app.on("say", (words) => {
  sentence = words;
  say();
});
app.on("session", () => {
  if (!app.session) return;
  items.use(app.session.catalogue);
  alike.use(app.session.catalogue);
});
alike.ask = (ids) => api.alike(app.session.catalogue, app.round.response.result_set, ids);
alike.on("learnt", () => {
  $("#together").hidden = !alike.known;
  grid.refresh();
});
items.on("loaded", (ids) => app.round?.response && alike.learn(ids));
const markTogether = (together) => {
  alike.together = together;
  $("#together").setAttribute("aria-pressed", together);
};
markTogether(viewChoices().together);
$("#together").addEventListener("click", () => {
  markTogether(!alike.together);
  rememberView({ together: alike.together });
});
app.on("answer", drawAnswer);
app.on("labels", (ids) => {
  grid.refresh();
  if (!ids.length) return;
  const states = { right: t("say.right"), wrong: t("say.wrong"), none: t("say.none") };
  const what = states[stateOf(app.round.draft.get(ids[0]))];
  const [right, wrong] = [app.round.ids(1).length, app.round.ids(-1).length];
  app.emit("say", `${what}${ids.length > 1 ? `: ${pictures(ids.length)}` : ""}. ${t("say.counts", { right, wrong })}`);
});
// What not everybody needs is loaded when somebody does.
const TOOLS = { map: () => import("./tools/map.js"), figures: () => import("./tools/figures.js"), next: () => import("./tools/next.js") };
let checking = null;
app.on("answer", async () => {
  const tab = app.round?.response ? app.session.tab : null;
  $("#next-line").hidden = tab !== "next";
  if (tab === "check") checking ??= import("./tools/check.js").then(({ startCheck }) => startCheck(grid));
  const loaded = await TOOLS[tab]?.();
  // Until it is there, somebody may have gone on to something else.
  if (!loaded || app.session?.tab !== tab || !app.round.response) return;
  if (tab === "map") loaded.openMap({ selection, look });
  if (tab === "figures") loaded.openFigures();
  if (tab === "next") loaded.loadNext();
});
app.on("recovered", () => grid.retryMissing());

let shown = { session: null, round: null, tab: null };
function drawAnswer() {
  const { session } = app;
  if (!session) return;
  const { round, tab } = session;
  const wasGrid = !$("#scroller").hidden;
  if (shown.round && wasGrid) shown.round.scroll[shown.tab] = grid.scroller.scrollTop;
  if (selection.given) selection.clear();
  // A map and figures take the grid's place.
  const looking = LOOKS.includes(tab) && round.response !== null;
  $("#scroller").hidden = looking;
  for (const name of LOOKS) $(`#${name}`).hidden = !looking || tab !== name;
  const hits = hitsOf(session);
  if (looking) return;
  const empty = hits !== null && hits.total === 0;
  $("#nothing").hidden = !empty;
  $("#grid").hidden = empty;
  if (empty) drawNothing(session);
  // The last answer stays until the next one is there, unless it belongs to another search.
  if (!hits) {
    if (shown.session !== session) grid.show(AWAITED);
    return;
  }
  const fresh = hits !== grid.hits;
  if (fresh) hits.on("failed", (error) => app.emit("problem", error.message));
  grid.show(hits, round.scroll[tab] ?? 0);
  if (!wasGrid) grid.scroller.scrollTop = round.scroll[tab] ?? 0;
  shown = { session, round, tab };
  grid.refresh();
  selection.reset();
  if (fresh && tab === "answer") app.emit("say", spoken(session));
}

function drawNothing({ round, tab, filtered }) {
  const [head, advice] =
    tab === "answer" && filtered && round.response.total > 0
      ? [t("nothing.filter"), t("nothing.filterMore", { n: round.response.total })]
      : tab === "in"
      ? [t("nothing.in"), t("nothing.inMore")]
      : tab === "out"
        ? [t("nothing.out"), t("nothing.outMore")]
        : round.number === 0
          ? [t("nothing.empty"), t("nothing.emptyMore")]
          : [t("nothing.accepted"), t("nothing.acceptedMore")];
  $("#nothing-head").textContent = head;
  $("#nothing-words").textContent = advice;
  $("#nothing-back").hidden = tab !== "answer" || round.parent === null || round.response.total > 0;
}

$("#nothing-back").addEventListener("click", () => app.go(app.round.parent));
window.addEventListener("popstate", () => app.restore());

function nothingToSearch(unavailable) {
  const [broken] = Object.entries(unavailable);
  return broken ? t("catalogue.broken", { name: broken[0], reason: broken[1] }) : t("catalogue.none");
}

// A service that has just been started answers before it has opened the catalogue that is being searched.
connection.check = async () => {
  const { catalogues, unavailable = {} } = await api.catalogues();
  const { name } = app.catalogue ?? {};
  if (!name || name in unavailable || catalogues.some((catalogue) => catalogue.name === name)) return;
  if (await api.ready()) return; // it has looked at them all: this one is gone, and asking for it says so
  throw new ApiError(t("error.opening"), { code: "service_unavailable" });
};

/** The browser paints what is there, and hears what a person does, before the next part of the work. */
const painted = () => new Promise((resolve) => setTimeout(resolve));

async function begin() {
  const boot = JSON.parse($("#boot").textContent);
  Object.assign(app, { catalogues: boot.catalogues, unavailable: boot.unavailable, mostLabels: boot.max_labels });
  connection.watch();
  await painted();
  // A service that has just started may still be opening its catalogues.
  while (!app.catalogues.length) {
    const { catalogues, unavailable = {} } = await connection.keepTrying(() => api.catalogues());
    Object.assign(app, { catalogues, unavailable });
    if (catalogues.length) break;
    app.emit("problem", nothingToSearch(unavailable));
    app.emit("catalogue");
    await new Promise((resolve) => setTimeout(resolve, EMPTY_WAIT_MS));
  }
  app.emit("problem", null);
  app.restore();
  document.documentElement.dataset.ready = "true";
}

begin();
