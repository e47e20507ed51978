// Critical-difference diagram: methods by mean rank, with bars that join methods without a significant difference.

function drawRanks(summary, width) {
  const { means, difference, blocks, friedman: test } = summary.ranking;
  if (summary.methods.length < 3 || difference === null) {
    return emptyMessage("This figure requires at least three methods and two blocks that all methods have.");
  }
  const order = [...means].sort((one, other) => one[1] - other[1]);
  const groups = groupsWithin(
    order.map(([, rank]) => rank),
    difference,
  );
  const caption = `Mean ranks over ${counted(blocks, "block")}. A bar joins methods that do not differ significantly: their mean ranks differ by less than the critical difference of Nemenyi's test, ${score(difference, 2)} at level 0.05.${test ? ` Friedman's test: ${pValue(test.p)}.` : ""}`;
  const description = `Critical-difference diagram. Mean ranks: ${order.map(([method, rank]) => `${nameOf(method)} ${score(rank, 2)}`).join(", ")}.`;
  return figure("ranks", ranksDrawing(order, groups, difference, width, description), caption, () =>
    ranksTable(order, groups),
  );
}

// Return the maximal runs [first, last] of sorted ranks whose ends differ by at most `difference`.
function groupsWithin(ranks, difference) {
  const runs = ranks.map((rank, first) => [first, ranks.findLastIndex((other) => other - rank <= difference)]);
  return runs.filter(([first, last], index) => last > first && (!index || last > runs[index - 1][1]));
}

// Names are to the left of their lines, or above them if the page is narrow.
function ranksDrawing(order, groups, difference, width, label) {
  const narrow = width < 600;
  const names = narrow
    ? 6
    : Math.min(width * 0.4, 30 + Math.max(...order.map(([method]) => textWidth(nameOf(method), methodText(method)))));
  const bars = 40 + groups.length * 13;
  const step = narrow ? 38 : 24;
  const box = { x: names, y: 46, width: Math.min(600, width - names - bars - 4), height: order.length * step };
  const scale = linear([1, order.length], [box.x, box.x + box.width]);
  const rows = order.flatMap(([method, rank], row) =>
    rankRow(method, rank, box.y + (row + 1) * step - 10, scale, box, narrow),
  );
  const joined = groups.map(([first, last], index) => {
    const x = box.x + box.width + bars - 6 - (groups.length - 1 - index) * 13;
    const [y1, y2] = [box.y + (first + 1) * step - 19, box.y + (last + 1) * step - 1];
    return svg("line", { x1: x, x2: x, y1, y2, stroke: "var(--ink)", "stroke-width": 4, "stroke-linecap": "round" });
  });
  return drawing(
    box.x + box.width + bars,
    box.y + box.height + 8,
    label,
    ranksAxis(order.length, scale, box),
    ...differenceRuler(difference, scale, box),
    rows,
    joined,
  );
}

function ranksAxis(count, scale, box) {
  const marks = Array.from({ length: count }, (_, index) => index + 1).filter((rank) => count < 9 || rank % 2);
  return marks.flatMap((rank) => [
    svg("line", { x1: scale(rank), x2: scale(rank), y1: box.y, y2: box.y + box.height, stroke: "var(--rule)" }),
    text(String(rank), scale(rank), box.y - 6, { "text-anchor": "middle", fill: "var(--faint)" }),
  ]);
}

function differenceRuler(difference, scale, box) {
  const end = Math.min(scale(1 + difference), box.x + box.width);
  const beside = box.x + box.width - end > 150;
  return [
    svg("path", { d: `M${box.x},12v8M${box.x},16H${end}M${end},12v8`, stroke: "var(--ink)", fill: "none" }),
    text(`critical difference ${score(difference, 2)}`, beside ? end + 8 : box.x + 6, beside ? 20 : 10),
  ];
}

function rankRow(method, rank, y, scale, { x: left, width }, narrow) {
  const emphasis = methodText(method);
  const name = narrow
    ? text(truncated(nameOf(method), width, emphasis), left, y - 9, emphasis)
    : text(truncated(nameOf(method), left - 16, emphasis), left - 12, y + 4, { "text-anchor": "end", ...emphasis });
  return [
    name,
    svg("line", { x1: left - 6, x2: scale(rank), y1: y, y2: y, stroke: methodStyle(method).colour, "stroke-width": 1.5 }),
    marker(methodStyle(method), scale(rank), y, `${nameOf(method)}: ${score(rank, 2)}`),
    text(score(rank, 2), scale(rank) + 9, y + 4, { fill: "var(--faint)", "font-size": 11 }),
  ];
}

function ranksTable(order, groups) {
  const rows = order.map(([method, rank], index) => ({
    method,
    rank,
    groups: groups.flatMap(([first, last], group) => (first <= index && index <= last ? [group + 1] : [])).join(" "),
  }));
  return sortable(
    "ranks-numbers",
    "Mean ranks; methods of the same group do not differ significantly",
    [
      { label: "method", value: (row) => nameOf(row.method) },
      { label: "mean rank", numeric: true, value: (row) => row.rank, cell: (row) => score(row.rank, 2) },
      { label: "groups", value: (row) => row.groups },
    ],
    rows,
    { column: 1, down: false },
  );
}
