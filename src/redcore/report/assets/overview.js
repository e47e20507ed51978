// What was run, and the result in one sentence.

function nameOf(method) {
  return DATA.methods[method];
}

function blockName(block) {
  return `${DATA.data[block.d]}, ${DATA.protocols[block.p]}`;
}

function drawOverview(summary) {
  const records = selected();
  const failed = records.filter((record) => record.error !== undefined).length;
  const used = (index) => whole(new Set(records.map((record) => record[index])).size);
  const fitting = summary.records.reduce((sum, record) => sum + (record.fit ?? 0), 0);
  const facts = [
    ["data sets", used("d")],
    ["missing protocols", used("p")],
    ["methods", used("m")],
    ["seeds", used("s")],
    ["cells done", whole(records.length - failed)],
    ["cells failed", failed ? element("a", { href: "#failures", class: "failed" }, whole(failed)) : "0"],
    ["time spent fitting", duration(fitting)],
  ];
  const list = facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  const result = element("p", { class: "lead", id: "result" }, resultSentence(summary));
  return [result, conflictsSaid(), DATA.records.length > 1 && element("dl", { class: "facts" }, list)];
}

// Whatever was not compared like with like is said before anything else.
function conflictsSaid() {
  if (!DATA.conflicts.length) return null;
  const places = `${counted(DATA.conflicts.length, "place")}, such as ${DATA.conflicts[0]}`;
  return element("p", { class: "error" }, `Methods did not see the same data, split and masks in ${places}.`);
}

function resultSentence(summary) {
  if (!summary.blocks.length) return "No finished cell is selected.";
  if (summary.methods.length === 1) return soleResult(summary);
  return summary.blocks.length > 1 && summary.ranking.means.size ? rankedResult(summary) : blockResult(summary.blocks);
}

// Best and worst case of a single fit.
function runResult(record, block) {
  const metric = metricOf(block.d);
  const pairs = patternScores(record, metric).sort((one, other) => other[1] - one[1]);
  const ends = lowerIsBetter(block.d) ? [pairs.at(-1), pairs[0]] : [pairs[0], pairs.at(-1)];
  const said = ends.map(
    ([pattern, value]) =>
      `${score(value)} with ${DATA.patterns[pattern].map((place) => DATA.modalities[block.d][place]).join(", ")}`,
  );
  return [
    strong(record.m),
    ` reaches a ${metricLabel(block.d)} of ${score(valueOf(record, metric))}, the mean over ${counted(pairs.length, "missing pattern")}: from ${said[0]} to ${said[1]}.`,
  ];
}

function strong(method) {
  return element("b", {}, nameOf(method));
}

// Nodes of "a, b and 3 others".
function strongList(methods, most) {
  const shown = methods.slice(0, methods.length > most + 1 ? most : methods.length);
  const nodes = [
    ...shown.map(strong),
    ...(shown.length < methods.length ? [`${methods.length - shown.length} others`] : []),
  ];
  return nodes.flatMap((node, place) => [place ? (place === nodes.length - 1 ? " and " : ", ") : "", node]);
}

function soleResult(summary) {
  const found = overallScore(summary, summary.methods[0]);
  if (!found) return [strong(summary.methods[0]), " was fitted; there is no test part to score."];
  const [block] = summary.blocks;
  if (summary.records.length === 1) return runResult(summary.records[0], block);
  return [
    strong(summary.methods[0]),
    ` reaches a mean ${scoreLabel()} of ${score(found?.mean)} over ${counted(summary.blocks.length, "block")}.`,
  ];
}

function rankedResult({ ranking, methods }) {
  const order = [...ranking.means].sort((one, other) => one[1] - other[1]);
  const [first, rank] = order[0];
  const near = order.slice(1).filter(([, other]) => ranking.difference !== null && other - rank <= ranking.difference);
  return [
    strong(first),
    ` has the best mean rank, ${score(rank, 2)} of ${methods.length} methods over ${counted(ranking.blocks, "block")}`,
    ...friedmanSaid(ranking.friedman),
    ". ",
    ...nearSaid(
      near.map(([method]) => method),
      near.length === methods.length - 1,
    ),
  ];
}

function friedmanSaid(test) {
  return test
    ? [`; the methods ${test.p < 0.05 ? "differ" : "are not shown to differ"} (Friedman, ${pValue(test.p)})`]
    : [];
}

function nearSaid(methods, all) {
  if (!methods.length) return [];
  if (all) return ["By ranks no other method is told apart from it."];
  return ["By ranks ", ...strongList(methods, 3), ` ${methods.length === 1 ? "is" : "are"} not told apart from it.`];
}

function blockResult(blocks) {
  const block = blocks[0];
  const [best, entry] = [...block.entries].find(([, found]) => found.best) ?? [];
  if (!entry) return "No cell of the selection has this score.";
  const tied = [...block.entries].filter(([, found]) => found.tied).map(([method]) => method);
  const range = interval(entry) ? ` (${interval(entry)})` : "";
  const apart = tied.length
    ? ["; ", ...strongList(tied, 3), ` ${tied.length === 1 ? "is" : "are"} not told apart from it`]
    : [];
  return [
    `On ${blockName(block)}, `,
    strong(best),
    ` has the best ${metricLabel(block.d)}, ${score(entry.mean)}${range}`,
    ...apart,
    ".",
  ];
}
