// Heat map of the scores of one data set by missing pattern and method.

const MAX_PATTERNS = 64;

function drawHeatmap(summary, width) {
  const sets = [...new Set(summary.blocks.map((block) => block.d))];
  return chooser(
    "data set",
    sets,
    (d) => DATA.data[d],
    (d) => [differencesFigure(summary, d, width), heatmapFigure(summary, d, width)].filter(Boolean),
    "heatmap",
  );
}

function patternMeans(summary, d) {
  const sums = new Map();
  for (const record of summary.records.filter((own) => own.d === d)) {
    for (const [pattern, value] of patternScores(record, metricOf(d))) {
      const key = `${pattern} ${record.m}`;
      const entry = sums.get(key) ?? { sum: 0, count: 0 };
      sums.set(key, { sum: entry.sum + value, count: entry.count + 1 });
    }
  }
  return (pattern, method) => {
    const entry = sums.get(`${pattern} ${method}`);
    return entry ? entry.sum / entry.count : null;
  };
}

// If patterns were drawn at random, select those that were scored for the most methods.
function shownPatterns(at, methods, d) {
  const all = [...DATA.patterns.keys()].filter((pattern) => DATA.dataOfPattern[pattern] === d);
  const filled = all
    .map((pattern) => [pattern, methods.filter((method) => at(pattern, method) !== null).length])
    .filter(([, count]) => count);
  const chosen = filled
    .sort((one, other) => other[1] - one[1])
    .slice(0, MAX_PATTERNS)
    .map(([pattern]) => pattern);
  chosen.sort((one, other) => DATA.patterns[one].length - DATA.patterns[other].length || one - other);
  return { chosen, left: filled.length - chosen.length };
}

function heatmapFigure(summary, d, width) {
  const at = patternMeans(summary, d);
  const methods = DATA.order.filter((method) =>
    summary.records.some((record) => record.d === d && record.m === method),
  );
  const { chosen, left } = shownPatterns(at, methods, d);
  if (!chosen.length) return emptyMessage("No missing pattern was scored.");
  const rows = chosen.map((pattern) => ({ pattern, values: methods.map((method) => at(pattern, method)) }));
  const more = left
    ? ` ${counted(left, "pattern")} with fewer records ${left === 1 ? "is" : "are"} omitted.`
    : "";
  const caption = `${DATA.data[d]}: ${metricLabel(d)} by missing pattern, mean over protocols and seeds. Filled dots are observed modalities. The best score of a row is bold and underlined.${more}`;
  return figure(`heatmap-${d}`, heatmapDrawing(d, methods, rows, width), caption, () => heatmapTable(d, methods, rows));
}

function heatmapDrawing(d, methods, rows, width) {
  const modalities = DATA.modalities[d];
  const dots = 20 + modalities.length * DOT;
  const cell = Math.max(50, Math.min(92, (width - dots - 60) / methods.length));
  const heads = slantedHeads([
    ...modalities.map((name, index) => [name, 10 + index * DOT]),
    ...methods.map((method, index) => [nameOf(method), dots + (index + 0.45) * cell, methodText(method)]),
  ]);
  const values = rows.flatMap((row) => row.values).filter((value) => value !== null);
  const sorted = [...values].sort((one, other) => one - other);
  // a method that is far behind the others must not make all others look equal
  const domain = [quantile(sorted, 0.02), quantile(sorted, lowerIsBetter(d) ? 0.88 : 0.98)];
  const nodes = rows.flatMap((row, index) => heatmapRow(d, row, { top: heads.height + index * 26, dots, cell, domain }));
  const best = rows
    .at(-1)
    .values.map((value, index) => [value, methods[index]])
    .filter(([value]) => value !== null);
  const label = `Heat map of ${metricLabel(d)} for ${DATA.data[d]}: ${counted(methods.length, "method")} under ${counted(rows.length, "missing pattern")}, from ${score(sorted[0])} to ${score(sorted.at(-1))}. With the most modalities: ${best.map(([value, method]) => `${nameOf(method)} ${score(value)}`).join(", ")}.`;
  const total = Math.max(dots + methods.length * cell, heads.right);
  return drawing(total, heads.height + rows.length * 26 + 6, label, heads.nodes, nodes);
}

