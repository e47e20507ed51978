// Puts the sections on the page, and draws them again when the selection, or the width, changes.

const SECTIONS = {
  overview: drawOverview,
  leaderboard: drawLeaderboard,
  curves: drawCurves,
  heatmap: drawHeatmap,
  ranks: drawRanks,
  patterns: drawPatterns,
  traces: drawTraces,
  cost: drawCost,
  failures: drawFailures,
  records: drawRecords,
};
const ALWAYS = ["overview", "failures", "records"];
const AT_ONCE = ["overview", "leaderboard"];
const choices = new Map();
let latest;

function nothing(why) {
  return element("p", { class: "empty" }, why);
}

// A list to choose from, and what is drawn for the choice; the choice outlives a new selection.
function chooser(label, options, title, draw, id) {
  if (!options.length) return nothing("Nothing to show for this selection.");
  const titles = options.map(title);
  const body = element("div");
  const select = element(
    "select",
    { id: `${id}-choice` },
    titles.map((name, place) => element("option", { value: place }, name)),
  );
  const update = () => {
    choices.set(id, titles[select.value]);
    body.replaceChildren(...[draw(options[select.value])].flat());
  };
  select.value = Math.max(0, titles.indexOf(choices.get(id)));
  select.addEventListener("change", update);
  update();
  const asked = element("label", { class: "chooser", for: select.id }, label, select);
  return options.length > 1 ? [asked, body] : [body];
}

// The first sections are there at once, the others as soon as the browser has time for them.
function render() {
  const summary = summarise(finished());
  const state = document.getElementById("state");
  if (state) state.textContent = `${whole(selected().length)} of ${counted(DATA.records.length, "record")}`;
  const main = document.querySelector("main");
  main.setAttribute("aria-busy", "true");
  const waiting = Object.keys(SECTIONS).filter((id) => document.getElementById(id));
  const current = (latest = {});
  const next = () => {
    if (current !== latest) return;
    if (waiting.length) drawSection(waiting.shift(), summary);
    if (waiting.length) setTimeout(next);
    else main.removeAttribute("aria-busy");
  };
  while (waiting.length && AT_ONCE.includes(waiting[0])) drawSection(waiting.shift(), summary);
  setTimeout(next);
}

function drawSection(id, summary) {
  const body = document.querySelector(`#${id} > .body`);
  const empty = !summary.blocks.length && !ALWAYS.includes(id);
  const drawn = empty ? [nothing("Nothing to show for this selection.")] : [SECTIONS[id](summary, body.clientWidth)];
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
