/* Warnings: figures by level and the alarm rate, the list with its filters, situations folded in it, and the chosen warning in four
   views: what was measured beside its threshold and how good the rule is, whom it touches, what left the house, every step. What
   ended within a day is listed on request. */
(() => {
  const { page, city, parts, cards, dossiers, desk, situations, boards, keys } = cityhelm;
  const { el, div, span, number, sources, fact, part } = parts;
  const LEVELS = ["red", "orange", "yellow", "blue"];
  const NONE = { level: null, state: "", district: "", hazard: "", hasClosed: false };
  const VIEWS = ["why", "whom", "out", "story"];
  const LISTS = ["list", "risk", "upkeep"];
  const board = { filter: { ...NONE }, view: VIEWS[0], list: LISTS[0] };
  const BOARD_MS = 10000;
  const ALARMS_MS = 30000;
  const MONTH_MS = 300000;
  const DOSSIER_MS = 10000;
  const CHART_MS = 30000;
  const TICK_S = 6 * 3600;
  const MARGIN = 4; // slots at either end whose hour would stick out
  const from = {
    board: "warning, warning_history · storage.dossiers.warning_board",
    alarms: "warning, situation · alerts.alarm_rate",
    score: "warning, verdict · alerts.scoreboard",
    dossier: "warning, warning_history, rule · storage.dossiers.warning_dossier",
    chart: "observation, forecast · storage.snapshots.chart_snapshot",
  };
  const isOpen = (warning) => !["lifted", "cancelled", "expired"].includes(warning.state);
  const districtOf = (warning) => city.devices.get(warning.device)?.district ?? warning.evidence?.district ?? "";

  /** Whether a warning passes the filter. Pure but for the device's district. */
  board.isShown = (warning, { level, state, district, hazard }) =>
    (!level || warning.level === level) && (!state || warning.state === state) && (!district || districtOf(warning) === district) && (!hazard || warning.hazard === hazard);

  /* figures */

  const figures = (told) => {
    const source = { source: sources.warnings, asOf: city.t };
    const levels = LEVELS.map((level) => {
      const these = city.warnings.filter((warning) => warning.level === level);
      const n = these.filter(cards.isUnacknowledged).length;
      const isOn = board.filter.level === level;
      return el("button", { key: level, class: isOn ? "card board-level board-level-on" : "card board-level", "data-board": JSON.stringify({ level: isOn ? null : level }), "aria-pressed": String(isOn), title: page.words("board.level_filter", { level: page.label("level", level) }) },
        parts.badge(level), div("board-level-line", number(cards.hasCity() ? page.figure(these.length) : null, source), cards.hasCity() ? span("", page.words("board.open")) : null),
        span(n ? "board-asks" : "board-calm", cards.hasCity() ? parts.sentence(page.words("board.unacknowledged", { n }), source) : ""));
    });
    return [...levels, rateCard(dossiers.follow("alarms", "/api/alarms?days=1", ALARMS_MS).data)];
  };

  /** The long run, by which the load is measured: four weeks. */
  const month = () => {
    const told = dossiers.follow("alarms_month", "/api/alarms?days=28", MONTH_MS).data;
    return span("board-rate-figure", page.words("board.rate_month"), " ", number(told && told.load.mean_per_slot !== null ? page.figure(told.load.mean_per_slot, 2) : null, { source: from.alarms, asOf: told?.t }));
  };

  const rateCard = (told) => {
    const source = { source: from.alarms, asOf: told?.t };
    if (!told) return div("card board-rate", parts.empty("loading"));
    const { load, slots } = told;
    const totals = slots.shown;
    const at = (k) => slots.start + 1000 * slots.step_s * k;
    const ticks = totals.flatMap((_, k) => (page.secondOfDay(at(k)) % TICK_S === 0 && k > MARGIN && k < totals.length - MARGIN ? [[k / totals.length, page.hour(at(k))]] : []));
    const figure = (key, text) => span("board-rate-figure", page.words(key), " ", number(text, source));
    return div("card board-rate", div("board-rate-head", el("b", {}, page.words("board.rate")), span("quiet", page.words("board.rate_sub")), figure("board.rate_mean", load.mean_per_slot === null ? null : page.figure(load.mean_per_slot, 2)), figure("board.rate_peak", page.figure(load.peak)), figure("board.rate_raised", page.figure(load.raised)), month(), span("quiet board-standard", page.words("board.rate_standard"))),
      parts.columns(totals, { label: page.words("board.rate"), now: totals.length - 1, ticks }));
  };

  /* filters */

  const choices = (key, all, values, nameOf) => {
    const chosen = board.filter[key];
    const names = [...new Set([...values, ...(chosen ? [chosen] : [])])].map((value) => [value, nameOf(value)]).sort(([, a], [, b]) => a.localeCompare(b, page.facts.lang));
    return el("select", { key, class: "input board-select", "data-board-key": key, "aria-label": page.words(`board.${key}`) },
      el("option", { key: "all", value: "" }, page.words(all)), names.map(([value, name]) => el("option", { key: value, value, selected: value === chosen }, name)));
  };

  const filters = (rows) => [
    choices("state", "board.all_states", rows.map((w) => w.state), (value) => page.label("warning_state", value)),
    choices("district", "board.all_districts", rows.map(districtOf).filter(Boolean), (value) => city.district(value)),
    choices("hazard", "board.all_hazards", rows.map((w) => w.hazard), (value) => page.label("hazard", value)),
    el("button", { key: "closed", class: board.filter.hasClosed ? "button button-plain board-on" : "button button-plain", "data-board": JSON.stringify({ hasClosed: !board.filter.hasClosed }), "aria-pressed": String(board.filter.hasClosed) }, page.words("board.closed")),
    page.may("rule.draft") ? el("a", { key: "rules", class: "link", href: `/rules?lang=${page.facts.lang}` }, page.words("screen.rules")) : null,
    JSON.stringify(board.filter) === JSON.stringify(NONE) ? null : el("button", { key: "reset", class: "link", "data-board": JSON.stringify(NONE) }, page.words("board.reset")),
  ];

  /* the list */

  const foreseen = (warning) => {
    const source = { source: sources.warnings, measured: warning.updated };
    const chance = warning.probability === null ? null : number(`${Math.round(100 * warning.probability)}%`, source);
    const lead = warning.lead_s === null ? null : parts.sentence(page.duration(warning.lead_s), source);
    return chance || lead ? [chance, chance && lead ? " · " : null, lead] : "—";
  };

  const who = (warning, told) => {
    const by = told?.acknowledged[warning.id];
    const source = { source: from.board, measured: by?.[1] };
    if (warning.assigned && !cards.isUnacknowledged(warning)) return [warning.assigned.kind === "role" ? page.label("role", warning.assigned.to) : page.actor(warning.assigned.to), " ", number(page.moment(warning.assigned.at), source)];
    if (by && !cards.isUnacknowledged(warning)) return [by[0], " ", number(page.moment(by[1]), source)];
    return isOpen(warning) && cards.isUnacknowledged(warning) ? (cards.acknowledge(warning) ?? span("queue-clock queue-asks", page.words("command.unacknowledged"))) : by ? [by[0], " ", number(page.moment(by[1]), source)] : "—";
  };

  const columns = (told) => {
    const source = (warning) => ({ source: sources.warnings, measured: warning.raised });
    return [
      { key: "pick", title: "", cell: (w) => (isOpen(w) ? desk.box(w) : "") },
      { key: "level", title: page.words("board.level"), cell: (w) => parts.badge(w.level), order: (w) => LEVELS.indexOf(w.level) },
      { key: "what", title: page.words("board.what"), cell: (w) => span("board-what", cards.warningWords(w), el("small", {}, cards.warningValue(w)), w.heads ? situations.fold(w.heads) : null), order: cards.warningWords },
      { key: "where", title: page.words("board.where"), cell: (w) => cards.warningPlace(w), order: (w) => cards.warningPlace(w) },
      { key: "since", title: page.words("board.since"), cell: (w) => number(page.moment(w.raised), source(w)), order: (w) => -w.raised },
      { key: "lasts", title: page.words("board.lasts"), isRight: true, cell: (w) => parts.stopwatch(w.raised, { until: isOpen(w) ? null : w.updated }, source(w)), order: (w) => (isOpen(w) ? page.now() : w.updated) - w.raised },
      { key: "state", title: page.words("board.state"), cell: (w) => [page.label("warning_state", w.state), w.shelved ? [" ", parts.pill(page.words("board.shelved"))] : null, w.reminded ? [" ", parts.pill(page.words("board.reminded", { n: w.reminded.n }), "act")] : null], order: (w) => page.label("warning_state", w.state) },
      { key: "who", title: page.words("board.acknowledged_by"), cell: (w) => who(w, told) },
      { key: "source", title: page.words("board.source"), cell: (w) => page.label("warning_source", w.source), order: (w) => page.label("warning_source", w.source) },
      { key: "chance", title: page.words("board.chance"), isRight: true, cell: foreseen, order: (w) => w.probability ?? -1 },
    ];
  };

  const lists = () => parts.segments(page.words("board.views"), LISTS.map((value) => ({ value, label: page.words(`board.view_${value}`), attributes: { "data-board-list": value } })), board.list);

  const drawList = (chosen, told, answer) => {
    if (board.list !== LISTS[0]) {
      for (const id of ["board-bulk", "board-sub"]) parts.draw(id, null);
      parts.draw("board-filters", lists());
      parts.draw("board-table", board.list === "risk" ? boards.risk() : boards.upkeep(told, answer));
      return;
    }
    const open = city.warnings;
    const known = new Set(open.map((warning) => warning.id));
    const all = [...open, ...(board.filter.hasClosed ? (told?.closed ?? []).filter((warning) => !known.has(warning.id)) : [])];
    const shown = all.filter((warning) => board.isShown(warning, board.filter));
    parts.draw("board-bulk", desk.bulk());
    const rows = situations.folded(shown).map((warning) => ({ ...warning, key: warning.id, choose: { kind: "warning", id: warning.id } }));
    parts.draw("board-sub", cards.hasCity() ? parts.sentence(page.words("board.shown", { n: page.figure(shown.length), all: page.figure(all.length) }), { source: sources.warnings, asOf: city.t }) : "");
    parts.draw("board-filters", lists(), filters(all), keys.hint());
    parts.draw("board-table", rows.length ? parts.table("warnings", columns(told), rows, { label: page.words("board.title"), chosen: chosen?.kind === "warning" ? chosen.id : null })
      : parts.empty(!cards.hasCity() ? "no_data" : all.length ? "board.none_match" : "warnings.none"));
  };

  /* the chosen one */

  const evidence = (found, dossier, series, fault) => {
    const threshold = found.evidence?.threshold;
    const sub = dossier?.forecast ? page.words("board.evidence_forecast", { time: page.moment(dossier.forecast.issued) }) : page.words("board.evidence_sub");
    const unit = page.label("property_unit", found.evidence?.property ?? "");
    const title = [page.label("property", found.evidence?.property ?? ""), found.evidence?.item].filter(Boolean).join(" · ") || page.words("board.evidence");
    const level = typeof threshold === "number" ? threshold : null;
    const body = !city.streams.has(Number(found.object)) && !series ? parts.empty("board.no_series")
      : parts.fan(`warning/${found.id}`, { measured: series?.series, forecast: dossier?.forecast ?? series?.forecast ?? null, now: page.now(), unit, label: title, target: level, targetWords: level === null ? "" : page.words("board.threshold", { n: page.measure(level) }), state: series ? "live" : fault ? "failed" : "loading", source: from.chart });
    return part(title, sub, div("evidence-chart", body));
  };

  const facts = (found) => {
    const source = { source: from.dossier, measured: found.updated };
    const threshold = found.evidence?.threshold;
    const sign = { above: "≥", below: "≤" }[found.evidence?.direction] ?? "";
    return div("part", div("sentence", parts.sentence(cards.warningSentence(found), source)), div("facts",
      fact(found.source === "forecast" ? "warning.expected" : "warning.value", cards.warningValue(found) ?? page.words("no_data")),
      fact("warning.threshold", typeof threshold === "number" ? [sign, " ", number(page.measure(threshold), source)] : page.words("no_data")),
      fact("warning.raised", [number(page.moment(found.raised), source)]), fact("warning.source", page.label("warning_source", found.source)),
      found.probability === null ? null : fact("warning.probability", [number(`${Math.round(100 * found.probability)}%`, source)]),
      found.lead_s === null ? null : fact("warning.lead", parts.sentence(page.duration(found.lead_s), source)),
      found.evidence?.target_time ? fact("warning.expected_at", [number(page.moment(Date.parse(found.evidence.target_time)), source)]) : null,
      fact("warning.identifier", span("topic", found.identifier), true)),
      found.evidence?.silent_since ? div("refusal", page.words("warning.silent", { time: page.moment(Date.parse(found.evidence.silent_since)) })) : null);
  };

  const rule = (found, dossier) => {
    const written = dossier?.rule;
    const title = page.words("board.rule");
    const sub = page.words("board.rule_version", { id: found.rule, n: found.rule_version });
    if (!dossier) return part(title, sub, parts.empty("loading"));
    if (!written) return part(title, sub, parts.empty("board.rule_unknown"));
    const source = { source: from.dossier, asOf: dossier.t };
    const property = page.label("property", written.property);
    const said = written.source === "forecast" ? page.words("board.rule_forecast", { property, h: page.figure(written.horizon_s / 3600, 1), p: Math.round(100 * written.min_probability) }) : page.words(`board.rule_${written.direction}`, { property });
    const unit = page.label("property_unit", written.property);
    const cell = (value) => el("td", { class: "right" }, number(page.measure(value), source), " ", unit);
    return part(title, sub, div("", el("b", {}, page.facts.lang === "zh" ? written.zh : written.en), div("quiet", parts.sentence(said, source)), div("quiet", parts.sentence(page.words("board.rule_hold", { raise: page.duration(written.raise_hold_s), clear: page.duration(written.clear_hold_s) }), source))),
      el("table", { class: "table rule-table" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, page.words("board.rule_level")), el("th", { scope: "col", class: "right" }, page.words("board.rule_raise")), el("th", { scope: "col", class: "right" }, page.words("board.rule_clear")))),
        el("tbody", {}, written.thresholds.map((t) => el("tr", { key: t.level, class: t.level === found.level ? "rule-on" : "" }, el("td", {}, parts.badge(t.level)), cell(t.raise_at), cell(t.clear_at))))),
      div("quiet", [parts.sentence(page.words("board.rule_by", { author: written.author, time: page.instant(written.since) }), source), written.approver ? [" · ", page.words("board.rule_approved", { approver: written.approver })] : null, written.until ? [" · ", page.words("board.rule_retired", { time: page.instant(written.until) })] : null]));
  };

  /** What a step did, as a key of the catalogue or null where the state says it: from the step before. Pure. */
  board.turn = (step, before) => {
    if (!before) return "board.opened";
    if (step.state !== before.state && step.state !== "candidate") return null;
    const by = LEVELS.indexOf(before.level) - LEVELS.indexOf(step.level);
    return by > 0 ? "board.escalated" : by < 0 ? "board.downgraded" : step.state === before.state ? "board.changed" : null;
  };

  const history = (dossier) => {
    const source = { source: from.dossier, asOf: dossier.t };
    return part(page.words("board.history"), parts.sentence(page.words("board.history_sub", { n: dossier.steps.length }), source),
      el("ol", { class: "story" }, dossier.steps.map((step, k) => {
        const turn = board.turn(step, dossier.steps[k - 1]);
        return el("li", { key: String(k) }, number(page.moment(step.at), { source: from.dossier, measured: step.at, received: step.recorded }), el("i", { "aria-hidden": "true" }),
          span("story-what", parts.badge(step.level), " ", turn ? page.words(turn) : page.label("warning_state", step.state), step.value === null || step.actor ? null : el("small", {}, " ", number(page.measure(step.value), { source: from.dossier, measured: step.at }), " ", page.label("property_unit", dossier.warning.evidence?.property ?? "")), step.comment ? el("small", {}, " ", step.comment) : null),
          el("small", { class: "ellipsis" }, page.actor(step.actor) ?? page.words("board.by_rule")));
      })));
  };

  const similar = (dossier) => {
    const rows = dossier.similar.map((past) => {
      const source = { source: from.dossier, measured: past.raised };
      return parts.choice("warning", past.id, "similar-row", parts.badge(past.peak), number(page.instant(past.raised), source),
        span("quiet", past.ended === null ? page.words("board.still") : parts.sentence(page.words("board.lasted", { time: page.duration((past.ended - past.raised) / 1000) }), source)), span("quiet", page.label("warning_state", past.state)));
    });
    return part(page.words("board.similar"), number(page.figure(rows.length), { source: from.dossier, asOf: dossier.t }), ...(rows.length ? rows : [parts.empty("board.similar_none")]));
  };

  /** What is shown while nothing is chosen: the gravest that waits to be acknowledged; it stays until it has ended. */
  let standing = null;
  const byDefault = () => {
    const asks = (warning) => (cards.isUnacknowledged(warning) ? 0 : 1);
    if (!city.warning(standing)) standing = [...city.warnings].sort((a, b) => asks(a) - asks(b) || LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || a.raised - b.raised)[0]?.id ?? null;
    return standing === null ? null : { kind: "warning", id: standing };
  };

  let shownAt = null;
  const drawChosen = (chosen, answer) => {
    if (chosen && chosen.kind !== "warning") {
      parts.draw("evidence", cityhelm.object.draw(chosen, null, null));
      return;
    }
    if (!chosen) {
      parts.draw("evidence-acts", null);
      parts.draw("evidence", div("overview-title", page.words("board.evidence")), div("hint", page.words(cards.hasCity() ? "warnings.none" : "no_data")));
      return;
    }
    const live = city.warning(chosen.id);
    const { data, isGone, fault } = dossiers.follow("warning", `/api/warnings/${encodeURIComponent(chosen.id)}`, DOSSIER_MS, JSON.stringify([live?.state, live?.level, live?.updated]));
    const found = live ?? data?.warning;
    if (!found) {
      parts.draw("evidence", isGone ? parts.empty("board.unknown", { id: chosen.id }) : fault ? parts.face("failed", { source: from.dossier }) : parts.empty("loading"));
      return;
    }
    if (shownAt !== found.id && typeof found.lon === "number") cityhelm.map.fly([found.lon, found.lat]);
    shownAt = found.id;
    const stream = Number(found.object);
    const chart = dossiers.follow("chart", Number.isInteger(stream) && city.streams.has(stream) ? `/api/chart/${stream}` : null, CHART_MS);
    const about = answer && (answer.act.about === found.id || answer.act.request?.warning === found.id) ? answer : null;
    parts.draw("evidence-acts", desk.draw(found, isOpen(found), about));
    const option = (value) => ({ value, label: page.words(`board.view_${value}`), attributes: { "data-board-view": value } });
    const situation = found.situation ? situations.find(found.situation) : null;
    const view = {
      why: () => [evidence(found, data, chart.data, chart.fault), facts(found), score(data), rule(found, data)],
      whom: () => [situation ? situations.part(situation) : null, touched(data), near(data)],
      out: () => desk.outward(found),
      story: () => (data ? [history(data), similar(data)] : parts.empty("loading")),
    }[board.view];
    parts.draw("evidence",
      div("dossier-head evidence-head", parts.badge(found.level, true),
        div("dossier-title", el("h2", { class: "ellipsis" }, cards.warningWords(found)), div("object-sub", span("ellipsis", cards.warningPlace(found)), span(cards.isUnacknowledged(found) && isOpen(found) ? "chip chip-on" : "chip", page.label("warning_state", found.state)))),
        div("dossier-clock", parts.stopwatch(found.raised, { until: isOpen(found) ? null : found.updated }, { source: from.dossier, measured: found.raised }), isOpen(found) ? cards.acknowledge(found) : span("", page.words("warning.ended")))),
      el("div", { key: "views", class: "dossier-views" }, parts.segments(page.words("command.views"), VIEWS.map(option), board.view)), el("div", { key: `view/${board.view}` }, view()));
  };

  /** How often the rule was right, by what came of it and by what people said. */
  const score = (dossier) => {
    const row = dossier?.scoreboard;
    if (!row) return null;
    const source = { source: from.score, asOf: dossier.t, count: row.n };
    const figure = (key, value) => div("around-figure", number(value, source), span("", page.words(key)));
    return part(page.words("board.score"), parts.sentence(page.words("board.score_sub", { n: row.n, time: page.instant(row.since) }), source), div("around-figures",
      figure("board.precision", row.precision === null ? null : `${page.figure(100 * row.precision)}%`), figure("board.lead", row.lead_s === null ? null : page.duration(row.lead_s)),
      figure("board.missed", row.missed === null ? null : page.figure(row.missed)), figure("board.false_week", row.false_per_week === null ? null : page.figure(row.false_per_week, 1))));
  };

  const touched = (dossier) => {
    const told = dossier?.impact;
    if (!told) return dossier ? null : parts.empty("loading");
    const source = { source: "population, places · gis_data.impact", asOf: dossier.t };
    return part(page.words("impact.title"), parts.sentence(page.words("impact.basis_radius", { n: page.figure(told.reach_m) }), source), div("around-figures",
      div("around-figure", number(told.residents === null ? null : page.figure(told.residents), source), span("", page.words("command.residents"))),
      told.places.slice(0, 5).map(({ kind, n, names }) => el("div", { key: kind, class: "around-figure", title: names.join(page.words("impact.and")) }, number(page.figure(n), source), span("ellipsis", cityhelm.marks.placeKind(kind))))));
  };

  const near = (dossier) => (dossier?.sensors?.length
    ? part(page.words("command.sensors"), "", dossier.sensors.map((row) => parts.choice("sensor", row.device, "nearby-row", el("i", {}), span("ellipsis", (page.facts.lang === "zh" ? row.name : row.name_en || row.name) || row.device), span("nearby-value", number(row.value === null ? null : page.measure(row.value), { source: from.dossier, measured: row.measured }), " ", el("small", {}, page.label("property_unit", row.property))),
      span("nearby-far", parts.sentence(page.words("command.metres", { n: page.figure(row.distance_m) }), { source: from.dossier, asOf: dossier.t })), span("nearby-age", row.measured === null ? "" : parts.age(row.measured, { source: from.dossier })))))
    : null);

  let lastAnswer = null;
  /** Draws the page again. */
  board.draw = (beat, chosen, answer) => {
    if (!page.facts || !city.isLoaded || !document.getElementById("board")) return;
    if (answer !== lastAnswer) {
      dossiers.refresh();
      for (const listener of [cityhelm.forms, desk]) listener.told(answer);
    }
    lastAnswer = answer;
    const { data } = dossiers.follow("board", "/api/warnings", BOARD_MS, JSON.stringify(city.warnings.map((warning) => [warning.id, warning.state])));
    parts.draw("board-figures", figures(data));
    const shown = chosen ?? byDefault();
    drawList(shown, data, answer);
    drawChosen(shown, answer);
  };

  const amend = (change) => {
    board.filter = { ...board.filter, ...change };
    page.beat();
  };
  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-board],[data-board-view],[data-board-list]");
    if (!pressed) return;
    if (pressed.dataset.boardList) {
      board.list = pressed.dataset.boardList;
      page.beat();
      return;
    }
    if (pressed.dataset.boardView) {
      board.view = pressed.dataset.boardView;
      page.beat();
      return;
    }
    const change = JSON.parse(pressed.dataset.board);
    amend(change);
    if ("state" in change) for (const field of document.querySelectorAll("[data-board-key]")) field.value = ""; // a select keeps what was chosen by hand
  });
  document.addEventListener("change", ({ target }) => target.dataset.boardKey && amend({ [target.dataset.boardKey]: target.value }));

  cityhelm.board = board;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { warnings: { draw: board.draw } });
})();
