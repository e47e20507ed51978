// Critical differences: methods by mean rank; a bar joins those that the ranks do not tell apart.

function drawRanks(summary, width) {
  const { means, difference, blocks, friedman: test } = summary.ranking;
  if (summary.methods.length < 3 || difference === null) {
    return nothing("Ranks need three methods or more, and two or more blocks that all of them have.");
  }
  const order = [...means].sort((one, other) => one[1] - other[1]);
  const groups = together(order.map(([, rank]) => rank), difference);
  const caption = `Mean ranks over ${counted(blocks, "block")}. A bar joins methods that are not told apart: their ranks differ by less than the critical difference of Nemenyi's test, ${score(difference, 2)} at level 0.05.${test ? ` Friedman's test: ${pValue(test.p)}.` : ""}`;
  const said = `Critical-difference diagram. Mean ranks: ${order.map(([method, rank]) => `${nameOf(method)} ${score(rank, 2)}`).join(", ")}.`;
  return figure("ranks", ranksDrawing(order, groups, difference, width, said), caption, ranksTable(order, groups));
}

// Maximal runs [first, last] of sorted ranks whose ends differ by less than `difference`.
function together(ranks, difference) {
  const runs = ranks.map((rank, first) => [first, ranks.findLastIndex((other) => other - rank <= difference)]);
  return runs.filter(([first, last], place) => last > first && (!place || last > runs[place - 1][1]));
}

function ranksDrawing(order, groups, difference, width, label) {
  const names = Math.min(width * 0.45, 40 + 7 * Math.max(...order.map(([method]) => nameOf(method).length)));
  const bars = 16 + groups.length * 13;
  const box = { x: names, y: 40, width: Math.min(560, width - names - bars - 34), height: order.length * 24 };
  const place = linear([1, order.length], [box.x, box.x + box.width]);
  const marks = Array.from({ length: order.length }, (_, index) => index + 1).filter((rank) => order.length < 9 || rank % 2);
  const axis = marks.flatMap((rank) => [
    svg("line", { x1: place(rank), x2: place(rank), y1: box.y, y2: box.y + box.height, stroke: "var(--rule)" }),
    text(String(rank), place(rank), box.y - 6, { "text-anchor": "middle", fill: "var(--faint)" }),
  ]);
  const scale = Math.min(place(1 + difference), box.x + box.width);
  const ruler = [svg("path", { d: `M${box.x},12v8M${box.x},16H${scale}M${scale},12v8`, stroke: "var(--ink)", fill: "none" }), text(`critical difference ${score(difference, 2)}`, box.x - 8, 20, { "text-anchor": "end" })];
  const rows = order.flatMap(([method, rank], row) => rankRow(method, rank, box.y + row * 24 + 14, place, box, names));
  const joined = groups.map(([first, last], index) => {
    const x = box.x + box.width + 44 + index * 13;
    return svg("line", { x1: x, x2: x, y1: box.y + first * 24 + 6, y2: box.y + last * 24 + 22, stroke: "var(--ink)", "stroke-width": 4, "stroke-linecap": "round" });
  });
  return drawing(box.x + box.width + bars + 44, box.y + box.height + 10, label, axis, ruler, rows, joined);
}

function rankRow(method, rank, y, place, box, names) {
  const room = Math.floor((names - 14) / 6.8);
  const name = nameOf(method).length > room ? `${nameOf(method).slice(0, room - 1)}…` : nameOf(method);
  return [
    text(name, box.x - 12, y + 4, { "text-anchor": "end" }),
    svg("line", { x1: box.x - 6, x2: place(rank), y1: y, y2: y, stroke: look(method).colour, "stroke-width": 1.5 }),
    marker(method, place(rank), y, `${nameOf(method)}: ${score(rank, 2)}`),
    text(score(rank, 2), place(rank) + 9, y + 4, { fill: "var(--faint)", "font-size": 11 }),
  ];
}

function ranksTable(order, groups) {
  const rows = order.map(([method, rank], place) => ({
    method, rank, groups: groups.flatMap(([first, last], group) => (first <= place && place <= last ? [group + 1] : [])).join(" "),
  }));
  return sortable("ranks-numbers", "Mean ranks; methods that share a group are not told apart", [
    { label: "method", value: (row) => nameOf(row.method) },
    { label: "mean rank", numeric: true, value: (row) => row.rank, cell: (row) => score(row.rank, 2) },
    { label: "groups", value: (row) => row.groups },
  ], rows, { column: 1, down: false });
}
