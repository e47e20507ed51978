// Common parts of all figures: styles, scales, panels, legends, numbers as a table and downloads.

// Seven colours of Okabe and Ito, six markers and four dash patterns: consecutive series differ in all three.
const MARKERS = ["circle", "square", "triangle", "diamond", "cross", "wedge"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3"];

function seriesStyle(index) {
  return { colour: `var(--c${index % 7})`, marker: MARKERS[index % 6], dash: DASHES[index % 4], width: 1.8, rank: 1 };
}

// The method in focus has a colour that no other series has. The methods ranked next to it have colours too, and the
// others are grey.
const OTHER_COLOURS = [1, 2, 5, 3];

function methodStyle(method) {
  if (method === state.shownFocus) {
    return { colour: "var(--focus)", marker: "circle", dash: "", width: 3, rank: 0 };
  }
  const place = DATA.order.filter((other) => other !== state.shownFocus).indexOf(method);
  const shape = { marker: MARKERS[1 + (place % 5)], dash: DASHES[place % 4] };
  return place < OTHER_COLOURS.length
    ? { colour: `var(--c${OTHER_COLOURS[place]})`, ...shape, width: 1.8, rank: 1 }
    : { colour: "var(--other)", ...shape, dash: "", width: 1, rank: 2 };
}

// Return methods so that the one in focus is last and drawn above the others.
function inDrawingOrder(items, methodOf) {
  return [...items].sort((one, other) => methodStyle(methodOf(other)).rank - methodStyle(methodOf(one)).rank);
}

// Return [[style, name], ...] for a legend: the method in focus first, and all grey methods as one entry.
function legendOf(methods) {
  const named = inDrawingOrder(methods, (method) => method)
    .reverse()
    .map((method) => [methodStyle(method), nameOf(method)]);
  const grey = named.filter(([style]) => style.rank === 2);
  if (grey.length < 3) return named;
  return [...named.filter(([style]) => style.rank < 2), [grey[0][0], `${grey.length} others`]];
}

function marker(style, x, y, title) {
  const { colour, marker: shape } = style;
  const node = svg("path", {
    d: markerPath(shape, x, y, [5.2, 4.2, 2.8][style.rank]),
    fill: colour,
    stroke: "var(--paper)",
    "stroke-width": 0.8,
  });
  if (title) node.append(svg("title", {}, title));
  return node;
}

function markerPath(shape, x, y, r) {
  const corners = {
    square: [
      [-r, -r],
      [r, -r],
      [r, r],
      [-r, r],
    ],
    triangle: [
      [0, -r * 1.2],
      [r * 1.1, r],
      [-r * 1.1, r],
    ],
    wedge: [
      [0, r * 1.2],
      [r * 1.1, -r],
      [-r * 1.1, -r],
    ],
    diamond: [
      [0, -r * 1.3],
      [r * 1.3, 0],
      [0, r * 1.3],
      [-r * 1.3, 0],
    ],
    cross: [
      [-r, -r / 3],
      [-r / 3, -r / 3],
      [-r / 3, -r],
      [r / 3, -r],
      [r / 3, -r / 3],
      [r, -r / 3],
      [r, r / 3],
      [r / 3, r / 3],
      [r / 3, r],
      [-r / 3, r],
      [-r / 3, r / 3],
      [-r, r / 3],
    ],
  }[shape];
  if (!corners) return `M${x - r},${y}a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0z`;
  return `M${corners.map(([dx, dy]) => `${(x + dx).toFixed(1)},${(y + dy).toFixed(1)}`).join("L")}z`;
}

function line({ colour, dash, width }, points) {
  const d = points.map(([x, y], position) => `${position ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`).join("");
  return svg("path", { d, fill: "none", stroke: colour, "stroke-width": width, "stroke-dasharray": dash || null });
}

// Return line and marker of one series as a small image for tables.
function swatch(style) {
  return svg(
    "svg",
    { class: "swatch", viewBox: "0 0 30 12", width: 30, height: 12, "aria-hidden": "true" },
    line(style, [
      [0, 6],
      [30, 6],
    ]),
    marker(style, 15, 6),
  );
}

function linear(domain, range) {
  const width = domain[1] - domain[0] || 1;
  return (value) => range[0] + ((value - domain[0]) / width) * (range[1] - range[0]);
}

function logarithmic(domain, range) {
  const inner = linear(domain.map(Math.log10), range);
  return (value) => inner(Math.log10(value));
}

// Return about `count` round numbers inside the domain.
function ticks([low, high], count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const values = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) values.push(k * step);
  return { values, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

// Return round numbers inside the domain; the fewer powers of ten it spans, the more numbers per power.
function logTicks([low, high]) {
  const span = Math.log10(high / low);
  const factors =
    span > 3 ? [1] : span > 1.5 ? [1, 3] : span > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9];
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, position) => Math.floor(Math.log10(low)) + position,
  );
  return powers
    .flatMap((power) => factors.map((factor) => factor * 10 ** power))
    .filter((value) => value >= low && value <= high);
}

