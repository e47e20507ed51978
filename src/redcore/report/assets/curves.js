// Score against the number of missing modalities, and against the missing rate of the training data.

function drawCurves(summary, width) {
  const byData = [...groupBy(summary.blocks, (block) => block.d)];
  const counts = byData.map(([d, blocks]) => ({
    d,
    title: DATA.data[d],
    series: seriesByCount(blocks, summary.methods),
  }));
  const rates = [
    ...groupBy(
      summary.blocks.filter((block) => DATA.rates[block.p] !== null),
      (block) => `${block.d} ${DATA.mechanisms[block.p]}`,
    ),
  ]
    .map(([, blocks]) => ({
      d: blocks[0].d,
      title: `${DATA.data[blocks[0].d]}, ${DATA.mechanisms[blocks[0].p]}`,
      series: seriesByRate(blocks, summary.methods),
    }))
    .filter(({ series }) => range(series.flatMap((own) => own.points.map((point) => point.x))) >= MIN_SPREAD);
  const figures = [
    curvesFigure(
      "missing-modalities",
      counts,
      width,
      "number of missing modalities",
      "Score against the number of missing modalities, averaged over all patterns with this number",
    ),
    curvesFigure(
      "missing-rate",
      rates,
      width,
      "mean missing rate in training",
      `Score (${OVER[state.over]}) against the mean missing rate in training`,
    ),
  ].filter(Boolean);
  return figures.length ? figures : [emptyMessage("No missing pattern was scored.")];
}

// The figure is omitted if the mean rates differ by less: then only the assignment of rates to modalities differs.
const MIN_SPREAD = 0.1;

function range(values) {
  return Math.max(...values) - Math.min(...values);
}

function seriesByCount(blocks, methods) {
  const total = DATA.modalities[blocks[0].d].length;
  return methods.map((method) => {
    const own = blocks.filter((block) => block.entries.has(method));
    const means = own.map((block) =>
      block.entries.get(method).records.map((record) => [record, meansByCount(record, metricOf(block.d), total)]),
    );
    const counts = [...new Set(means.flat().flatMap(([, byCount]) => [...byCount.keys()]))].sort((a, b) => a - b);
    const points = counts.map((count) => {
      const scored = means
        .map((pairs) => pairs.filter(([, byCount]) => byCount.has(count)))
        .filter((pairs) => pairs.length);
      const bySeed = scored.map((pairs) => new Map(pairs.map(([record, byCount]) => [record.s, byCount.get(count)])));
      const shared = sharedRatio(scored.flat().map(([record]) => record));
      return { x: count, ...average([overProtocols(bySeed, shared)]) };
    });
    return { method, points };
  });
}

function meansByCount(record, metric, total) {
  const groups = groupBy(patternScores(record, metric), ([pattern]) => total - DATA.patterns[pattern].length);
  return new Map([...groups].map(([count, pairs]) => [count, mean(pairs.map(([, value]) => value))]));
}

function seriesByRate(blocks, methods) {
  return methods.map((method) => {
    const own = blocks.filter((block) => block.entries.has(method));
    const points = [...groupBy(own, (block) => DATA.rates[block.p])].map(([x, sameRate]) => ({
      x,
      ...overData(sameRate.map((block) => ({ d: block.d, ...block.entries.get(method) }))),
    }));
    return { method, points: points.sort((one, other) => one.x - other.x) };
  });
}

function curvesFigure(id, panels, width, across, caption) {
  const drawn = panels.filter(({ series }) => series.some((own) => own.points.length));
  if (!drawn.length) return null;
  const methods = [
    ...new Set(drawn.flatMap(({ series }) => series.filter((own) => own.points.length).map((own) => own.method))),
  ];
  const { nodes, height } = grid(drawn, width, (box, item) => curvesPanel(box, item, across));
  const names = legend(
    legendOf(methods),
    width,
    height + 6,
  );
  const picture = drawing(
    width,
    height + 6 + names.height,
    `${caption}. ${drawn.map(description).join(" ")}`,
    nodes,
    names.group,
  );
  const hasWhiskers = drawn.some(({ series }) => series.some((own) => own.points.some(({ low, high }) => low < high)));
  const whiskers = hasWhiskers ? "; whiskers are 95% intervals." : ".";
  const isClipped = methods.some((method) => methodStyle(method).rank === 2);
  const clipped = isClipped ? " Grey methods far from the others leave the panels." : "";
  return figure(id, picture, `${caption}${whiskers}${clipped}`, () =>
    curvesTable(id, drawn, across),
  );
}

