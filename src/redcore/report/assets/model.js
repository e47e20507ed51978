// Records of the page, the current selection, and the summary shown by tables and figures.

const DATA = JSON.parse(document.getElementById("data").textContent);
const HEADLINE = -1;
const OVER = {
  patterns: "mean of missing patterns",
  pooled: "all patterns pooled",
  as_observed: "test data as observed",
};
const DIMENSIONS = ["data", "protocols", "methods", "seeds"];
const INDEX_OF = { data: "d", protocols: "p", methods: "m", seeds: "s" };

const state = {
  ...Object.fromEntries(DIMENSIONS.map((name) => [name, new Set(DATA[name].keys())])),
  metric: HEADLINE,
  over: "patterns",
  focus: DATA.focus,
  shownFocus: DATA.focus,
};

function selected() {
  return DATA.records.filter((record) => DIMENSIONS.every((name) => state[name].has(record[INDEX_OF[name]])));
}

function finished() {
  return selected().filter((record) => record.error === undefined);
}

function metricOf(data) {
  return state.metric === HEADLINE ? DATA.headline[data] : state.metric;
}

function metricLabel(data) {
  return DATA.metrics[metricOf(data)]?.label ?? "score";
}

// Return the name of the score, or "score" if the selected data sets have different scores.
function scoreLabel() {
  const labels = new Set([...state.data].map(metricLabel));
  return labels.size === 1 ? [...labels][0] : "score";
}

function lowerIsBetter(data) {
  return Boolean(DATA.metrics[metricOf(data)]?.lower);
}

// Return [[pattern, score], ...] of a record for all patterns with a defined score.
function patternScores(record, metric) {
  record.scoreCache ??= new Map();
  if (!record.scoreCache.has(metric)) {
    const values = record.scores[metric] ?? [];
    const pairs = DATA.patternSets[record.set].map((pattern, index) => [pattern, values[index]]);
    record.scoreCache.set(
      metric,
      pairs.filter(([, value]) => value !== null && value !== undefined),
    );
  }
  return record.scoreCache.get(metric);
}

function valueOf(record, metric, over = state.over) {
  if (over !== "patterns") return record[over][metric] ?? null;
  const pairs = patternScores(record, metric);
  return pairs.length ? mean(pairs.map(([, value]) => value)) : null;
}

function namedValue(record, name) {
  const metric = DATA.metrics.findIndex((known) => known.name === name);
  return metric < 0 ? null : valueOf(record, metric);
}

// Group records into blocks. A block is one data set with one missing protocol; methods are compared within blocks.
function summarise(records) {
  const blocks = [...groupBy(records, (record) => `${record.d} ${record.p}`).values()].map(blockOf);
  blocks.sort((one, other) => one.d - other.d || one.p - other.p);
  const methods = [...new Set(records.map((record) => record.m))].sort((one, other) => one - other);
  return { records, blocks, methods, ranking: ranking(blocks, methods) };
}

function blockOf(records) {
  const { d, p } = records[0];
  const entries = new Map();
  for (const [method, own] of groupBy(records, (record) => record.m)) {
    const bySeed = own.map((record) => [record.s, valueOf(record, metricOf(d))]).filter(([, value]) => value !== null);
    if (bySeed.length) entries.set(method, entryOf(d, p, method, new Map(bySeed), own));
  }
  markBest(entries, lowerIsBetter(d));
  return { d, p, entries };
}

function hasAll(...dimensions) {
  return dimensions.every((name) => state[name].size === DATA[name].length);
}

// Return the ratio of test to training samples if the records have different splits, else 0.
function sharedRatio(records) {
  const splits = new Set(records.map((record) => record.split));
  return splits.size > 1 ? mean(records.map((record) => record.ratio)) : 0;
}

// Stored intervals include the noise of test samples. Those of a filtered selection include only the noise of the runs.
function entryOf(d, p, method, bySeed, records) {
  const values = [...bySeed.values()];
  const stored = hasAll("seeds") && state.over === "patterns" && DATA.intervals[metricOf(d)]?.[`${d} ${p} ${method}`];
  const estimated = stored
    ? { mean: mean(values), low: stored[0], high: stored[1] }
    : average([moments(values, sharedRatio(records))]);
  return { ...estimated, values, bySeed, records, best: false, tied: false };
}

