/* The plan: what the planner proposes for the chosen incident, as cards with their reasons and prices, and as numbered ways on the
   map. Pointing at a card lights its way, and the other way round. What has changed hands since it was proposed is left out. */
(() => {
  const { page, city, parts, cards, clicks, dossiers } = cityhelm;
  const { el, div, span, number, part } = parts;
  const plan = {};
  const AGAIN_MS = 3000;
  const WAY_MS = 20000;
  const REACH_MS = 30000;
  const CLOSURES_MS = 10000;
  const MINUTES = [4, 8];
  const MOST_WAYS = 4; // drawn at once
  const MOST_OTHERS = 5;
  const SENDABLE = ["available", "returning"];
  const from = {
    plan: "recommendation · dispatch.planner · storage.proposals",
    way: "roads, closure · gis_data.travel_times",
    moves: "recommendation · dispatch.redeployment",
  };
  let lit = null; // the unit whose card or way is pointed at
  let drawn = { incident: null, ways: [], reach: null, area: null };

  plan.capability = (name) => page.label("capability", name);
  plan.needs = (counts) => Object.entries(counts).map(([name, n]) => `${plan.capability(name)} ${n}`).join(" · ");
  const unitName = (id) => (city.units.has(id) ? city.name(city.units.get(id)) : id);
  const incidentName = (id) => {
    const found = city.incident(id);
    return found ? [page.label("hazard", found.hazard), cards.incidentPlace(found)].filter(Boolean).join(" ") : id;
  };
  /** Minutes and seconds. */
  const clock = (s) => page.words("command.eta", { m: Math.floor(s / 60), s: Math.round(s % 60) });
  const short = (s) => `${Math.floor(s / 60)}:${String(Math.round(s % 60)).padStart(2, "0")}`;
  const percent = (share) => page.fixed(100 * share, 1);

  /** What is proposed: {data, fault, row: of this incident}. `incident` null asks for all. */
  plan.follow = (incident) => {
    const stamp = JSON.stringify(city.orders.map((order) => [order.id, order.state]));
    const { data, fault, isGone } = dossiers.follow("proposals", incident === null ? "/api/proposals" : `/api/proposals?incident=${encodeURIComponent(incident)}`, AGAIN_MS, stamp);
    if (data) isKnown = plan.isThere(data);
    return { data, fault, isGone, row: data?.incidents.find((row) => row.incident === incident) ?? null };
  };
  /** Whether there is a plan at all; a city without a planner goes by the straight line. */
  plan.isThere = (data) => Boolean(data?.recommendation);

  let isKnown = false;
  /** Whether the planner had proposed something when it was last asked: then nobody needs the straight line. */
  plan.isKnown = () => isKnown;

  /** Proposals that can still be followed. */
  plan.open = (row) => (row?.proposals ?? []).filter(({ unit, is_under_way, turned_from }) => !is_under_way && (turned_from !== null || SENDABLE.includes(city.units.get(unit)?.status)));

  /* one card */

  const interval = (eta, source) => {
    if (eta.low_s === null || eta.high_s === null) return el("small", {}, page.words("plan.no_interval"));
    const made = page.words(`plan.interval_${eta.interval}`, { n: page.figure(eta.n) });
    return el("small", { title: made }, page.words("plan.interval"), " ", number(`${short(eta.low_s)}–${short(eta.high_s)}`, { ...source, made }));
  };

  /** Why not the nearest; what it costs the rest of the city; what makes it doubtful. Pure but for names. */
  plan.reasons = (proposal) => {
    const { nearer, coverage, turned_from, gain_s, position, crew, did_not_answer, fit } = proposal;
    const said = [];
    if (nearer) {
      const about = { unit: unitName(nearer.unit), time: short(nearer.eta_s), incident: nearer.incident ? incidentName(nearer.incident) : "", price: page.duration(nearer.price_s) };
      said.push({ key: "plan.not_nearest", text: page.words(`plan.nearer_${nearer.code}`, about) + (nearer.price_s >= 1 ? page.words("plan.price", about) : "") });
    } else said.push({ key: "plan.nearest", text: page.words(fit.spare.length ? "plan.is_nearest_spare" : "plan.is_nearest", { spare: fit.spare.map(plan.capability).join(" · ") }) });
    if (turned_from) said.push({ key: "plan.turned", text: page.words("plan.turned_long", { incident: incidentName(turned_from), gain: page.duration(gain_s ?? 0) }), isAct: true });
    if (coverage) {
      const { district, left, before, after } = coverage;
      const words = after < before - 5e-4 ? "plan.coverage_lost" : "plan.coverage_same";
      said.push({ key: "plan.coverage", text: page.words(words, { district: city.district(district), n: page.figure(left), before: percent(before), after: percent(after) }) });
    }
    if (position.is_stale) said.push({ key: "plan.doubt", text: page.words("plan.stale", { age: page.duration(position.age_s) }), isAct: true });
    if (crew.needs_rest) said.push({ key: "plan.doubt", text: page.words("plan.rest", { n: page.figure(crew.on_order_h, 1) }), isAct: true });
    if (did_not_answer) said.push({ key: "plan.doubt", text: page.words("plan.silent"), isAct: true });
    return said;
  };

  const sendButton = (incident, unit, request, look, key = "incident.send") => {
    if (!page.may("order.issue")) return null;
    const isBusy = clicks.isBusy(`${incident}/${unit}`);
    return el("button", { class: look, "data-act": JSON.stringify({ action: "order.issue", request: { incident, unit, ...request }, about: incident }), disabled: isBusy }, page.words(isBusy ? "incident.sending" : key));
  };

  const card = (row, recommendation, proposal, k) => {
    const unit = city.units.get(proposal.unit);
    if (!unit) return null;
    const source = { source: from.plan, asOf: recommendation.issued };
    const { eta } = proposal;
    const request = { proposal: recommendation.id, rank: String(proposal.rank), ...(proposal.turned_from ? { turn: "yes" } : {}) };
    const look = ["proposal", k === 0 && "proposal-first", lit === unit.id && "proposal-lit"].filter(Boolean).join(" ");
    return el("div", { key: unit.id, class: look, "data-proposal": unit.id },
      el("div", { class: "proposal-mark" }, parts.unit(unit)),
      div("proposal-name", el("b", { class: "candidate-rank" }, String(k + 1)), span("ellipsis", city.name(unit)), el("small", { class: "ellipsis" }, [parts.unitKind(unit), plan.capability(proposal.capability)].filter((word, at, all) => all.indexOf(word) === at).join(" · "))),
      div("proposal-eta", div("proposal-time", ...parts.sentence(clock(eta.s), source)), interval(eta, source)),
      div("proposal-why", plan.reasons(proposal).map(({ key, text, isAct }, at) => el("div", { key: `${key}${at}`, class: isAct ? "proposal-doubt" : null }, el("b", {}, page.words(key)), " ", parts.sentence(text, source)))),
      div("proposal-acts", sendButton(row.incident, unit.id, request, k === 0 ? "button button-first" : "button")),
      others(row, recommendation, proposal));
  };

  /** Another unit instead, with the reason that goes into the record. */
  const others = (row, recommendation, proposal) => {
    const rows = row.others.filter((other) => (other.capability ?? proposal.capability) === proposal.capability && SENDABLE.includes(city.units.get(other.unit)?.status)).slice(0, MOST_OTHERS);
    if (!rows.length || !page.may("order.issue")) return null;
    const form = `override-${proposal.unit}`;
    return el("details", { key: "others", class: "proposal-others" }, el("summary", {}, page.words("plan.instead")),
      el("div", { id: form }, el("input", { name: "reason", ...(recommendation.is_binding ? { required: true } : {}), class: "input", type: "text", maxlength: 500, autocomplete: "off", placeholder: page.words("plan.reason"), "aria-label": page.words("plan.reason") })),
      rows.map((other) => {
        const unit = city.units.get(other.unit);
        const about = { incident: other.incident ? incidentName(other.incident) : "" };
        const button = sendButton(row.incident, unit.id, { proposal: recommendation.id }, "button button-plain", "plan.send_instead");
        if (button) button.attributes["data-form"] = form;
        return el("div", { key: unit.id, class: "other", "data-proposal": unit.id }, parts.unit(unit), span("ellipsis", city.name(unit), el("small", {}, " ", page.words(`plan.other_${other.why}`, about))),
          number(short(other.eta.s), { source: from.plan, asOf: recommendation.issued }), button);
      }));
  };

  /** What is proposed for an incident; null where there is no planner to propose anything. */
  plan.part = (incident, answer) => {
    const { data, fault, isGone, row } = plan.follow(incident);
    if (isGone) return null; // an incident that the planner does not know (any more)
    const refusal = answer && answer.outcome !== "done" ? div("refusal", page.facts.lang === "zh" ? answer.zh : answer.en) : null;
    if (!data) return part(page.words("plan.title"), "", refusal, fault ? parts.face("failed", { source: from.plan, isSmall: true }) : parts.empty("loading"));
    if (!plan.isThere(data)) return null;
    const { recommendation, planner } = data;
    const source = { source: from.plan, asOf: recommendation.issued };
    const about = el("span", { title: page.words(`plan.basis_${recommendation.basis}`, { n: page.figure(recommendation.inputs.loops), closures: page.figure(recommendation.inputs.closures) }) },
      parts.sentence(page.words("plan.sub", { n: page.figure(recommendation.inputs.incidents), time: page.clock(planner.checked ?? recommendation.issued) }), source));
    const away = planner.is_alive ? null : div("refusal", page.words("plan.away", { time: page.moment(planner.checked ?? recommendation.issued) }));
    if (!row) return part(page.words("plan.title"), about, away, refusal, parts.empty("plan.no_card"));
    const open = plan.open(row);
    const plain = open.filter(({ turned_from }) => turned_from === null); // one that is turned round is sent by itself
    const all = plain.length > 1 && page.may("order.issue")
      ? el("button", { class: "button plan-all", "data-act": JSON.stringify({ action: "order.issue_all", request: { incident, units: plain.map(({ unit }) => unit).join(","), proposal: recommendation.id }, about: incident }), disabled: clicks.isBusy(incident) }, page.words("plan.all", { n: plain.length }))
      : null;
    const nothing = Object.keys(row.missing).length ? null : parts.empty("plan.met", { needs: plan.needs(row.needs) });
    return part(page.words("plan.title"), about, away, refusal,
      div("plan-needs", span("", page.words("plan.needs", { needs: plan.needs(row.needs) })), all),
      open.map((proposal, k) => card(row, recommendation, proposal, k)), open.length ? null : nothing);
  };

  /** What is missing and where it could come from: asks to be acted on. */
  plan.shortfalls = (incident) => {
    const { data, row } = plan.follow(incident);
    if (!row?.shortfalls.length) return null;
    const source = { source: from.plan, asOf: data.recommendation.issued };
    return div("shortfall", el("b", {}, page.words("plan.short", { n: row.shortfalls.reduce((sum, { n }) => sum + n, 0) })), div("shortfall-rows", row.shortfalls.map((short_, k) => {
      const [soonest] = short_.later.filter(({ eta_s }) => eta_s !== null);
      const helpers = short_.neighbours.map(({ district, department, n }) => `${district ? city.district(district) : department} ${n}`).slice(0, 3).join("\u3001");
      return el("div", { key: `${short_.capability}${k}` }, parts.sentence([
        `${plan.capability(short_.capability)} ${short_.n}\uff1a${page.words(`plan.short_${short_.why}`)}`,
        soonest ? page.words("plan.soonest", { unit: unitName(soonest.unit), time: short(soonest.eta_s) }) : "", helpers ? page.words("plan.helpers", { helpers }) : "",
      ].filter(Boolean).join(page.words("plan.then")), source));
    })));
  };

  /** When a unit that is under way arrives, by the plan; null where that is not known. */
  plan.eta = (incident, unit) => {
    const { data, row } = plan.follow(incident);
    const found = row?.proposals.find((proposal) => proposal.unit === unit && proposal.is_under_way);
    return found ? parts.sentence(page.words("plan.arrives", { time: clock(found.eta.s) }), { source: from.plan, asOf: data.recommendation.issued }) : null;
  };

  /* the whole city: who did not answer, and who would stand better elsewhere */

  plan.unanswered = (data) => (data?.unanswered ?? []).map((row) => {
    const to = row.to ? page.facts.lang === "zh" ? row.to.zh : row.to.en : incidentName(row.incident);
    return parts.choice(...(row.to ? ["unit", row.unit] : ["incident", row.incident]), "row unanswered", parts.pill(page.words(`plan.unanswered_${row.state}`), "act"), span("row-title ellipsis", page.words("plan.unanswered", { unit: unitName(row.unit), incident: to })), parts.stopwatch(row.since, {}, { source: from.plan, measured: row.since }));
  });

  plan.moves = (data) => (data?.moves ?? []).filter(({ unit }) => city.units.get(unit)?.status === "available").map((move) => {
    const unit = city.units.get(move.unit);
    const source = { source: from.moves, asOf: data.recommendation?.issued };
    const to = page.facts.lang === "zh" ? move.to.zh : move.to.en;
    const act = page.may("unit.stand_by") ? el("button", { class: "button", "data-act": JSON.stringify({ action: "unit.stand_by", request: { unit: move.unit, place: move.to.place, ...(data.recommendation ? { proposal: data.recommendation.id } : {}) }, about: move.unit }), disabled: clicks.isBusy(move.unit) }, page.words("plan.move")) : null;
    return el("div", { key: move.unit, class: "move" }, parts.unit(unit), div("move-words", el("b", { class: "ellipsis" }, page.words("plan.move_to", { unit: city.name(unit), place: to })),
      el("small", {}, parts.sentence(page.words("plan.move_gain", { district: city.district(move.district), before: percent(move.coverage_before), after: percent(move.coverage_after), time: short(move.travel_s) }), source))), act);
  });

  /* the map */

  /** Follows what belongs to the chosen incident on the map: ways of those proposed and of those under way, and its reach. */
  plan.look = (found) => {
    const before = JSON.stringify(drawn);
    if (!found) drawn = { incident: null, ways: [], reach: null, area: null };
    else {
      const { data, row } = plan.follow(found.id);
      const proposed = plan.open(row).slice(0, MOST_WAYS);
      const driving = (row?.proposals ?? []).filter(({ is_under_way }) => is_under_way).slice(0, MOST_WAYS);
      const ways = [...proposed.map((proposal, k) => ({ proposal, name: `way/${k}`, rank: k + 1 })), ...driving.map((proposal, k) => ({ proposal, name: `drive/${k}`, rank: null }))].flatMap(({ proposal, name, rank }) => {
        const url = `/api/routes?unit=${encodeURIComponent(proposal.unit)}&incident=${encodeURIComponent(found.id)}`;
        const line = dossiers.follow(name, url, WAY_MS, rank === null ? "" : data.recommendation.id).data?.geometry?.coordinates;
        return line ? [{ unit: proposal.unit, rank, line, label: [rank, unitName(proposal.unit), clock(proposal.eta.s)].filter((word) => word !== null).join(" · ") }] : [];
      });
      const reach = cityhelm.layers.isShown("reach") && plan.isThere(data) && data.recommendation.basis === "roads"
        ? dossiers.follow("reach", `/api/isochrones?incident=${encodeURIComponent(found.id)}&minutes=${MINUTES.join(",")}`, REACH_MS).data : null;
      drawn = { incident: found.id, ways, reach, area: cityhelm.impact.shapeOf(found.id) };
    }
    if (JSON.stringify(drawn) !== before) {
      version += 1;
      cityhelm.map.draw();
    }
    show(found);
  };
  let version = 0;
  let shownFor = null; // the incident that the map was taken to, and since when it has been chosen
  const WAIT_MS = 8000;
  const ROOM = 0.08; // of what is shown, for labels at its edge
  const MARGIN = 0.006; // degrees around a place that has nothing to be shown beside it

  /** Takes the map to an incident once when it is chosen, with the ways that lead there; after that the view is the viewer's. */
  const show = (found) => {
    if (!found) shownFor = null;
    else if (shownFor?.id !== found.id) shownFor = { id: found.id, since: performance.now(), isDone: false };
    const isReady = drawn.ways.length > 0 || (shownFor && performance.now() - shownFor.since > WAIT_MS);
    if (!found || shownFor.isDone || !isReady || typeof found.lon !== "number") return;
    shownFor.isDone = true;
    const corners = [[found.lon - MARGIN, found.lat - MARGIN], [found.lon + MARGIN, found.lat + MARGIN], ...drawn.ways.flatMap(({ line }) => line)];
    const [lon, lat] = [corners.map((at) => at[0]), corners.map((at) => at[1])];
    const [west, south, east, north] = [Math.min(...lon), Math.min(...lat), Math.max(...lon), Math.max(...lat)];
    const [across, up] = [ROOM * (east - west), ROOM * (north - south)];
    cityhelm.map.show([west - across, south - up, east + across, north + up]);
  };

  /** Roads that are closed, by whatever closed them; asked for where a map shows them. */
  plan.closures = () => (cityhelm.layers.isShown("closure") ? dossiers.follow("closures", "/api/closures", CLOSURES_MS).data?.features ?? [] : []);

  /** What a closed road says when it is pointed at. */
  plan.sayClosure = (id) => {
    const found = plan.closures().find(({ properties }) => properties.id === id)?.properties;
    if (!found) return null;
    const roads = found.roads.map((road) => cityhelm.map.nameOf(road)).filter(Boolean).slice(0, 3).join("\u3001");
    return [page.words("map.closed_by", { reason: found.reason }), roads, found.until ? page.words("plan.closed_until", { time: page.moment(found.until) }) : page.words("plan.closed_since", { time: page.moment(found.since) })];
  };
  /** Whether a unit's way is drawn along the roads. */
  plan.isDriven = (unit) => drawn.ways.some((way) => way.unit === unit && way.rank === null);

  /** Roads that people have closed, with the way to open them again. */
  plan.closed = () => plan.closures().map(({ properties, geometry }) => {
    const source = { source: "closure · storage.closures", measured: properties.since };
    const at = geometry?.type === "Point" ? geometry.coordinates : geometry?.type === "LineString" ? geometry.coordinates[0] : geometry?.coordinates[0][0];
    return el("div", { key: properties.id, class: "move" }, el("i", { class: "swatch swatch-closure", "aria-hidden": "true" }), div("move-words", el("b", { class: "ellipsis" }, properties.reason),
      el("small", {}, parts.sentence([page.words(`plan.closed_${properties.source}`), properties.until ? page.words("plan.closed_until", { time: page.moment(properties.until) }) : page.words("plan.closed_since", { time: page.moment(properties.since) })].join(" \u00b7 "), source))),
    at ? el("button", { class: "link", "data-fly": JSON.stringify(at) }, page.words("object.show")) : null,
    page.may("road.open") ? el("button", { class: "button button-plain", "data-act": JSON.stringify({ action: "road.open", request: { closure: properties.id }, about: properties.id }), disabled: clicks.isBusy(properties.id) }, page.words("plan.open_road")) : null);
  });

  const CYAN = [53, 200, 255];
  const rings = (shape) => (!shape ? [] : shape.type === "Polygon" ? [shape.coordinates] : shape.type === "MultiPolygon" ? shape.coordinates : []);
  let listed = { version: -1 };
  const listedNow = () => {
    if (listed.version === version) return listed;
    const reach = (drawn.reach?.features ?? []).flatMap(({ geometry, properties }) => rings(geometry).map((polygon) => ({ polygon, minutes: properties.minutes })));
    const stands = new Map(); // how many stand at a place already: their labels lie below one another
    const ends = drawn.ways.filter(({ rank }) => rank !== null).map((way) => {
      const place = way.line[0].map((degrees) => degrees.toFixed(3)).join();
      stands.set(place, (stands.get(place) ?? -1) + 1);
      return { ...way, nth: stands.get(place) };
    });
    const rims = MINUTES.flatMap((minutes) => rimOf(reach.filter((row) => row.minutes === minutes)));
    listed = { version, reach, rims, ways: drawn.ways, ends, area: rings(drawn.area) };
    return listed;
  };
  /** Where the largest of some polygons is written to: its northernmost corner. */
  const rimOf = (rows) => {
    const [largest] = rows.sort((a, b) => b.polygon[0].length - a.polygon[0].length);
    return largest ? [{ at: largest.polygon[0].reduce((north, at) => (at[1] > north[1] ? at : north)), text: page.words("plan.minutes", { n: largest.minutes }) }] : [];
  };

  plan.below = (deck, scale) => {
    const { reach, ways, area } = listedNow();
    const wide = ({ unit, rank }) => (unit === lit ? 7 : rank === 1 ? 5 : 3.4) * scale;
    const colour = ({ unit, rank }) => [...CYAN, unit === lit ? 255 : rank === 1 ? 235 : rank === null ? 120 : 165];
    const triggers = { updateTriggers: { getWidth: [lit, scale], getColor: lit } };
    return [
      reach.length > 0 && new deck.PolygonLayer({ id: "reach", data: reach, getPolygon: (row) => row.polygon, getFillColor: ({ minutes }) => [...CYAN, minutes === MINUTES[0] ? 22 : 10], getLineColor: [...CYAN, 150], getLineWidth: 1.4 * scale, lineWidthUnits: "pixels" }),
      area.length > 0 && new deck.PolygonLayer({ id: "impact", data: area, getPolygon: (row) => row, getFillColor: [232, 243, 255, 26], getLineColor: [232, 243, 255, 220], getLineWidth: 1.8 * scale, lineWidthUnits: "pixels" }),
      ways.length > 0 && new deck.PathLayer({ id: "ways-edge", data: ways, getPath: (way) => way.line, getColor: [4, 16, 36, 200], getWidth: (way) => wide(way) + 3 * scale, widthUnits: "pixels", capRounded: true, jointRounded: true, ...triggers }),
      ways.length > 0 && new deck.PathLayer({ id: "ways", data: ways, getPath: (way) => way.line, getColor: colour, getWidth: wide, widthUnits: "pixels", capRounded: true, jointRounded: true, pickable: true, onHover: ({ object }) => plan.light(object?.unit ?? null), ...triggers }),
    ].filter(Boolean);
  };
  plan.above = (deck, scale) => {
    const { ends, rims } = listedNow();
    const LETTERS = { fontFamily: '"Noto Sans SC", sans-serif', characterSet: "auto", fontSettings: { fontSize: 48 }, getAlignmentBaseline: "center", background: true };
    return [rims.length > 0 && new deck.TextLayer({
      ...LETTERS, id: "reach-names", data: rims, getText: (row) => row.text, getPosition: (row) => row.at, getSize: 13 * scale, getColor: [157, 220, 255, 255], getBackgroundColor: [4, 16, 36, 200], backgroundPadding: [5, 2, 5, 2], updateTriggers: { getSize: scale },
    }), ends.length > 0 && new deck.TextLayer({
      ...LETTERS, id: "way-names", data: ends, getText: (way) => way.label, getPosition: (way) => way.line[0], getSize: 14 * scale, fontWeight: 700, getTextAnchor: "start",
      getPixelOffset: (way) => [22 * scale, (26 * way.nth - 16) * scale], getBackgroundColor: (way) => (way.unit === lit ? [...CYAN, 255] : [232, 243, 255, 245]), backgroundPadding: [7, 4, 7, 4], backgroundBorderRadius: 3 * scale, getColor: [6, 24, 47, 255],
      pickable: true, onHover: ({ object }) => plan.light(object?.unit ?? null), updateTriggers: { getSize: scale, getPixelOffset: scale, getBackgroundColor: lit },
    })].filter(Boolean);
  };

  /** Lights a unit's card and way; null puts the light out. */
  plan.light = (unit) => {
    if (unit === lit) return;
    lit = unit;
    page.beat();
    cityhelm.map.draw();
  };
  document.addEventListener("pointerover", ({ target }) => {
    const over = target.closest?.("[data-proposal]");
    if (over) plan.light(over.dataset.proposal);
    else if (lit && target.closest?.(".dossier-card")) plan.light(null);
  });

  cityhelm.plan = plan;
})();
