/* The object: what is known of the chosen sensor, unit, incident or warning; with nothing chosen, the city's overview. */
(() => {
  const { page, city, parts, cards } = cityhelm;
  const { el, div, span, number, sources, fact, part } = parts;
  const object = {};
  const LIST_LENGTH = 100;

  /** The right column for `chosen` ({kind, id} or null). `candidates` and `answer` are the server's last words. */
  object.draw = (chosen, candidates, answer) => {
    if (!city.isLoaded) return parts.empty("loading");
    if (!chosen) return overview();
    const body = { sensor, unit, incident, warning, type: kindList, fleet }[chosen.kind](chosen.id, candidates, answer);
    return [back(), ...(body ?? [parts.empty(object.goneWords[chosen.kind] ?? "object.gone")])];
  };
  object.goneWords = { incident: "incident.ended", warning: "warning.ended" };

  const back = () =>
    el("button", { class: "back", "data-choose": "null" }, "‹ ", page.words("object.back"));

  const head = (mark, title, sub, side = null) =>
    div("object-head", mark, el("div", { class: "ellipsis" }, el("h2", { class: "ellipsis", title }, title), div("object-sub", ...sub)), side === null ? "" : div("object-side", ...side));

  const position = (thing, from) =>
    thing.lon === null || thing.lon === undefined
      ? page.words("sensor.no_position")
      : [number(`${thing.lat.toFixed(4)}, ${thing.lon.toFixed(4)}`, from), " ", showButton(thing)];
  const showButton = (thing) => el("button", { class: "link", "data-fly": JSON.stringify([thing.lon, thing.lat]) }, page.words("object.show"));

  /* overview */
  const overview = () => {
    if (!cards.hasCity()) return [div("object-head", el("i", {}), el("div", {}, el("h2", {}, page.words("object.overview"))), ""), parts.empty("no_data")];
    const kinds = new Map();
    for (const device of city.devices.values()) {
      const row = kinds.get(device.type) ?? { n: 0, fresh: 0 };
      kinds.set(device.type, { n: row.n + 1, fresh: row.fresh + (city.deviceFreshness(device) === "fresh" ? 1 : 0) });
    }
    const from = { source: sources.device, asOf: page.now() };
    const rows = [...kinds].sort((a, b) => b[1].n - a[1].n).map(([type, { n, fresh }]) =>
      parts.choice("type", type, "row kind-row", parts.kindMark(type), span("row-title ellipsis", parts.kind(type)),
        div("share", el("i", { style: `width:${(100 * fresh) / n}%` })),
        span("row-side", number(page.figure(fresh), from), " / ", number(page.figure(n), from))));
    const units = [...city.units.values()];
    const fromUnits = { source: sources.units, asOf: city.t };
    const out = units.filter((unit) => ["moving", "working"].includes(city.unitLook(unit))).sort(byProgress);
    return [
      div("overview-title", page.words("object.overview"), el("small", {}, page.words("object.hint"))),
      div("list-title", page.words("sensors.title"), el("small", {}, number(page.figure(city.devices.size), from))),
      ...(rows.length ? rows : [parts.empty("no_data")]),
      div("list-title", page.words("units.title"), el("small", {}, number(page.figure(units.length), fromUnits))),
      ...(units.length ? object.fleets(units, fromUnits) : [parts.empty("no_data")]),
      units.length ? div("list-title", page.words("units.out_now"), el("small", {}, number(page.figure(out.length), fromUnits))) : null,
      ...(units.length && !out.length ? [parts.empty("units.none_out")] : out.slice(0, LIST_LENGTH).map(unitRow)),
      out.length > LIST_LENGTH ? parts.empty("units.others", { n: out.length - LIST_LENGTH }) : null,
    ];
  };

  const PROGRESS = ["dispatched", "enroute", "on_scene", "working", "staging", "returning", "available", "out_of_service"];
  const byProgress = (a, b) => PROGRESS.indexOf(a.status) - PROGRESS.indexOf(b.status) || a.id.localeCompare(b.id);

  /** Units by kind: how many there are in each look. */
  const LOOKS = ["available", "moving", "working", "out"];
  object.fleets = (units, from) => {
    const kinds = new Map();
    for (const unit of units) {
      const counts = kinds.get(unit.kind) ?? Object.fromEntries(LOOKS.map((look) => [look, 0]));
      counts[city.unitLook(unit)] += 1;
      kinds.set(unit.kind, counts);
    }
    const cell = (n) => span(n ? "fleet-n" : "fleet-n fleet-none", number(page.figure(n), from));
    return [
      div("fleet fleet-head", span(""), span(""), ...LOOKS.map((look) => span("fleet-n", page.words(`legend.${look}`)))),
      ...[...kinds].sort(([a], [b]) => a.localeCompare(b)).map(([kind, counts]) =>
        parts.choice("fleet", kind, "row fleet", parts.unit({ kind, status: "available" }), span("row-title ellipsis", parts.unitKind({ kind })), ...LOOKS.map((look) => cell(counts[look])))),
    ];
  };

  const unitRow = (unit) =>
    parts.choice("unit", unit.id, "row row-mark", parts.unit(unit), span("row-title ellipsis", city.name(unit)),
      span("row-side", page.label("unit_status", unit.status), " ", parts.sentence(page.duration((page.now() - unit.since) / 1000), { source: sources.units, measured: unit.since })));

  const fleet = (kind) => {
    const units = [...city.units.values()].filter((unit) => unit.kind === kind).sort(byProgress);
    if (!units.length) return null;
    const n = number(page.figure(units.length), { source: sources.units, asOf: city.t });
    return [head(parts.unit({ kind, status: "available" }), parts.unitKind({ kind }), [firstOnly(units)], [n]), ...units.slice(0, LIST_LENGTH).map(unitRow)];
  };
  const firstOnly = (rows) => (rows.length > LIST_LENGTH ? page.words("sensors.first", { n: LIST_LENGTH }) : "");

  const kindList = (type) => {
    const devices = [...city.devices.values()].filter((device) => device.type === type);
    if (!devices.length) return null;
    const rank = { silent: 0, stale: 1, late: 2, never: 3, fresh: 4 };
    devices.sort((a, b) => rank[city.deviceFreshness(a)] - rank[city.deviceFreshness(b)] || a.id.localeCompare(b.id));
    const rows = devices.slice(0, LIST_LENGTH).map((device) => {
      const measured = city.deviceMeasured(device);
      const stream = device.streams.find((s) => s.measured !== null);
      return parts.choice("sensor", device.id, "row row-mark", el("i", { class: `mark sensor-${dot(device)}` }), span("row-title ellipsis", city.deviceName(device)),
        span("row-side", stream ? [value(stream), " · ", ...parts.age(measured, { source: sources.latest })] : page.words("no_data")));
    });
    return [head(parts.kindMark(type), parts.kind(type), [firstOnly(devices)], [number(page.figure(devices.length), { source: sources.device, asOf: page.now() })]), ...rows];
  };
  const dot = (device) => ({ silent: "stale" })[city.deviceFreshness(device)] ?? city.deviceFreshness(device);

  const unitOf = (stream) => page.facts.labels.property_unit[stream.property] ?? stream.unit ?? "";
  const value = (stream) => {
    const from = { source: sources.latest, measured: stream.measured, received: stream.received, quality: stream.quality, isStale: city.streamFreshness(stream) !== "fresh" };
    return el("span", {}, number(stream.value === null ? null : page.measure(stream.value), from), " ", el("small", {}, stream.value === null ? "" : unitOf(stream)));
  };

  /* sensor */
  const sensor = (id) => {
    const device = city.devices.get(id);
    if (!device) return null;
    const freshness = city.deviceFreshness(device);
    const from = { source: sources.device, asOf: page.now() };
    const rows = device.streams.map((stream) =>
      el("button", { class: cityhelm.operations.charted === stream.id ? "value value-on" : "value", "data-chart": String(stream.id) },
        span("ellipsis", [page.label("property", stream.property), stream.item].filter(Boolean).join(" · ")),
        value(stream),
        el("small", { class: "value-age" }, ...(stream.measured === null ? [page.label("freshness", "never")] : parts.age(stream.measured, { source: sources.latest, received: stream.received }))),
        el("small", {}, stream.quality === null ? "" : page.label("quality", stream.quality))));
    return [
      head(parts.kindMark(device.type), city.deviceName(device), [`${parts.kind(device.type)} · ${city.district(device.district)}`],
        [span(freshness === "fresh" ? "chip chip-on" : "chip", page.label("freshness", freshness))]),
      part(page.words("sensor.values"), "", ...(rows.length ? rows : [parts.empty("no_data")])),
      div("part", div("facts",
        fact("sensor.interval", parts.sentence(page.duration(device.interval_s), from)), fact("sensor.mode", page.label("device_mode", device.mode)),
        fact("sensor.state", page.label("device_state", device.state)), fact("incident.position", position(device, from)),
        fact("sensor.topic", span("topic", `city/v1/${device.id}/telemetry`), true))),
    ];
  };

  /* unit */
  const unit = (id) => {
    const found = city.units.get(id);
    if (!found) return null;
    const from = { source: sources.units, measured: found.measured };
    const order = found.order && city.order(found.order);
    return [
      head(parts.unit(found), city.name(found), [`${parts.unitKind(found)} · ${found.id}`], [span("chip chip-on", page.label("unit_status", found.status))]),
      div("part", div("facts",
        fact("unit.status", page.label("unit_status", found.status)), fact("unit.since", [parts.time(found.since, { source: sources.units, measured: found.since })]),
        fact("unit.position_age", found.measured === null ? page.words("no_data") : parts.age(found.measured, from)),
        fact("unit.speed", found.speed_kmh === null ? page.words("no_data") : [number(page.figure(found.speed_kmh), from), " ", page.words("unit.kmh")]),
        fact("unit.position", position(found, from), true),
        found.capabilities.length ? fact("unit.capabilities", found.capabilities.map((name) => page.label("capability", name)).join(" · "), true) : null)),
      order ? part(page.words("unit.order"), "", orderCard(order)) : part(page.words("unit.order"), page.words("unit.no_order")),
    ];
  };

  /* orders */
  const orderCard = (order) => {
    const sentUnit = city.units.get(order.unit);
    const incident = city.incident(order.incident);
    const isAnswered = order.answered !== null;
    const bad = !["issued", "sent", "accepted", "done"].includes(order.state);
    const last = isAnswered || bad ? (order.state === "done" ? "accepted" : order.state) : "accepted";
    const step = (state, time, isBad = false) =>
      div(`order-step${time !== null ? " order-step-done" : ""}${isBad ? " order-step-bad" : ""}`, page.label("order_state", state), el("br", {}),
        time === null ? (isBad ? "" : "—") : number(page.clock(time), { source: sources.orders, measured: time }));
    return el("div", { class: "order", key: order.id }, sentUnit ? parts.unit(sentUnit) : "", el("div", { class: "ellipsis" },
      sentUnit ? city.name(sentUnit) : order.unit, " → ", incident ? [page.label("hazard", incident.hazard), cityhelm.cards.incidentPlace(incident)].filter(Boolean).join(" · ") : order.incident,
      el("small", { class: "quiet" }, " ", page.words("order.issued_by", { actor: page.actor(order.actor) }), order.state === "done" ? ` · ${page.label("order_state", "done")}` : "")),
      object.cancelButton(order, sentUnit),
      div("order-steps", step("issued", order.issued), step("sent", order.sent), step(last, order.answered, bad)));
  };

  /** For an order that can still be called back: its unit has not arrived. */
  object.cancelButton = (order, sentUnit) =>
    page.may("order.cancel") && city.isOpenOrder(order) && ["dispatched", "enroute"].includes(sentUnit?.status)
      ? el("button", { class: "button button-plain", "data-act": JSON.stringify({ action: "order.cancel", request: { order: order.id }, about: order.incident }), disabled: cityhelm.clicks.isBusy(order.id) }, page.words("order.cancel"))
      : el("span", {});

  /* incident */
  const incident = (id, candidates, answer) => {
    const found = city.incident(id);
    if (!found) return null;
    const from = { source: sources.incidents, measured: found.reported };
    const orders = city.orders.filter((order) => order.incident === id);
    return [
      head(parts.diamond(found.grade), page.label("hazard", found.hazard), [`${page.label("grade", found.grade)} · ${page.label("incident_state", found.state)}`],
        [page.words("incident.elapsed"), el("span", { class: "elapsed" }, parts.sentence(page.duration((page.now() - found.reported) / 1000), from))]),
      div("part", div("facts",
        fact("incident.reported", [parts.time(found.reported, from)]), fact("incident.response", page.label("response", found.response)),
        fact("incident.channel", found.channel), fact("incident.number", found.id), fact("incident.position", position(found, from), true))),
      part(page.words("incident.orders"), "", ...(orders.length ? orders.map(orderCard) : [parts.empty("incident.no_orders")])),
      cityhelm.plan.part(id, answer?.act?.about === id ? answer : null) ?? object.candidatePart(id, candidates?.incident === id ? candidates : null, answer?.act?.about === id ? answer : null),
      object.closing(id),
    ];
  };

  /** Ending an incident that needs no unit; it opens in place, or is open, and what is typed there stays while everything else is
      drawn again. */
  const FORM = "closing-form";
  object.closing = (id, isOpen = false) => {
    if (!page.may("incident.close")) return null;
    const button = (ending) => el("button", { class: "button", "data-act": JSON.stringify({ action: "incident.close", request: { incident: id, ending }, about: id }), "data-form": FORM, disabled: cityhelm.clicks.isBusy(id) },
      page.words("incident.close_as", { state: page.label("incident_state", ending) }));
    return el("details", { key: `closing/${id}`, class: "part closing", ...(isOpen ? { open: true } : {}) }, el("summary", {}, page.words("incident.close")),
      el("div", { id: FORM }, el("input", { name: "reason", required: true, class: "input", type: "text", maxlength: 500, autocomplete: "off", placeholder: page.words("incident.close_reason"), "aria-label": page.words("incident.close_reason") })),
      div("closing-acts", button("closed"), button("false_alarm")));
  };

  /** Why a candidate stands where it does: the policy ranks by expected arrival alone (dispatch.policies.nearest). */
  const reason = (candidate, laterS) =>
    candidate.status === "returning" ? page.words("command.reason_returning") : laterS < 1 ? page.words("command.reason_first") : page.words("command.reason_later", { time: page.duration(laterS) });

  object.candidatePart = (id, candidates, answer) => {
    const about = el("span", { title: page.words("incident.estimate_long", { detour: page.facts.detour, speed: page.facts.speed_kmh }) }, [page.words("command.policy"), page.words("incident.estimate")].join(" · "));
    const refusal = answer && answer.outcome !== "done" ? div("refusal", page.facts.lang === "zh" ? answer.zh : answer.en) : null;
    if (!candidates) return part(page.words("incident.candidates"), about, refusal, parts.empty("loading"));
    if (!candidates.units.length) return part(page.words("incident.candidates"), about, refusal, parts.empty("incident.no_candidates"));
    const from = { source: sources.candidates, asOf: candidates.t };
    const rows = candidates.units.map(({ unit: unitId, distance_m, eta_s }, rank) => {
      const candidate = city.units.get(unitId);
      if (!candidate || !["available", "returning"].includes(candidate.status)) return null; // sent since it was ranked
      const isFirst = rank === 0;
      const isBusy = cityhelm.clicks.isBusy(`${id}/${unitId}`);
      const send = page.may("order.issue")
        ? el("button", { class: isFirst ? "button button-first" : "button", "data-act": JSON.stringify({ action: "order.issue", request: { incident: id, unit: unitId }, about: id }), disabled: isBusy }, page.words(isBusy ? "incident.sending" : "incident.send"))
        : "";
      return el("div", { key: unitId, class: isFirst ? "candidate candidate-first" : "candidate" }, parts.unit(candidate),
        el("div", { class: "candidate-name ellipsis" }, el("b", { class: "candidate-rank" }, String(rank + 1)), city.name(candidate), el("small", {}, [parts.unitKind(candidate), page.label("unit_status", candidate.status), reason(candidate, eta_s - candidates.units[0].eta_s)].filter(Boolean).join(" · "))),
        div("candidate-eta", ...parts.sentence(page.words("command.eta", { m: Math.floor(eta_s / 60), s: Math.round(eta_s % 60) }), from), el("small", {}, number(page.figure(distance_m / 1000, 1), from), " ", page.words("unit.kilometres"))),
        send);
    });
    return part(page.words("incident.candidates"), about, refusal, div("candidates", ...rows));
  };

  /* warning */
  const warning = (id) => {
    const found = city.warning(id);
    if (!found) return null;
    const from = { source: sources.warnings, measured: found.raised };
    const device = city.devices.get(found.device);
    const level = { above: "≥", below: "≤" }[found.evidence?.direction] ?? "";
    const threshold = found.evidence?.threshold;
    return [
      head(parts.level(found), cards.warningWords(found), [span("ellipsis", cards.warningPlace(found))], [span(cards.isUnacknowledged(found) ? "chip chip-on" : "chip", page.label("warning_state", found.state))]),
      div("part sentence", parts.sentence(cards.warningSentence(found), from)),
      div("part", div("facts",
        fact(found.source === "forecast" ? "warning.expected" : "warning.value", cards.warningValue(found) ?? page.words("no_data")),
        fact("warning.threshold", typeof threshold === "number" ? [level, " ", number(page.measure(threshold), from)] : page.words("no_data")),
        fact("warning.raised", [parts.time(found.raised, from)]), fact("warning.source", page.label("warning_source", found.source)),
        found.probability === null ? null : fact("warning.probability", [number(`${Math.round(100 * found.probability)}%`, from)]),
        found.lead_s === null ? null : fact("warning.lead", parts.sentence(page.duration(found.lead_s), from)),
        found.evidence?.target_time ? fact("warning.expected_at", [parts.time(Date.parse(found.evidence.target_time), from)]) : null,
        fact("warning.rule", [found.rule, " · ", parts.sentence(page.words("warning.version", { n: found.rule_version }), from)], true),
        fact("warning.identifier", span("topic", found.identifier), true),
        device ? fact("warning.object", [city.deviceName(device), " ", showButton(device)], true) : null)),
      found.evidence?.silent_since ? div("part", div("refusal", page.words("warning.silent", { time: page.moment(Date.parse(found.evidence.silent_since)) }))) : null,
      div("part-acts", cards.acknowledge(found), cityhelm.steps.promote("warning", id)),
    ];
  };

  cityhelm.object = object;
})();
