// Filters, selection of the score, and the switch between the light and dark colour scheme.

const FILTER_LABELS = { data: "Data sets", protocols: "Protocols", methods: "Methods", seeds: "Seeds" };

function filters() {
  const container = document.getElementById("filters");
  if (!container) return;
  const lists = DIMENSIONS.filter((name) => DATA[name].length > 1).map(filter);
  container.prepend(...lists, ...scoreSelects());
  document.addEventListener("click", (event) => closeFilters((own) => !own.contains(event.target)));
  document.addEventListener("keydown", (event) => event.key === "Escape" && closeFilters(() => true));
}

function closeFilters(which) {
  for (const open of document.querySelectorAll(".filter[open]")) {
    if (!which(open)) continue;
    const inside = open.contains(document.activeElement);
    open.open = false;
    if (inside) open.querySelector("summary").focus();
  }
}

function filter(name) {
  const count = element("b");
  const boxes = DATA[name].map((value, index) => {
    const box = element("input", { type: "checkbox", value: index, onchange: () => select([index], box.checked) });
    return [box, element("label", {}, box, String(value))];
  });

  function select(indices, on) {
    for (const index of indices) state[name][on ? "add" : "delete"](index);
    update();
    render();
  }

  function update() {
    for (const [index, [box]] of boxes.entries()) box.checked = state[name].has(index);
    count.textContent = `${state[name].size} of ${boxes.length}`;
  }

  update();
  const every = [...boxes.keys()];
  const both = element(
    "div",
    { class: "both" },
    button("All", () => select(every, true)),
    button("None", () => select(every, false)),
  );
  const menu = element(
    "div",
    { class: "menu", role: "group", "aria-label": FILTER_LABELS[name] },
    both,
    boxes.map(([, label]) => label),
  );
  return element(
    "details",
    { class: "filter", "data-filter": name },
    element("summary", {}, `${FILTER_LABELS[name]} `, count),
    menu,
  );
}

function scoreSelects() {
  const metrics = [[HEADLINE, headlineName()], ...DATA.metrics.map((metric, index) => [index, metric.label])];
  const choice = (label, options, current, set) => {
    const select = element(
      "select",
      {
        "aria-label": label,
        onchange: () => {
          set(select.value);
          render();
        },
      },
      options.map(([value, name]) => element("option", { value }, name)),
    );
    select.value = current;
    return select;
  };
  const methods = DATA.order.map((method) => [method, `focus: ${nameOf(method)}`]);
  return [
    ...(methods.length > 1
      ? [choice("Method in focus", methods, state.focus, (value) => (state.focus = Number(value)))]
      : []),
    choice("Score", metrics, state.metric, (value) => (state.metric = Number(value))),
    choice("Scored on", Object.entries(OVER), state.over, (value) => (state.over = value)),
  ];
}

function headlineName() {
  const labels = [
    ...new Set(DATA.headline.filter((metric) => metric !== null).map((metric) => DATA.metrics[metric].label)),
  ];
  return labels.length ? `headline: ${labels.join(" or ")}` : "headline";
}

function themeSwitch() {
  const root = document.documentElement;
  const dark = () =>
    root.dataset.theme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const updateLabel = () => (control.textContent = dark() ? "Light page" : "Dark page");
  const control = button(
    "",
    () => {
      root.dataset.theme = dark() ? "light" : "dark";
      updateLabel();
    },
    { class: "theme" },
  );
  updateLabel();
  document.getElementById("theme").append(control);
}