function padded(values, share = 0.06) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = (high - low) * share || Math.abs(high) * 0.05 || 0.5;
  return [low - pad, high + pad];
}

function abbreviated(value) {
  if (value >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  return value >= 1e3 ? `${+(value / 1e3).toPrecision(3)}k` : String(+value.toPrecision(3));
}

function text(content, x, y, attributes = {}) {
  return svg("text", { x, y, fill: "var(--ink)", "font-size": 12, ...attributes }, content);
}

/* Draw the axes of a panel. box: {x, y, width, height} of the plot area; x and y: {domain, label, values, show, log?}.
   Return the group to draw into and the two scales. */
function panel(box, x, y, title) {
  const across = (x.log ? logarithmic : linear)(x.domain, [box.x, box.x + box.width]);
  const up = linear(y.domain, [box.y + box.height, box.y]);
  const group = svg("g");
  const bold = { "font-weight": 600 };
  if (title) group.append(text(truncated(title, box.width + 16, bold), box.x, box.y - 10, bold));
  for (const value of y.values) {
    group.append(
      svg("line", { x1: box.x, x2: box.x + box.width, y1: up(value), y2: up(value), stroke: "var(--rule)" }),
    );
    group.append(text(y.show(value), box.x - 6, up(value) + 4, { "text-anchor": "end", fill: "var(--faint)" }));
  }
  for (const value of x.values) {
    const below = { "text-anchor": "middle", fill: "var(--faint)" };
    group.append(text(x.show(value), across(value), box.y + box.height + 17, below));
    group.append(
      svg("line", {
        x1: across(value),
        x2: across(value),
        y1: box.y + box.height,
        y2: box.y + box.height + 4,
        stroke: "var(--faint)",
      }),
    );
  }
  group.append(
    svg("line", {
      x1: box.x,
      x2: box.x + box.width,
      y1: box.y + box.height,
      y2: box.y + box.height,
      stroke: "var(--faint)",
    }),
  );
  group.append(text(x.label, box.x + box.width / 2, box.y + box.height + 34, { "text-anchor": "middle" }));
  return { group, across, up };
}

// Return the value below which a share of the sorted values lies.
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function numberAxis(values, label, count = 6, share = 0.06) {
  const domain = padded(values, share);
  const { values: marks, digits } = ticks(domain, count);
  return { domain, label, values: marks, show: (value) => score(value, digits) };
}

// Arrange panels in as many columns as fit the width. draw(box, item) returns a node.
function grid(items, width, draw, { least = 250, height = 190 } = {}) {
  const columns = Math.max(1, Math.min(items.length, Math.floor(width / least)));
  const cell = { width: Math.min(width / columns, 620), height: height + 78 };
  const nodes = items.map((item, position) => {
    const [left, top] = [(position % columns) * cell.width, Math.floor(position / columns) * cell.height];
    return draw({ x: left + 52, y: top + 26, width: cell.width - 70, height }, item);
  });
  return { nodes, height: Math.ceil(items.length / columns) * cell.height };
}

const ruler = svg("text", { "font-family": "system-ui, sans-serif", "font-size": 12 });
const measured = new Map();

// Return the width of text as it is drawn; a canvas measures other widths.
function textWidth(content, { "font-weight": weight = 400 } = {}) {
  const key = `${weight} ${content}`;
  if (!measured.has(key)) {
    if (!ruler.isConnected) document.body.append(svg("svg", { width: 0, height: 0, "aria-hidden": "true", class: "hidden" }, ruler));
    ruler.setAttribute("font-weight", weight);
    ruler.textContent = content;
    measured.set(key, ruler.getComputedTextLength());
  }
  return measured.get(key);
}

// Break a name after underscores, commas and spaces into lines that fit, if possible.
function lines(name, room) {
  const parts = name.split(/(?<=[ _,/-])/);
  return parts.reduce(
    (done, part) =>
      textWidth(done.at(-1) + part) > room && done.at(-1)
        ? [...done, part]
        : [...done.slice(0, -1), done.at(-1) + part],
    [""],
  );
}

// Shorten a name in its middle, because names often differ in their ends only.
function truncated(content, room, attributes = {}) {
  if (textWidth(content, attributes) <= room) return content;
  const shortened = (length) => `${content.slice(0, Math.ceil(length * 0.6))}…${content.slice(content.length - Math.floor(length * 0.4))}`;
  let [shortest, longest] = [1, content.length];
  while (longest - shortest > 1) {
    const length = Math.floor((shortest + longest) / 2);
    if (textWidth(shortened(length), attributes) <= room) shortest = length;
    else longest = length;
  }
  return shortened(shortest);
}

// Draw a legend with line breaks at the given width. entries: [[style, name], ...]
function legend(entries, width, top) {
  const group = svg("g");
  let [x, y] = [0, top + 12];
  for (const [style, full] of entries) {
    const name = truncated(full, width - 36);
    const size = 56 + textWidth(name);
    if (x && x + size > width) [x, y] = [0, y + 20];
    group.append(
      line(style, [
        [x, y],
        [x + 28, y],
      ]),
      marker(style, x + 14, y),
      text(name, x + 34, y + 4),
    );
    x += size;
  }
  return { group, height: y + 14 - top };
}

function drawing(width, height, label, ...children) {
  const attributes = { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label };
  return svg(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", "font-family": "system-ui, sans-serif", ...attributes },
    ...children,
  );
}

// Return a figure with caption, download button and a table of its numbers. table() is called when it is first opened.
function figure(id, drawn, caption, table) {
  const label = `Download as SVG: ${caption}`;
  const take = button("SVG", () => download(`${id}.svg`, standalone(drawn), "image/svg+xml"), {
    class: "take",
    "aria-label": label,
  });
  const numbers = element("details", { class: "numbers" }, element("summary", {}, "The numbers of this figure"));
  numbers.addEventListener("toggle", () => numbers.children.length > 1 || numbers.append(table()));
  const tools = element("div", { class: "tools" }, take, numbers);
  return element(
    "figure",
    { id: `figure-${id}` },
    scrollable(caption, drawn),
    element("figcaption", {}, caption),
    tools,
  );
}

// Return the drawing as a standalone SVG file in the light colour scheme.
function standalone(drawn) {
  const style = getComputedStyle(document.documentElement);
  const light = (name) =>
    style
      .getPropertyValue(name)
      .trim()
      .replace(/^light-dark\(\s*([^,]+),.*\)$/, "$1");
  const paper = svg("rect", { width: "100%", height: "100%", fill: "var(--paper)" });
  const copy = drawn.cloneNode(true);
  copy.prepend(paper);
  return new XMLSerializer().serializeToString(copy).replace(/var\((--[\w-]+)\)/g, (_, name) => light(name));
}
