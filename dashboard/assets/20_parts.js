/* Parts: small Dash components that cards are made of. A number always says where it comes from and when it was measured. */
(() => {
  const { page } = cityhelm;
  const parts = {};

  /** A Dash html component. */
  const el = (type, props, ...children) => ({
    namespace: "dash_html_components",
    type,
    props: { ...props, children: children.length === 1 ? children[0] : children.filter((child) => child !== null && child !== false) },
  });
  parts.el = el;
  parts.div = (className, ...children) => el("Div", { className }, ...children);
  parts.span = (className, ...children) => el("Span", { className }, ...children);

  /** What one learns by pointing at a number. */
  const told = ({ source, measured, received, quality, asOf }) =>
    [
      page.words("source.from", { source }),
      measured ? page.words("source.measured", { time: page.instant(measured) }) : null,
      received ? page.words("source.received", { time: page.instant(received) }) : null,
      quality ? page.words("source.quality", { quality: page.label("quality", quality) }) : null,
      asOf ? page.words("source.as_of", { time: page.instant(asOf) }) : null,
    ].filter(Boolean).join("\n");

  /** A number, or the words for "no data"; `from` is {source, measured, received, quality, asOf, isStale}. */
  parts.number = (text, from) =>
    text === null || text === undefined
      ? el("Span", { className: "empty", "data-source": from.source }, page.words("no_data"))
      : el("Span", { className: from.isStale ? "num stale" : "num", title: told(from), "data-source": from.source }, String(text));

  parts.sources = {
    latest: "latest · storage.snapshots.live_frame",
    device: "device, latest · storage.snapshots.map_snapshot",
    units: "unit, unit_status, unit_latest · storage.units.list_units",
    incidents: "incident, incident_history · storage.incidents.list_open_incidents",
    warnings: "warning, warning_history · storage.warnings.list_open_warnings",
    orders: "dispatch_order, order_history · storage.orders.list_orders",
    ingest: "process_heartbeat · storage.heartbeats.list_heartbeats",
    candidates: "unit_latest, incident · dispatch.policies.nearest.rank_units",
    system: "storage.snapshots.system_snapshot",
  };

  /** Splits a sentence with one number in it, so that the number can be pointed at. */
  parts.sentence = (text, from) =>
    text.split(/(\d[\d,.:]*)/).filter(Boolean).map((piece) => (/^\d/.test(piece) ? parts.number(piece, from) : piece));

  parts.age = (ms, from) => parts.sentence(page.age(ms), { measured: ms, ...from });
  parts.time = (ms, from) => parts.number(page.moment(ms), from);

  parts.level = (warning) =>
    el("Span", { className: `level level-${warning.level}` }, el("I", { className: `shape shape-${warning.shape}`, "aria-hidden": "true" }), page.label("level", warning.level));

  const NUMERALS = { I: "Ⅰ", II: "Ⅱ", III: "Ⅲ", IV: "Ⅳ" };
  parts.numeral = (grade) => NUMERALS[grade] ?? "";
  parts.diamond = (grade) => el("I", { className: `mark diamond grade-${grade}`, "aria-label": page.label("grade", grade), role: "img" }, el("B", {}, parts.numeral(grade)));

  parts.unitMark = (unit) => page.facts.words[`mark.${unit.kind}`] ?? page.words("mark.unknown");
  parts.unitKind = (unit) => page.facts.labels.unit_kind[unit.kind] ?? page.words("unit.unknown_kind");
  parts.unit = (unit) => el("I", { className: `mark unit-${cityhelm.city.unitLook(unit)}`, "aria-hidden": "true" }, parts.unitMark(unit));

  parts.kind = (type) => page.facts.labels.sensor_kind[type] ?? page.words("sensor.unknown_kind");
  parts.kindMark = (type) => el("I", { className: `kind-mark kind-${page.facts.labels.sensor_kind[type] ? type : "Unknown"}`, "aria-hidden": "true" });

  /** A fact of the chosen object. */
  parts.fact = (key, value, isWide = false) => el("Div", { className: isWide ? "fact fact-wide" : "fact" }, el("Span", {}, page.words(key)), el("B", {}, value));
  parts.part = (title, sub, ...body) => el("Div", { className: "part" }, el("H3", {}, title, el("Small", {}, sub)), ...body);

  /** A row of a list that chooses an object when it is pressed. */
  parts.choice = (kind, id, className, ...children) =>
    el("Button", { className, "data-choose": JSON.stringify({ kind, id }), "aria-pressed": String(className.includes("-on")) }, ...children);

  parts.empty = (key) => el("Div", { className: "quiet" }, page.words(key));

  /** `trees` where they changed since the last call for the same `name`, Dash's "no update" where not. */
  const drawn = new Map();
  parts.onlyChanged = (name, trees) =>
    trees.map((tree, k) => {
      const encoded = JSON.stringify(tree);
      const key = `${name}/${k}`;
      if (drawn.get(key) === encoded) return dash_clientside.no_update;
      drawn.set(key, encoded);
      return tree;
    });

  cityhelm.parts = parts;
})();
