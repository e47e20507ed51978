// What a score costs: seconds to fit, and numbers to keep.

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
  if (!panels.length) return nothing("Costs need two methods or more.");
  const { nodes, height } = grid(panels, width, (box, cost) => costPanel(box, cost, points), {
    least: 300,
    height: 230,
  });
  const names = legend(
    points.map(({ method }) => [method, nameOf(method)]),
    width,
    height + 6,
  );
  const said = points
    .map((point) => `${nameOf(point.method)} ${score(point.score.mean)} in ${seconds(point.fit)} s`)
    .join(", ");
  const label = `Score against cost: ${said}.`;
  return figure(
    "cost",
    drawing(width, height + 6 + names.height, label, nodes, names.group),
    "Score over all selected blocks against what it costs, on a logarithmic scale; up and to the left is better. Whiskers are 95% intervals over seeds.",
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
    values: marks.filter((_, place) => place % Math.ceil(marks.length / most) === 0),
    show: short,
  };
  const { group, across, up } = panel(
    box,
    x,
    numberAxis(
      shown.flatMap(({ score: found }) => [found.low, found.high]),
      "",
    ),
    scoreLabel(),
  );
  for (const point of shown) {
    const [left, found] = [across(point[name]), point.score];
    group.append(
      svg("line", { x1: left, x2: left, y1: up(found.low), y2: up(found.high), stroke: look(point.method).colour }),
    );
    group.append(
      marker(
        point.method,
        left,
        up(found.mean),
        `${nameOf(point.method)}: ${score(found.mean)}, ${short(point[name])}`,
      ),
    );
  }
  return group;
}

function costTable(points) {
  return sortable(
    "cost-numbers",
    "Score and cost",
    [
      { label: "method", value: (row) => nameOf(row.method) },
      { label: "score", numeric: true, value: (row) => row.score.mean, cell: (row) => score(row.score.mean) },
      { label: "fit, s", numeric: true, value: (row) => row.fit, cell: (row) => seconds(row.fit) },
      { label: "parameters", numeric: true, value: (row) => row.parameters, cell: (row) => whole(row.parameters) },
      {
        label: "peak memory, MB",
        numeric: true,
        value: (row) => row.memory && row.memory / 1e6,
        cell: (row) => whole(row.memory && row.memory / 1e6),
      },
    ],
    points,
    { column: 1, down: true },
  );
}
