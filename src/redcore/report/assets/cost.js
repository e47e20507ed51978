// Score against cost: seconds to fit and number of parameters.

const COSTS = [
  { name: "fit", label: "seconds to fit, mean of blocks" },
  { name: "parameters", label: "parameters, mean of blocks" },
];

function drawCost(summary, width) {
  const points = summary.methods
    .map((method) => ({
      method,
      score: overallScore(summary, method),
      ...Object.fromEntries(
        ["fit", "parameters", "memory"].map((name) => [
          name,
          meanOverBlocks(summary, method, (record) => record[name]),
        ]),
      ),
    }))
    .filter((point) => point.score);
  const panels = COSTS.filter(({ name }) => points.filter((point) => point[name] > 0).length > 1);
  if (!panels.length) return emptyMessage("This figure requires at least two methods.");
  const { nodes, height } = grid(panels, width, (box, cost) => costPanel(box, cost, points), {
    least: 300,
    height: 230,
  });
  const names = legend(
    legendOf(points.map(({ method }) => method)),
    width,
    height + 6,
  );
  const values = points
    .map((point) => `${nameOf(point.method)} ${score(point.score.mean)} in ${seconds(point.fit)} s`)
    .join(", ");
  const label = `Score against cost: ${values}.`;
  return figure(
    "cost",
    drawing(width, height + 6 + names.height, label, nodes, names.group),
    "Mean score over the selected blocks against cost on a logarithmic scale; the best methods are at the top left. Whiskers are 95% intervals over seeds.",
    () => costTable(points),
  );
}

function costPanel(box, { name, label }, points) {
  const shown = points.filter((point) => point[name] > 0);
  const costs = shown.map((point) => point[name]);
  const domain = [Math.min(...costs) / 1.4, Math.max(...costs) * 1.4];
  const marks = logTicks(domain);
  const most = Math.max(2, Math.floor(box.width / 55));
  const x = {
    domain,
    log: true,
    label,
    values: marks.filter((_, index) => index % Math.ceil(marks.length / most) === 0),
    show: abbreviated,
  };
  const { group, across, up } = panel(
    box,
    x,
    numberAxis(
      shown.flatMap(({ score: estimated }) => [estimated.low, estimated.high]),
      "",
    ),
    scoreLabel(),
  );
  for (const point of inDrawingOrder(shown, ({ method }) => method)) {
    const [left, estimated] = [across(point[name]), point.score];
    group.append(
      svg("line", { x1: left, x2: left, y1: up(estimated.low), y2: up(estimated.high), stroke: methodStyle(point.method).colour }),
    );
    group.append(
      marker(
        methodStyle(point.method),
        left,
        up(estimated.mean),
        `${nameOf(point.method)}: ${score(estimated.mean)}, ${abbreviated(point[name])}`,
      ),
    );
  }
  return group;
}

function costTable(points) {
  return sortable(
    "cost-numbers",
    "Numbers of score and cost",
    [
      { label: "method", value: (row) => nameOf(row.method) },
      { label: "score", numeric: true, value: (row) => row.score.mean, cell: (row) => score(row.score.mean) },
      { label: "fit, s", numeric: true, value: (row) => row.fit, cell: (row) => seconds(row.fit) },
      { label: "parameters", numeric: true, value: (row) => row.parameters, cell: (row) => formatInteger(row.parameters) },
      {
        label: "peak memory, MB",
        numeric: true,
        value: (row) => row.memory && row.memory / 1e6,
        cell: (row) => formatInteger(row.memory && row.memory / 1e6),
      },
    ],
    points,
    { column: 1, down: true },
  );
}
