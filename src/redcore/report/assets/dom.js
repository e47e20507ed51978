// Creation of elements, formatting of numbers, and downloads.

function element(tag, attributes = {}, ...children) {
  return withContent(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return withContent(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function withContent(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  // append() inserts strings as text nodes, so that text from a record is never parsed as markup
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function score(value, digits = 3) {
  if (value === null || value === undefined) return "";
  return value.toFixed(digits).replace("-", "\u2212");
}

function signed(value, digits = 3) {
  const rounded = Number(value.toFixed(digits));
  return `${rounded > 0 ? "+" : ""}${score(Math.abs(rounded) ? rounded : 0, digits)}`;
}

function signedInterval(entry, digits = 3) {
  return entry.low === entry.high ? "" : `${signed(entry.low, digits)} to ${signed(entry.high, digits)}`;
}

function interval(entry, digits = 3) {
  return entry.low === entry.high ? "" : `${score(entry.low, digits)} to ${score(entry.high, digits)}`;
}

const GROUPED = new Intl.NumberFormat("en");

function formatInteger(value) {
  return value === null || value === undefined ? "" : GROUPED.format(Math.round(value)).replaceAll(",", "\u202f");
}

function seconds(value) {
  if (value === null || value === undefined) return "";
  return value.toFixed(2);
}

function duration(total) {
  if (total < 120) return `${total.toFixed(0)} s`;
  return total < 7200 ? `${(total / 60).toFixed(0)} min` : `${(total / 3600).toFixed(1)} h`;
}

function pValue(value) {
  // non-breaking spaces
  return value < 0.001 ? "p\u00a0<\u00a00.001" : `p\u00a0=\u00a0${value.toPrecision(2)}`;
}

function counted(count, noun) {
  return `${formatInteger(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function button(label, action, attributes = {}) {
  return element("button", { type: "button", onclick: action, ...attributes }, label);
}

function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// Prefix text with an apostrophe if a spreadsheet would evaluate it as a formula.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv(header, rows) {
  return [header, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function scrollable(label, ...children) {
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, ...children);
}
