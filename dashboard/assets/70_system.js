/* The system screen: what comes in, who works, what was refused, what is kept. One frame in, components out. */
(() => {
  const { page, parts } = cityhelm;
  const { el, div, span, number, kpi } = parts;
  const LATE_S = 15; // processes say that they live every two seconds, housekeeping every ten
  const DEAD_S = 45;
  const SOURCES = {
    heartbeat: "process_heartbeat · storage.snapshots.system_snapshot",
    ledger: "ingest_ledger · storage.snapshots.system_snapshot",
    letters: "dead_letter · storage.snapshots.system_snapshot",
    latest: "latest · storage.snapshots.system_snapshot",
    database: "pg_database_size, schema_version, device, datastream · storage.snapshots.system_snapshot",
    outbox: "outbox · storage.snapshots.system_snapshot",
    audit: "audit_entry, audit_chain · storage.snapshots.system_snapshot",
    kinds: "device, latest · storage.snapshots.map_snapshot",
  };

  const stateOf = (process) => {
    const heardAt = cityhelm.stream.isLive() ? page.now() : (cityhelm.stream.system?.t ?? page.now()); // that we hear nothing is not its silence
    const age = (heardAt - process.beat) / 1000;
    return age <= LATE_S ? "alive" : age <= DEAD_S ? "late" : "dead";
  };

  const figure = (value, digits) => (typeof value === "number" ? page.figure(value, digits) : null);

  const kpis = (frame, ingest) => {
    const metrics = ingest && stateOf(ingest) !== "dead" ? ingest.metrics : {};
    const from = { source: SOURCES.heartbeat, asOf: ingest?.beat };
    const newest = frame.newest.received;
    return [
      kpi("system.messages", figure(metrics.messages_per_s, 1), page.words("unit.per_second"), from),
      kpi("system.readings", figure(metrics.readings_per_s, 1), page.words("unit.per_second"), from),
      kpi("system.commit", figure(metrics.commit_ms_p95, 1), page.words("unit.milliseconds"), from),
      kpi("system.lag", figure(metrics.lag_s_p95, 2), page.words("unit.seconds"), from),
      kpi("system.pending", figure(metrics.waiting_messages), page.words("unit.items"), from),
      kpi("system.rejected", figure(metrics.rejected_total), page.words("unit.items"), from),
      div("kpi", div("kpi-label ellipsis", page.words("system.newest")), div("kpi-line", ...(newest === null ? [number(null, { source: SOURCES.latest })] : parts.age(newest, { source: SOURCES.latest, received: newest }))), div("kpi-foot")),
    ];
  };

  const size = (bytes) => {
    const power = Math.min(3, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
    return `${page.figure(bytes / 1024 ** power, power ? 1 : 0)} ${["B", "KB", "MB", "GB"][power]}`;
  };

  const HIDDEN = new Set(["broker", "protocol"]);
  const SHOWN_AS = { waiting_bytes: size, database_away_s: (seconds) => page.duration(seconds) };
  const TROUBLE = new Set(["rate_limited_total", "lost_sessions_total", "database_away_s"]); // what never happened stays quiet
  const metricsOf = (process) => {
    const from = { source: SOURCES.heartbeat, asOf: process.beat };
    const isShown = ([name, value]) => typeof value === "number" && !HIDDEN.has(name) && page.facts.words[`metric.${name}`] && (value || !TROUBLE.has(name));
    return div("metrics", ...Object.entries(process.metrics).filter(isShown).map(([name, value]) =>
      span(TROUBLE.has(name) ? "metric-trouble" : "", page.words(`metric.${name}`), " ", SHOWN_AS[name] ? parts.sentence(SHOWN_AS[name](value), from) : number(page.figure(value, 1), from))));
  };

  const processes = (frame) => {
    if (!frame.processes.length) return parts.empty("no_data");
    const head = ["process", "state", "beat", "started", "instance", "figures"].map((key) => el("th", {}, page.words(`system.${key}`)));
    const rows = frame.processes.map((process) => {
      const state = stateOf(process);
      const from = { source: SOURCES.heartbeat, asOf: process.beat };
      return el("tr", {},
        el("td", { class: "nowrap" }, page.facts.words[`process.${process.process}`] ?? process.process),
        el("td", {}, span(`state state-${state}`, page.words(`system.${state}`))),
        el("td", { class: "nowrap" }, ...parts.age(process.beat, from)),
        el("td", { class: "nowrap" }, number(page.moment(process.started), from)),
        el("td", { class: "topic nowrap" }, process.instance),
        el("td", {}, metricsOf(process)));
    });
    return el("table", { class: "table" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
  };

  /** Devices by kind and freshness, as the server has counted them. */
  const FRESHNESS = ["fresh", "late", "stale", "silent", "never"];
  const kinds = (frame) => {
    if (!frame.kinds.length) return parts.empty("no_data");
    const from = { source: SOURCES.kinds, asOf: frame.counted };
    const right = (n) => el("td", { class: "right" }, number(page.figure(n), from));
    const head = [el("th", {}, page.words("system.kind")), el("th", { class: "right" }, page.words("system.kind_n")),
      ...FRESHNESS.map((name) => el("th", { class: "right" }, page.label("freshness", name))), el("th", {}), el("th", { class: "right" }, page.words("system.kind_newest"))];
    const rows = frame.kinds.map(({ type, counts, measured }) => {
      const n = Object.values(counts).reduce((sum, count) => sum + count, 0);
      const bar = div("freshness-bar", ...FRESHNESS.filter((name) => counts[name]).map((name) => el("i", { class: `fresh-${name}`, style: `flex-grow:${counts[name]}` })));
      return el("tr", { key: type },
        el("td", { class: "nowrap" }, span("kind-name", parts.kindMark(type), parts.kind(type))), right(n), ...FRESHNESS.map((name) => right(counts[name] ?? 0)), el("td", { class: "wide" }, bar),
        el("td", { class: "right nowrap" }, ...(measured === null ? [number(null, from)] : parts.age(measured, from))));
    });
    return el("table", { class: "table" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
  };

  const PARTS = ["stored", "corrected", "duplicate", "rejected"];
  const ledger = (frame) => {
    const counts = frame.ledger;
    const from = { source: SOURCES.ledger, asOf: frame.t };
    if (counts.received === 0) return div("ledger-total", number(null, from));
    const off = counts.received - PARTS.reduce((sum, name) => sum + counts[name], 0);
    const balance = off === 0 ? span("chip chip-on", page.words("system.balanced")) : span("state-dead state", ...parts.sentence(page.words("system.unbalanced", { n: off }), from));
    const word = { rejected: "system.refused" };
    return [
      div("ledger-total", number(page.figure(counts.received), from), span("quiet", page.words("system.received")), balance),
      div("balance", ...PARTS.filter((name) => counts[name]).map((name) => el("i", { class: `part-${name}`, style: `flex-grow:${counts[name]}` }))),
      div("ledger-parts",
        ...PARTS.map((name) => div("ledger-part", el("i", { class: `part-${name}` }), el("span", {}, page.words(word[name] ?? `system.${name}`)), number(page.figure(counts[name]), from))),
        div("ledger-part", el("i", {}), span("quiet", page.words("system.late_part")), number(page.figure(counts.late), from))),
    ];
  };

  const pairs = (...rows) => el("dl", { class: "pairs" }, ...rows.flatMap(([key, value]) => [el("dt", {}, page.words(key)), el("dd", {}, value)]));

  const broker = (ingest) => {
    const { broker: address, protocol } = ingest?.metrics ?? {};
    if (!address) return parts.empty("no_data");
    const isFull = Number(protocol) === 5;
    const version = { 4: "MQTT 3.1.1", 5: "MQTT 5" }[protocol] ?? String(protocol);
    return pairs(["system.broker_address", address], ["system.protocol", number(version, { source: SOURCES.heartbeat, asOf: ingest.beat })], ["system.guarantee", page.words(isFull ? "system.guarantee_full" : "system.guarantee_demo")]);
  };

  const database = (frame) => {
    const d = frame.database;
    const from = (source) => ({ source: SOURCES[source], asOf: frame.t });
    return pairs(
      ["system.flavour", page.words(`system.flavour.${d.flavour}`)], ["system.schema", number(d.schema, from("database"))], ["system.size", number(size(d.bytes), from("database"))],
      ["system.devices", number(d.devices ? page.figure(d.devices) : null, from("database"))], ["system.datastreams", number(d.datastreams ? page.figure(d.datastreams) : null, from("database"))],
      ["system.unsent", number(page.figure(d.unsent_commands), from("outbox"))], ["system.unsealed", number(page.figure(d.unsealed_audit), from("audit"))]);
  };

  const letters = (frame) => {
    if (!frame.dead_letters.length) return parts.empty("system.no_dead_letters");
    const from = { source: SOURCES.letters, asOf: frame.t };
    const reasons = div("reasons", ...frame.dead_letters_by_code.map(([code, n]) => span("chip", page.label("rejection", code), " ", number(page.figure(n), from))));
    const rows = frame.dead_letters.map((letter) =>
      el("tr", {}, el("td", { class: "nowrap" }, number(page.moment(letter.received), { ...from, received: letter.received })), el("td", { class: "nowrap", title: letter.code }, page.label("rejection", letter.code)), el("td", {}, letter.reason[page.facts.lang], div("topic", letter.topic))));
    const head = ["time", "code", "reason"].map((key) => el("th", {}, page.words(`system.${key}`)));
    return [reasons, el("table", { class: "table" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))];
  };

  const draw = () => {
    const frame = cityhelm.stream.system;
    if (!page.facts || !frame) return;
    const ingest = frame.processes.find((process) => process.process === "ingest");
    parts.draw("system-kpis", kpis(frame, ingest));
    parts.draw("processes", processes(frame));
    parts.draw("kinds", kinds(frame));
    parts.draw("ledger", ledger(frame));
    parts.draw("broker", broker(ingest));
    parts.draw("database", database(frame));
    parts.draw("dead-letters", letters(frame));
    page.becomeReady();
  };

  cityhelm.system = { draw, stateOf };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { system: { draw } });
})();
