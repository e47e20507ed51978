// Heat map of the lead of the method in focus over other methods, by missing pattern, with intervals.

const MOST_COMPARED = 8;
const LEAST_CELL = 104;

function differencesFigure(summary, d, width) {
  const focus = focusOf(summary);
  const others = leadsOf({ ...summary, blocks: summary.blocks.filter((block) => block.d === d) });
  const dots = 20 + DATA.modalities[d].length * DOT;
  const room = Math.max(1, Math.floor((width - dots - 30) / LEAST_CELL));
  const compared = others.slice(0, Math.min(MOST_COMPARED, Math.max(2, room))).map(({ method }) => method);
  if (!compared.length) return null;
  const { chosen } = shownPatterns(patternMeans(summary, d), [focus, ...compared], d);
  const rows = chosen.map((pattern) => ({
    pattern,
    leads: compared.map((method) => patternLead(summary, d, pattern, focus, method)),
  }));
  if (!rows.some(({ leads }) => leads.some(Boolean))) return null;
  const left = others.length - compared.length;
  const caption = `${DATA.data[d]}: ${metricLabel(d)} of ${nameOf(focus)} compared with ${left ? `the ${compared.length} strongest of ${others.length} other methods` : "every other method"}, by missing pattern. Blue with a plus: ${nameOf(focus)} is better; orange with a minus: it is worse. Bold numbers have a 95% interval without zero; the interval is below the number. Filled dots are observed modalities.`;
  return figure(`differences-${d}`, differencesDrawing(d, compared, rows, dots, width), caption, () => differencesTable(d, compared, rows));
}

// Return the mean lead under one missing pattern over protocols, with its interval, or null if it is unknown.
function patternLead(summary, d, pattern, focus, method) {
  const metric = metricOf(d);
  const isStored = isComplete() && focus === DATA.focus && state.metric === HEADLINE;
  const valueOfPattern = (record) => patternScores(record, metric).find(([own]) => own === pattern)?.[1];
  const sign = lowerIsBetter(d) ? -1 : 1;
  const blocks = summary.blocks.filter((block) => block.d === d && block.entries.has(focus) && block.entries.has(method));
  const bySeed = (entry) => ({
    bySeed: new Map(
      entry.records.map((record) => [record.s, valueOfPattern(record)]).filter(([, value]) => value !== undefined),
    ),
  });
  const runs = blocks
    .map((block) => ({
      d,
      bySeed: differencesOf(bySeed(block.entries.get(focus)), bySeed(block.entries.get(method)), sign),
      records: block.entries.get(focus).records,
    }))
    .filter((run) => run.bySeed.size);
  const estimated = overData(runs);
  const stored = isStored && DATA.patternLeads[`${pattern} ${method}`];
  return estimated && { mean: estimated.mean, low: stored ? stored[0] : estimated.low, high: stored ? stored[1] : estimated.high };
}

function differencesDrawing(d, compared, rows, dots, width) {
  const cell = Math.max(LEAST_CELL, Math.min(132, (width - dots - 60) / compared.length));
  const names = compared.map((method) => lines(nameOf(method), cell - 6));
  const slanted = slantedHeads(DATA.modalities[d].map((name, index) => [name, 10 + index * DOT]));
  const headHeight = 14 * Math.max(...names.map((own) => own.length)) + 10;
  const lift = Math.max(0, headHeight - slanted.height);
  // the slanted name of the last modality ends left of the names of the methods, or above them
  const start = dots + Math.max(0, Math.min(headHeight, slanted.height) / Math.tan(SLANT) - DOT);
  const heads = { height: slanted.height + lift, right: slanted.right };
  const columns = names.flatMap((own, index) =>
    own.map((part, line) => {
      const y = heads.height - 9 - 14 * (own.length - 1 - line);
      return text(truncated(part.trim(), cell - 6), start + (index + 0.5) * cell, y, { "text-anchor": "middle" });
    }),
  );
  const sizes = rows.flatMap(({ leads }) => leads.filter(Boolean).map(({ mean: value }) => Math.abs(value)));
  // the strongest colour stands for the 90th percentile, so that one large difference does not make all others pale
  const largest = sizes.sort((one, other) => one - other)[Math.floor(0.9 * (sizes.length - 1))] || 1;
  const nodes = rows.flatMap(({ pattern, leads }, row) => {
    const top = heads.height + row * 36;
    const cells = leads.flatMap((lead, index) => leadCell(lead, start + index * cell, top, cell, largest));
    return [...observedDots(d, pattern, top + 18), ...cells];
  });
  const better = rows.flatMap(({ leads }) => leads).filter((lead) => lead && verdictOf(lead.low, lead.high) === "ahead");
  const label = `Heat map of leads for ${DATA.data[d]}: ${better.length} of ${rows.length * compared.length} differences have an interval above zero.`;
  return drawing(Math.max(start + cell * compared.length, heads.right), heads.height + rows.length * 36 + 6, label, svg("g", { transform: `translate(0 ${lift})` }, slanted.nodes), columns, nodes);
}

function leadCell(lead, x, y, width, largest) {
  const middle = { "text-anchor": "middle", "font-variant-numeric": "tabular-nums" };
  if (!lead) return [text("–", x + width / 2, y + 22, { ...middle, fill: "var(--faint)" })];
  const strength = Math.min(1, Math.abs(lead.mean) / largest) ** 0.8;
  const colour = lead.mean < 0 ? "var(--warn)" : "var(--focus)";
  const certain = lead.low < lead.high && verdictOf(lead.low, lead.high) !== "level";
  const weight = certain ? { "font-weight": 700 } : { fill: "var(--faint)" };
  return [
    svg("rect", { x: x + 1, y: y + 1, width: width - 2, height: 34, rx: 3, fill: colour, "fill-opacity": 0.04 + 0.36 * strength }),
    text(signed(lead.mean), x + width / 2, y + 16, { ...middle, ...weight }),
    text(signedInterval(lead), x + width / 2, y + 29, { ...middle, "font-size": 10, fill: certain ? "var(--ink)" : "var(--faint)" }),
  ];
}

function differencesTable(d, compared, rows) {
  const numbers = rows.flatMap(({ pattern, leads }) =>
    leads.map((lead, index) => ({ pattern: patternText(d, pattern), method: compared[index], ...lead })),
  );
  return sortable(
    `differences-${d}-numbers`,
    "Lead of the method in focus by missing pattern",
    [
      { label: "observed modalities", value: (row) => row.pattern },
      { label: "compared with", value: (row) => nameOf(row.method) },
      { label: "lead", numeric: true, value: (row) => row.mean ?? null, cell: (row) => row.mean !== undefined && signed(row.mean, 4) },
      { label: "low", numeric: true, value: (row) => row.low ?? null, cell: (row) => row.low !== undefined && signed(row.low, 4) },
      { label: "high", numeric: true, value: (row) => row.high ?? null, cell: (row) => row.high !== undefined && signed(row.high, 4) },
    ],
    numbers,
    { column: -1, down: false },
  );
}

function patternText(d, pattern) {
  return DATA.patterns[pattern].map((modality) => DATA.modalities[d][modality]).join("+");
}
