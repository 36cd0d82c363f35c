/* The halls of the city beside each other: how busy each is now and soon, where they are, where somebody would be served sooner,
   services that suddenly many come for, the best time to come, and what rain, closed roads and holidays do. */
(() => {
  const { page, parts, hall } = cityhelm;
  const { el, div, span, number, sentence } = parts;
  const view = {};
  const EVERY_MS = 30000;
  const HEATS = 5;
  const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];
  const HALF_HOUR_S = 1800;
  const MARGIN = 0.08; // of the map, on every side
  let district = null;
  let item = null;
  let bestItem = null;

  view.told = () => cityhelm.dossiers.follow("halls city", "/api/halls/city", EVERY_MS);
  const weekday = (n) => new Intl.DateTimeFormat(page.facts.lang === "zh" ? "zh-CN" : "en-GB", { timeZone: "UTC", weekday: "short" }).format(Date.UTC(2024, 0, n)); // 1 January 2024 was a Monday
  const clock = (s) => `${String(Math.floor(s / 3600)).padStart(2, "0")}:${String(Math.round((s % 3600) / 60)).padStart(2, "0")}`;
  const heat = (share) => `hall-heat-${1 + Math.min(HEATS - 1, Math.floor(HEATS * Math.min(0.999, Math.max(0, share))))}`;
  const pick = (attribute, words, options, value) => el("select", { class: "input hall-pick", [attribute]: true, "aria-label": words }, options.map(([one, text]) => el("option", { key: String(one), value: String(one), selected: one === value }, text)));

  const compare = (data, from) => {
    const percent = (value) => (value === null || value === undefined ? null : `${hall.percent(value)}%`);
    const cell = (text) => number(text ?? "–", from);
    const columns = [
      { key: "rank", title: page.words("halls.rank"), isRight: true, cell: (row) => cell(row.rank === null || row.rank === undefined ? null : String(row.rank)), order: (row) => row.rank },
      { key: "name", title: page.words("halls.hall"), cell: (row) => el("button", { class: "link hall-name", "data-hall": row.id }, hall.nameOf(row.id)), order: (row) => hall.nameOf(row.id) },
      { key: "load", title: page.words("halls.load"), isRight: true, cell: (row) => cell(percent(row.load)), order: (row) => row.load },
      { key: "wait", title: page.words("halls.longest_now"), isRight: true, cell: (row) => cell(hall.minutes(row.wait_now_s)), order: (row) => row.wait_now_s },
      { key: "ahead", title: page.words("halls.ahead_short"), isRight: true, cell: (row) => (row.wait_ahead ? span("", cell(hall.minutes(row.wait_ahead.p90_s)), " ", el("small", { class: "quiet" }, number(page.hour(row.wait_ahead.at), from))) : cell(null)), order: (row) => row.wait_ahead?.p90_s ?? null },
      { key: "left", title: page.words("halls.left_share"), isRight: true, cell: (row) => cell(percent(row.left_share_today)), order: (row) => row.left_share_today },
      { key: "good", title: page.words("halls.good"), isRight: true, cell: (row) => cell(percent(row.good_share)), order: (row) => row.good_share },
    ];
    return parts.table("halls-city", columns, data.halls.map((row) => ({ ...row, key: row.id })), { label: page.words("halls.compare"), start: { column: "rank", isDown: false } });
  };

  const map = (data) => {
    const loads = new Map((data?.halls ?? []).map((row) => [row.id, row.load]));
    const there = (hall.frame()?.halls ?? []).filter(({ lon, lat }) => lon !== null && lat !== null && lon !== undefined);
    const places = Object.entries(page.facts.places).filter(([code]) => page.facts.districts[code]);
    if (!there.length) return parts.face("empty", { source: hall.SOURCES.city, reason: page.words("halls.map_none") });
    const points = [...there.map(({ lon, lat }) => [lon, lat]), ...places.map(([, at]) => at)];
    const range = (k) => [Math.min(...points.map((at) => at[k])), Math.max(...points.map((at) => at[k]))];
    const [[west, east], [south, north]] = [range(0), range(1)];
    const at = (lon, lat) => `left:${(100 * (MARGIN + (1 - 2 * MARGIN) * ((lon - west) / (east - west || 1)))).toFixed(1)}%;top:${(100 * (MARGIN + (1 - 2 * MARGIN) * ((north - lat) / (north - south || 1)))).toFixed(1)}%`;
    const spot = (one) => {
      const load = loads.get(one.id) ?? one.load;
      const isKnown = load !== null && load !== undefined && one.open !== false;
      const words = `${hall.name(one)} ${one.open === false ? page.words("halls.closed") : isKnown ? `${page.words("halls.load")} ${hall.percent(load)}%` : page.words("no_data")}`;
      const size = isKnown ? 1.6 + 2.6 * Math.min(1, load) : 1.2;
      return el("button", { key: one.id, class: `hall-spot ${isKnown ? heat(load) : "hall-heat-none"}${one.id === hall.chosen ? " hall-spot-on" : ""}`, style: `${at(one.lon, one.lat)};width:${size.toFixed(1)}rem;height:${size.toFixed(1)}rem`, "data-hall": one.id, title: words, "aria-label": words });
    };
    return div("hall-map", places.map(([code, [lon, lat]]) => el("span", { key: code, class: "hall-map-name", style: at(lon, lat) }, page.facts.districts[code])), there.map(spot));
  };

  const instead = (data, from) => {
    const districts = [...new Set(data.instead.map((row) => row.from_district))];
    if (!districts.length) return parts.face("empty", { source: hall.SOURCES.city, reason: page.words("halls.instead_none") });
    const shownDistrict = districts.includes(district) ? district : districts.includes(hall.current()?.district) ? hall.current().district : districts[0];
    const items = data.instead.filter((row) => row.from_district === shownDistrict).map((row) => row.item);
    const shownItem = items.includes(item) ? item : items[0];
    const rows = data.instead.find((row) => row.from_district === shownDistrict && row.item === shownItem)?.halls ?? [];
    const basis = rows[0]?.travel_basis;
    const wait = ([low, mid, high]) => (mid === null ? null : `${hall.minutes(mid)} (${hall.minutes(low)}–${hall.minutes(high)})`);
    const columns = [
      { key: "name", title: page.words("halls.hall"), cell: (row) => el("button", { class: "link hall-name", "data-hall": row.id }, hall.nameOf(row.id)) },
      { key: "travel", title: page.words("halls.travel"), isRight: true, cell: (row) => number(hall.minutes(row.travel_s), from), order: (row) => row.travel_s },
      { key: "wait", title: page.words("halls.expected_wait"), isRight: true, cell: (row) => number(row.wait_s ? wait(row.wait_s) : null, from), order: (row) => row.wait_s?.[1] ?? null },
      { key: "total", title: page.words("halls.total"), isRight: true, cell: (row) => el("b", {}, number(hall.minutes(row.total_s), from)), order: (row) => row.total_s },
    ];
    return [div("hall-picks", pick("data-city-district", page.words("halls.from_district"), districts.map((code) => [code, page.facts.districts[code] ?? code]), shownDistrict), pick("data-city-item", page.words("halls.ahead_item"), items.map((one) => [one, hall.item(one)]), shownItem),
      basis ? span("quiet", page.words(basis === "roads" ? "halls.travel_roads" : "halls.travel_distance")) : null),
    parts.table("halls-instead", columns, rows.map((row) => ({ ...row, key: row.id })), { label: page.words("halls.instead"), start: { column: "total", isDown: false } })];
  };

  const surges = (data, from) => (data.surges.length
    ? el("ul", { class: "hall-said-rows" }, data.surges.map((row, k) => el("li", { key: `${row.item}/${row.hall}/${k}`, class: row.ended ? "hall-surge hall-surge-over" : "hall-surge" }, el("b", {}, row.item ? hall.item(row.item) : page.words("halls.all_items")), parts.pill(row.hall ? hall.nameOf(row.hall) : page.words("halls.surge_city"), row.hall ? "" : "on"),
      span("hall-surge-ratio", number(row.ratio === null ? null : `×${page.figure(row.ratio, 1)}`, from)), el("small", {}, sentence([row.since ? page.words("halls.surge_since", { time: page.hour(row.since) }) : "", row.ended ? page.words("halls.surge_over", { time: page.hour(row.ended) }) : ""].filter(Boolean).join(" · "), from)), el("small", {}, sentence(hall.say(row), from)))))
    : parts.face("empty", { source: hall.SOURCES.surges, reason: page.words("halls.surge_none") }));

  const best = (data) => {
    const own = data.best.filter((row) => row.hall === hall.chosen);
    const from = { source: hall.SOURCES.city, asOf: data.t, made: page.words("halls.best_made") };
    if (!own.length) return parts.face("empty", { source: hall.SOURCES.city, reason: page.words("halls.best_none") });
    const items = [...new Set(own.map((row) => row.item))];
    const shown = items.includes(bestItem) ? bestItem : items[0];
    const rows = own.filter((row) => row.item === shown);
    const slots = [...new Set(rows.map((row) => row.slot_s))].sort((a, b) => a - b);
    const top = Math.max(hall.current()?.target_s ?? 0, ...rows.map((row) => row.p50_s ?? 0));
    const cell = (day, slot) => {
      const row = rows.find((one) => one.weekday === day && one.slot_s === slot);
      return row?.p50_s === null || row === undefined ? el("td", { key: String(slot), class: "hall-slot hall-heat-none" }, "") : el("td", { key: String(slot), class: `hall-slot ${heat(row.p50_s / top)}` }, number(hall.minutes(row.p50_s), { ...from, count: row.n }));
    };
    return [items.length > 1 ? div("hall-picks", pick("data-city-best", page.words("halls.ahead_item"), items.map((one) => [one, one ? hall.item(one) : page.words("halls.whole_hall")]), shown), span("quiet", hall.nameOf(hall.chosen))) : null,
      el("table", { class: "hall-best", "aria-label": page.words("halls.best") }, el("thead", {}, el("tr", {}, el("th", {}, ""), slots.map((slot) => el("th", { key: String(slot), scope: "col", class: "hall-axis" }, slot % (2 * HALF_HOUR_S) ? "" : clock(slot))))),
        el("tbody", {}, WEEKDAYS.filter((day) => rows.some((row) => row.weekday === day)).map((day) => el("tr", { key: String(day) }, el("th", { scope: "row" }, weekday(day)), slots.map((slot) => cell(day, slot))))))];
  };

  const CROSS = { rain: "halls.cross_rain", closure: "halls.cross_closure", holiday: "halls.cross_holiday" };
  const cross = (data) => {
    const from = { source: hall.SOURCES.cross, asOf: data.t };
    const signed = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${page.figure(100 * Math.abs(value), 0)}%`;
    return data.cross.length
      ? el("ul", { class: "hall-said-rows" }, data.cross.map((row, k) => el("li", { key: `${row.what}/${k}`, class: "hall-surge" }, el("b", {}, CROSS[row.what] ? page.words(CROSS[row.what]) : row.what),
        row.effect === null || row.effect === undefined ? null : span("hall-surge-ratio", number(`${signed(row.effect - 1)} (${signed(row.low - 1)} ~ ${signed(row.high - 1)})`, { ...from, count: row.n_days })), el("small", {}, sentence(hall.say(row), from)))))
      : parts.face("empty", { source: hall.SOURCES.cross, reason: page.words("halls.cross_none") });
  };

  const PARTS = ["compare", "instead", "surges", "best", "cross"];
  view.draw = () => {
    const told = view.told();
    const { data } = told;
    parts.draw("hall-map", map(data));
    parts.draw("hall-map-sub", page.words("halls.map_sub"));
    parts.draw("hall-compare-sub", page.words("halls.compare_sub"));
    parts.draw("hall-best-sub", page.words("halls.best_made"));
    if (!data) {
      for (const name of PARTS) parts.draw(`hall-${name}`, hall.face(told, hall.SOURCES.city));
      return;
    }
    const from = { source: hall.SOURCES.city, asOf: data.t };
    parts.draw("hall-compare", compare(data, from));
    parts.draw("hall-instead", instead(data, from));
    parts.draw("hall-surges", surges(data, { ...from, source: hall.SOURCES.surges }));
    parts.draw("hall-best", best(data));
    parts.draw("hall-cross", cross(data));
  };

  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-city-district]")) district = target.value;
    else if (target.matches("[data-city-item]")) item = target.value;
    else if (target.matches("[data-city-best]")) bestItem = target.value;
    else return;
    page.beat();
  });

  cityhelm.hallCity = view;
})();
