/* The data screen: does what came in add up, what was owed and lost, where and why; one source by its hours. What every viewer sees
   alike is asked for twice a minute; a cell and a source when they are chosen. The letters are in 79_letters.js. */
(() => {
  const { page, parts, dossiers } = cityhelm;
  const { el, div, span, number } = parts;
  const EVERY_MS = 30000;
  const FROM = {
    health: "device_announcement, device_hour_kept, observation · storage.health.health_snapshot",
    ledger: "ingest_ledger · storage.ledger.account",
    letters: "dead_letter · storage.deadletters.count_by_reason",
    kept: "dead_letter · storage.deadletters.count_all",
    sources: "device_hour_kept, ingest_ledger · storage.health.list_scores",
    source: "device_hour_kept, ingest_ledger · storage.health.device_health",
    line: "device, device_state, latest · storage.lifelines.find_lifeline",
    kinds: "device, latest · storage.snapshots.map_snapshot",
    odd: "anomaly · storage.anomalies.list_anomalies",
  };
  const data = { FROM, by: page.recall("data.by") ?? "type", cell: null, source: null, letter: null };

  /** Causes in the order in which bars stack them, in four looks: what never came, what came late, what cannot be so, whose fault. */
  const GROUPS = {
    missing: ["missing"],
    late: ["late"],
    odd: ["range", "rate", "stuck", "spike", "doubted", "unit"],
    source: ["skew", "twin"],
  };
  const groupOf = Object.fromEntries(Object.entries(GROUPS).flatMap(([group, causes]) => causes.map((cause) => [cause, group])));
  const lacks = (score) => score.due - score.good;
  const percent = (share) => `${(100 * share).toFixed(2)}%`;
  /** A share as people read it: never rounded up to a whole that it is not. Pure. */
  data.shareText = (share) => (share === null ? null : share === 1 ? "100" : page.fixed(Math.floor(1000 * share) / 10, 1));

  /** A kind that has no words of its own is told apart by its name. */
  const kindOf = (type) => (type in page.facts.labels.sensor_kind || !type ? parts.kind(type) : `${parts.kind(type)} ${type}`);
  const nameOf = (by, key) => (by === "type" ? kindOf(key) : page.facts.districts[key] ?? (key || page.words("data.unnamed")));
  const deviceName = (id, name = null) => name ?? id.split("/").slice(2).join(" / ");

  /* headline figures */

  const kpis = (told, fault, frame) => {
    const state = told ? parts.stateOf({ value: told.city.due || told.account.received || null, measured: told.t, everyS: 60 }) : fault ? "failed" : "loading";
    const from = (source) => ({ source: FROM[source], asOf: told?.t });
    const share = told?.city.share ?? null;
    const quiet = frame?.kinds.reduce((sum, { counts }) => [sum[0] + (counts.silent ?? 0), sum[1] + (counts.never ?? 0)], [0, 0]);
    const of = (value) => (value === null || value === undefined ? "empty" : state);
    const missing = told?.city.causes.missing ?? 0;
    return [
      parts.headline({ key: "score", label: page.words("data.score"), value: data.shareText(share), unit: "%", icon: "index", state: state === "live" && share === null ? "empty" : state, look: told?.city.meets === false ? "data-below" : "",
        note: told ? page.words("data.score_note", { target: page.figure(100 * told.target), n: page.figure(told.city.devices) }) : null }, from("health")),
      parts.headline({ key: "expected", label: page.words("data.expected"), value: told?.city.expected, icon: "clock", state, note: page.words("data.expected_note") }, from("health")),
      parts.headline({ key: "missing", label: page.words("data.missing"), value: missing, icon: "down", state, note: told?.city.expected ? page.words("data.missing_note", { share: page.figure((100 * missing) / told.city.expected, 2) }) : null }, from("health")),
      parts.headline({ key: "received", label: page.words("data.received"), value: told?.account.received, icon: "served", state, note: told ? page.words("data.received_note", { n: page.figure(told.account.stored) }) : null }, from("ledger")),
      parts.headline({ key: "open", label: page.words("data.open"), value: told?.letters.open, icon: "request", state: told ? "live" : state, note: told ? page.words("data.open_note", { n: page.figure(told.letters.total), counted: page.figure(told.letters.counted) }) : null }, from("kept")),
      parts.headline({ key: "quiet", label: page.words("data.quiet"), value: quiet?.[0], icon: "online", state: frame?.kinds.length ? of(quiet[0]) : told ? "empty" : state, note: quiet ? page.words("data.quiet_note", { n: page.figure(quiet[1]) }) : null }, { source: FROM.kinds, asOf: frame?.counted }),
    ];
  };

  /* the account: what came is what became of it; what was owed is what came well, came badly, or never */

  const PARTS = ["stored", "corrected", "duplicate", "rejected"];
  const account = (told) => {
    const { account: a, city } = told;
    const from = { source: FROM.ledger, asOf: told.t };
    const owed = { source: FROM.health, asOf: told.t };
    const poor = lacks(city) - (city.causes.missing ?? 0);
    const row = (look, key, n, of, source) => div("data-sum", el("i", { class: look, "aria-hidden": "true" }), span("ellipsis", span("", page.words(key))), number(page.figure(n), source), span("data-sum-share", of ? number(`${page.figure((100 * n) / of, 2)}%`, source) : null));
    const bar = (...shares) => div("balance", shares.filter(([, n]) => n > 0).map(([look, n]) => el("i", { key: look, class: look, style: `flex-grow:${n}` })));
    return [
      el("p", { class: a.balanced ? "data-verdict data-verdict-good" : "data-verdict data-verdict-bad", role: "status" },
        parts.icon(a.balanced ? "check" : "failed"), el("b", {}, page.words(a.balanced ? "data.adds_up" : "data.not_equal")), span("", parts.sentence(a.sentence[page.facts.lang], from))),
      div("data-sums",
        div("data-sum-block", div("data-sum data-sum-total", span("ellipsis", span("", page.words("data.received"))), number(page.figure(a.received), from)),
          bar(...PARTS.map((name) => [`part-${name}`, a[name]])),
          PARTS.flatMap((name) => [row(`part-${name}`, `data.${name}`, a[name], a.received, from), name === "stored" ? row("", "data.late_part", a.late, a.received, from) : null])),
        div("data-sum-block", div("data-sum data-sum-total", span("ellipsis", span("", page.words("data.due"))), number(page.figure(city.due), owed)),
          bar(["data-good", city.good], ["data-poor", poor], ["data-missing", city.causes.missing ?? 0]),
          row("data-good", "data.came_row", city.good, city.due, owed), row("data-poor", "data.poor_row", poor, city.due, owed), row("data-missing", "data.lost_row", city.causes.missing ?? 0, city.due, owed),
          div("data-causes", Object.entries(city.causes).filter(([cause]) => cause !== "missing").sort((x, y) => y[1] - x[1]).slice(0, 5).map(([cause, n]) => span("chip", el("i", { class: `data-${groupOf[cause]}`, "aria-hidden": "true" }), page.label("cause", cause), " ", number(page.figure(n), owed)))))),
    ];
  };

  /* the score of each kind or district: what is lacking, by cause, against what the target allows */

  const causesOf = (score) => Object.entries(score.causes).sort((x, y) => y[1] - x[1]).map(([cause, n]) => `${page.label("cause", cause)} ${page.figure(n)}`).join(page.words("list.comma"));
  const lossBar = (score, longest, target) =>
    el("span", { class: "data-bar", role: "img", "aria-label": [page.words("data.share"), `${data.shareText(score.share) ?? page.words("no_data")}`, causesOf(score)].filter(Boolean).join(" "), title: causesOf(score) || null },
      Object.entries(GROUPS).map(([group, causes]) => [group, causes.reduce((sum, cause) => sum + (score.causes[cause] ?? 0), 0)]).filter(([, n]) => n)
        .map(([group, n]) => el("i", { key: group, class: `data-${group}`, style: `width:${percent(n / score.due / longest)}` })),
      el("i", { key: "target", class: "data-target", style: `left:${percent((1 - target) / longest)}` }));
  const shareCell = (score, from) => span(score.meets === false ? "data-share data-share-below" : "data-share", number(data.shareText(score.share), from), score.share === null ? null : span("quiet", "%"));
  const mainCause = (score) => {
    const [cause] = Object.entries(score.causes).sort((x, y) => y[1] - x[1])[0] ?? [];
    return cause ? span("data-cause", el("i", { class: `data-${groupOf[cause]}`, "aria-hidden": "true" }), page.label("cause", cause)) : "—";
  };
  const longestOf = (scores, target) => Math.max(2.5 * (1 - target), ...scores.filter((score) => score.due).map((score) => lacks(score) / score.due));

  const segments = () => parts.segments(page.words("data.scores"), [["type", "data.by_type"], ["district", "data.by_district"]].map(([value, key]) => ({ value, label: page.words(key), attributes: { "data-data": JSON.stringify({ by: value }) } })), data.by);

  const scores = (told) => {
    const rows = (data.by === "type" ? told.types : told.districts).map((score) => ({ ...score, name: nameOf(data.by, score.key) }));
    const from = { source: FROM.health, asOf: told.t };
    const longest = longestOf(rows, told.target);
    const columns = [
      { key: "name", title: page.words("data.name"), cell: (s) => (data.by === "type" ? span("kind-name", parts.kindMark(s.key), s.name) : s.name), order: (s) => s.name },
      { key: "devices", title: page.words("data.devices"), isRight: true, cell: (s) => number(page.figure(s.devices), from), order: (s) => s.devices },
      { key: "share", title: page.words("data.share"), isRight: true, cell: (s) => shareCell(s, from), order: (s) => s.share ?? 2 },
      { key: "lacks", title: page.words("data.lacks"), cell: (s) => lossBar(s, longest, told.target), order: (s) => (s.due ? -lacks(s) / s.due : 1) },
      { key: "cause", title: page.words("data.cause_group"), cell: mainCause, order: (s) => -lacks(s) },
    ];
    return [div("data-bar-keys", segments(), Object.keys(GROUPS).map((group) => span("data-key", el("i", { class: `data-${group}`, "aria-hidden": "true" }), page.words(`data.group.${group}`)))),
      parts.table("data-scores", columns, rows, { label: page.words("data.scores"), start: { column: "share", isDown: false }, state: rows.length ? "live" : "empty", source: FROM.health })];
  };

  /* how fresh: the same counts as on the system page */

  const FRESHNESS = ["fresh", "late", "stale", "silent", "never"];
  const freshness = (frame) => {
    if (!frame?.kinds.length) return parts.face(frame ? "empty" : "loading", { source: FROM.kinds });
    const from = { source: FROM.kinds, asOf: frame.counted };
    const totals = FRESHNESS.map((name) => [name, frame.kinds.reduce((sum, { counts }) => sum + (counts[name] ?? 0), 0)]);
    const rows = frame.kinds.map((kind) => ({ ...kind, key: kind.type, n: Object.values(kind.counts).reduce((sum, n) => sum + n, 0) }));
    const columns = [
      { key: "type", title: page.words("data.name"), cell: (k) => span("kind-name", parts.kindMark(k.type), kindOf(k.type)), order: (k) => kindOf(k.type) },
      ...FRESHNESS.map((name) => ({ key: name, title: page.label("freshness", name), isRight: true, cell: (k) => (k.counts[name] ? number(page.figure(k.counts[name]), from) : span("quiet", "0")), order: (k) => k.counts[name] ?? 0 })),
    ];
    return [div("freshness-bar", totals.filter(([, n]) => n).map(([name, n]) => el("i", { key: name, class: `fresh-${name}`, style: `flex-grow:${n}` }))),
      parts.table("data-fresh", columns, rows, { label: page.words("data.freshness"), start: { column: "silent", isDown: true } })];
  };

  /* where the losses are: a row for each kind or district, a cell for each hour */

  const STEPS = [0, 0.02, 0.05, 0.2, 0.5];
  /** Which shade a share of losses has, from 0 (none) to 5. Pure. */
  data.shadeOf = (share) => (share <= 0 ? 0 : 1 + STEPS.findLastIndex((step) => share > step));
  const isChosen = (name, hour) => data.cell?.by === data.by && data.cell.name === name && data.cell.hour === hour;
  const losses = (told) => {
    const rows = Object.entries(told.grid[data.by]).map(([name, cells]) => ({ name, cells, lost: cells.reduce((sum, cell) => sum + (cell ? cell[1] : 0), 0) }))
      .sort((a, b) => b.lost - a.lost || nameOf(data.by, a.name).localeCompare(nameOf(data.by, b.name), page.facts.lang));
    if (!rows.some(({ cells }) => cells.some(Boolean))) return parts.face("empty", { source: FROM.health });
    const hasChosen = rows.some(({ name }) => told.hours.some((hour) => isChosen(name, hour)));
    const cell = (name, told_, k, isFirst) => {
      const hour = told.hours[k];
      const said = { name: nameOf(data.by, name), hour: page.hour(hour) };
      const words = told_ ? page.words("data.cell", { ...said, due: page.figure(told_[0]), missing: page.figure(told_[1]), lacks: page.figure(told_[2]) }) : page.words("data.cell_none", said);
      const isOn = isChosen(name, hour);
      return el("td", { key: String(hour), role: "gridcell" }, el("button", { class: `data-cell data-shade-${told_ ? data.shadeOf(told_[1] / told_[0]) : "none"}${isOn ? " data-cell-on" : ""}`, "data-data": JSON.stringify({ cell: { by: data.by, name, hour } }), "data-cell": "", title: words, "aria-label": words, "aria-pressed": String(isOn), tabindex: isOn || (isFirst && !hasChosen) ? "0" : "-1" }));
    };
    return [
      div("data-legend", segments(), span("", page.words("data.legend")), [0, 1, 2, 3, 4, 5].map((shade) => span("data-key", el("i", { class: `data-shade-${shade}`, "aria-hidden": "true" }), span("num", shade === 0 ? "0" : shade === 1 ? "≤2%" : shade === 5 ? ">50%" : `≤${100 * STEPS[shade]}%`))), span("data-key", el("i", { class: "data-shade-none", "aria-hidden": "true" }), page.words("data.legend_none"))),
      el("table", { class: "data-grid", role: "grid", "aria-label": page.words("data.losses"), "data-source": FROM.health },
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, page.words("data.name")), told.hours.map((hour, k) => el("th", { key: String(hour), scope: "col" }, span(k % 3 === 0 ? "num" : "unseen", page.hour(hour).slice(0, 2)))), el("th", { key: "sum", scope: "col", class: "right" }, page.words("data.missing")))),
        el("tbody", {}, rows.map(({ name, cells, lost }, r) => el("tr", { key: name }, el("th", { scope: "row", class: "ellipsis", title: nameOf(data.by, name) }, span("", nameOf(data.by, name))), cells.map((told_, k) => cell(name, told_, k, r === 0 && k === 0)), el("td", { key: "sum", class: "right" }, number(page.figure(lost), { source: FROM.health, asOf: told.t })))))),
    ];
  };

  /* behind a cell: its sources; behind a source: its hours */

  const sourcesTable = (rows, target, t) => {
    const from = { source: FROM.sources, asOf: t };
    const longest = longestOf(rows, target);
    const columns = [
      { key: "name", title: page.words("data.name"), cell: (s) => span("data-device", span("kind-name", parts.kindMark(s.type), deviceName(s.key)), el("small", {}, page.facts.districts[s.district] ?? "")), order: (s) => s.key },
      { key: "due", title: page.words("data.due"), isRight: true, cell: (s) => number(page.figure(s.due), from), order: (s) => s.due },
      { key: "missing", title: page.words("data.missing"), isRight: true, cell: (s) => number(page.figure(s.causes.missing ?? 0), from), order: (s) => s.causes.missing ?? 0 },
      { key: "gaps", title: page.words("data.gaps"), isRight: true, cell: (s) => number(page.figure(s.gaps), from), order: (s) => s.gaps },
      { key: "share", title: page.words("data.share"), isRight: true, cell: (s) => shareCell(s, from), order: (s) => s.share ?? 2 },
      { key: "lacks", title: page.words("data.lacks"), cell: (s) => lossBar(s, longest, target), order: (s) => -lacks(s) },
    ];
    return parts.table("data-sources", columns, rows.map((row) => ({ ...row, choose: { kind: "source", id: row.key } })), { label: page.words("data.worst"), chosen: data.source });
  };

  const suspects = (rows, t) => (rows.length ? div("data-suspects", el("h3", {}, page.words("data.suspects")), rows.slice(0, 12).map((s) =>
    parts.choice("source", s.device, "data-suspect", span("kind-name", parts.kindMark(s.type), deviceName(s.device, s.name)), span("chip", page.label("suspicion", s.suspicion)),
      s.offset_s === null ? span("") : span("quiet", parts.sentence(page.words("data.offset", { time: page.duration(s.offset_s) }), { source: FROM.health, asOf: t })), span("quiet", number(page.moment(s.since), { source: FROM.health, asOf: t }))))) : null);

  /* what the detectors found odd about the data itself, with the reason in words */

  const odd = ({ data: told, fault }) => {
    const from = { source: FROM.odd, asOf: told?.t };
    const say = (both) => both[page.facts.lang];
    const row = (a) => el("a", { key: String(a.id), class: "choice data-found", href: cityhelm.forecasts.href(a.series) },
      span("kind-name", parts.kindMark(a.of.group), [say(a.of.name), say(a.of.what)].filter(Boolean).join(" · ")), span("chip", say(a.words)), span("data-found-why", parts.sentence(say(a.sentence), from)), span("quiet", number(page.moment(a.detected), from)));
    const body = !told ? parts.face(fault ? "failed" : "loading", { source: FROM.odd, isSmall: true }) : told.anomalies.length ? told.anomalies.slice(0, 12).map(row) : span("quiet", page.words("data.odd_none"));
    return div("data-suspects", el("h3", {}, page.words("data.odd")), body);
  };

  const back = () => el("button", { key: "back", class: "button button-plain", "data-data": JSON.stringify(data.source ? { source: null } : { cell: null }) }, page.words("data.back"));

  const COLUMNS = ["owed", "received", "stored", "late", "duplicate", "corrected", "rejected", "missing", "gaps"];
  const hourTable = (told) => {
    const from = { source: FROM.source, asOf: told.t };
    const rows = [...told.hours].reverse().map((s) => ({ ...s, key: String(s.hour), owed: s.expected, missing: s.causes.missing ?? 0 }));
    const columns = [{ key: "hour", title: page.words("data.hour"), cell: (s) => number(page.hour(s.hour), from), order: (s) => s.hour },
      ...COLUMNS.map((key) => ({ key, title: page.words(`data.${key}`), isRight: true, cell: (s) => (s[key] ? span(["missing", "gaps", "rejected"].includes(key) ? "data-lost" : "", number(page.figure(s[key]), from)) : span("quiet", "0")), order: (s) => s[key] }))];
    return parts.table("data-hours", columns, rows, { label: page.words("data.source") });
  };

  const source = (told) => {
    const from = { source: FROM.line, asOf: told.t };
    const fact = (key, ...value) => el("div", { class: "fact" }, el("span", {}, page.words(key)), el("b", {}, value));
    const hourly = told.hours.map((s) => s.stored);
    return [
      div("data-source-head", back(), span("kind-name data-source-name", parts.kindMark(told.type), deviceName(told.id, told.name)), parts.pill(page.label("freshness", told.freshness), told.freshness === "fresh" ? "on" : ""), told.score ? shareCell(told.score, from) : null),
      div("topic", told.id),
      div("facts",
        fact("data.state", page.label("device_state", told.state), " · ", page.label("device_mode", told.mode)), fact("data.interval", parts.sentence(page.duration(told.interval_s), from)),
        fact("data.born", told.born === null ? page.words("no_data") : number(page.moment(told.born), from)), fact("data.newest", told.measured === null ? page.words("no_data") : parts.age(told.measured, { ...from, received: told.received })),
        told.retired === null ? null : fact("data.retired", number(page.moment(told.retired), from))),
      told.changes.length ? div("data-changes", span("quiet", page.words("data.changes")), told.changes.slice(0, 4).map(([at, received, state]) => span("chip", parts.sentence(page.words("data.change", { time: page.moment(at), state: page.label("device_state", state) }), { source: FROM.line, measured: at, received })))) : null,
      told.suspects.length ? suspects(told.suspects, told.t) : null,
      told.hours.length ? div("data-hourly", parts.columns(hourly, { usual: told.hours.map((s) => s.expected || null), label: page.words("data.columns"), ticks: told.hours.map((s, k) => [(k + 0.5) / told.hours.length, page.hour(s.hour).slice(0, 2)]).filter((_, k) => k % 4 === 0) })) : null,
      told.hours.length ? hourTable(told) : parts.face("empty", { source: FROM.source }),
    ];
  };

  const drill = (told) => {
    const place = data.cell ? dossiers.follow("data-cell", `/api/data/sources?${new URLSearchParams({ hour: new Date(data.cell.hour).toISOString(), [data.cell.by === "type" ? "kind" : "district"]: data.cell.name })}`, EVERY_MS) : dossiers.follow("data-cell", null, EVERY_MS);
    const found = dossiers.follow("data-odd", data.source || data.cell ? null : "/api/forecasts/anomalies?lane=quality", EVERY_MS);
    const one = dossiers.follow("data-source", data.source ? `/api/data/source?${new URLSearchParams({ id: data.source })}` : null, EVERY_MS);
    const face = ({ fault, isGone }, from) => (isGone ? parts.empty("data.unknown_source") : parts.face(fault ? "failed" : "loading", { source: from }));
    if (data.source) return [page.words("data.source"), "", one.data ? source(one.data) : [back(), face(one, FROM.source)]];
    if (data.cell) {
      const title = page.words("data.cell_title", { name: nameOf(data.cell.by, data.cell.name), hour: page.hour(data.cell.hour) });
      const lost = place.data?.sources.filter((score) => lacks(score) > 0 || score.gaps > 0);
      return [title, "", [back(), place.data ? (lost.length ? sourcesTable(lost, told.target, place.data.t) : parts.empty("data.none_lost")) : face(place, FROM.sources)]];
    }
    const worst = told.worst.filter((score) => lacks(score) > 0);
    return [page.words("data.worst"), page.words("data.worst_sub"), [odd(found), suspects(told.suspects, told.t), worst.length ? sourcesTable(worst, told.target, told.t) : parts.face("empty", { source: FROM.health })]];
  };

  let lastChosen = null;
  data.draw = (beat, chosen, verdict) => {
    if (!page.facts || !document.getElementById("data")) return;
    if (chosen !== lastChosen && chosen?.kind === "source") data.source = chosen.id;
    if (chosen !== lastChosen && chosen?.kind === "letter") data.letter = Number(chosen.id);
    lastChosen = chosen;
    cityhelm.letters.hear(verdict);
    const { data: told, fault } = dossiers.follow("data", "/api/data", EVERY_MS);
    const frame = cityhelm.stream.system;
    parts.draw("data-kpis", kpis(told, fault, frame));
    const waiting = parts.face(fault ? "failed" : "loading", { source: FROM.health });
    const hasData = told && (told.city.due > 0 || told.account.received > 0);
    const shown = (draw) => (!told ? waiting : hasData ? draw(told) : parts.face("empty", { source: FROM.health }));
    const age = told ? parts.freshness(parts.stateOf({ value: 1, measured: told.t, everyS: 60 }), told.t, { source: FROM.health, asOf: told.t }) : "";
    parts.draw("data-account", shown(account));
    parts.draw("data-account-sub", [page.words("data.account_sub"), " ", age]);
    parts.draw("data-scores", shown(scores));
    parts.draw("data-scores-sub", told ? page.words("data.scores_sub", { target: page.figure(100 * told.target) }) : "");
    parts.draw("data-fresh", freshness(frame));
    parts.draw("data-fresh-sub", page.words("data.freshness_sub"));
    parts.draw("data-losses", shown(losses));
    parts.draw("data-losses-sub", page.words("data.losses_sub"));
    const [title, sub, body] = told ? drill(told) : [page.words("data.worst"), "", waiting];
    parts.draw("data-drill-title", title);
    parts.draw("data-drill-sub", sub);
    parts.draw("data-drill", hasData || data.source || data.cell ? body : shown(() => []));
    cityhelm.letters.draw(told, fault);
    page.becomeReady();
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-data]");
    if (!pressed) return;
    const change = JSON.parse(pressed.dataset.data);
    if ("by" in change) page.remember("data.by", change.by);
    if ("cell" in change) data.source = null;
    Object.assign(data, change);
    page.beat();
  });

  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest?.("[data-cell]");
    if (!cell) return;
    const [row, column] = [cell.closest("tr"), [...cell.closest("tr").children].indexOf(cell.parentElement)];
    const to = { ArrowLeft: row.children[column - 1], ArrowRight: row.children[column + 1], ArrowUp: row.previousElementSibling?.children[column], ArrowDown: row.nextElementSibling?.children[column], Home: row.children[1], End: row.children[row.children.length - 2] }[event.key]?.querySelector("[data-cell]");
    if (!to) return;
    cell.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    event.preventDefault();
  });

  cityhelm.data = data;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { data: { draw: data.draw } });
})();
