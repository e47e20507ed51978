// UpSet plot of the missing patterns of the training data (Lex et al. 2014).

const MOST_BARS = 24;

function drawTrainingPatterns(summary, width) {
  const keys = [...new Set(summary.blocks.map((block) => `${block.d} ${block.p}`))].filter((key) => DATA.training[key]);
  const title = (key) => {
    const [d, p] = key.split(" ");
    return `${DATA.data[d]}, ${DATA.protocols[p]}`;
  };
  return chooser("training data", keys, title, (key) => upsetFigure(key, title(key), width), "training");
}

function upsetFigure(key, title, width) {
  const d = Number(key.split(" ")[0]);
  const counts = [...DATA.training[key]].sort((one, other) => other[1] - one[1]);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  const names = DATA.modalities[d];
  const labels = Math.min(width * 0.34, Math.max(...names.map(textWidth)) + 64);
  const most = Math.max(4, Math.min(MOST_BARS, Math.floor((width - labels - 16) / 26)));
  const shown = counts.slice(0, most);
  const left = counts.length - shown.length;
  const rest = left ? ` ${counted(left, "rarer pattern")} with ${score((100 * (total - shown.reduce((sum, [, count]) => sum + count, 0))) / total, 1)}% of the samples ${left === 1 ? "is" : "are"} omitted.` : "";
  const caption = `${title}: number of training samples by observed modalities, mean over runs (${formatInteger(total)} samples). The percentages at the left are the samples in which a modality is observed.${rest}`;
  return figure("training", upsetDrawing(d, shown, counts, total, labels, width), caption, () => upsetTable(d, counts, total));
}

function upsetDrawing(d, shown, counts, total, labels, width) {
  const names = DATA.modalities[d];
  const step = Math.max(24, Math.min(44, (width - labels - 16) / shown.length));
  const [bars, row] = [150, 22];
  const up = linear([0, shown[0][1]], [bars, 26]);
  const rows = names.flatMap((name, index) => {
    const y = bars + 22 + index * row;
    const share = counts.reduce((sum, [observed, count]) => sum + (observed.includes(index) ? count : 0), 0) / total;
    return [
      index % 2 ? null : svg("rect", { x: 0, y: y - row / 2, width: labels + shown.length * step, height: row, fill: "var(--card)" }),
      text(truncated(name, labels - 58), labels - 54, y + 4, { "text-anchor": "end" }),
      text(`${Math.round(100 * share)}%`, labels - 12, y + 4, { "text-anchor": "end", fill: "var(--faint)", "font-size": 11 }),
    ];
  });
  const columns = shown.flatMap(([observed, count], index) => upsetColumn(observed, count, labels + (index + 0.5) * step, { bars, row, up, step, total: names.length }));
  const label = `UpSet plot of ${counted(counts.length, "missing pattern")} in training data. ${shown.slice(0, 5).map(([observed, count]) => `${observed.map((index) => names[index]).join(" and ") || "nothing"}: ${formatInteger(count)}`).join("; ")}.`;
  return drawing(labels + shown.length * step + 8, bars + 22 + names.length * row, label, rows.filter(Boolean), columns);
}

function upsetColumn(observed, count, x, { bars, row, up, step, total }) {
  const y = (index) => bars + 22 + index * row;
  const complete = observed.length === total;
  const colour = complete ? "var(--ink)" : "var(--faint)";
  const dots = Array.from({ length: total }, (_, index) =>
    svg("circle", { cx: x, cy: y(index), r: 5.5, fill: observed.includes(index) ? colour : "var(--rule)" }),
  );
  return [
    svg("rect", { x: x - step * 0.33, y: up(count), width: step * 0.66, height: bars - up(count), fill: colour }),
    text(abbreviated(Math.round(count)), x, up(count) - 5, { "text-anchor": "middle", "font-size": 11 }),
    observed.length > 1 &&
      svg("line", { x1: x, x2: x, y1: y(observed[0]), y2: y(observed.at(-1)), stroke: colour, "stroke-width": 2.5 }),
    ...dots,
  ].filter(Boolean);
}

function upsetTable(d, counts, total) {
  return sortable(
    "training-numbers",
    "Training samples by observed modalities",
    [
      { label: "observed modalities", value: (row) => row[0].map((index) => DATA.modalities[d][index]).join("+") || "nothing" },
      { label: "samples", numeric: true, value: (row) => row[1], cell: (row) => score(row[1], 1) },
      { label: "percent", numeric: true, value: (row) => (100 * row[1]) / total, cell: (row) => score((100 * row[1]) / total, 1) },
    ],
    counts,
    { column: 1, down: true },
  );
}
