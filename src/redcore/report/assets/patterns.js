// Table of all scores of one fit by missing pattern.

function drawPatterns(summary) {
  const record = summary.records[0];
  const known = DATA.metrics.map((_, index) => index).filter((index) => record.scores[index]);
  if (!known.length) return emptyMessage("The run has no test split and therefore no scores.");
  const rows = DATA.patternSets[record.set].map((pattern, index) => ({
    name: DATA.patterns[pattern].map((modality) => DATA.modalities[record.d][modality]).join("+"),
    observed: DATA.patterns[pattern],
    values: DATA.metrics.map((_, metric) => record.scores[metric]?.[index] ?? null),
  }));
  for (const over of ["pooled", "as_observed"]) rows.push({ name: OVER[over], observed: null, values: record[over] });
  return sortable(
    "patterns-table",
    "Scores on the test split by missing pattern",
    [
      {
        label: "observed modalities",
        value: (row) => row.name,
        cell: (row) => [patternDots(row.observed, DATA.modalities[record.d]), row.name],
      },
      ...known.map((index) => ({
        label: DATA.metrics[index].label,
        numeric: true,
        value: (row) => row.values[index],
        cell: (row) => score(row.values[index]),
      })),
    ],
    rows,
    { column: -1, down: false },
  );
}

function patternDots(observed, modalities) {
  if (!observed) return null;
  const dots = modalities.map((_, index) =>
    svg("circle", {
      cx: 6 + index * 13,
      cy: 7,
      r: 4.2,
      stroke: "var(--faint)",
      "stroke-width": 1.2,
      fill: observed.includes(index) ? "var(--faint)" : "none",
    }),
  );
  const width = 13 * modalities.length + 6;
  return svg("svg", { class: "swatch", width, height: 14, viewBox: `0 0 ${width} 14`, "aria-hidden": "true" }, dots);
}
