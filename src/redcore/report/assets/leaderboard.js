// Leaderboard over all blocks, and a table of the scores per block.

function drawLeaderboard(summary) {
  return [overallTable(summary), blockTable(summary)];
}

function namedMethod(row) {
  const isFocus = row.method === state.shownFocus;
  return element("span", { class: isFocus ? "named focus" : "named" }, swatch(methodStyle(row.method)), nameOf(row.method));
}

function overallRow(summary, method) {
  const read = (pick) => meanOverBlocks(summary, method, pick);
  return {
    method,
    rank: summary.ranking.means.get(method) ?? null,
    score: overallScore(summary, method),
    worst: read(worstPattern),
    argmax: read((record) => namedValue(record, "argmax_macro_f1")),
    accuracy: read((record) => namedValue(record, "accuracy")),
    nll: read((record) => namedValue(record, "nll")),
    ece: read((record) => namedValue(record, "ece")),
    equity: read((record) => record.equity),
    balance: read((record) => record.balance),
    fit: read((record) => record.fit),
    size: read((record) => record.parameters),
    blocks: summary.blocks.filter((block) => block.entries.has(method)).length,
  };
}

function worstPattern(record, block) {
  const values = patternScores(record, metricOf(block.d)).map(([, value]) => value);
  if (!values.length) return null;
  return lowerIsBetter(block.d) ? Math.max(...values) : Math.min(...values);
}

function overallTable(summary) {
  const rows = summary.methods.map((method) => overallRow(summary, method));
  const plain = (label, name, show) => ({
    label,
    numeric: true,
    value: (row) => row[name],
    cell: (row) => show(row[name]),
  });
  const columns = [
    { label: "method", value: (row) => nameOf(row.method), cell: namedMethod },
    { label: "mean rank", numeric: true, value: (row) => row.rank, cell: (row) => score(row.rank, 2) },
    {
      label: scoreLabel(),
      numeric: true,
      value: (row) => row.score?.mean ?? null,
      cell: (row) => row.score && [score(row.score.mean), element("small", {}, interval(row.score))],
      csv: { score: (row) => row.score?.mean, low: (row) => row.score?.low, high: (row) => row.score?.high },
    },
    { label: "95% interval", left: true, value: (row) => row.score?.mean ?? null, cell: strip(rows), csv: {} },
    plain("worst pattern", "worst", score),
    plain("log loss", "nll", score),
    plain("macro-F1 of argmax", "argmax", score),
    plain("accuracy", "accuracy", score),
    plain("calibration error", "ece", score),
    plain("equity", "equity", score),
    plain("learning balance", "balance", score),
    plain("fit, s", "fit", seconds),
    plain("parameters", "size", formatInteger),
    { label: "blocks", numeric: true, value: (row) => row.blocks },
  ]
    // the selected score has its own column, the third one
    .filter((column, index) => index < 3 || column.label !== scoreLabel())
    .filter((column) => !column.numeric || isInformative(column, rows));
  const sorted = summary.ranking.means.size
    ? { column: 1, down: false }
    : { column: 1, down: !lowerIsBetter([...state.data][0]) };
  return sortable(
    "leaderboard-table",
    `Methods over all blocks (${counted(summary.blocks.length, "block")})`,
    columns,
    rows,
    sorted,
  );
}

// Return false for a column without values, and for block counts that are equal for all methods.
function isInformative(column, rows) {
  const values = new Set(rows.map(column.value));
  return column.label === "blocks" ? values.size > 1 : values.size > 1 || !values.has(null);
}

// Return a function that draws the mean and interval of a row on the common scale of all rows.
function strip(rows) {
  const estimates = rows.map((row) => row.score).filter(Boolean);
  const scale = linear(padded(estimates.flatMap((entry) => [entry.low, entry.high])), [4, 106]);
  return (row) =>
    row.score &&
    svg(
      "svg",
      { width: 110, height: 14, viewBox: "0 0 110 14", "aria-hidden": "true" },
      svg("line", { x1: 0, x2: 110, y1: 7, y2: 7, stroke: "var(--rule)" }),
      svg("line", {
        x1: scale(row.score.low),
        x2: scale(row.score.high),
        y1: 7,
        y2: 7,
        stroke: methodStyle(row.method).colour,
        "stroke-width": 3,
      }),
      marker(methodStyle(row.method), scale(row.score.mean), 7),
    );
}

function blockTable(summary) {
  const rows = summary.methods.map((method) => ({
    method,
    entries: summary.blocks.map((block) => block.entries.get(method)),
  }));
  const columns = [
    { label: "method", value: (row) => nameOf(row.method), cell: namedMethod },
    ...summary.blocks.map((block, index) => ({
      label: DATA.protocols[block.p],
      group: `${DATA.data[block.d]}, ${metricLabel(block.d)}`,
      numeric: true,
      value: (row) => row.entries[index]?.mean ?? null,
      cell: (row) => blockCell(row.entries[index]),
      csv: blockCsv(block, index),
    })),
  ];
  const first = { column: columns.length > 1 ? 1 : 0, down: !lowerIsBetter(summary.blocks[0].d) };
  return [
    sortable("blocks-table", "Scores per block: mean over seeds with 95% interval", columns, rows, first),
    element(
      "p",
      { class: "note" },
      "Bold marks the best method of a block. ",
      element("b", {}, "≈"),
      " marks methods that do not differ significantly from it: the 95% t interval of the differences, paired by seed, contains zero. With a single seed, no method is marked.",
    ),
  ];
}

function blockCell(entry) {
  if (!entry) return "";
  const mark = element(
    "span",
    { class: "mark" },
    entry.tied ? "≈" : "",
    entry.tied && element("span", { class: "hidden" }, " no significant difference to the best"),
  );
  return [
    entry.best ? element("b", {}, score(entry.mean)) : score(entry.mean),
    mark,
    element("small", {}, interval(entry)),
  ];
}

function blockCsv(block, index) {
  const name = blockName(block);
  return {
    [name]: (row) => row.entries[index]?.mean,
    [`${name}: low`]: (row) => row.entries[index]?.low,
    [`${name}: high`]: (row) => row.entries[index]?.high,
    [`${name}: seeds`]: (row) => row.entries[index]?.values.length,
  };
}
