/* City cards: what the cockpit says of the city, of a district, a street or a place, and of an event. Frames in, pieces out; where a
   frame has not come or says nothing, a card says so. Every figure carries where it is from and when it was measured. */
(() => {
  const { page, city, parts } = cityhelm;
  const { el, div, span, number } = parts;
  const cityCards = {};
  const EVERY_S = { kpis: 60, aqi: 3600, sign: 600 }; // between two values: counts are taken every minute at the latest, air is averaged by the hour
  const HOUR_MS = 3600000;
  const FRAME_LATE_MS = 30000;
  const NEAR_M = 1000;
  const NEAR_UNITS = 5;
  const LONGEST = 60; // rows of a list; more scroll out of sight anyway

  const overview = () => cityhelm.cockpit.overview();
  const halls = () => cityhelm.cockpit.halls();
  const drill = () => cityhelm.drill;
  const SOURCES = {
    kpis: "incident, service_request, hall_event, unit_status · storage.overview",
    vitals: "latest, district_hour · storage.overview",
    districts: "latest, district_hour, incident, service_request · storage.overview",
    requests: "service_request · storage.overview",
    readiness: "unit_status · storage.overview",
    forecast: "forecast, observation · storage.overview",
    halls: "hall_event · staffing.books.Books",
    hall_asks: "window_proposal, wait_forecast, hall_surge · dashboard.api.hall_city",
    ground: "places, population · gis_data.surroundings",
    streets: "roads, places · gis_data.streets",
    distance: "unit_latest · cityhelm.drill.metres",
  };
  /** Where a number of a frame is from: what the frame says itself, else the questions it is made of. */
  const from = (name, thing = {}) => ({ source: thing?.source ?? SOURCES[name], measured: thing?.measured ?? null, asOf: thing?.measured ? (thing.taken ?? null) : (overview()?.as_of ?? overview()?.t ?? city.t), count: thing?.n, made: thing?.made ?? (thing?.how ? word(thing.how) : undefined) });
  /** The state of a card of the overview: not come yet, empty, or as old as it is. */
  const stateOf = (frame, value, measured, everyS) => (frame === null ? "loading" : isOld(frame) ? parts.stateOf({ value, measured: frame.t, everyS: 1 }) : parts.stateOf({ value, measured, everyS }));
  /** Frames come every five seconds: one that nothing followed for half a minute, or whose channel is not live, is shown as what was. */
  const isOld = (frame) => page.now() - frame.t > FRAME_LATE_MS || !cityhelm.stream.isLive(frame === halls() ? "halls" : "overview");
  /** The state of a card that shows a frame, with its time where it is old. */
  const faceOf = (frame, hasData) => ({ state: frame === null ? "loading" : !hasData ? "empty" : isOld(frame) || parts.stateOf({ value: 1 }) === "stale" ? "stale" : "live", measured: frame?.t ?? null });
  const hasWord = (key) => key in page.facts.words;
  const word = (key, instead = "") => (hasWord(key) ? page.words(key) : instead);

  /* the frame's own words */
  const unitOf = (row) => (row.unit_key ? word(row.unit_key, row.unit_key) : row.unit ? (hasWord(row.unit) ? page.words(row.unit) : row.unit) : "");
  const bandOf = (row) => (row.band ? word(row.band, row.band) : "");
  const ICONS = { traffic_index: "traffic", aqi: "air", rain: "rain", river: "river", power: "power", water_pressure: "water", crowd: "people", online: "online", incidents_today: "incident", requests_today: "request", served_today: "served", response_min: "clock", units_ready: "readiness", wait_p90_min: "hall" };
  /** What is better of a figure: the frame says 1 for more, -1 for less, 0 for neither. */
  const betterOf = ({ good }) => ({ 1: "more", "-1": "less" })[good] ?? null;
  const DIGITS = { response_min: 1, wait_p90_min: 0, traffic_index: 1, rain: 1, river: 2, online: 1, power: 0, aqi: 0, crowd: 0, water_pressure: 0 };

  cityCards.headline = () => {
    const frame = overview();
    const rows = frame?.kpis ?? [];
    if (!rows.length) return [parts.face(frame ? "empty" : "loading", { source: SOURCES.kpis })];
    return rows.filter(({ key }) => key !== "units_ready").map((row) =>
      parts.headline({
        key: row.key, label: page.words(`kpi.${row.key}`), value: row.value, digits: DIGITS[row.key] ?? 0, unit: unitOf(row), icon: ICONS[row.key],
        state: stateOf(frame, row.value, row.taken ?? row.measured, EVERY_S.kpis),
        compare: row.before === null || row.before === undefined ? null : { before: row.before, better: betterOf(row), words: page.words("kpi.than_before") },
        note: row.before_key && row.before === null ? `${word(row.before_key)} ${page.words("no_data")}` : null,
      }, from("kpis", row)));
  };

  cityCards.weather = () => {
    const weather = overview()?.weather;
    if (!weather) return null;
    const said = from("vitals", weather);
    const has = (value) => value !== null && value !== undefined;
    return [
      parts.icon("weather"),
      has(weather.temperature_c) ? span("", number(page.figure(weather.temperature_c, 0), said), "°C") : null,
      has(weather.rain_mm_h) ? span("", weather.rain_mm_h >= 0.05 ? parts.sentence(page.words("weather.rain", { n: page.figure(weather.rain_mm_h, 1) }), said) : page.words("weather.dry")) : null,
      has(weather.humidity) ? span("", parts.sentence(page.words("weather.humidity", { n: page.figure(weather.humidity) }), said)) : null,
    ];
  };

  /** Rows that may be more than there is room for. Where none of them is a button, the keyboard comes to the list itself. */
  const readList = (rows) => el("div", { class: "list", tabindex: "0" }, rows);
  const list = (rows) => (cityhelm.cockpit.isWall() ? readList(rows) : div("list", rows));

  /* cards of the city */

  const card = (name, { weight = 1, ...options }, ...body) =>
    parts.card({ key: name, look: `city-card card-${name} weight-${weight}`, ...options, title: options.title ?? page.words(`card.${name}`) }, ...body);

  const vitals = () => {
    const frame = overview();
    const rows = frame?.vitals ?? [];
    return card("vitals", { icon: "city", weight: 3, ...faceOf(frame, rows.some((row) => row.value !== null)), from: from("vitals"), sub: sinceOf(rows) },
      div("vitals", rows.map((row) => vital(row))));
  };
  const vital = (row) =>
    parts.vital({ key: row.key, label: page.words(`vital.${row.key}`), icon: ICONS[row.key], value: row.value, digits: DIGITS[row.key] ?? 1, unit: unitOf(row), band: bandOf(row), share: row.share, edges: row.edges ?? [], hours: row.hours ?? null,
      state: stateOf(overview(), row.value, row.measured, EVERY_S[row.key] ?? EVERY_S.sign) }, from("vitals", row));
  /** The age of the newest of several rows. */
  const sinceOf = (rows) => {
    const measured = rows.reduce((newest, row) => Math.max(newest, row.measured ?? 0), 0);
    return measured ? parts.age(measured, from("vitals", { measured })) : "";
  };

  const forecast = () => {
    const frame = overview();
    const row = frame?.forecast;
    return card("forecast", { icon: "forecast", weight: 3, ...faceOf(frame, row), from: from("forecast"), sub: row ? forecastNote(row) : "" },
      row ? div("forecast-name ellipsis", cityhelm.cockpit.isWall() ? forecastName(row) : el("a", { class: "link", href: cityhelm.forecasts.href(row.datastream) }, forecastName(row))) : null,
      row ? parts.fan("forecast", { measured: { start: row.start, step_s: row.step_s, values: row.values }, forecast: { start: row.f_start, step_s: row.step_s, q10: row.q10, q50: row.q50, q90: row.q90 }, now: page.now(), unit: page.facts.labels.property_unit[row.property] ?? row.unit, label: forecastName(row), digits: 0, source: row.source ?? SOURCES.forecast }) : null);
  };
  const forecastName = (row) => [row[`name_${page.facts.lang}`] || row.device, page.label("property", row.property)].filter(Boolean).join(" · ");
  const forecastNote = (row) => parts.sentence(page.words("card.issued", { time: page.hour(row.issued) }), from("forecast", { ...row, measured: row.issued, made: [word(row.how), `${row.model} ${row.version}`, row.fallback?.[page.facts.lang]].filter(Boolean).join(" · ") }));

  let isFormula = false;
  cityCards.toggleFormula = () => (isFormula = !isFormula);

  const MOST_RANKED = 12;
  /** All of a ranking where it fits, else its first and last rows. */
  const ends = (rows) => (rows.length <= MOST_RANKED ? rows : [...rows.slice(0, MOST_RANKED - 4), ...rows.slice(-4)]);

  const ranking = () => {
    const frame = overview();
    const rows = (frame?.districts ?? []).filter((row) => row.score !== null && row.score !== undefined).sort((a, b) => a.rank - b.rank);
    const toggle = el("button", { class: "link", "data-formula": "toggle", "aria-pressed": String(isFormula) }, page.words(isFormula ? "card.formula_hide" : "card.formula"));
    const body = isFormula ? formula() : parts.ranking(ends(rows).map((row) => ({ key: row.code, rank: row.rank, name: city.district(row.code), value: row.score, share: row.score / 100, choose: cityhelm.cockpit.isWall() ? null : { kind: "area", id: row.code }, from: from("districts", { made: madeOf(row), n: row.parts?.length, measured: newestOf(row.parts) }) })), { digits: 0, label: page.words("card.ranking") }, from("districts"));
    return card("ranking", { icon: "ranking", weight: 4, ...faceOf(frame, rows.length), from: from("districts"), sub: [page.words("card.ranking_sub"), " ", cityhelm.cockpit.isWall() ? null : toggle] }, rows.length ? body : null);
  };
  const newestOf = (rows) => (rows ?? []).reduce((newest, row) => Math.max(newest, row.measured ?? 0), 0) || null;
  const madeOf = (row) => (row.parts ?? []).filter((part) => part.score !== null).map((part) => `${partName(part)} ${page.figure(part.score)} × ${page.figure(100 * (part.share ?? 0), 0)}%`).join(" + ");
  const partName = (part) => page.words(`index.${part.key}`);
  /** How the index is made: its parts with weight and scale. */
  const formula = () => {
    const index = overview().index ?? { parts: [] };
    const total = index.parts.reduce((sum, part) => sum + part.weight, 0);
    const scale = (part) => part.anchors.map(([value, score]) => `${page.figure(value, 2)}→${page.figure(score)}`).join("  ");
    return div("formula", el("ul", { class: "formula-parts" }, index.parts.map((part) => el("li", { key: part.key },
      span("formula-name", partName(part)), span("formula-weight", page.words("ranking.weight"), " ", number(`${page.figure((100 * part.weight) / total, 0)}%`, from("districts", part))),
      span("formula-how", word(part.how)), span("formula-scale", page.words("ranking.scale"), " ", number(scale(part), from("districts", part)))))),
      el("p", { class: "quiet" }, word(index.how), " ", page.words("ranking.shared")));
  };

  /** Districts by one of their figures, highest first. `full` is what a whole bar means, the highest where nothing is said; `none` is
      said instead of a list of zeros. */
  const byDistrict = (name, metric, { digits = 0, unit = "", icon, full = null, factor = 1, none = null }) => () => {
    const frame = overview();
    const rows = (frame?.districts ?? []).map((row) => ({ code: row.code, value: row.metrics?.[metric] })).filter(({ value }) => value !== null && value !== undefined).sort((a, b) => b.value - a.value || a.code.localeCompare(b.code));
    const most = full ?? Math.max(1e-9, ...rows.map(({ value }) => value * factor));
    return card(name, { icon, weight: 4, ...faceOf(frame, rows.length), from: from("districts"), sub: [unit ? `${word(unit, unit)} · ` : "", page.words("ranking.worst_first")] },
      none && rows.length && rows.every(({ value }) => value === 0) ? calm(none) : parts.ranking(ends(rows.map((row, k) => ({ ...row, rank: k + 1 }))).map(({ code, value, rank }) => ({ key: code, rank, name: city.district(code), value: value * factor, share: (value * factor) / most, choose: cityhelm.cockpit.isWall() ? null : { kind: "area", id: code } })), { digits, label: page.words(`card.${name}`) }, from("districts", { measured: frame?.as_of })));
  };

  const hot = () => {
    const frame = overview();
    const rows = frame?.requests?.hot_known === false ? null : (frame?.requests?.hot ?? null);
    const most = Math.max(1, ...(rows ?? []).map((row) => row.n));
    return card("hot", { icon: "hot", weight: 3, ...faceOf(frame, rows && frame.requests.today !== null), from: from("requests"), sub: page.words("card.last_24h") },
      rows?.length
        ? el("div", { class: "heat-rows", tabindex: "0" }, parts.ranking(rows.slice(0, 8).map((row) => ({ key: `${row.district}/${row.class}`, name: [row.district ? city.district(row.district) : "", requestClass(row.class)].filter(Boolean).join(" · "), value: row.n, share: row.n / most, note: page.words("hot.usual", { n: page.figure(row.usual, 0) }), from: from("requests", { ...row, measured: frame.requests.measured }) })), { label: page.words("card.hot") }, from("requests")))
        : calm("hot.none"));
  };
  const requestClass = (name) => page.facts.labels.request_class?.[name] ?? page.label("hazard", name);

  const requests = () => {
    const frame = overview();
    const row = frame?.requests;
    const hasData = row && row.today !== null && row.today !== undefined;
    const said = from("requests", row ?? {});
    const start = frame?.hours_start ?? Math.floor(page.now() / HOUR_MS) * HOUR_MS - 23 * HOUR_MS;
    return card("requests", { icon: "request", weight: 3, ...faceOf(frame, hasData), from: said, sub: page.words("card.by_hour") },
      hasData ? div("requests-line", span("", page.words("requests.now")), parts.rolling(page.figure(row.today), said), row.usual === null || row.usual === undefined ? null : span("quiet", parts.sentence(page.words("requests.usual", { n: page.figure(row.usual) }), said))) : null,
      hasData ? parts.columns(row.hours, { now: row.hours.length - 1, label: page.words("card.requests"), ticks: hourTicks(start) }) : null);
  };

  /** Every sixth hour of the last 24 below its column. */
  const hourTicks = (start) => [2, 8, 14, 20].map((k) => [(k + 0.5) / 24, page.hour(start + k * HOUR_MS)]);

  const readiness = () => {
    const frame = overview();
    const row = frame?.readiness;
    const kinds = row?.kinds ?? [];
    const said = from("readiness", row ?? {});
    const bare = (row?.reserve_districts ?? []).filter((district) => district.ready === 0);
    return card("readiness", { icon: "readiness", weight: 3, ...faceOf(frame, kinds.length), from: said, sub: page.words("readiness.legend") },
      div("ready-rows", kinds.map((kind) => el("div", { key: kind.kind, class: "ready-row" }, parts.unit({ kind: kind.kind, status: "available" }), span("ready-name ellipsis", parts.unitKind({ kind: kind.kind })),
        span("ready-bar", ["ready", "out", "working"].map((state) => (kind[state] ? el("i", { key: state, class: `ready-${state}`, style: `flex-grow:${kind[state]}` }) : null)), kind.total > kind.ready + kind.out + kind.working ? el("i", { key: "rest", class: "ready-rest", style: `flex-grow:${kind.total - kind.ready - kind.out - kind.working}` }) : null),
        span("ready-n", number(page.figure(kind.ready), said), span("quiet", " / ", number(page.figure(kind.total), said)))))),
      row?.reserve_districts?.length ? el("p", { class: bare.length ? "ready-note ready-bare" : "ready-note quiet" }, bare.length ? page.words("readiness.no_reserve", { names: bare.map(({ code }) => city.district(code)).join(page.words("list.comma")) }) : page.words("readiness.reserve")) : null);
  };

  const hallRows = (rows) =>
    parts.queues(rows.map((hall) => ({
      key: hall.id, name: hallName(hall), value: hall.load === null || hall.load === undefined ? null : 100 * hall.load, target: 100,
      note: hall.open === false ? page.words("card.closed") : hall.waiting === null ? "" : page.words("card.waiting", { n: page.figure(hall.waiting) }), from: from("halls", hall.measured ? { measured: hall.measured } : {}),
    })), { unit: "%", digits: 0, label: page.words("card.halls"), longest: Math.max(120, ...rows.map((hall) => 100 * (hall.load ?? 0))) }, from("halls"));
  const hallName = (hall) => hall[`name_${page.facts.lang}`] || hall.name || hall.id;
  const hallsOf = (district) => (halls()?.halls ?? []).filter((hall) => !district || hall.district === district).sort((a, b) => (b.load ?? -1) - (a.load ?? -1) || (b.waiting ?? 0) - (a.waiting ?? 0) || a.id.localeCompare(b.id));
  /** What the halls ask for, in one line that leads to their page: proposals, breaches of the target ahead, what suddenly many come for. */
  const HALLS_MS = 30000;
  const hallAsks = (rows) => {
    const { data } = page.reads("read.halls") ? cityhelm.dossiers.follow("halls city", "/api/halls/city", HALLS_MS) : {};
    if (!data) return null;
    const there = new Map(rows.map((hall) => [hall.id, hall]));
    const source = { source: SOURCES.hall_asks, asOf: data.t };
    const asking = data.asking.filter((id) => there.has(id)).length;
    const late = data.halls.filter(({ id, wait_ahead }) => wait_ahead && wait_ahead.p90_s > (there.get(id)?.target_s ?? Infinity)).length;
    const [hot] = data.surges.filter((surge) => !surge.ended && (!surge.hall || there.has(surge.hall)));
    const told = [
      asking ? parts.pill(page.words("card.hall_proposals", { n: asking }), "act") : null,
      late ? span("hall-late", parts.sentence(page.words("card.hall_breach", { n: late }), source)) : null,
      hot ? span("hall-hot ellipsis", page.words("card.hall_hot", { item: hot.item ? page.label("service_item", hot.item) : page.words("halls.all_items") })) : null,
    ].filter(Boolean);
    if (!told.length) return null;
    return cityhelm.cockpit.isWall() ? el("div", { key: "asks", class: "hall-asks" }, told) : el("a", { key: "asks", class: "hall-asks", href: `/halls?lang=${page.facts.lang}` }, told);
  };
  const hallLoad = () => {
    const rows = hallsOf(drill().path[0]);
    return card("halls", { icon: "hall", weight: 4, ...faceOf(halls(), rows.length), from: from("halls"), sub: page.words("card.load_sub") }, rows.length ? (rows.every((hall) => hall.open === false && !hall.waiting) ? calm("card.all_closed") : [hallAsks(rows), hallRows(rows.slice(0, LONGEST))]) : null);
  };

  /** Waiting by service over all halls: how many, the longest of them against the target. */
  const items = () => {
    const all = new Map();
    for (const hall of halls()?.halls ?? []) for (const item of hall.items ?? []) {
      const row = all.get(item.item) ?? { item: item.item, waiting: 0, wait_s: null, target_s: item.target_s ?? null, measured: hall.measured };
      all.set(item.item, { ...row, waiting: row.waiting + (item.waiting ?? 0), wait_s: item.wait_s === null || item.wait_s === undefined ? row.wait_s : Math.max(row.wait_s ?? 0, item.wait_s) });
    }
    const rows = [...all.values()].sort((a, b) => (b.wait_s ?? -1) - (a.wait_s ?? -1) || b.waiting - a.waiting || a.item.localeCompare(b.item));
    return card("items", { icon: "clock", weight: 4, ...faceOf(halls(), rows.length), from: from("halls"), sub: page.words("card.longest_now") },
      rows.length ? parts.queues(rows.slice(0, MOST_RANKED).map((row) => ({ key: row.item, name: page.facts.labels.service_item?.[row.item] ?? row.item, value: row.wait_s === null ? (row.waiting ? null : 0) : row.wait_s / 60, target: row.target_s === null ? null : row.target_s / 60, note: page.words("card.waiting", { n: page.figure(row.waiting) }), from: from("halls", { measured: row.measured }) })), { unit: page.words("unit.minutes"), label: page.words("card.items") }, from("halls")) : null);
  };

  /** The last day of the sign that the scene is about. */
  const course = (scene) => {
    const frame = overview();
    const row = frame?.vitals?.find(({ key }) => key === cityhelm.scenes.CARDS[scene]?.vital);
    const there = (row?.hours ?? []).filter((value) => value !== null);
    const start = frame?.hours_start ?? Math.floor(page.now() / HOUR_MS) * HOUR_MS - 23 * HOUR_MS;
    const said = from("vitals", row ?? {});
    const figures = there.length ? [["card.lowest", Math.min(...there)], ["card.mean", there.reduce((sum, value) => sum + value, 0) / there.length], ["card.highest", Math.max(...there)]] : [];
    return card("course", { icon: row ? ICONS[row.key] : null, weight: 3, title: row ? page.words("card.course_of", { name: page.words(`vital.${row.key}`) }) : page.words("card.course"), ...faceOf(frame, there.length), from: said, sub: row ? unitOf(row) : "" },
      row ? div("course-now", vital({ ...row, hours: null })) : null,
      there.length ? parts.columns(row.hours, { now: 23, label: page.words("card.course"), ticks: hourTicks(start) }) : null,
      div("course-figures", figures.map(([key, value]) => span("", page.words(key), " ", number(page.fixed(value, DIGITS[row.key] ?? 1), said)))));
  };

  /* warnings, incidents, units: of the city, or of where one is */

  /** Where one is, for asking what belongs to it: {district} or {street} or {at, metres}; the city is {}. */
  const scope = () => {
    const event = cityhelm.cockpit.event;
    if (event) return event.at ? { at: event.at, metres: NEAR_M } : {};
    const [place, street] = [drill().place(), drill().street()];
    if (place) return { at: [place.lon, place.lat], metres: NEAR_M };
    if (street) return { street };
    return drill().path[0] ? { district: drill().path[0] } : {};
  };
  const within = (things, where) => {
    if (where.at) return drill().near(things, where.at, where.metres).map(({ thing }) => thing);
    if (where.street) return drill().onStreet(things, where.street);
    if (where.district) return things.filter((thing) => districtOf(thing) === where.district);
    return things;
  };
  const districtOf = (thing) => thing.district ?? city.devices.get(thing.device)?.district ?? drill().districtOf([thing.lon, thing.lat]);

  const LEVELS = ["red", "orange", "yellow", "blue"];
  const isActing = (warning) => ["acknowledged", "handling"].includes(warning.state);
  const noticeOf = (warning) => {
    const said = { source: parts.sources.warnings, measured: warning.raised };
    return parts.notice({ key: warning.id, level: warning.level, title: cityhelm.cards.warningWords(warning), place: cityhelm.cards.warningPlace(warning), since: warning.raised, pill: parts.pill(page.label("warning_state", warning.state), isActing(warning) ? "on" : ""), choose: cityhelm.cockpit.isWall() ? null : { kind: "warning", id: warning.id }, isOn: cityhelm.operations.chosen?.id === warning.id }, said);
  };
  const hasCity = () => cityhelm.cards.hasCity();
  const warnings = () => {
    const isArea = cityhelm.cockpit.mode() === "area";
    const rows = within(city.warnings, isArea ? scope() : {}).sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || b.raised - a.raised);
    return card("warnings", { icon: "warning", weight: rows.length > 2 ? 3 : 2, state: !city.isLoaded ? "loading" : hasCity() ? "live" : "empty", from: { source: parts.sources.warnings }, sub: countOf("warnings.open", rows.length, parts.sources.warnings) },
      rows.length ? list(rows.slice(0, LONGEST).map(noticeOf)) : calm(isArea ? "area.no_warnings" : "warnings.none"));
  };
  /** What a list says when nothing is amiss. */
  const calm = (key) => div("calm", parts.icon("check"), span("", page.words(key)));
  const countOf = (key, n, source) => (hasCity() ? parts.sentence(page.words(key, { n: page.figure(n) }), { source, asOf: city.t }) : "");

  const GRADES = ["I", "II", "III", "IV"];
  const placeOf = (thing) => city.district(districtOf(thing) ?? "");
  const incidentRow = (incident) => {
    const said = { source: parts.sources.incidents, measured: incident.reported };
    const sent = city.orders.filter((order) => order.incident === incident.id && city.isOpenOrder(order)).length;
    const inside = [
      parts.diamond(incident.grade), span("incident-title ellipsis", page.label("hazard", incident.hazard)), span("incident-clock", parts.stopwatch(incident.reported, {}, said)),
      span("incident-more ellipsis", [page.label("incident_state", incident.state), placeOf(incident)].filter(Boolean).join(" · ")), span("incident-sent", parts.sentence(page.words("incidents.units", { n: sent }), { source: parts.sources.orders, asOf: city.t })),
    ];
    return cityhelm.cockpit.isWall() ? el("div", { key: incident.id, class: "incident-row" }, ...inside) : el("button", { key: incident.id, class: cityhelm.operations.chosen?.id === incident.id ? "incident-row incident-on" : "incident-row", "data-choose": JSON.stringify({ kind: "incident", id: incident.id }) }, ...inside);
  };
  const incidents = () => {
    const isArea = cityhelm.cockpit.mode() === "area";
    const rows = [...within(city.incidents, isArea ? scope() : {})].sort((a, b) => GRADES.indexOf(a.grade) - GRADES.indexOf(b.grade) || a.reported - b.reported);
    return card("incidents", { icon: "incident", weight: 3, state: !city.isLoaded ? "loading" : hasCity() ? "live" : "empty", from: { source: parts.sources.incidents }, sub: countOf("incidents.open", rows.length, parts.sources.incidents) },
      rows.length ? list(rows.slice(0, LONGEST).map(incidentRow)) : calm(isArea ? "area.no_incidents" : "incidents.none"));
  };

  const PROGRESS = ["dispatched", "enroute", "on_scene", "working", "staging", "returning"];
  const unitRow = (unit, note = null) => {
    const said = { source: parts.sources.units, measured: unit.since };
    return el("div", { key: unit.id, class: "unit-row" }, parts.unit(unit), span("unit-name ellipsis", city.name(unit)), span("unit-status", page.label("unit_status", unit.status)), span("unit-note", note ?? parts.sentence(page.duration((page.now() - unit.since) / 1000), said)));
  };
  const out = () => {
    const units = [...city.units.values()];
    const rows = units.filter((unit) => PROGRESS.includes(unit.status)).sort((a, b) => PROGRESS.indexOf(a.status) - PROGRESS.indexOf(b.status) || b.since - a.since);
    return card("out", { icon: "unit", weight: 3, state: !city.isLoaded ? "loading" : units.length ? "live" : "empty", from: { source: parts.sources.units }, sub: units.length ? number(page.figure(rows.length), { source: parts.sources.units, asOf: city.t }) : "" },
      rows.length ? readList(rows.slice(0, LONGEST).map((unit) => unitRow(unit))) : calm("units.none_out"));
  };

  /* a district, a street, a place */

  const districtRow = () => overview()?.districts?.find((row) => row.code === drill().path[0]) ?? null;
  const districtIndex = () => {
    const row = districtRow();
    const hasScore = row && row.score !== null && row.score !== undefined;
    return card("district", { icon: "index", weight: 4, title: page.words("area.index"), ...faceOf(overview(), hasScore), from: from("districts"), sub: hasScore ? parts.sentence(page.words("area.rank", { rank: row.rank, n: overview().districts.length }), from("districts")) : "" },
      hasScore ? div("index-score", parts.rolling(page.figure(row.score, 0), from("districts", { made: madeOf(row), measured: newestOf(row.parts) })), span("quiet", page.words("card.ranking_sub"))) : null,
      hasScore ? div("index-parts", row.parts.map((part) => el("div", { key: part.key, class: "index-part" }, span("index-name ellipsis", partName(part)),
        span("ranking-bar", part.score === null ? null : el("i", { style: `width:${Math.max(0, Math.min(100, part.score))}%` })), number(part.score === null ? null : page.figure(part.score), from("districts", part)),
        span("index-note", part.value === null || part.value === undefined ? "" : [number(page.measure(part.value), from("districts", part)), " ", unitOf(part)], " ", part.score === null ? "" : page.words("ranking.share", { n: page.figure(100 * (part.share ?? 0)) }))))) : null);
  };

  const METRICS = [["traffic_index", 1], ["aqi", 0], ["rain", 1], ["people", 0], ["incidents_24h", 0], ["requests_24h", 0], ["wait_p90_min", 0], ["devices_fresh_share", 0]];
  const districtFigures = () => {
    const metrics = districtRow()?.metrics ?? null;
    const shown = METRICS.filter(([key]) => metrics && key in metrics);
    return card("figures", { icon: "city", weight: 3, title: page.words("area.district"), ...faceOf(overview(), shown.some(([key]) => metrics[key] !== null)), from: from("districts") },
      div("area-figures", shown.map(([key, digits]) => {
        const isShare = key === "devices_fresh_share";
        return el("div", { key, class: "area-figure" }, span("quiet", page.words(`metric_of.${key}`)), div("", number(metrics[key] === null ? null : page.figure(isShare ? 100 * metrics[key] : metrics[key], digits), from("districts", { measured: overview().as_of })), metrics[key] === null ? "" : span("quiet", " ", isShare ? "%" : word(`metric_unit.${key}`))));
      })));
  };

  const goButton = (path, key, ...children) =>
    cityhelm.cockpit.isWall() ? el("div", { key, class: "go-row" }, ...children) : el("button", { key, class: "go-row", "data-go": path.map(encodeURIComponent).join("/") }, ...children);
  const streetState = () => ({ loading: "loading", failed: "failed", live: "live" })[drill().streets(drill().path[0])?.state] ?? "loading";
  const streetList = () => {
    const rows = drill().streets(drill().path[0])?.streets ?? [];
    const said = { source: SOURCES.streets, asOf: city.t };
    return card("streets", { icon: "ranking", weight: 4, title: page.words("area.streets"), state: streetState(), from: said, sub: page.words("area.streets_sub") },
      rows.length ? list(rows.slice(0, LONGEST).map((street) => goButton([drill().path[0], street.key], street.key, span("go-name ellipsis", drill().name(street)), span("go-note", page.words(`road.${street.class}`), " · ", number(page.figure(street.length_m / 1000, 1), said), " ", page.words("unit.kilometres")), span("go-n", number(page.figure(street.places.length), said))))) : parts.empty("area.no_streets"));
  };

  const facts = (...rows) => div("facts", rows.filter(Boolean).map(([key, value, isWide]) => parts.fact(key, value, isWide)));
  const devicesHere = () => {
    const all = [...city.devices.values()];
    const [place, street] = [drill().place(), drill().street()];
    return place ? drill().near(all, [place.lon, place.lat], 300).map(({ thing }) => thing) : street ? drill().onStreet(all, street) : [];
  };
  const streetFacts = () => {
    const street = drill().street();
    const said = { source: SOURCES.streets, asOf: city.t };
    return card("street", { icon: "index", weight: 2, title: page.words("area.street"), state: drill().isGone ? "empty" : street ? "live" : streetState(), from: said, fault: { reason: drill().isGone ? page.words("area.gone") : "" }, sub: city.district(drill().path[0]) },
      street ? facts(["area.class", page.words(`road.${street.class}`)], ["area.length", [number(page.figure(street.length_m / 1000, 1), said), " ", page.words("unit.kilometres")]], ["area.n_places", number(page.figure(street.places.length), said)], ["area.n_devices", number(page.figure(devicesHere().length), { source: parts.sources.device, asOf: city.t })]) : null);
  };
  const placeKind = (kind) => page.facts.labels.place_kind?.[kind] ?? word(`place.${kind}`, kind);
  const placeList = () => {
    const street = drill().street();
    return card("places", { icon: "city", weight: 3, title: page.words("area.places"), state: street ? "live" : streetState(), from: { source: SOURCES.streets }, sub: "" },
      street?.places.length ? list(street.places.map((place) => goButton([drill().path[0], street.key, place.id], place.id, span("go-name ellipsis", drill().name(place)), span("go-note", placeKind(place.kind))))) : parts.empty("area.no_places"));
  };
  const HOLDS = { windows: "area.windows", beds: "area.beds", pupils: "area.pupils", capacity: "area.capacity" };
  const placeFacts = () => {
    const place = drill().place();
    const said = { source: SOURCES.streets, asOf: city.t };
    return card("place", { icon: "index", weight: 2, title: place ? drill().name(place) : page.words("area.place"), state: drill().isGone ? "empty" : place ? "live" : streetState(), fault: { reason: drill().isGone ? page.words("area.gone") : "" }, from: said, sub: place ? placeKind(place.kind) : "" },
      place ? facts(["area.kind", placeKind(place.kind)], ["war.where", [city.district(drill().path[0]), " ", drill().name(drill().street())]],
        ...Object.entries(HOLDS).filter(([key]) => typeof place.attributes?.[key] === "number").map(([key, words]) => [words, number(page.figure(place.attributes[key]), said)]), ["incident.position", number(`${place.lat.toFixed(4)}, ${place.lon.toFixed(4)}`, said), true]) : null);
  };
  const placeHall = () => {
    const place = drill().place();
    if (place?.kind !== "service_hall") return placeList();
    const rows = (halls()?.halls ?? []).filter((hall) => hall.id === place.id);
    return card("hall", { icon: "hall", weight: 3, title: page.words("card.halls"), ...faceOf(halls(), rows.length), from: from("halls"), sub: page.words("card.load_sub") }, rows.length ? (rows.every((hall) => hall.open === false && !hall.waiting) ? calm("card.closed") : hallRows(rows)) : null);
  };
  const valueOf = (stream) => {
    const isStale = city.streamFreshness(stream) !== "fresh";
    return [number(stream.value === null ? null : page.measure(stream.value), { source: parts.sources.latest, measured: stream.measured, received: stream.received, quality: stream.quality, isStale }), stream.value === null ? "" : span("quiet", " ", page.facts.labels.property_unit[stream.property] ?? stream.unit ?? "")];
  };
  const deviceRow = (device, note = null) => {
    const stream = device.streams.find((one) => one.measured !== null);
    const inside = [parts.kindMark(device.type), span("go-name ellipsis", city.deviceName(device)), span("go-note ellipsis", stream ? page.label("property", stream.property) : page.label("freshness", "never")), span("go-n", stream ? valueOf(stream) : null), note];
    return cityhelm.cockpit.isWall() ? el("div", { key: device.id, class: "go-row device-row" }, ...inside) : el("button", { key: device.id, class: "go-row device-row", "data-choose": JSON.stringify({ kind: "sensor", id: device.id }) }, ...inside);
  };
  const devices = () => {
    const rows = devicesHere();
    return card("devices", { icon: "online", weight: 3, title: page.words("area.devices"), state: drill().street() ? "live" : streetState(), from: { source: parts.sources.latest }, sub: rows.length ? number(page.figure(rows.length), { source: parts.sources.device, asOf: city.t }) : "" },
      rows.length ? list(rows.slice(0, LONGEST).map((device) => deviceRow(device))) : parts.empty("area.no_devices"));
  };

  const distance = (metres) => number(metres < 1000 ? page.figure(10 * Math.round(metres / 10)) : page.figure(metres / 1000, 1), { source: SOURCES.distance, asOf: city.t, made: page.words("war.straight") });
  const distanceWords = (metres) => [distance(metres), " ", page.words(metres < 1000 ? "unit.metres" : "unit.kilometres")];
  const here = () => {
    const { at, street } = scope();
    if (at) return at;
    const line = street?.lines[0];
    return line ? line[Math.floor(line.length / 2)] : null;
  };
  const unitsNear = () => {
    const at = here();
    const rows = at ? drill().near([...city.units.values()].filter((unit) => unit.status === "available"), at, Infinity).slice(0, 2 * NEAR_UNITS) : [];
    return card("near", { icon: "unit", weight: 3, title: page.words("war.near_units"), state: !at ? "empty" : city.units.size ? "live" : "empty", from: { source: parts.sources.units }, sub: page.words("war.straight") },
      rows.length ? readList(rows.map(({ thing, metres }) => unitRow(thing, distanceWords(metres)))) : parts.empty("war.no_units"));
  };

  /* an event */

  const eventThing = (event) => (event.kind === "warning" ? city.warning(event.id) : city.incident(event.id));
  cityCards.eventName = (event) => {
    const thing = eventThing(event);
    if (!thing) return "";
    return event.kind === "warning" ? cityhelm.cards.warningWords(thing) : page.label("hazard", thing.hazard);
  };
  cityCards.eventBadge = (event) => {
    const thing = eventThing(event);
    if (!thing) return null;
    return event.kind === "warning" ? parts.level(thing) : span("event-grade", parts.diamond(thing.grade), page.label("grade", thing.grade));
  };

  const whereWords = (event, thing) => {
    const ground = cityhelm.cockpit.around.key === event.key ? cityhelm.cockpit.around.ground : null;
    const district = ground?.district ?? districtOf(thing);
    const street = ground?.street;
    const said = { source: SOURCES.ground, asOf: city.t };
    return [district ? city.district(district) : "", " ", street ? (street.distance_m > 50 ? parts.sentence(page.words("war.near_street", { street: drill().name(street), n: 10 * Math.round(street.distance_m / 10) }), said) : drill().name(street)) : "", !district && !street ? page.words("war.no_position") : ""];
  };
  const event = () => {
    const happening = cityhelm.cockpit.event;
    const thing = happening && eventThing(happening);
    if (!thing) return null;
    const isWarning = happening.kind === "warning";
    const said = { source: isWarning ? parts.sources.warnings : parts.sources.incidents, measured: happening.since };
    return card("event", { icon: isWarning ? "warning" : "incident", weight: 5, title: page.words("war.event"), state: "live", from: said, sub: isWarning ? page.label("warning_source", thing.source) : [page.words("incident.channel"), " ", thing.channel] },
      div("event-head", cityCards.eventBadge(happening), span("event-name", cityCards.eventName(happening))),
      div("event-clock", span("quiet", page.words("war.clock")), parts.stopwatch(happening.since, {}, said)),
      facts(
        ["war.where", whereWords(happening, thing), true],
        isWarning ? ["warning.object", [cityhelm.cards.warningPlace(thing)], true] : null,
        isWarning && cityhelm.cards.warningValue(thing) ? [thing.source === "forecast" ? "warning.expected" : "warning.value", cityhelm.cards.warningValue(thing)] : null,
        isWarning && typeof thing.evidence?.threshold === "number" ? ["warning.threshold", [number(page.measure(thing.evidence.threshold), said), " ", page.label("property_unit", thing.evidence.property ?? "")]] : null,
        [isWarning ? "war.state" : "war.response", isWarning ? page.label("warning_state", thing.state) : page.label("response", thing.response)],
        [isWarning ? "warning.raised" : "incident.reported", [parts.time(happening.since, said)]],
        isWarning ? null : ["war.state", page.label("incident_state", thing.state)]),
      isWarning ? el("p", { class: "event-words" }, parts.sentence(cityhelm.cards.warningSentence(thing), said)) : null);
  };

  /** Who is on it: the orders of an incident; for a warning those of incidents close by. */
  const forces = () => {
    const happening = cityhelm.cockpit.event;
    const thing = happening && eventThing(happening);
    if (!thing) return null;
    const isWarning = happening.kind === "warning";
    const about = isWarning ? (happening.at ? drill().near(city.incidents, happening.at, NEAR_M).map((row) => row.thing) : []) : [thing];
    const ids = new Set(about.map((incident) => incident.id));
    const orders = city.orders.filter((order) => ids.has(order.incident) && city.isOpenOrder(order));
    const rows = orders.map((order) => ({ order, unit: city.units.get(order.unit) }));
    return card("forces", { icon: "readiness", weight: rows.length ? 3 : 2, title: page.words("war.on_it"), state: "live", sub: parts.sentence(page.words("war.on_it_sub", { n: rows.length }), { source: parts.sources.orders, asOf: city.t }) },
      rows.length
        ? readList(rows.map(({ order, unit }) => (unit ? unitRow(unit, happening.at && typeof unit.lon === "number" ? distanceWords(drill().metres(happening.at, [unit.lon, unit.lat])) : null) : el("div", { key: order.id, class: "unit-row" }, span("unit-name", order.unit), span("unit-status", page.label("order_state", order.state))))))
        : div("calm", span("", isWarning ? parts.sentence(page.words("war.nobody_warning", { n: about.length }), { source: parts.sources.incidents, asOf: city.t }) : page.words("war.nobody"))));
  };

  const sensors = () => {
    const happening = cityhelm.cockpit.event;
    const rows = happening?.at ? drill().near([...city.devices.values()], happening.at, NEAR_M).slice(0, 12) : [];
    return card("sensors", { icon: "online", weight: 3, title: page.words("war.sensors"), state: "live", from: { source: parts.sources.latest }, sub: parts.sentence(page.words("war.near_sub", { n: page.figure(NEAR_M) }), { source: parts.sources.device, asOf: city.t }) },
      rows.length ? list(rows.map(({ thing }) => deviceRow(thing))) : parts.empty("war.no_sensors"));
  };

  const ground = () => {
    const { state, ground: found } = cityhelm.cockpit.around;
    const said = { source: SOURCES.ground, asOf: city.t, count: found?.places.length };
    return card("ground", { icon: "people", weight: 3, title: page.words("war.near"), state, from: said, fault: { reason: state === "empty" ? page.words("war.no_position") : "" }, sub: found ? parts.sentence(page.words("war.near_sub", { n: page.figure(found.radius_m) }), said) : "" },
      found ? div("ground-people", span("", page.words("war.residents")), parts.rolling(found.residents === null ? null : page.figure(found.residents), said)) : null,
      found ? (found.places.length ? readList(found.places.slice(0, LONGEST).map((place) => el("div", { key: place.id, class: "go-row" }, span("go-name ellipsis", drill().name(place)), span("go-note", placeKind(place.kind)), span("go-n", distanceWords(place.distance_m))))) : parts.empty("war.no_places")) : null);
  };

  /** Everything grave that is open; one presses on another to turn to it. */
  const events = () => {
    const shown = cityhelm.cockpit.event;
    const row = (happening) => {
      const thing = eventThing(happening);
      const said = { source: happening.kind === "warning" ? parts.sources.warnings : parts.sources.incidents, measured: happening.since };
      const look = happening.key === shown?.key ? "event-row event-on" : "event-row";
      const inside = [cityCards.eventBadge(happening), span("go-name ellipsis", cityCards.eventName(happening)), span("event-more ellipsis", happening.kind === "warning" ? cityhelm.cards.warningPlace(thing) : placeOf(thing)), span("event-row-clock", parts.stopwatch(happening.since, {}, said))];
      return cityhelm.cockpit.isWall() ? el("div", { key: happening.key, class: look }, ...inside) : el("button", { key: happening.key, class: look, "data-war": happening.key, "aria-pressed": String(look.includes("event-on")) }, ...inside);
    };
    return card("events", { icon: "warning", weight: 3, title: page.words("war.events"), state: "live", sub: countOf("war.open", cityhelm.cockpit.events.length, parts.sources.warnings) }, list(cityhelm.cockpit.events.slice(0, LONGEST).map(row)));
  };

  /* the ticker */

  cityCards.ticker = () => {
    const frame = overview();
    const warnings_ = city.warnings.map((w) => ({ key: `w${w.id}`, level: w.level, time: w.raised, text: `${cityhelm.cards.warningWords(w)} · ${cityhelm.cards.warningPlace(w)} · ${page.label("warning_state", w.state)}` }));
    const incidents_ = city.incidents.map((i) => ({ key: `i${i.id}`, level: null, time: i.reported, text: [`${parts.numeral(i.grade)} ${page.label("hazard", i.hazard)}`, placeOf(i), page.label("incident_state", i.state)].filter(Boolean).join(" · ") }));
    const hots = (frame?.requests?.hot ?? []).slice(0, 5).map((row) => ({ key: `h${row.district}${row.class}`, level: null, time: null, text: page.words("ticker.hot", { district: city.district(row.district), class: requestClass(row.class), n: page.figure(row.n), usual: page.figure(row.usual) }) }));
    const rows = [...warnings_.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || b.time - a.time), ...incidents_.sort((a, b) => b.time - a.time), ...hots].slice(0, 30);
    return parts.ticker(rows, { title: page.words("ticker.label"), state: !city.isLoaded ? "loading" : hasCity() ? "live" : "empty", empty: hasCity() ? page.words("ticker.none") : page.words("no_data") }, { source: parts.sources.warnings, asOf: city.t });
  };

  /* which card is which */

  const CARDS = {
    vitals, forecast, ranking, hot, requests, readiness, warnings, incidents, out, items, course, event, forces, sensors, ground, events, devices,
    halls: hallLoad, district: districtIndex, figures: districtFigures, streets: streetList, street: streetFacts, places: placeList, place: placeFacts, hall: placeHall, near: unitsNear,
    traffic: byDistrict("traffic", "traffic_index", { digits: 1, icon: "traffic", full: 10 }),
    air: byDistrict("air", "aqi", { icon: "air" }),
    rain: byDistrict("rain", "rain", { digits: 1, unit: "metric_unit.rain", icon: "rain", none: "weather.dry" }),
    people: byDistrict("people", "people", { unit: "metric_unit.people", icon: "people" }),
    wait: byDistrict("wait", "wait_p90_min", { unit: "unit.minutes", icon: "clock" }),
    requests_24h: byDistrict("requests_24h", "requests_24h", { icon: "request" }),
    incidents_24h: byDistrict("incidents_24h", "incidents_24h", { icon: "incident" }),
    online: byDistrict("online", "devices_fresh_share", { unit: "%", icon: "online", full: 100, factor: 100 }),
  };
  cityCards.draw = (name, scene) => CARDS[name](scene);

  /** Cards in wartime, and one, two or three levels down: as in cityhelm.scenes.CARDS. */
  cityCards.WAR = { left: ["event", "forces", "sensors", "incidents", "readiness", "vitals"], right: ["events", "ground", "near", "warnings", "rain", "out"] };
  cityCards.AREA = [
    { left: ["district", "figures", "streets", "vitals", "requests", "ranking"], right: ["warnings", "incidents", "halls", "readiness", "hot", "online"] },
    { left: ["street", "places", "devices", "streets", "figures", "district"], right: ["warnings", "incidents", "near", "halls", "readiness", "online"] },
    { left: ["place", "hall", "devices", "streets", "figures", "district"], right: ["warnings", "incidents", "near", "halls", "readiness", "online"] },
  ];

  cityhelm.cityCards = cityCards;
})();
