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

// Stored intervals include the noise of test samples. Those of a filtered selection include only the noise of the runs.
function entryOf(d, p, method, bySeed, records) {
  const values = [...bySeed.values()];
  const stored = hasAll("seeds") && state.over === "patterns" && DATA.intervals[metricOf(d)]?.[`${d} ${p} ${method}`];
  const estimated = stored ? { mean: mean(values), low: stored[0], high: stored[1] } : estimate([values]);
  return { ...estimated, values, bySeed, records, best: false, tied: false };
}

function markBest(entries, lower) {
  const sign = lower ? -1 : 1;
  const best = Math.max(...[...entries.values()].map((entry) => sign * entry.mean));
  const winner = [...entries.values()].find((entry) => sign * entry.mean === best);
  for (const entry of entries.values()) {
    entry.best = sign * entry.mean === best;
    const pairs = [...entry.bySeed].filter(([seed]) => winner.bySeed.has(seed));
    const differences = pairs.map(([seed, value]) => value - winner.bySeed.get(seed));
    entry.tied = !entry.best && containsZero(differences, DATA.tQuantiles) === true;
  }
}

// Return mean ranks over the blocks that all methods have, Friedman's test and Nemenyi's critical difference.
function ranking(blocks, methods) {
  const common = blocks.filter((block) => block.entries.size === methods.length);
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

// Return the mean score over blocks with its interval, or null if the method has no score.
function overallScore(summary, method) {
  const estimated = estimate(byBlock(summary, method, (record, block) => valueOf(record, metricOf(block.d))));
  const metrics = new Set(summary.blocks.map((block) => metricOf(block.d)));
  const isStored = hasAll("data", "protocols", "seeds") && state.over === "patterns" && metrics.size === 1;
  const stored = isStored && DATA.overall[[...metrics][0]]?.[method];
  return stored && estimated ? { mean: estimated.mean, low: stored[0], high: stored[1] } : estimated;
}

function configurationOf(record) {
  const pairs = DATA.fields.map((field, index) => [field, record.configuration[index]]);
  return Object.fromEntries(
    pairs.filter(([, value]) => value !== null).map(([field, value]) => [field, DATA.values[value]]),
  );
}
