// Reliability diagram and confusion matrix of one method on one data set, from the predictions per test sample.

function drawCalibration(summary, width) {
  const keys = DATA.order
    .filter((method) => summary.methods.includes(method))
    .sort((one, other) => (other === state.shownFocus) - (one === state.shownFocus))
    .flatMap((method) => [...state.data].map((d) => `${d} ${method}`))
    .filter((key) => DATA.calibration[key]);
  if (!keys.length) return emptyMessage("These records have no predictions per test sample of a classification.");
  const data = [...new Set(keys.map((key) => Number(key.split(" ")[0])))];
  return chooser(
    "data set",
    data,
    (d) => DATA.data[d],
    (d) => {
      const methods = keys.filter((key) => Number(key.split(" ")[0]) === d).map((key) => Number(key.split(" ")[1]));
      return chooser("method", methods, nameOf, (method) => calibrationFigures(d, method, width), "calibration-method");
    },
    "calibration",
  );
}

function calibrationFigures(d, method, width) {
  const { bins, confusion } = DATA.calibration[`${d} ${method}`];
  return [reliabilityFigure(d, method, bins, width), confusion && confusionFigure(d, method, confusion, width)].filter(Boolean);
}

// bins: [[mean confidence, accuracy, number of predictions], ...], without empty bins.
function reliabilityFigure(d, method, bins, width) {
  const total = bins.reduce((sum, [, , count]) => sum + count, 0);
  const error = bins.reduce((sum, [confidence, accuracy, count]) => sum + (count / total) * Math.abs(confidence - accuracy), 0);
  const size = Math.min(330, width - 80);
  const box = { x: 52, y: 26, width: size, height: size };
  const unit = { domain: [0, 1], values: [0, 0.2, 0.4, 0.6, 0.8, 1], show: (value) => score(value, 1) };
  const { group, across, up } = panel(box, { ...unit, label: "mean confidence of the predicted class" }, { ...unit, label: "" }, "accuracy");
  const most = Math.max(...bins.map(([, , count]) => count));
  group.append(svg("line", { x1: across(0), x2: across(1), y1: up(0), y2: up(1), stroke: "var(--faint)", "stroke-dasharray": "4 4" }));
  for (const [confidence, accuracy, count] of bins) {
    const x = across(confidence);
    group.append(svg("line", { x1: x, x2: x, y1: up(confidence), y2: up(accuracy), stroke: "var(--focus)", "stroke-width": 2, "stroke-opacity": 0.5 }));
    const title = `confidence ${score(confidence, 2)}, accuracy ${score(accuracy, 2)}, ${counted(count, "prediction")}`;
    group.append(svg("circle", { cx: x, cy: up(accuracy), r: 3 + 7 * Math.sqrt(count / most), fill: "var(--focus)", "fill-opacity": 0.85, stroke: "var(--paper)" }, svg("title", {}, title)));
  }
  const caption = `${DATA.data[d]}, ${nameOf(method)}: accuracy by confidence, pooled over missing patterns, protocols and runs (${counted(total, "prediction")}). Area of a dot: number of predictions. Below the diagonal, the method is too confident. Mean distance to the diagonal: ${score(error)}.`;
  const label = `Reliability diagram of ${nameOf(method)} on ${DATA.data[d]}; mean distance to the diagonal ${score(error)}.`;
  return figure("reliability", drawing(box.x + size + 20, size + 74, label, group), caption, () => reliabilityTable(bins));
}

function reliabilityTable(bins) {
  return sortable(
    "reliability-numbers",
    "Accuracy by confidence",
    [
      { label: "mean confidence", numeric: true, value: (row) => row[0], cell: (row) => score(row[0]) },
      { label: "accuracy", numeric: true, value: (row) => row[1], cell: (row) => score(row[1]) },
      { label: "predictions", numeric: true, value: (row) => row[2], cell: (row) => formatInteger(row[2]) },
    ],
    bins,
  );
}

// confusion: {classes: [...], counts: [[...], ...]} with true classes as rows.
function confusionFigure(d, method, { classes, counts }, width) {
  const left = Math.min(width * 0.35, Math.max(...classes.map(textWidth)) + 20);
  const cell = Math.max(34, Math.min(64, (width - left - 20) / classes.length));
  const heads = slantedHeads(classes.map((name, index) => [name, left + (index + 0.5) * cell]));
  const rows = counts.flatMap((row, truth) => {
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    const y = heads.height + truth * 30;
    const name = text(truncated(classes[truth], left - 14), left - 8, y + 19, { "text-anchor": "end" });
    const cells = row.flatMap((count, predicted) => confusionCell(count / total, truth === predicted, left + predicted * cell, y, cell));
    return [name, ...cells];
  });
  const caption = `${DATA.data[d]}, ${nameOf(method)}: percent of each true class (row) by predicted class (column), pooled over missing patterns, protocols and runs.`;
  const diagonal = counts.map((row, truth) => `${classes[truth]} ${Math.round((100 * row[truth]) / (row.reduce((sum, count) => sum + count, 0) || 1))}%`);
  const label = `Confusion matrix of ${nameOf(method)} on ${DATA.data[d]}. Correct: ${diagonal.join(", ")}.`;
  const drawn = drawing(Math.max(left + classes.length * cell, heads.right), heads.height + classes.length * 30 + 4, label, heads.nodes, rows);
  return figure("confusion", drawn, caption, () => confusionTable(classes, counts));
}

function confusionCell(share, right, x, y, width) {
  const percent = Math.round(100 * share);
  const colour = right ? "var(--focus)" : "var(--warn)";
  return [
    svg("rect", { x: x + 1, y: y + 1, width: width - 2, height: 28, rx: 2, fill: colour, "fill-opacity": 0.03 + 0.5 * share }),
    text(percent || share > 0 ? String(percent) : "·", x + width / 2, y + 19, {
      "text-anchor": "middle",
      "font-weight": right ? 700 : 400,
      fill: percent ? "var(--ink)" : "var(--faint)",
    }),
  ];
}

function confusionTable(classes, counts) {
  const rows = counts.map((row, index) => ({ name: classes[index], row }));
  return sortable(
    "confusion-numbers",
    "Number of predictions by true class (rows) and predicted class (columns)",
    [
      { label: "true class", value: ({ name }) => name },
      ...classes.map((name, index) => ({ label: name, numeric: true, value: ({ row }) => row[index], cell: ({ row }) => formatInteger(row[index]) })),
    ],
    rows,
  );
}
