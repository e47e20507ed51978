// The result at a glance: lead of the method in focus over every other method, with its interval.

// Text stays legible above lines of the same place.
const HALO = { stroke: "var(--paper)", "stroke-width": 4, "paint-order": "stroke", "stroke-linejoin": "round" };
const FOCUS_TEXT = { fill: "var(--focus)", "font-weight": 700 };
const VERDICTS = { ahead: "var(--focus)", level: "var(--faint)", behind: "var(--warn)" };

// Return the leads of the method in focus, [{method, mean, low, high, verdict, wins, blocks}, ...], smallest first.
// A positive lead is in favour of the method in focus, for every score.
function leadsOf(summary) {
  const focus = focusOf(summary);
  const others = summary.methods.filter((method) => method !== focus);
  return others
    .map((method) => leadOver(summary, focus, method))
    .filter(Boolean)
    .sort((one, other) => one.mean - other.mean);
}

function leadOver(summary, focus, method) {
  const runs = summary.blocks
    .filter((block) => block.entries.has(focus) && block.entries.has(method))
    .map((block) => {
      const entry = block.entries.get(focus);
      const bySeed = differencesOf(entry, block.entries.get(method), lowerIsBetter(block.d) ? -1 : 1);
      return { d: block.d, bySeed, records: entry.records };
    })
    .filter(({ bySeed }) => bySeed.size);
  const estimated = overData(runs);
  if (!estimated) return null;
  const isStored = isComplete() && focus === DATA.focus && state.metric === HEADLINE && DATA.leads[method];
  const [low, high] = isStored || [estimated.low, estimated.high];
  const wins = runs.filter(({ bySeed }) => mean([...bySeed.values()]) > 0).length;
  const few = runs.length < summary.blocks.length ? ` (${runs.length} of ${counted(summary.blocks.length, "block")})` : "";
  return {
    method,
    label: nameOf(method) + few,
    mean: estimated.mean,
    low,
    high,
    verdict: verdictOf(low, high),
    wins,
    blocks: runs.length,
  };
}

// Without repeated runs, there is no interval and no verdict.
function verdictOf(low, high) {
  if (low < high && low > 0) return "ahead";
  return low < high && high < 0 ? "behind" : "level";
}

function drawVerdict(summary, width) {
  const leads = leadsOf(summary);
  if (!leads.length) return null;
  const name = nameOf(focusOf(summary));
  const unit = `${scoreLabel() === "score" ? headlineName().replace("headline: ", "") : scoreLabel()}`;
  const title = `Lead of ${name} over every other method: ${unit}`;
  const caption = `${title}, mean over data sets with 95% interval, paired by seed. Right of zero, ${name} is better. Filled: the interval excludes zero. Wins are blocks with a better mean.`;
  const label = `${title}. ${leads.map((lead) => `${nameOf(lead.method)} ${signed(lead.mean)}`).join(", ")}.`;
  return figure("verdict", verdictDrawing(leads, name, width, label), caption, () => leadsTable(leads));
}

// Names are to the left of the bars, or above them if the page is narrow.
function verdictDrawing(leads, name, width, label) {
  const narrow = width < 600;
  const longest = Math.max(textWidth(name, FOCUS_TEXT), ...leads.map(({ label }) => textWidth(label)));
  const left = narrow ? 8 : Math.min(width * 0.3, longest + 18);
  const step = narrow ? 38 : 22;
  const numbers = narrow ? 8 : 236;
  const rows = [...leads];
  const place = rows.findIndex((lead) => lead.mean > 0);
  rows.splice(place < 0 ? rows.length : place, 0, null);
  const box = { x: left, y: 42, width: width - left - numbers, height: rows.length * step };
  const axis = leadAxis(leads, narrow ? 4 : 7);
  const across = linear(axis.domain, [box.x, box.x + box.width]);
  const marks = axis.values.flatMap((value) => [
    svg("line", { x1: across(value), x2: across(value), y1: box.y, y2: box.y + box.height, stroke: "var(--rule)" }),
    text(axis.show(value), across(value), box.y - 8, { "text-anchor": "middle", fill: "var(--faint)", "font-size": 11 }),
  ]);
  const heads = narrow
    ? []
    : [
        text("lead", box.x + box.width + 62, box.y - 8, { "text-anchor": "end", fill: "var(--faint)", "font-size": 11 }),
        text("95% interval", box.x + box.width + 190, box.y - 8, { "text-anchor": "end", fill: "var(--faint)", "font-size": 11 }),
        text("wins", width - 2, box.y - 8, { "text-anchor": "end", fill: "var(--faint)", "font-size": 11 }),
      ];
  const better = text(`${truncated(name, width - across(0) - 90, FOCUS_TEXT)} is better →`, across(0) + 1, 12, FOCUS_TEXT);
  const zero = svg("line", {
    x1: across(0),
    x2: across(0),
    y1: box.y - 3,
    y2: box.y + box.height,
    stroke: "var(--focus)",
    "stroke-width": 2,
  });
  const layout = { box, across, narrow, width };
  const drawn = rows.flatMap((lead, row) => verdictRow(lead, name, box.y + (row + 1) * step - 11, layout));
  return drawing(width, box.y + box.height + 6, label, marks, heads, better, zero, drawn);
}

