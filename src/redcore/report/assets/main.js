// Drawing of the sections, repeated when the selection or the width of the page changes.

const SECTIONS = {
  overview: drawOverview,
  leaderboard: drawLeaderboard,
  curves: drawCurves,
  heatmap: drawHeatmap,
  ranks: drawRanks,
  training: drawTrainingPatterns,
  calibration: drawCalibration,
  published: drawPublished,
  patterns: drawPatterns,
  traces: drawTraces,
  cost: drawCost,
  failures: drawFailures,
  records: drawRecords,
};
const DRAWN_WHEN_EMPTY = ["overview", "failures", "records"];
const DRAWN_FIRST = ["overview", "leaderboard"];
const choices = new Map();
let latest;

function emptyMessage(reason) {
  return element("p", { class: "empty" }, reason);
}

// A drop-down list and the figure of the selected option. The option stays selected when the filters change.
function chooser(label, options, title, draw, id) {
  if (!options.length) return emptyMessage("No data for this selection.");
  const titles = options.map(title);
  const body = element("div");
  const select = element(
    "select",
    { id: `${id}-choice` },
    titles.map((name, index) => element("option", { value: index }, name)),
  );
  const update = () => {
    choices.set(id, titles[select.value]);
    body.replaceChildren(...[draw(options[select.value])].flat());
  };
  select.value = Math.max(0, titles.indexOf(choices.get(id)));
  select.addEventListener("change", update);
  update();
  const labelled = element("label", { class: "chooser", for: select.id }, label, select);
  return options.length > 1 ? [labelled, body] : [body];
}

// Draw the first sections immediately and the others when the browser is idle.
function render() {
  const summary = summarise(finished());
  state.shownFocus = focusOf(summary);
  const status = document.getElementById("state");
  if (status) status.textContent = `${formatInteger(selected().length)} of ${counted(DATA.records.length, "record")}`;
  const main = document.querySelector("main");
  main.setAttribute("aria-busy", "true");
  const pending = Object.keys(SECTIONS).filter((id) => document.getElementById(id));
  const current = (latest = {});
  const next = () => {
    if (current !== latest) return;
    if (pending.length) drawSection(pending.shift(), summary);
    if (pending.length) setTimeout(next);
    else main.removeAttribute("aria-busy");
  };
  while (pending.length && DRAWN_FIRST.includes(pending[0])) drawSection(pending.shift(), summary);
  setTimeout(next);
}

function drawSection(id, summary) {
  const body = document.querySelector(`#${id} > .body`);
  const empty = !summary.blocks.length && !DRAWN_WHEN_EMPTY.includes(id);
  const drawn = empty ? [emptyMessage("No data for this selection.")] : [SECTIONS[id](summary, body.clientWidth)];
  body.replaceChildren(...drawn.flat(3).filter(Boolean));
}

function redrawOnResize() {
  let [width, timer] = [document.body.clientWidth, null];
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (document.body.clientWidth !== width) render();
      width = document.body.clientWidth;
    }, 150);
  });
}

themeSwitch();
filters();
render();
redrawOnResize();
