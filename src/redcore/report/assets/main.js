// Puts the sections on the page, and draws them again when the selection, or the width, changes.

const SECTIONS = {
  overview: drawOverview, leaderboard: drawLeaderboard, curves: drawCurves, heatmap: drawHeatmap, ranks: drawRanks,
  traces: drawTraces, cost: drawCost, failures: drawFailures, records: drawRecords,
};
const ALWAYS = ["overview", "failures", "records"];
const choices = new Map();

function nothing(why) {
  return element("p", { class: "empty" }, why);
}

// A list to choose from, and what is drawn for the choice; the choice outlives a new selection.
function chooser(label, options, title, draw, id) {
  if (!options.length) return nothing("Nothing to show for this selection.");
  const titles = options.map(title);
  const body = element("div");
  const select = element("select", { id: `${id}-choice` }, titles.map((name, place) => element("option", { value: place }, name)));
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

function render() {
  const summary = summarise(finished());
  for (const [id, draw] of Object.entries(SECTIONS)) {
    const body = document.querySelector(`#${id} > .body`);
    if (!body) continue;
    const empty = !summary.blocks.length && !ALWAYS.includes(id);
    const drawn = empty ? [nothing("Nothing to show for this selection.")] : [draw(summary, body.clientWidth)];
    body.replaceChildren(...drawn.flat(3).filter(Boolean));
  }
  document.getElementById("state").textContent = `${whole(selected().length)} of ${counted(DATA.records.length, "record")}`;
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