// The axis shows zero and ends before methods that are far behind the others; these are marked with an arrow.
function leadAxis(leads, count) {
  const highs = leads.map(({ high }) => high).sort((one, other) => one - other);
  const typical = Math.max(highs[Math.floor(highs.length / 2)], 0.002);
  const most = Math.min(highs.at(-1), 3 * typical);
  const axis = numberAxis([Math.min(0, ...leads.map(({ low }) => Math.max(low, -3 * typical))), most], "", count, 0.04);
  return { ...axis, show: (value) => (value ? axis.show(value) : "0") };
}

function verdictRow(lead, name, y, { box, across, narrow, width }) {
  const label = lead ? lead.label : name;
  const strongText = lead ? {} : FOCUS_TEXT;
  const named = narrow
    ? text(truncated(label, width * 0.5, strongText), 2, y - 9, { ...HALO, ...strongText })
    : text(truncated(label, box.x - 16, strongText), box.x - 14, y + 4, { "text-anchor": "end", ...strongText });
  if (!lead) return [named, svg("circle", { cx: across(0), cy: y, r: 6, fill: "var(--focus)" })];
  const colour = VERDICTS[lead.verdict];
  const end = box.x + box.width;
  const inside = (value) => Math.max(box.x, Math.min(end, across(value)));
  const [from, to] = [across(0), inside(lead.mean)].sort((one, other) => one - other);
  const bar = svg("rect", { x: from, y: y - 6, width: to - from, height: 12, fill: colour, "fill-opacity": 0.2 });
  const whisker = { x1: inside(lead.low), x2: inside(lead.high), y1: y, y2: y, stroke: colour, "stroke-width": 2 };
  const beyond = across(lead.mean) > end || across(lead.mean) < box.x;
  const point = beyond
    ? svg("path", { d: arrow(across(lead.mean) > end ? end : box.x, y, across(lead.mean) > end), fill: colour })
    : svg("circle", {
        cx: across(lead.mean),
        cy: y,
        r: 4.2,
        fill: lead.verdict === "level" ? "var(--paper)" : colour,
        stroke: colour,
        "stroke-width": 2,
      });
  point.append(svg("title", {}, `${label}: ${signed(lead.mean)} (${signedInterval(lead)})`));
  return [named, bar, svg("line", whisker), point, ...leadNumbers(lead, y, { end, narrow, width })];
}

function arrow(x, y, right) {
  return right ? `M${x - 8},${y - 6}L${x + 2},${y}L${x - 8},${y + 6}z` : `M${x + 8},${y - 6}L${x - 2},${y}L${x + 8},${y + 6}z`;
}

function leadNumbers(lead, y, { end, narrow, width }) {
  const number = { "font-variant-numeric": "tabular-nums" };
  const range = signedInterval(lead);
  if (narrow) {
    const content = [svg("tspan", { "font-weight": 600 }, signed(lead.mean)), range && svg("tspan", { fill: "var(--faint)", "font-size": 11 }, `  ${range}`)];
    return [svg("text", { x: width - 2, y: y - 9, "text-anchor": "end", fill: "var(--ink)", "font-size": 12, ...number, ...HALO }, content.filter(Boolean))];
  }
  return [
    text(signed(lead.mean), end + 62, y + 4, { "text-anchor": "end", "font-weight": 600, ...number }),
    text(range, end + 190, y + 4, { "text-anchor": "end", fill: "var(--faint)", "font-size": 11.5, ...number }),
    text(`${lead.wins}/${lead.blocks}`, width - 2, y + 4, { "text-anchor": "end", fill: "var(--faint)", "font-size": 11.5, ...number }),
  ];
}

function leadsTable(leads) {
  return sortable(
    "verdict-numbers",
    "Lead of the method in focus, mean over data sets",
    [
      { label: "compared with", value: (row) => nameOf(row.method) },
      { label: "lead", numeric: true, value: (row) => row.mean, cell: (row) => signed(row.mean, 4) },
      { label: "low", numeric: true, value: (row) => row.low, cell: (row) => signed(row.low, 4) },
      { label: "high", numeric: true, value: (row) => row.high, cell: (row) => signed(row.high, 4) },
      { label: "method in focus is", value: (row) => row.verdict },
      { label: "wins", numeric: true, value: (row) => row.wins },
      { label: "blocks", numeric: true, value: (row) => row.blocks },
    ],
    leads,
    { column: 1, down: false },
  );
}

function leadOfOneRun(summary, closest) {
  if (!closest) return [];
  const verb = closest.mean < 0 ? " is behind " : " leads ";
  return [" ", strong(focusOf(summary)), verb, strong(closest.method), ` by ${score(Math.abs(closest.mean))}; a single run has no interval.`];
}

// Sentence about the methods that the method in focus is ahead of, level with and behind.
function verdictSentence(summary) {
  const leads = leadsOf(summary);
  if (!leads.some(({ low, high }) => low < high)) return leadOfOneRun(summary, leads[0]);
  const of = (kind) => leads.filter(({ verdict }) => verdict === kind).map(({ method }) => method);
  const [ahead, level, behind] = ["ahead", "level", "behind"].map(of);
  const parts = [
    ahead.length && [`ahead of ${ahead.length === leads.length ? "all other methods" : counted(ahead.length, "method")}`],
    level.length && ["level with ", ...strongList(level, 3)],
    behind.length && ["behind ", ...strongList(behind, 3)],
  ].filter(Boolean);
  const listed = parts.flatMap((part, index) => [index ? (index === parts.length - 1 ? ", and " : ", ") : "", ...part]);
  return [" By paired differences, ", strong(focusOf(summary)), " is ", ...listed, "."];
}
