/* Command: what waits by urgency, the chosen incident in four views (who goes, what is known, what is there, what happened) with the
   acts below it, the log, the last hours. With nothing chosen: who stands ready, and a call to be taken.
   Urgent is what is more than ordinary, asks to be acted on and is overdue (inverse white), then what asks, then what is under way;
   graver before milder, and of the same gravity what has waited longest. Were everything overdue inverse, nothing would stand out. */
(() => {
  const { page, city, parts, cards, object, clicks, dossiers } = cityhelm;
  const { el, div, span, number, sources, fact, part } = parts;
  const VIEWS = ["send", "known", "supply", "story"];
  const command = { filter: page.recall("queue") ?? "all", isLogWhole: false, view: VIEWS[0], days: 1 };
  const GRADES = ["I", "II", "III", "IV"];
  const LEVELS = ["red", "orange", "yellow", "blue"];
  const PROCESSING_TARGET_S = 64; // until a dossier tells it: NFPA 1710-2020, 4.1.2.1
  const ORDINARY = { incident: 4, warning: 3 }; // from grade IV, and from yellow
  const DOSSIER_MS = 10000;
  const LOG_MS = 5000;
  const STRIP_MS = 10000;
  const GROUND_MS = 3600000;
  const STRIP_SPAN_MS = 3 * 3600000;
  const SLOT_MS = 600000;
  const NEAR_SENSORS_M = 800;
  const MOST_SENSORS = 4;
  const from = {
    incident: "incident, incident_history · storage.dossiers.incident_dossier",
    orders: "dispatch_order, order_history, unit_status · storage.dossiers.incident_dossier",
    log: "audit_entry, audit_chain · storage.dossiers.log",
    strip: "incident, warning, dispatch_order · storage.dossiers.timeline",
    ground: "city · gis_data.surroundings.surroundings",
  };

  /* what waits */

  /** Everything open, most urgent first: {kind, id, rank, since, asks, isOver, thing}. Pure. */
  command.queue = ({ incidents, warnings, orders }, now) => {
    const sent = new Map();
    for (const order of orders) if (city.isOpenOrder(order)) sent.set(order.incident, (sent.get(order.incident) ?? 0) + 1);
    const items = [
      ...incidents.map((thing) => {
        const [rank, asks] = [GRADES.indexOf(thing.grade) + 1, ["reported", "verified"].includes(thing.state) && !sent.has(thing.id)];
        return { kind: "incident", id: thing.id, rank, since: thing.reported, asks, isOver: asks && rank < ORDINARY.incident && now - thing.reported > 1000 * PROCESSING_TARGET_S, sent: sent.get(thing.id) ?? 0, thing };
      }),
      ...warnings.map((thing) => {
        const [rank, asks] = [LEVELS.indexOf(thing.level) + 1, cards.isUnacknowledged(thing)];
        return { kind: "warning", id: thing.id, rank, since: thing.raised, asks, isOver: asks && rank < ORDINARY.warning, sent: 0, thing };
      }),
    ];
    const order = ({ asks, isOver }) => (isOver ? 0 : asks ? 1 : 2);
    return items.sort((a, b) => order(a) - order(b) || a.rank - b.rank || a.since - b.since || a.id.localeCompare(b.id));
  };

  const clockOf = (item) => {
    const source = { source: item.kind === "incident" ? sources.incidents : sources.warnings };
    const label = !item.asks ? (item.sent ? page.words("command.sent", { n: item.sent }) : "") : page.words(item.kind === "incident" ? "command.not_sent" : "command.unacknowledged");
    return span(`queue-clock${item.isOver ? " queue-over" : item.asks ? " queue-asks" : ""}`, label, " ", parts.stopwatch(item.since, {}, source));
  };

  const row = (item, chosen) => {
    const isOn = chosen?.kind === item.kind && chosen.id === item.id;
    const { thing } = item;
    const [mark, title, place] = item.kind === "incident"
      ? [span("queue-grade", parts.diamond(thing.grade), span("", page.label("grade", thing.grade).replace(/^\S+\s/, ""))), page.label("hazard", thing.hazard), cards.incidentPlace(thing)]
      : [parts.badge(thing.level, true), cards.warningWords(thing), cards.warningPlace(thing)];
    const state = item.kind === "incident" ? page.label("incident_state", thing.state) : page.label("warning_state", thing.state);
    return parts.choice(item.kind, item.id, isOn ? "row queue-row row-on" : "row queue-row", mark, span("row-title ellipsis", title),
      span("row-more", span("ellipsis", [place, state].filter(Boolean).join(" · ")), clockOf(item)));
  };

  const drawQueue = (chosen, now) => {
    const items = command.queue(city, now);
    const counts = { all: items.length, incident: city.incidents.length, warning: city.warnings.length };
    const option = (value, key) => ({ value, label: page.words(key, { n: counts[value] }), attributes: { "data-queue": value } });
    const shown = items.filter((item) => command.filter === "all" || item.kind === command.filter);
    parts.draw("queue-filter", parts.segments(page.words("command.filter"), [option("all", "command.all"), option("incident", "command.incidents"), option("warning", "command.warnings")], command.filter));
    parts.draw("queue", shown.length ? shown.map((item) => row(item, chosen)) : parts.empty(cards.hasCity() ? "command.nothing" : "no_data"));
    parts.draw("queue-acts", cityhelm.report.canOpen() ? el("button", { class: "button", "data-report": "open" }, page.words("report.open")) : null);
    parts.draw("queue-sub", cards.hasCity() ? parts.sentence(page.words("command.queue_sub", { n: items.length }), { source: `${sources.incidents}; ${sources.warnings}`, asOf: city.t }) : "");
  };

  /* the chosen incident */

  const elapsed = (since, until, source) => parts.stopwatch(since, { until }, { source, measured: since });

  const head = (found, dossier) => {
    const commander = dossier?.command ?? null;
    const source = { source: sources.incidents, measured: found.reported };
    const over = dossier?.over ?? null;
    return div("dossier-head", parts.diamond(found.grade),
      div("dossier-title", el("h2", { class: "ellipsis" }, [page.label("hazard", found.hazard), cards.incidentPlace(found)].filter(Boolean).join(" · ")),
        div("object-sub", span("", page.label("grade", found.grade)), span("", page.label("incident_state", found.state)), span("", `${page.words("incident.response")} ${page.label("response", found.response)}`),
          commander ? el("span", { title: page.words("command.commander_since", { time: page.moment(commander.since) }) }, page.words("command.commander", { name: page.actor(commander.commander) })) : null)),
      div("dossier-clock", elapsed(found.reported, over, sources.incidents), span("", parts.sentence(over === null ? page.words("command.reported", { time: page.moment(found.reported) }) : page.words("command.ended", { time: page.moment(over) }), source))));
  };

  const NO_DISTANCE_M = 10; // nearer than this, it is in the street
  const street = (ground) => {
    const name = ground?.street && (page.facts.lang === "zh" ? ground.street.zh || ground.street.en : ground.street.en || ground.street.zh);
    if (name && ground.street.distance_m < NO_DISTANCE_M) return name;
    return name ? parts.sentence(page.words("command.near", { street: name, n: page.figure(ground.street.distance_m) }), { source: from.ground, asOf: page.now() }) : null;
  };

  const said = (dossier) => {
    if (!dossier) return page.words("loading");
    return dossier.texts.length ? dossier.texts.map(({ text }) => div("said", text)) : page.words(dossier.n_texts ? "command.said_masked" : "command.said_nothing", { n: dossier.n_texts });
  };

  const known = (found, dossier, ground) => {
    const source = { source: sources.incidents, measured: found.reported };
    const where = [street(ground) ?? cards.incidentPlace(found), " ", el("button", { class: "link", "data-fly": JSON.stringify([found.lon, found.lat]) }, page.words("object.show"))];
    return part(page.words("command.known"), "", div("facts",
      fact("command.where", where, true), fact("command.said", said(dossier), true),
      fact("incident.channel", found.channel), fact("incident.number", span("topic", found.id))),
      nearby(found), near(found));
  };

  const KINDS = [["command.schools", ["school", "kindergarten", "university"]], ["command.hospitals", ["hospital", "clinic"]], ["command.shelters", ["shelter"]]];
  const around = (found, ground) => {
    if (!ground) return null;
    const source = { source: from.ground, asOf: page.now() };
    const n = (kinds) => ground.places.filter((place) => kinds.includes(place.kind)).length;
    const figure = (key, value) => div("around-figure", number(value === null ? null : page.figure(value), source), span("", page.words(key)));
    return div("around", span("around-title", parts.sentence(page.words("command.around", { n: page.figure(ground.radius_m) }), source)),
      div("around-figures", figure("command.residents", ground.residents), KINDS.map(([key, kinds]) => figure(key, n(kinds)))));
  };

  /** Sensors beside the incident, nearest first: what one of them measures says more than a caller. */
  const nearby = (found) => {
    const rows = cityhelm.drill.near([...city.devices.values()], [found.lon, found.lat], NEAR_SENSORS_M).filter(({ thing }) => thing.streams.some((s) => s.value !== null)).slice(0, MOST_SENSORS);
    if (!rows.length) return null;
    return div("nearby", span("around-title", page.words("command.sensors")), rows.map(({ thing, metres }) => {
      const stream = thing.streams.find((s) => s.value !== null);
      const source = { source: sources.latest, measured: stream.measured, received: stream.received, quality: stream.quality, isStale: city.streamFreshness(stream) !== "fresh" };
      return parts.choice("sensor", thing.id, "nearby-row", parts.kindMark(thing.type), span("ellipsis", city.deviceName(thing)), span("nearby-value", number(page.measure(stream.value), source), " ", el("small", {}, page.facts.labels.property_unit[stream.property] ?? stream.unit ?? "")),
        span("nearby-far", parts.sentence(page.words("command.metres", { n: page.figure(metres) }), { source: sources.device, asOf: city.t })), span("nearby-age", parts.age(stream.measured, source)));
    }));
  };

  const NEAR_WARNINGS_M = 2000;
  const near = (found) => {
    const rows = cityhelm.drill.near(city.warnings, [found.lon, found.lat], NEAR_WARNINGS_M).slice(0, 3);
    if (!rows.length) return null;
    return div("nearby", span("around-title", page.words("command.near_warnings")), rows.map(({ thing, metres }) =>
      parts.choice("warning", thing.id, "nearby-row", parts.badge(thing.level), span("ellipsis", cards.warningWords(thing)), span("nearby-far", parts.sentence(page.words("command.metres", { n: page.figure(metres) }), { source: sources.warnings, asOf: city.t })))));
  };

  /** A segment as a running clock; past its target it is inverse. */
  command.segment = ({ kind, began, ended, target_s }, source) => {
    const long = page.words(`command.${kind}_long`) + (target_s === null ? "" : ` · ${page.words("command.target", { n: target_s })}`);
    return el("span", { key: kind, class: ended === null ? "segment-clock segment-runs" : "segment-clock", title: long }, span("segment-name", page.label("segment", kind)),
      parts.stopwatch(began, { until: ended, limitS: target_s }, { source, measured: began }));
  };

  const sentUnit = (order) => {
    const unit = city.units.get(order.unit);
    const isOpen = city.isOpenOrder(order);
    return el("div", { key: order.id, class: isOpen ? "sent" : "sent sent-over" },
      unit ? parts.choice("unit", unit.id, "sent-name", parts.unit(unit), span("ellipsis", city.name(unit))) : span("ellipsis", order.unit),
      span(isOpen ? "chip chip-on" : "chip", isOpen && unit ? page.label("unit_status", unit.status) : page.label("order_state", order.state)),
      isOpen ? span("sent-eta", cityhelm.plan.eta(order.incident, order.unit)) : null, object.cancelButton(order, unit),
      div("segment-clocks", order.segments.map((segment) => command.segment(segment, from.orders))));
  };

  const units = (dossier) => {
    const sub = dossier ? page.words("command.units_sub", { standard: dossier.standard }) : "";
    if (!dossier) return part(page.words("command.units"), sub, parts.empty("loading"));
    return part(page.words("command.units"), sub, div("processing", dossier.segments.map((segment) => command.segment(segment, from.incident)), dossier.orders.length ? null : parts.empty("incident.no_orders")),
      ...dossier.orders.map(sentUnit));
  };

  /** What happened, oldest first: steps of the incident, of the orders, of the units. */
  command.story = (dossier) => {
    const name = (id) => (city.units.has(id) ? city.name(city.units.get(id)) : id);
    const rows = [
      ...dossier.steps.map((step, k) => ({ key: `i${k}`, at: step.at, recorded: step.recorded, what: step.state === "reported" ? page.words("command.step_reported") : page.label("incident_state", step.state), who: page.actor(step.actor) ?? dossier.incident.channel, note: page.label("grade", step.grade) })),
      ...dossier.orders.flatMap((order) => [
        ...order.steps.map((step, k) => ({ key: `${order.id}/${k}`, at: step.at, recorded: step.recorded, what: `${name(order.unit)} ${page.label("order_state", step.state)}`, who: step.state === "issued" || step.state === "cancelled" ? page.actor(order.actor) : name(order.unit), note: step.detail })),
        ...order.statuses.filter(({ source }) => source === "unit").map((step, k) => ({ key: `${order.id}/s${k}`, at: step.at, recorded: step.recorded, what: `${name(order.unit)} ${page.label("unit_status", step.status)}`, who: name(order.unit), note: null })),
      ]),
    ];
    return rows.sort((a, b) => a.at - b.at || a.recorded - b.recorded || a.key.localeCompare(b.key));
  };
  const LATE_MS = 2000; // what was recorded later than this after it happened says when

  const story = (dossier) => {
    if (!dossier) return null;
    const rows = command.story(dossier);
    return part(page.words("command.timeline"), parts.sentence(page.words("command.timeline_sub", { n: rows.length }), { source: from.incident, asOf: dossier.t }),
      el("ol", { class: "story" }, rows.map((row) => el("li", { key: row.key }, number(page.moment(row.at), { source: from.orders, measured: row.at, received: row.recorded }), el("i", { "aria-hidden": "true" }),
        span("story-what", row.what, row.note ? el("small", {}, " ", row.note) : null), el("small", { class: "ellipsis" }, row.recorded - row.at > LATE_MS ? page.words("command.recorded", { time: page.moment(row.recorded) }) : row.who)))));
  };

  const drawIncident = (id, candidates, answer) => {
    const live = city.incident(id);
    const stamp = JSON.stringify([live?.state, city.orders.filter((order) => order.incident === id).map((order) => [order.state, city.units.get(order.unit)?.status])]);
    const { data, isGone, fault } = dossiers.follow("incident", `/api/incidents/${encodeURIComponent(id)}`, DOSSIER_MS, stamp);
    const found = live ?? data?.incident;
    if (!found) return [back(), isGone ? parts.empty("command.unknown", { id }) : fault ? parts.face("failed", { reason: page.words("command.failed"), source: from.incident }) : parts.empty("loading")];
    const ground = page.facts.bounds ? dossiers.follow("ground", `/api/surroundings?lon=${found.lon}&lat=${found.lat}`, GROUND_MS).data : null;
    const isOpen = live !== undefined;
    const answered = isAbout(answer, id) && answer.act.action.startsWith("order.") ? answer : null;
    const option = (value) => ({ value, label: page.words(`command.view_${value}`), attributes: { "data-view": value } });
    cityhelm.impact.follow(found);
    const view = {
      send: () => [isOpen ? cityhelm.plan.part(id, answered) ?? object.candidatePart(id, candidates?.incident === id ? candidates : null, answered) : null, units(data)],
      known: () => [known(found, data, ground), cityhelm.impact.part(found, data) ?? around(found, ground), cityhelm.steps.kin(found, data)],
      supply: () => cityhelm.supply.parts(found, data),
      story: () => [story(data)],
    }[command.view];
    return [
      head(found, data), isOpen ? null : div("ended", page.words("incident.ended")),
      data?.n_texts && command.view !== "known" ? div("dossier-said", said(data)) : null,
      el("div", { key: "views", class: "dossier-views" }, parts.segments(page.words("command.views"), VIEWS.map(option), command.view)),
      el("div", { key: `view/${command.view}` }, view()),
    ];
  };

  const back = () => el("button", { class: "back", "data-choose": "null" }, "‹ ", page.words("command.back"));

  const overview = () => {
    const fleets = [...city.units.values()];
    const source = { source: sources.units, asOf: city.t };
    const { data } = cityhelm.plan.follow(null);
    const [moves, closed, unanswered, left] = [cityhelm.plan.moves(data), cityhelm.plan.closed(), cityhelm.plan.unanswered(data), cityhelm.supply.left()];
    return [
      unanswered.length ? el("div", { key: "unanswered", class: "unanswered-rows" }, unanswered) : null,
      div("overview-title", page.words("command.readiness"), el("small", {}, page.words("command.readiness_sub"))),
      ...(fleets.length ? object.fleets(fleets, source) : [parts.empty("no_data")]),
      clocks(),
      moves.length ? part(page.words("plan.moves"), page.words("plan.moves_sub"), moves) : null,
      closed.length ? part(page.words("plan.closed"), "", closed) : null,
      left.length ? part(page.words("supply.left"), page.words("supply.left_sub"), left) : null,
      div("hint", parts.icon("incident"), page.words("command.choose")),
    ];
  };

  /** How fast we were: nine in ten of each stretch, by kind of unit, beside its target. */
  const DAYS = [1, 7, 30];
  const STRETCHES = ["processing", "answering", "turnout", "travel"];
  const clocks = () => {
    const { data } = dossiers.follow("segments", `/api/segments?days=${command.days}`, STRIP_MS * 6);
    const choice = parts.segments(page.words("command.days"), DAYS.map((n) => ({ value: n, label: page.words("command.last_days", { n }), attributes: { "data-days": String(n) } })), command.days);
    const title = page.words("command.clocks");
    if (!data) return part(title, "", parts.empty("loading"));
    const source = { source: "incident_history, order_history, unit_status \u00b7 storage.segments", asOf: data.t };
    const kinds = [...new Set(data.rows.map((row) => row.unit_kind))].sort((a, b) => (a === null) - (b === null) || String(a).localeCompare(String(b))).reverse();
    const cell = (kind, stretch) => {
      const row = data.rows.find((one) => one.unit_kind === kind && one.segment === stretch);
      if (!row || row.p90_s === null) return span("clock-cell", row ? el("span", { class: "empty" }, "\u2014") : "");
      const isOver = row.target_s !== null && row.p90_s > row.target_s;
      const text = `${Math.floor(row.p90_s / 60)}:${String(Math.round(row.p90_s % 60)).padStart(2, "0")}`;
      return el("span", { class: isOver ? "clock-cell clock-over" : "clock-cell", title: [page.label("segment", stretch), row.target_s === null ? "" : page.words("command.target", { n: row.target_s }), row.within === null ? "" : page.words("command.within", { n: page.figure(100 * row.within) }), page.words("command.cases", { n: row.n })].filter(Boolean).join(" \u00b7 ") },
        number(text, { ...source, count: row.n }), row.target_s === null ? null : el("small", {}, ` / ${Math.floor(row.target_s / 60)}:${String(Math.round(row.target_s % 60)).padStart(2, "0")}`));
    };
    return part(title, page.words("command.clocks_sub", { standard: data.standard }), choice,
      data.rows.length ? [div("clock-row clock-head", span(""), STRETCHES.map((name) => span("clock-cell", page.label("segment", name)))),
        kinds.map((kind) => el("div", { key: String(kind), class: "clock-row" }, span("ellipsis", kind === null ? page.words("command.all_kinds") : parts.unitKind({ kind })), STRETCHES.map((name) => cell(kind, name))))] : parts.empty("no_data"));
  };

  const drawDossier = (chosen, candidates, answer) => {
    if (chosen && cityhelm.report.isOpen) cityhelm.report.open(false);
    const pieces = !chosen ? (cityhelm.report.isOpen ? cityhelm.report.draw(answer) : overview())
      : chosen.kind === "incident" ? drawIncident(chosen.id, candidates, answer)
      : [...object.draw(chosen, candidates, answer), chosen.kind === "warning" ? div("part-acts", el("a", { class: "link", href: `/warnings?lang=${page.facts.lang}#warning/${encodeURIComponent(chosen.id)}` }, page.words("command.to_warning"))) : null];
    parts.draw("dossier", pieces);
    const live = chosen?.kind === "incident" ? city.incident(chosen.id) : null;
    const said = live && isAbout(answer, chosen.id) && !answer.act.action.startsWith("order.") ? answer : null;
    parts.draw("dossier-acts", live ? [cityhelm.plan.shortfalls(live.id), cityhelm.steps.draw(live, dossiers.kept("incident", live.id), said)] : null);
    cityhelm.plan.look(live ?? null);
  };
  const isAbout = (answer, id) => answer?.act?.about === id;

  /* the log */

  const sentence = (entry) => {
    const [unit, incident] = entry.object.split(" → ");
    const known = incident && city.incident(incident);
    const where = known ? [page.label("hazard", known.hazard), cards.incidentPlace(known)].filter(Boolean).join(" ") : incident;
    const named = incident && city.units.has(unit) ? `${city.name(city.units.get(unit))} → ${where}` : entry.object;
    const warning = city.warning(entry.object);
    return [page.label("action", entry.action), warning ? cards.warningWords(warning) : named].join(" · ");
  };
  const drawLog = (chosen) => {
    const incident = chosen?.kind === "incident" && !command.isLogWhole ? chosen.id : null;
    const { data, fault } = dossiers.follow("log", incident === null ? "/api/log" : `/api/log?incident=${encodeURIComponent(incident)}`, LOG_MS);
    const option = (value, key) => ({ value, label: page.words(key), attributes: { "data-log": value } });
    parts.draw("log-filter", chosen?.kind === "incident" ? parts.segments(page.words("command.log_filter"), [option("this", "command.log_this"), option("all", "command.log_all")], incident === null ? "all" : "this") : null);
    parts.draw("log", !data ? (fault ? parts.face("failed", { source: from.log, isSmall: true }) : parts.empty("loading"))
      : !data.entries.length ? parts.empty("command.log_empty")
      : data.entries.map((entry) => el("div", { key: String(entry.id), class: "log-row" },
        number(page.moment(entry.at), { source: from.log, measured: entry.at }), span("ellipsis", page.actor(entry.actor), el("small", {}, " ", page.label("role", entry.role))),
        el("span", { class: "ellipsis", title: [sentence(entry), entry.object, entry.detail].filter(Boolean).join("\n") }, entry.outcome === "done" ? null : span("log-refused", page.words("command.log_refused")), sentence(entry)),
        entry.hash === null ? el("small", {}, page.words("command.unsealed")) : el("span", { class: "hash", title: page.words("command.hash", { time: page.instant(entry.sealed), hash: entry.hash }), "data-source": from.log }, entry.hash.slice(0, 4)))));
  };

  /* the last three hours */

  /** Marks that would lie over one another as one: of those within `slotMs` the first in rank, saying how many they are. Pure. */
  command.gathered = (marks, slotMs) => {
    const spots = new Map();
    for (const mark of marks) {
      const key = `${mark.kind}/${Math.floor(mark.time / slotMs)}`;
      const spot = spots.get(key);
      if (!spot) spots.set(key, { ...mark, n: 1 });
      else spots.set(key, { ...(mark.rank < spot.rank ? mark : spot), n: spot.n + 1 });
    }
    return [...spots.values()].sort((a, b) => a.time - b.time).map((mark) => (mark.n === 1 ? mark : { ...mark, label: page.words("command.strip_many", { name: mark.label, n: mark.n }) }));
  };
  const MARK_MS = 180000;

  const drawStrip = (now) => {
    const { data, fault } = dossiers.follow("timeline", "/api/timeline", STRIP_MS, JSON.stringify([city.incidents.length, city.warnings.length, city.orders.length]));
    const source = { source: from.strip };
    if (!data) {
      parts.draw("strip", fault ? parts.face("failed", { source: from.strip, isSmall: true }) : parts.empty("loading"));
      return;
    }
    const unitName = (id) => (city.units.has(id) ? city.name(city.units.get(id)) : id);
    const marks = command.gathered([
      ...data.incidents.map((i) => ({ key: `i/${i.id}`, kind: "incident", rank: GRADES.indexOf(i.grade), time: i.at, look: "incident", label: [page.label("grade", i.grade), page.label("hazard", i.hazard)].join(" · "), choose: { kind: "incident", id: i.id } })),
      ...data.warnings.map((w) => ({ key: `w/${w.id}`, kind: "warning", rank: LEVELS.indexOf(w.level), time: w.at, look: `warning-${w.level}`, level: w.level, label: [page.label("level", w.level), page.facts.lang === "zh" ? w.zh : w.en].join(" · "), choose: { kind: "warning", id: w.id } })),
      ...data.orders.map((o) => ({ key: `o/${o.id}`, kind: "order", rank: 0, time: o.at, look: "order", label: page.words("command.strip_order", { unit: unitName(o.unit), incident: o.incident }), choose: { kind: "incident", id: o.incident } })),
    ], MARK_MS);
    const start = Math.floor((now - STRIP_SPAN_MS) / SLOT_MS) * SLOT_MS;
    const columns = Array.from({ length: Math.ceil((now - start) / SLOT_MS) }, () => 0);
    for (const { at } of [...data.incidents, ...data.warnings]) if (at >= start && at < now) columns[Math.floor((at - start) / SLOT_MS)] += 1;
    const label = page.words("command.strip_sub", { i: data.incidents.length, w: data.warnings.length, o: data.orders.length });
    parts.draw("strip", parts.strip({ from: start, to: start + columns.length * SLOT_MS, now, label, marks, columns }, source));
    parts.draw("strip-card-sub", parts.sentence(label, { ...source, asOf: data.t }), span("strip-columns", " · ", page.words("command.strip_columns")));
    const since = now - SLOT_MS;
    parts.draw("queue-foot", parts.sentence(page.words("command.rate", { n: data.warnings.filter(({ at }) => at > since).length }), { source: from.strip, asOf: data.t }));
  };

  let lastAnswer = null;
  /** Draws the page again. */
  command.draw = (beat, chosen, candidates, answer) => {
    if (!page.facts || !city.isLoaded || !document.getElementById("command")) return;
    if (answer !== lastAnswer) {
      dossiers.refresh();
      for (const listener of [cityhelm.report, cityhelm.forms, cityhelm.tools]) listener.told(answer);
    }
    lastAnswer = answer;
    const now = page.now();
    drawQueue(chosen, now);
    drawDossier(chosen, candidates, answer);
    drawLog(chosen);
    drawStrip(now);
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-queue],[data-log],[data-view],[data-days]");
    if (pressed?.dataset.queue) {
      command.filter = pressed.dataset.queue;
      page.remember("queue", command.filter);
    } else if (pressed?.dataset.log) command.isLogWhole = pressed.dataset.log === "all";
    else if (pressed?.dataset.view) command.view = pressed.dataset.view;
    else if (pressed?.dataset.days) command.days = Number(pressed.dataset.days);
    if (pressed) page.beat();
  });

  /* arrow keys go from row to row of a list */
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest?.("#queue .row");
    if (!row || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    (event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling)?.focus();
    event.preventDefault();
  });

  cityhelm.command = command;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { command: { draw: command.draw } });
})();