function markBest(entries, lower) {
  const sign = lower ? -1 : 1;
  const best = Math.max(...[...entries.values()].map((entry) => sign * entry.mean));
  const winner = [...entries.values()].find((entry) => sign * entry.mean === best);
  for (const entry of entries.values()) {
    entry.best = sign * entry.mean === best;
    const differences = [...differencesOf(entry, winner, 1).values()];
    const estimated = differences.length > 1 && average([moments(differences, sharedRatio(entry.records))]);
    entry.tied = Boolean(!entry.best && estimated && estimated.low <= 0 && 0 <= estimated.high);
  }
}

// Return the differences of two entries of a block by seed, for the seeds that both have.
function differencesOf(one, other, sign) {
  const seeds = [...one.bySeed.keys()].filter((seed) => other.bySeed.has(seed));
  return new Map(seeds.map((seed) => [seed, sign * (one.bySeed.get(seed) - other.bySeed.get(seed))]));
}

// Return mean ranks over the blocks that all ranked methods have, Friedman's test and Nemenyi's critical difference.
// Methods on fewer than half of the blocks are not ranked.
function ranking(blocks, all) {
  const methods = all.filter(
    (method) => 2 * blocks.filter((block) => block.entries.has(method)).length >= blocks.length,
  );
  const common = blocks.filter((block) => methods.every((method) => block.entries.has(method)));
  const rows = common.map((block) => {
    const sign = lowerIsBetter(block.d) ? -1 : 1;
    return ranksOf(methods.map((method) => sign * block.entries.get(method).mean));
  });
  const means = new Map(
    rows.length ? methods.map((method, column) => [method, mean(rows.map((row) => row[column]))]) : [],
  );
  const factor = DATA.nemenyi[methods.length - 2];
  const enough = rows.length > 1 && factor !== undefined;
  return {
    means,
    blocks: rows.length,
    friedman: friedman(rows),
    difference: enough ? factor * Math.sqrt((methods.length * (methods.length + 1)) / (6 * rows.length)) : null,
  };
}

// Return the values read(record, block) of all records of a method, grouped by block; null values are dropped.
function byBlock(summary, method, read) {
  const blocks = summary.blocks
    .filter((block) => block.entries.has(method))
    .map((block) =>
      block.entries
        .get(method)
        .records.map((record) => read(record, block))
        .filter((value) => value !== null && value !== undefined),
    );
  return blocks.filter((values) => values.length);
}

function meanOverBlocks(summary, method, read) {
  const blocks = byBlock(summary, method, read);
  return blocks.length ? mean(blocks.map(mean)) : null;
}

// Return the mean over data sets with equal weights, with its interval, or null without any score.
// runs: [{d, bySeed: Map(seed => value), records}, ...], one item per block.
function overData(runs) {
  const parts = [...groupBy(runs, (own) => own.d).values()].map((blocks) =>
    overProtocols(
      blocks.map((own) => own.bySeed),
      sharedRatio(blocks.flatMap((own) => own.records)),
    ),
  );
  return average(parts);
}

// Return the mean score over data sets with its interval, or null if the method has no score.
function overallScore(summary, method) {
  const blocks = summary.blocks.filter((block) => block.entries.has(method));
  const estimated = overData(blocks.map((block) => ({ d: block.d, ...block.entries.get(method) })));
  const metrics = new Set(summary.blocks.map((block) => metricOf(block.d)));
  const stored = isComplete() && metrics.size === 1 && DATA.overall[[...metrics][0]]?.[method];
  return stored && estimated ? { mean: estimated.mean, low: stored[0], high: stored[1] } : estimated;
}

// Return true if the selection has all runs, and stored intervals may be shown.
function isComplete() {
  return hasAll("data", "protocols", "seeds") && state.over === "patterns";
}

// Return the method in focus, or the best-ranked one if it is not selected.
function focusOf(summary) {
  if (summary.methods.includes(state.focus)) return state.focus;
  return DATA.order.find((method) => summary.methods.includes(method)) ?? summary.methods[0];
}

function configurationOf(record) {
  const pairs = DATA.fields.map((field, index) => [field, record.configuration[index]]);
  return Object.fromEntries(
    pairs.filter(([, value]) => value !== null).map(([field, value]) => [field, DATA.values[value]]),
  );
}
