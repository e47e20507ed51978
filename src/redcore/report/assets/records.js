// Tables of failed cells and of all records with their configuration.

function drawFailures() {
  const failed = selected().filter((record) => record.error !== undefined);
  if (!failed.length) return emptyMessage("No failed cells in this selection.");
  return sortable(
    "failures-table",
    `${counted(failed.length, "cell")} failed`,
    [
      ...cellColumns(),
      {
        label: "error",
        value: (record) => record.error,
        cell: (record) => element("code", { class: "error" }, record.error),
      },
      configurationColumn(),
    ],
    failed,
  );
}

function cellColumns() {
  return [
    { label: "data set", value: (record) => DATA.data[record.d] },
    { label: "protocol", value: (record) => DATA.protocols[record.p] },
    { label: "method", value: (record) => nameOf(record.m) },
    {
      label: "seed",
      numeric: true,
      value: (record) => DATA.seeds[record.s],
      cell: (record) => String(DATA.seeds[record.s]),
    },
  ];
}

function configurationColumn() {
  const open = (record) =>
    button("Show", () => showConfiguration(record), {
      class: "take",
      "aria-label": `Show the configuration of ${record.key}`,
    });
  return { label: "configuration", value: (record) => record.key, cell: open, csv: { key: (record) => record.key } };
}

function drawRecords() {
  const records = selected();
  const metrics = DATA.metrics.map((metric, index) => [
    metric.name,
    (record) => (record.error === undefined ? valueOf(record, index) : null),
  ]);
  const own = (record) => (record.error === undefined ? valueOf(record, metricOf(record.d)) : null);
  return sortable(
    "records-table",
    `${counted(records.length, "record")}; the CSV file contains all scores`,
    [
      ...cellColumns(),
      { label: "state", value: (record) => (record.error === undefined ? "done" : "failed") },
      {
        label: scoreLabel(),
        numeric: true,
        value: own,
        cell: (record) => score(own(record)),
        csv: Object.fromEntries(metrics),
      },
      { label: "fit, s", numeric: true, value: (record) => record.fit ?? null, cell: (record) => seconds(record.fit) },
      {
        label: "parameters",
        numeric: true,
        value: (record) => record.parameters ?? null,
        cell: (record) => formatInteger(record.parameters),
      },
      configurationColumn(),
    ],
    records,
  );
}

function showConfiguration(record) {
  const content = JSON.stringify({ key: record.key, ...configurationOf(record) }, null, 2);
  const dialog = element(
    "dialog",
    { "aria-labelledby": "configuration-title" },
    element("h2", { id: "configuration-title" }, "Configuration"),
    element("pre", { tabindex: 0 }, content),
    button("Close", () => dialog.close(), { autofocus: true }),
    " ",
    button("JSON", () => download(`${record.key}.json`, content, "application/json"), {
      "aria-label": "Download the configuration as JSON",
    }),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
