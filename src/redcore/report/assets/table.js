// Sortable tables with download as CSV.

const sorting = new Map();

/* columns: [{label, value(row), cell(row)?, numeric?, left?, csv: {heading: row => value}?, group?}]
   value(row) is the sort key; null values are sorted last. */
function sortable(id, caption, columns, rows, first = { column: 0, down: false }) {
  if (!(sorting.get(id)?.column < columns.length)) sorting.set(id, first);
  const body = element("tbody");
  const heads = columns.map((column, index) => heading(column, () => sortBy(index)));
  const limit = { rows: PAGE };
  const more = button(
    "",
    () => {
      limit.rows += 4 * PAGE;
      fill();
    },
    { class: "more" },
  );

  function sortBy(index) {
    const now = sorting.get(id);
    sorting.set(id, { column: index, down: now.column === index ? !now.down : Boolean(columns[index].numeric) });
    fill();
  }

  function fill() {
    const { column, down } = sorting.get(id);
    const ordered = inOrder(columns, rows, sorting.get(id));
    heads.forEach((head, index) =>
      head.setAttribute("aria-sort", index === column ? (down ? "descending" : "ascending") : "none"),
    );
    body.replaceChildren(...ordered.slice(0, limit.rows).map((row) => tableRow(columns, row)));
    more.hidden = rows.length <= limit.rows;
    more.textContent = `Show more (${formatInteger(rows.length - limit.rows)} left)`;
  }

  fill();
  const table = element(
    "table",
    { id },
    element("caption", {}, caption),
    element("thead", {}, ...headRows(columns, heads)),
    body,
  );
  const take = button("CSV", () => download(`${id}.csv`, tableCsv(columns, rows, sorting.get(id)), "text/csv"), {
    class: "take",
    "aria-label": `Download as CSV: ${caption}`,
  });
  return element("div", { class: "table" }, scrollable(caption, table), element("div", { class: "tools" }, more, take));
}

const PAGE = 25;

function heading(column, action) {
  const classes = column.left || !column.numeric ? "left" : "";
  return element("th", { scope: "col", class: classes }, button(column.label, action, { class: "sort" }));
}

// If columns belong to groups, add a row with the group names above the headings.
function headRows(columns, heads) {
  if (!columns.some((column) => column.group)) return [element("tr", {}, heads)];
  const groups = [];
  for (const column of columns) {
    if (groups.length && groups.at(-1).name === column.group) groups.at(-1).size++;
    else groups.push({ name: column.group, size: 1 });
  }
  const above = groups.map(({ name, size }) =>
    name ? element("th", { scope: "colgroup", colspan: size, class: "group" }, name) : element("td", { colspan: size }),
  );
  return [element("tr", {}, above), element("tr", {}, heads)];
}

// Column -1 keeps the original order of the rows.
function inOrder(columns, rows, { column, down }) {
  return column < 0 ? rows : [...rows].sort(comparison(columns[column].value, down));
}

function comparison(value, down) {
  return (one, other) => {
    const [left, right] = [value(one), value(other)];
    if (left === null || right === null) return (left === null) - (right === null);
    const order = typeof left === "string" ? left.localeCompare(right, "en", { numeric: true }) : left - right;
    return down ? -order : order;
  };
}

function tableRow(columns, row) {
  const cells = columns.map((column, index) => {
    const content = column.cell ? column.cell(row) : column.value(row);
    const attributes = { class: column.numeric && !column.left ? "number" : "left" };
    return index
      ? element("td", attributes, content)
      : element("th", { scope: "row", ...attributes }, element("div", { class: "name" }, content));
  });
  return element("tr", {}, cells);
}

function tableCsv(columns, rows, order) {
  const named = columns.flatMap((own) =>
    Object.entries(own.csv ?? { [own.group ? `${own.group}: ${own.label}` : own.label]: own.value }),
  );
  const ordered = inOrder(columns, rows, order);
  return csv(
    named.map(([name]) => name),
    ordered.map((row) => named.map(([, read]) => read(row))),
  );
}
