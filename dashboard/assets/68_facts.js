/* Facts of what was chosen on the map: what it is, its last day, what is expected. A page with a card for objects shows sensors,
   units, incidents and warnings there; all else, and everything on other pages, is shown here. */
(() => {
  const { page, city, parts } = cityhelm;
  const { el, div, span, number, sources } = parts;
  const facts = {};
  const ASK_EVERY_MS = 60000;
  const HOUR_MS = 3600000;
  const WIDTH = 300; // of a small drawing, in its own units
  const HEIGHT = 74;
  let chosen = null;
  let asked = { key: null, at: -Infinity };
  let answer = null;

  facts.show = (what) => {
    chosen = what;
    if (asked.key !== keyOf(what)) [asked, answer] = [{ key: keyOf(what), at: -Infinity }, null];
    facts.draw();
  };
  const keyOf = (what) => what && `${what.kind}/${what.id}/${metric() ?? ""}`;
  const metric = () => cityhelm.layers.area();
  /** Whether somebody else on the page tells of it. */
  const isElsewhere = (kind) => ["sensor", "unit", "incident", "warning"].includes(kind) && document.getElementById("object") !== null;

  /** Asks the server for what belongs to the chosen thing, again every minute. */
  const ask = async (address) => {
    const key = keyOf(chosen);
    if (!address || (asked.key === key && performance.now() - asked.at < ASK_EVERY_MS)) return;
    asked = { key, at: performance.now() };
    try {
      const response = await page.ask(address);
      const said = response.ok ? await response.json() : null;
      if (asked.key !== key) return;
      answer = said;
      facts.draw();
      if (chosen?.kind === "unit") cityhelm.map.draw();
    } catch {
      asked.at = performance.now() - ASK_EVERY_MS + 5000; // the server is away; the header says so
    }
  };

  const fact = (name, value) => el("div", { class: "map-fact" }, el("span", {}, name), el("b", {}, value));
  const show = (at) => el("button", { class: "link", "data-fly": JSON.stringify(at) }, page.words("object.show"));

  /** A line of values with what is expected after it: values, null where there is none; `forecast` {start, step_s, q10, q50, q90}. */
  const course = (start, stepS, values, forecast, unit, source) => {
    const ahead = forecast ? forecast.q50.map((_, k) => forecast.start + 1000 * forecast.step_s * k) : [];
    const times = values.map((_, k) => start + 1000 * stepS * k);
    const numbers = [...values, ...(forecast ? [...forecast.q10, ...forecast.q90] : [])].filter((value) => value !== null && Number.isFinite(value));
    if (numbers.length < 2) return div("quiet", page.words("no_data"));
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const [from, to] = [times[0], Math.max(times.at(-1), ...(ahead.length ? [ahead.at(-1)] : []))];
    const x = (time) => (WIDTH * (time - from)) / Math.max(1, to - from);
    const y = (value) => 4 + (HEIGHT - 8) * (1 - (value - low) / Math.max(1e-9, high - low));
    const line = (xs, ys) => ys.reduce((path, value, k) => (value === null ? path : `${path}${ys[k - 1] === null || k === 0 ? "M" : "L"}${x(xs[k]).toFixed(1)} ${y(value).toFixed(1)}`), "");
    const band = forecast ? `${line(ahead, forecast.q90)}${[...ahead].reverse().map((time, k) => `L${x(time).toFixed(1)} ${y(forecast.q10[ahead.length - 1 - k]).toFixed(1)}`).join("")}Z` : null;
    const edge = (value) => number(page.measure(value), { source });
    return div("course",
      el("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": page.words("facts.course", { low: page.measure(low), high: page.measure(high), unit }) },
        band ? el("path", { class: "course-band", d: band }) : null, el("path", { class: "course-line", d: line(times, values) }), forecast ? el("path", { class: "course-ahead", d: line(ahead, forecast.q50) }) : null),
      div("course-foot", span("", page.hour(from)), span("", page.words("facts.range"), " ", edge(low), "–", edge(high), " ", unit), span("", page.hour(to))));
  };

  /* one function a kind: {title, sub, mark, address, body(answer)} or null when it is gone */
  const district = (code) => {
    const found = cityhelm.map.findDistrict(code);
    const rows = [...new Set([...(cityhelm.scene.metrics() ?? [])])].flatMap((name) => {
      const area = cityhelm.scene.areaValues(name);
      const value = area?.metric === name ? area.values.get(code) : undefined;
      return value === undefined ? [] : [fact(page.words(`paint.${name}`), [number(page.measure(value), { source: area.isMean ? sources.latest : "overview.districts", asOf: area.asOf }), " ", el("small", {}, page.facts.words[`paint_unit.${name}`] ?? "")])];
    });
    const from = { source: "districts, population · gis_data.areas.by_district" };
    const held = found?.facts ?? {};
    const property = { aqi: "pm25", pm25: "pm25", traffic_index: "averageVehicleSpeed", speed: "averageVehicleSpeed", noise: "noiseLevel", temperature: "temperature", rain: "precipitation" }[metric()] ?? "averageVehicleSpeed";
    return {
      title: city.district(code), sub: page.words("facts.district"), address: `/api/map/district/${encodeURIComponent(code)}?property=${property}`,
      acts: found ? el("button", { class: "link", "data-bounds": JSON.stringify(found.bounds) }, page.words("object.show")) : null,
      body: [
        held.residents ? fact(page.words("tools.residents"), number(page.figure(held.residents), from)) : null,
        held.area_km2 ? fact(page.words("tools.size"), [number(page.figure(held.area_km2, 1), from), " km²"]) : null,
        rows,
        ["service_hall", "hospital", "school", "shelter"].filter((kind) => held[kind]).map((kind) => fact(cityhelm.marks.placeKind(kind), number(page.figure(held[kind]), from))),
        answer?.values ? [div("sheet-sub", page.label("property", property), " · ", page.words("facts.last_day")), course(answer.start, answer.step_s, answer.values, null, page.label("property_unit", property), "district_hour · storage.rollups.list_district_hours")] : null,
      ],
    };
  };

  const FACTS = { windows: "holds.windows", beds: "holds.beds", pupils: "holds.pupils", capacity: "holds.people", engines: "holds.vehicles", cars: "holds.vehicles", vehicles: "holds.vehicles", ambulances: "holds.vehicles" };
  const placeOf = (id) => {
    const found = cityhelm.map.placeById?.get(id);
    if (!found) return null;
    const from = { source: "places · gis_data.city" };
    const devices = [...city.devices.values()].filter((device) => device.id.split("/")[2] === id);
    const units = [...city.units.values()].filter((unit) => typeof unit.lon === "number" && Math.hypot(unit.lon - found.lon, unit.lat - found.lat) < 0.001);
    const hall = (cityhelm.stream.halls ?? cityhelm.stream.frames?.halls ?? cityhelm.halls)?.halls?.find((row) => row.id === id);
    const reading = (device) => device.streams.slice(0, 2).filter((stream) => stream.value !== null).map((stream) => fact(page.label("property", stream.property), [number(page.measure(stream.value), { source: sources.latest, measured: stream.measured, received: stream.received, quality: stream.quality, isStale: city.streamFreshness(stream) !== "fresh" }), " ", el("small", {}, page.label("property_unit", stream.property), " · ", parts.age(stream.measured, { source: sources.latest }))]));
    const chart = devices.flatMap((device) => device.streams)[0];
    return {
      title: cityhelm.map.nameOf(found), sub: [cityhelm.marks.placeKind(found.kind), city.district(found.district)].join(" · "), acts: show([found.lon, found.lat]),
      address: chart ? `/api/chart/${chart.id}` : null,
      body: [
        Object.entries(FACTS).filter(([key]) => typeof found.facts[key] === "number").map(([key, words]) => fact(page.words("facts.holds"), page.words(words, { n: page.figure(found.facts[key]) }))),
        hall && typeof hall.waiting === "number" ? fact(page.words("facts.waiting"), number(page.figure(hall.waiting), { source: "hall_event", measured: hall.measured })) : null,
        units.length ? fact(page.words("facts.units_here"), number(page.figure(units.length), { source: sources.units, asOf: city.t })) : null,
        devices.slice(0, 4).map(reading),
        chart && answer?.series ? charted(answer) : null,
      ],
    };
  };
  const charted = (chart) => [
    div("sheet-sub", page.label("property", chart.property), " · ", page.words("facts.last_day"), chart.forecast ? ` · ${page.words("chart.median")}` : ""),
    course(chart.series.start, chart.series.step_s, chart.series.values, chart.forecast, page.label("property_unit", chart.property), "observation, forecast · storage.snapshots.chart_snapshot"),
  ];

  const road = (device) => {
    const loop = cityhelm.roads.find(device);
    if (!loop) return null;
    const { share, speed, stream } = cityhelm.roads.speedOf(loop);
    const from = { source: sources.latest, measured: stream?.measured, received: stream?.received, quality: stream?.quality };
    const band = cityhelm.roads.bandOf(share);
    const sensor = city.devices.get(device);
    return {
      title: page.facts.lang === "zh" ? loop.zh || loop.en : loop.en || loop.zh, sub: page.words(`road.${loop.class}`), acts: sensor ? show([sensor.lon, sensor.lat]) : null,
      address: stream ? `/api/chart/${stream.id}` : null,
      body: [
        fact(page.words("facts.speed"), [number(speed === null ? null : page.measure(speed), from), " ", el("small", {}, page.words("unit.kmh"))]),
        fact(page.words("facts.free"), [number(loop.free_kmh === null ? null : page.figure(loop.free_kmh), { source: "roads · gis_data.loops" }), " ", el("small", {}, page.words("unit.kmh"))]),
        fact(page.words("facts.share"), share === null ? page.words("no_data") : [number(`${Math.round(100 * share)}%`, from), " ", page.words(cityhelm.scene.SPEEDS[band].words)]),
        fact(page.words("facts.stretch"), [number(page.figure(loop.length_m / 1000, 1), { source: "roads · gis_data.loops" }), " ", el("small", {}, page.words("unit.kilometres"))]),
        sensor ? fact(page.words("facts.detector"), el("button", { class: "link", "data-choose": JSON.stringify({ kind: "sensor", id: device }) }, city.deviceName(sensor))) : null,
        answer?.series ? charted(answer) : null,
      ],
    };
  };

  const request = (id) => {
    const found = cityhelm.requests.find(id);
    if (!found) return null;
    const from = { source: "request · storage.whereabouts.list_requests", measured: found.time };
    return {
      title: cityhelm.requests.className(found.class), sub: [page.words("facts.request"), page.facts.words[`request_source.${found.source}`] ?? found.source].join(" · "), acts: show([found.lon, found.lat]), address: null,
      body: [fact(page.words("facts.opened"), parts.time(found.time, from)), fact(page.words("facts.due"), found.due ? parts.time(found.due, from) : page.words("no_data")), fact(page.words("facts.number"), span("topic", found.id)), cityhelm.steps.promote("request", found.id)],
    };
  };

  const sensor = (id) => {
    const device = city.devices.get(id);
    if (!device) return null;
    const stream = device.streams.find((s) => s.value !== null) ?? device.streams[0];
    return {
      title: city.deviceName(device), sub: [parts.kind(device.type), city.district(device.district)].join(" · "), acts: typeof device.lon === "number" ? show([device.lon, device.lat]) : null,
      address: stream ? `/api/chart/${stream.id}` : null,
      body: [
        device.streams.slice(0, 6).map((s) => fact(page.label("property", s.property), [number(s.value === null ? null : page.measure(s.value), { source: sources.latest, measured: s.measured, received: s.received, quality: s.quality, isStale: city.streamFreshness(s) !== "fresh" }), " ", el("small", {}, page.label("property_unit", s.property), s.measured ? [" · ", parts.age(s.measured, { source: sources.latest })] : "")])),
        answer?.series ? charted(answer) : null,
      ],
    };
  };
  const unit = (id) => {
    const found = city.units.get(id);
    if (!found) return null;
    const from = { source: sources.units, measured: found.measured };
    return {
      title: city.name(found), sub: parts.unitKind(found), acts: typeof found.lon === "number" ? show([found.lon, found.lat]) : null, address: `/api/map/track/${encodeURIComponent(id)}`,
      body: [
        fact(page.words("unit.status"), page.label("unit_status", found.status)), fact(page.words("unit.since"), parts.time(found.since, { source: sources.units, measured: found.since })),
        fact(page.words("unit.position_age"), found.measured === null ? page.words("no_data") : parts.age(found.measured, from)),
        fact(page.words("unit.speed"), found.speed_kmh === null ? page.words("no_data") : [number(page.figure(found.speed_kmh), from), " ", el("small", {}, page.words("unit.kmh"))]),
        answer?.points ? fact(page.words("facts.track"), page.words("facts.track_long", { km: page.figure(cityhelm.places.length(answer.points), 1) })) : null,
      ],
    };
  };
  const incident = (id) => {
    const found = city.incident(id);
    if (!found) return null;
    const from = { source: sources.incidents, measured: found.reported };
    const n = city.orders.filter((order) => order.incident === id && city.isOpenOrder(order)).length;
    return {
      title: page.label("hazard", found.hazard), sub: [page.label("grade", found.grade), page.label("incident_state", found.state)].join(" · "), acts: show([found.lon, found.lat]), address: null,
      body: [fact(page.words("incident.reported"), parts.time(found.reported, from)), fact(page.words("incident.elapsed"), parts.sentence(page.duration((page.now() - found.reported) / 1000), from)), fact(page.words("incident.orders"), number(page.figure(n), { source: sources.orders, asOf: city.t })), fact(page.words("incident.number"), span("topic", id))],
    };
  };
  const warning = (id) => {
    const found = city.warning(id);
    if (!found) return null;
    const from = { source: sources.warnings, measured: found.raised };
    return {
      title: cityhelm.cards.warningWords(found), sub: [page.label("level", found.level), page.label("warning_state", found.state)].join(" · "), acts: typeof found.lon === "number" ? show([found.lon, found.lat]) : null,
      address: city.streams.has(Number(found.object)) ? `/api/chart/${Number(found.object)}` : null,
      body: [div("quiet", cityhelm.cards.warningSentence(found)), fact(page.words("warning.raised"), parts.time(found.raised, from)), answer?.series ? charted(answer) : null],
    };
  };

  const KINDS = { district, place: placeOf, road, request, sensor, unit, incident, warning };
  facts.draw = () => {
    const sheet = document.getElementById("map-facts");
    if (!sheet) return;
    const isShown = chosen !== null && cityhelm.map.options().facts && KINDS[chosen.kind] && !isElsewhere(chosen.kind);
    sheet.hidden = !isShown;
    if (chosen?.kind === "unit") ask(`/api/map/track/${encodeURIComponent(chosen.id)}`);
    if (!isShown) return;
    const told = KINDS[chosen.kind](chosen.id);
    const close = el("button", { class: "sheet-close", "data-unpick": "", "aria-label": page.words("tools.close"), title: page.words("tools.close") }, "×");
    if (!told) {
      parts.draw("map-facts", el("h3", {}, page.words("object.gone"), close));
      return;
    }
    ask(told.address);
    parts.draw("map-facts", el("h3", {}, span("ellipsis", told.title), close), div("sheet-line", span("", told.sub), told.acts), told.body);
  };

  /** The way a chosen unit has come: its last hour. */
  facts.layers = (deck, scale) => {
    if (chosen?.kind !== "unit" || !answer?.points?.length) return [];
    return [new deck.PathLayer({ id: "track", data: [answer.points], getPath: (points) => points.map(([lon, lat]) => [lon, lat]), getColor: [157, 188, 224, 210], getWidth: 2 * scale, widthUnits: "pixels", capRounded: true, jointRounded: true })];
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-unpick], [data-bounds]");
    if (pressed?.dataset.bounds) cityhelm.map.show(JSON.parse(pressed.dataset.bounds));
    else if (pressed) cityhelm.map.choose(null);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen && !cityhelm.operations.chosen) cityhelm.map.choose(null);
  });

  cityhelm.facts = facts;
})();