function curvesPanel(box, { d, title, series }, across) {
  const points = series.flatMap((own) => own.points);
  const xs = [...new Set(points.map((point) => point.x))].sort((one, other) => one - other);
  const wholeNumbers = xs.every(Number.isInteger);
  const marks = xs.length <= 8 ? xs : ticks([xs[0], xs.at(-1)], 5).values;
  const x = {
    domain: padded(xs, 0.05),
    label: across,
    values: marks,
    show: (value) => (wholeNumbers ? String(value) : score(value, 2)),
  };
  const {
    group,
    across: left,
    up,
  } = panel(
    box,
    x,
    numberAxis(shownRange(series), ""),
    `${title} · ${metricLabel(d)}`,
  );
  const clip = `clip-${(panelCount += 1)}`;
  const inside = svg("g", { "clip-path": `url(#${clip})` });
  const frame = svg("rect", { x: box.x - 8, y: box.y - 6, width: box.width + 20, height: box.height + 12 });
  group.append(svg("clipPath", { id: clip }, frame), inside);
  inDrawingOrder(series, ({ method }) => method).forEach(({ method, points: own }, position) => {
    const style = methodStyle(method);
    const shift = (position - (series.length - 1) / 2) * Math.min(2, 14 / series.length);
    const at = own.map((point) => [left(point.x) + shift, up(point.mean)]);
    const whiskers = (style.rank === 2 ? [] : own).map((point, index) =>
      svg("line", {
        x1: at[index][0],
        x2: at[index][0],
        y1: up(point.low),
        y2: up(point.high),
        stroke: style.colour,
        "stroke-opacity": 0.7,
      }),
    );
    inside.append(
      ...whiskers,
      line(style, at),
      ...own.map((point, index) =>
        marker(style, ...at[index], `${nameOf(method)}: ${score(point.mean)} (${interval(point)})`),
      ),
    );
  });
  return group;
}

// Return values that the vertical axis includes: all of coloured methods, and nine tenths of those of grey methods.
function shownRange(series) {
  const coloured = series.filter(({ method }) => methodStyle(method).rank < 2).flatMap(({ points }) => points);
  const grey = series.filter(({ method }) => methodStyle(method).rank === 2).flatMap(({ points }) => points);
  const means = grey.map((point) => point.mean).sort((one, other) => one - other);
  const range = means.length ? [quantile(means, 0.08), quantile(means, 0.9)] : [];
  return [...coloured.flatMap((point) => [point.mean, point.low, point.high]), ...range];
}

let panelCount = 0;

function description({ title, series }) {
  const sentences = series
    .filter((own) => own.points.length > 1)
    .slice(0, 6)
    .map(
      ({ method, points }) => `${nameOf(method)} goes from ${score(points[0].mean)} to ${score(points.at(-1).mean)}`,
    );
  return sentences.length ? `${title}: ${sentences.join(", ")}.` : "";
}

function curvesTable(id, panels, across) {
  const rows = panels.flatMap(({ title, series }) =>
    series.flatMap(({ method, points }) => points.map((point) => ({ title, method, ...point }))),
  );
  return sortable(
    `${id}-numbers`,
    "Means and intervals",
    [
      { label: "data", value: (row) => row.title },
      { label: "method", value: (row) => nameOf(row.method) },
      { label: across, numeric: true, value: (row) => row.x },
      { label: "score", numeric: true, value: (row) => row.mean, cell: (row) => score(row.mean) },
      { label: "low", numeric: true, value: (row) => row.low, cell: (row) => score(row.low) },
      { label: "high", numeric: true, value: (row) => row.high, cell: (row) => score(row.high) },
    ],
    rows,
  );
}