const DOT = 17;
const SLANT = (55 * Math.PI) / 180;

// Draw names of columns at an angle at which neighbours at a distance of DOT pixels do not touch.
// names: [[name, x, attributes?], ...]
function slantedHeads(names) {
  const longest = Math.min(190, Math.max(...names.map(([name, , attributes]) => textWidth(name, attributes))));
  const height = 16 + longest * Math.sin(SLANT);
  const nodes = names.map(([name, x, attributes]) =>
    text(truncated(name, 190, attributes), x, height - 7, { transform: `rotate(-55 ${x} ${height - 7})`, ...attributes }),
  );
  const right = Math.max(...names.map(([name, x, attributes]) => x + Math.min(190, textWidth(name, attributes)) * Math.cos(SLANT) + 8));
  return { nodes, height, right };
}

function methodText(method) {
  return method === state.shownFocus ? FOCUS_TEXT : {};
}

// Circles of the modalities of a data set, filled for observed ones.
function observedDots(d, pattern, y) {
  const observed = DATA.patterns[pattern];
  return DATA.modalities[d].map((_, index) =>
    svg("circle", {
      cx: 10 + index * DOT,
      cy: y,
      r: 5,
      stroke: "var(--faint)",
      "stroke-width": 1.2,
      fill: observed.includes(index) ? "var(--faint)" : "none",
    }),
  );
}

function heatmapRow(d, { pattern, values }, { top, dots, cell, domain }) {
  const marks = observedDots(d, pattern, top + 13);
  const known = values.filter((value) => value !== null);
  const best = lowerIsBetter(d) ? Math.min(...known) : Math.max(...known);
  const cells = values.flatMap((value, index) =>
    heatmapCell(
      value,
      value === best && values.length > 1,
      dots + index * cell,
      top,
      cell,
      share(value, domain, lowerIsBetter(d)),
    ),
  );
  return [...marks, ...cells];
}

function share(value, [low, high], lower) {
  const fraction = high > low ? Math.max(0, Math.min(1, (value - low) / (high - low))) : 0.5;
  return lower ? 1 - fraction : fraction;
}

function heatmapCell(value, best, x, y, width, strength) {
  if (value === null) return [text("–", x + width / 2, y + 17, { "text-anchor": "middle", fill: "var(--faint)" })];
  const bold = best ? { "font-weight": 700, "text-decoration": "underline" } : {};
  return [
    svg("rect", { x: x + 1, y: y + 1, width: width - 2, height: 24, rx: 2, fill: blues(strength) }),
    text(score(value), x + width / 2, y + 17, {
      "text-anchor": "middle",
      fill: strength > 0.52 ? "#ffffff" : "#10202e",
      ...bold,
    }),
  ];
}

// Scale from pale to dark blue with uniform steps of lightness, readable without colour vision and in both schemes.
function blues(strength) {
  const [pale, dark] = [
    [226, 237, 246],
    [8, 69, 126],
  ];
  return `rgb(${pale.map((from, index) => Math.round(from + strength * (dark[index] - from))).join(" ")})`;
}

function heatmapTable(d, methods, rows) {
  const patternName = (row) => DATA.patterns[row.pattern].map((index) => DATA.modalities[d][index]).join("+");
  return sortable(
    `heatmap-${d}-numbers`,
    `${DATA.data[d]}: ${metricLabel(d)} by missing pattern`,
    [
      { label: "observed modalities", value: patternName },
      ...methods.map((method, index) => ({
        label: nameOf(method),
        numeric: true,
        value: (row) => row.values[index],
        cell: (row) => score(row.values[index]),
      })),
    ],
    rows,
  );
}
