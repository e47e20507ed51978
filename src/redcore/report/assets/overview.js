// Overview of the benchmark and the main result in one sentence.

function nameOf(method) {
  return DATA.methods[method];
}

function blockName(block) {
  return `${DATA.data[block.d]}, ${DATA.protocols[block.p]}`;
}

function drawOverview(summary, width) {
  const records = selected();
  const failed = records.filter((record) => record.error !== undefined).length;
  const used = (index) => formatInteger(new Set(records.map((record) => record[index])).size);
  const fitting = summary.records.reduce((sum, record) => sum + (record.fit ?? 0), 0);
  const facts = [
    ["data sets", used("d")],
    ["missing protocols", used("p")],
    ["methods", used("m")],
    ["seeds", used("s")],
    ["cells done", formatInteger(records.length - failed)],
    ["cells failed", failed ? element("a", { href: "#failures", class: "failed" }, formatInteger(failed)) : "0"],
    ["time spent fitting", duration(fitting)],
  ];
  const list = facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  const result = element("p", { class: "lead", id: "result" }, resultSentence(summary), verdictSentence(summary));
  return [
    sampleMessage(),
    result,
    conflictMessage(),
    drawVerdict(summary, width),
    ...cautions(),
    DATA.records.length > 1 && element("dl", { class: "facts" }, list),
  ];
}

// State that the records are of a written sample and not of the data.
function sampleMessage() {
  if (!DATA.sample) return null;
  return element("p", { class: "banner", role: "note" }, element("b", {}, "Sample, not a result. "), DATA.sample);
}

// Warn if methods were not compared on the same data, splits and masks.
function conflictMessage() {
  if (!DATA.conflicts.length) return null;
  const cases = `${counted(DATA.conflicts.length, "case")}, such as ${DATA.conflicts[0]}`;
  return element("p", { class: "error" }, `Data, splits or masks differ between methods in ${cases}.`);
}

// Warn about few runs, and name the missing patterns without reliable scores.
function cautions() {
  const notes = DATA.warnings.map((text) => element("p", { class: "note caution" }, `Warning: ${text}.`));
  if (!DATA.problems.length) return notes;
  const list = element("ul", {}, DATA.problems.map((text) => element("li", {}, text)));
  const title = `${counted(DATA.problems.length, "missing pattern")} without reliable scores`;
  return [...notes, element("details", { class: "note caution" }, element("summary", {}, title), list)];
}

function resultSentence(summary) {
  if (!summary.blocks.length) return "No finished cell is selected.";
  if (summary.methods.length === 1) return singleMethodResult(summary);
  return summary.blocks.length > 1 && summary.ranking.means.size ? rankedResult(summary) : blockResult(summary.blocks);
}

// Mean, best and worst score of a single fit over missing patterns.
function runResult(record, block) {
  const metric = metricOf(block.d);
  const pairs = patternScores(record, metric).sort((one, other) => other[1] - one[1]);
  const ends = lowerIsBetter(block.d) ? [pairs.at(-1), pairs[0]] : [pairs[0], pairs.at(-1)];
  const extremes = ends.map(
    ([pattern, value]) =>
      `${score(value)} with ${DATA.patterns[pattern].map((position) => DATA.modalities[block.d][position]).join(", ")}`,
  );
  return [
    strong(record.m),
    ` reaches a ${metricLabel(block.d)} of ${score(valueOf(record, metric))}, the mean over ${counted(pairs.length, "missing pattern")}: from ${extremes[0]} to ${extremes[1]}.`,
  ];
}

function strong(method) {
  return element("b", {}, nameOf(method));
}

// Return nodes of a list such as "a, b and 3 others", with at most `most` names.
function strongList(methods, most) {
  const shown = methods.slice(0, methods.length > most + 1 ? most : methods.length);
  const nodes = [
    ...shown.map(strong),
    ...(shown.length < methods.length ? [`${methods.length - shown.length} others`] : []),
  ];
  return nodes.flatMap((node, position) => [position ? (position === nodes.length - 1 ? " and " : ", ") : "", node]);
}

function singleMethodResult(summary) {
  const estimated = overallScore(summary, summary.methods[0]);
  if (!estimated) return [strong(summary.methods[0]), " was fitted without a test split, so that it has no scores."];
  const [block] = summary.blocks;
  if (summary.records.length === 1) return runResult(summary.records[0], block);
  return [
    strong(summary.methods[0]),
    ` reaches a mean ${scoreLabel()} of ${score(estimated?.mean)} over ${counted(summary.blocks.length, "block")}.`,
  ];
}

function rankedResult({ ranking }) {
  const [first, rank] = [...ranking.means].sort((one, other) => one[1] - other[1])[0];
  return [
    strong(first),
    ` has the best mean rank, ${score(rank, 2)} of ${ranking.means.size} methods over ${counted(ranking.blocks, "block")}`,
    ...friedmanResult(ranking.friedman),
    ".",
  ];
}

function friedmanResult(test) {
  return test
    ? [`; the methods ${test.p < 0.05 ? "differ" : "do not differ"} significantly (Friedman, ${pValue(test.p)})`]
    : [];
}

function doNotDiffer(methods) {
  return methods.length === 1 ? "does not differ" : "do not differ";
}

function blockResult(blocks) {
  const block = blocks[0];
  const [best, entry] = [...block.entries].find(([, candidate]) => candidate.best) ?? [];
  if (!entry) return "No cell of the selection has this score.";
  const tied = [...block.entries].filter(([, candidate]) => candidate.tied).map(([method]) => method);
  const range = interval(entry) ? ` (${interval(entry)})` : "";
  const ties = tied.length ? ["; ", ...strongList(tied, 3), ` ${doNotDiffer(tied)} significantly from it`] : [];
  return [
    `On ${blockName(block)}, `,
    strong(best),
    ` has the best ${metricLabel(block.d)}, ${score(entry.mean)}${range}`,
    ...ties,
    ".",
  ];
}
