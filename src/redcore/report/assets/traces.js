// Supervision weights, relative advantages, gradient norms and losses over training.

const TRACES = [
  { prefix: "supervision_weight/", title: "supervision weight" },
  { prefix: "relative_advantage/", title: "relative advantage" },
  { prefix: "gradient_norm/", title: "gradient norm" },
  { prefix: "imputation_loss/", title: "imputation loss" },
  { prefix: "loss", title: "training loss", total: true },
  { prefix: "validation_loss", title: "validation loss", total: true, epochs: true },
];

function drawTraces(summary, width) {
  const traced = summary.records.filter((record) => record.history);
  const groups = [...groupBy(traced, (record) => `${record.d} ${record.p} ${record.m}`).values()];
  groups.sort((one, other) => weightsChange(other[0]) - weightsChange(one[0]));
  const title = ([{ d, p, m }]) => `${DATA.data[d]}, ${DATA.protocols[p]}: ${nameOf(m)}`;
  return chooser("fit", groups, title, (records) => tracesFigure(records, title(records), width), "traces");
}

// Sort key: methods whose supervision weights change come first.
function weightsChange(record) {
  const weights = Object.entries(record.history.columns).filter(([name]) => name.startsWith("supervision_weight/"));
  return Number(weights.some(([, column]) => column.some((value) => value !== column[0])));
}

function tracesFigure(records, title, width) {
  const panels = TRACES.map((kind) => ({ ...kind, series: tracesOf(records, kind) })).filter(
    ({ series }) => series.length,
  );
  if (!panels.length) return emptyMessage("The records contain no training history.");
  const names = [...new Set(panels.filter((own) => !own.total).flatMap(({ series }) => series.map((own) => own.name)))];
  const styleOf = (name) => seriesStyle(Math.max(0, names.indexOf(name)));
  const { nodes, height } = grid(panels, width, (box, item) => tracesPanel(box, item, styleOf), {
    least: 330,
    height: 210,
  });
  const shown = legend(
    names.map((name, index) => [seriesStyle(index), name]),
    width,
    height + 6,
  );
  const ends = panels[0].total
    ? ""
    : panels[0].series.map(({ name, average }) => `${name} ${score(average.at(-1)[1], 2)}`).join(", ");
  const label = `Traces over training of ${title}. ${ends ? `Final ${panels[0].title}: ${ends}.` : ""}`;
  const caption = `${title}. ${records.length > 1 ? `Mean over ${records.length} seeds; thin lines are single seeds. ` : ""}Advantages are averaged over neighbouring steps.`;
  return figure("traces", drawing(width, height + 6 + shown.height, label, nodes, shown.group), caption, () =>
    tracesTable(panels),
  );
}

function tracesOf(records, { prefix, total, epochs }) {
  const columns = new Map();
  for (const record of records) {
    const source = epochs ? record.epochs : record.history;
    for (const [name, values] of Object.entries(source?.columns ?? {})) {
      if (total ? name === prefix : name.startsWith(prefix)) {
        const points = values.map((value, index) => [source.at[index], value]).filter(([, value]) => value !== null);
        columns.set(name, [...(columns.get(name) ?? []), smoothed(points, prefix.startsWith("relative") ? 2 : 0)]);
      }
    }
  }
  return [...columns]
    .filter(([, seeds]) => seeds.some((points) => points.length))
    .map(([name, seeds]) => ({
      name: total ? name : name.slice(prefix.length),
      seeds,
      average: averaged(seeds.filter((points) => points.length)),
    }));
}

function smoothed(points, reach) {
  return points.map(([x], index) => [
    x,
    mean(points.slice(Math.max(0, index - reach), index + reach + 1).map(([, value]) => value)),
  ]);
}

// Return the mean at 61 evenly spaced steps, over the seeds that have not stopped before.
function averaged(seeds) {
  const last = Math.max(...seeds.map((points) => points.at(-1)[0]));
  const steps = Array.from({ length: 61 }, (_, index) => (index * last) / 60);
  return steps.map((x) => {
    const alive = seeds.filter((points) => points.at(-1)[0] >= x);
    return [x, mean(alive.map((points) => valueAt(points, x)))];
  });
}

function valueAt(points, x) {
  const next = points.findIndex(([step]) => step >= x);
  if (next <= 0) return points.at(next)[1];
  const [[before, one], [after, other]] = [points[next - 1], points[next]];
  return one + ((x - before) / (after - before)) * (other - one);
}

function tracesPanel(box, { title, series, epochs }, styleOf) {
  const points = series.flatMap((own) => [...own.seeds.flat(), ...own.average]);
  const last = Math.max(...points.map(([x]) => x)) || 1;
  const marks = ticks([0, last], box.width > 300 ? 5 : 3);
  const x = {
    domain: [0, last],
    label: epochs ? "epoch" : "optimiser step",
    values: marks.values,
    show: (value) => abbreviated(value),
  };
  const { group, across, up } = panel(
    box,
    x,
    numberAxis(
      points.map(([, value]) => value),
      "",
    ),
    title,
  );
  const toPixels = (own) => own.map(([step, value]) => [across(step), up(value)]);
  for (const { name, seeds, average } of series) {
    if (seeds.length > 1) for (const own of seeds) group.append(faint(line(styleOf(name), toPixels(own))));
    const at = toPixels(average);
    group.append(
      line(styleOf(name), at),
      marker(styleOf(name), ...at.at(-1), `${name}: ${score(average.at(-1)[1])} at the end`),
    );
  }
  return group;
}

function faint(node) {
  node.setAttribute("stroke-opacity", 0.22);
  node.setAttribute("stroke-width", 1);
  return node;
}

function tracesTable(panels) {
  const rows = panels.flatMap(({ title, series }) =>
    series.flatMap(({ name, average }) => average.map(([x, value]) => ({ title, name, x, value }))),
  );
  return sortable(
    "traces-numbers",
    "Means over seeds",
    [
      { label: "trace", value: (row) => row.title },
      { label: "modality", value: (row) => row.name },
      { label: "step or epoch", numeric: true, value: (row) => row.x, cell: (row) => score(row.x, 1) },
      { label: "mean", numeric: true, value: (row) => row.value, cell: (row) => score(row.value, 4) },
    ],
    rows,
  );
}
