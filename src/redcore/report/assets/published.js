// Tables of figures printed by others, beside those of the records.

function drawPublished() {
  return DATA.published.flatMap((table, index) => [
    element("h3", {}, table.title),
    element("p", { class: "note" }, `Source: ${table.source}. Protocol: ${table.protocol}. Differs: ${table.differs}.`),
    sortable(
      `published-${index}-table`,
      `Printed figures and figures of these records, ${table.condition}`,
      [
        { label: "method", value: ([name]) => name },
        { label: "origin", value: ([, origin]) => origin },
        ...table.labels.map((label, place) => ({
          label,
          numeric: true,
          value: ([, , values]) => values[place],
          cell: ([, , values]) => score(values[place]),
        })),
      ],
      table.rows,
      { column: -1, down: false },
    ),
  ]);
}
