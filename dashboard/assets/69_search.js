/* Search and list: finding a place, a road, a district, a device or a unit by a part of its name in either language; and what is in
   view as a table, for those who cannot see the map. */
(() => {
  const { page, city, layers, parts } = cityhelm;
  const { el, div, span, number } = parts;
  const search = {};
  const list = {};
  const MOST = 12;
  const LONGEST = 150;
  const ORDER = { district: 0, place: 1, road: 2, unit: 3, sensor: 4 };

  /* search */
  const KINDS = () => {
    const { ground } = cityhelm.map;
    const both = (thing) => [thing.zh, thing.en];
    return [
      ...Object.entries(page.facts.districts).map(([code, name]) => ({ kind: "district", id: code, names: [name, ...both(ground?.districts.find((d) => d.code === code) ?? {})], title: name, more: page.words("facts.district") })),
      ...(ground?.places ?? []).map((place) => ({ kind: "place", id: place.id, names: both(place), title: cityhelm.map.nameOf(place), more: [cityhelm.marks.placeKind(place.kind), city.district(place.district)].join(" · "), weight: place.kind === "service_hall" || place.kind === "hospital" ? 1 : 0 })),
      ...(ground?.roads ?? []).map((road) => ({ kind: "way", id: `${road.zh || road.en}/${road.district}`, names: both(road), title: cityhelm.map.nameOf(road), more: [page.words(`road.${road.class}`), city.district(road.district)].join(" · "), bounds: road.bounds })),
      ...[...city.units.values()].map((unit) => ({ kind: "unit", id: unit.id, names: [unit.name_zh, unit.name_en, unit.id], title: city.name(unit), more: [parts.unitKind(unit), page.label("unit_status", unit.status)].join(" · ") })),
      ...[...city.devices.values()].map((device) => ({ kind: "sensor", id: device.id, names: [device.name, device.name_en, device.id], title: city.deviceName(device), more: [parts.kind(device.type), city.district(device.district)].join(" · ") })),
    ];
  };
  /** What has a name with `text` in it, the best first: a name that begins with it before one that holds it, districts before places
      before roads before units before devices. */
  search.find = (text) => {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    const rank = ({ names, kind, weight = 0 }) => {
      const at = Math.min(...names.filter(Boolean).map((name) => name.toLowerCase().indexOf(wanted)).filter((place) => place >= 0));
      return Number.isFinite(at) ? 20 * Math.min(at, 1) + 2 * (ORDER[kind] ?? 2) - weight : null;
    };
    return KINDS().flatMap((thing) => {
      const place = rank(thing);
      return place === null ? [] : [{ ...thing, rank: place }];
    }).sort((a, b) => a.rank - b.rank || a.title.length - b.title.length || a.title.localeCompare(b.title)).slice(0, MOST);
  };

  let found = [];
  let at = -1;
  search.furnish = () => {
    parts.draw("map-search",
      el("input", { id: "map-find", class: "map-find", type: "search", role: "combobox", autocomplete: "off", spellcheck: "false", maxlength: 60, placeholder: page.words("search.hint"), "aria-label": page.words("search.title"), "aria-expanded": "false", "aria-controls": "map-found", "aria-autocomplete": "list" }),
      el("div", { id: "map-found", class: "map-found", role: "listbox", "aria-label": page.words("search.title"), hidden: true }));
    const field = document.getElementById("map-find");
    field.addEventListener("input", () => show(search.find(field.value), field.value));
    field.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && found.length) at = (at + step + found.length) % found.length;
      else if (event.key === "Enter" && found.length) {
        go(found[Math.max(at, 0)]);
        return;
      } else if (event.key === "Escape") {
        field.value = "";
        found = [];
      } else return;
      event.preventDefault();
      event.stopPropagation();
      show(found, field.value);
    });
    field.addEventListener("blur", () => setTimeout(() => show([], ""), 150)); // a press on a row comes first
    document.getElementById("map-found").addEventListener("mousedown", (event) => {
      const row = event.target.closest("[data-found]");
      if (row) go(found[Number(row.dataset.found)]);
      event.preventDefault();
    });
  };
  const show = (rows, text) => {
    if (rows !== found) [found, at] = [rows, -1];
    const field = document.getElementById("map-find");
    const place = document.getElementById("map-found");
    const isOpen = text.trim() !== "";
    place.hidden = !isOpen;
    field.setAttribute("aria-expanded", String(isOpen));
    if (at >= 0) field.setAttribute("aria-activedescendant", `found-${at}`);
    else field.removeAttribute("aria-activedescendant");
    if (!isOpen) return;
    parts.draw("map-found", found.length ? found.map((row, k) => el("div", { key: `${row.kind}/${row.id}`, id: `found-${k}`, class: k === at ? "found found-on" : "found", role: "option", "aria-selected": String(k === at), "data-found": String(k) }, span("ellipsis", row.title), el("small", { class: "ellipsis" }, row.more))) : div("quiet", page.words("search.none")));
    document.getElementById(`found-${at}`)?.scrollIntoView({ block: "nearest" });
  };
  const go = (row) => {
    const field = document.getElementById("map-find");
    field.value = row.title;
    show([], "");
    const { map } = cityhelm;
    if (row.kind === "way") map.show(row.bounds);
    else if (row.kind === "district") map.showDistrict(row.id);
    else {
      const thing = { place: map.placeById, unit: city.units, sensor: city.devices }[row.kind].get(row.id);
      if (typeof thing.lon === "number") map.fly([thing.lon, thing.lat], 15);
    }
    if (row.kind !== "way") map.choose({ kind: row.kind, id: row.id });
  };

  /* list */
  const LIST_EVERY_MS = 2000;
  let isOpen = false;
  let drawnAt = -Infinity;
  list.isOpen = () => isOpen;
  list.toggle = () => {
    isOpen = !isOpen;
    drawnAt = -Infinity;
    document.getElementById("map-list").hidden = !isOpen;
    cityhelm.map.refresh();
  };
  /** Everything of the shown kinds that stands in view, the urgent first: {pick, id, what, name, state, district}. */
  list.rows = () => {
    const bounds = cityhelm.map.view?.getBounds();
    const isHere = (thing) => typeof thing.lon === "number" && (!bounds || bounds.contains([thing.lon, thing.lat]));
    const districtOf = (thing) => (thing.district ? city.district(thing.district) : "");
    const of = (things, isShown, row) => [...things].filter((thing) => isShown(thing) && isHere(thing)).map(row);
    return [
      ...of(city.warnings, () => layers.isShown("warning"), (w) => ({ pick: "warning", id: w.id, what: page.label("level", w.level), name: cityhelm.cards.warningWords(w), state: page.label("warning_state", w.state), district: districtOf(city.devices.get(w.device) ?? {}) })),
      ...of(city.incidents, () => layers.isShown("incident"), (i) => ({ pick: "incident", id: i.id, what: page.label("grade", i.grade), name: page.label("hazard", i.hazard), state: page.label("incident_state", i.state), district: "" })),
      ...(layers.isShown("closure") ? cityhelm.scene.closures().filter(({ device }) => isHere(device)).map(({ device, depth }) => ({ pick: "sensor", id: device.id, what: page.words("layers.closures"), name: city.deviceName(device), state: page.words("map.closed", { depth: page.figure(depth, 2) }), district: districtOf(device) })) : []),
      ...of(city.units.values(), (unit) => layers.isShown(layers.unit(unit)), (u) => ({ pick: "unit", id: u.id, what: parts.unitKind(u), name: city.name(u), state: page.label("unit_status", u.status), district: "" })).sort((a, b) => Number(a.state === page.label("unit_status", "available")) - Number(b.state === page.label("unit_status", "available"))),
      ...of(cityhelm.map.ground?.places ?? [], (place) => layers.isShown(`place/${place.kind}`), (p) => ({ pick: "place", id: p.id, what: cityhelm.marks.placeKind(p.kind), name: cityhelm.map.nameOf(p), state: "", district: districtOf(p) })),
      ...of(city.devices.values(), (device) => layers.isShown(layers.sensor(device)), (d) => ({ pick: "sensor", id: d.id, what: parts.kind(d.type), name: city.deviceName(d), state: page.label("freshness", city.deviceFreshness(d)), district: districtOf(d) })),
    ];
  };
  list.draw = () => {
    const place = document.getElementById("map-list");
    if (!place || !isOpen || performance.now() - drawnAt < LIST_EVERY_MS) return;
    drawnAt = performance.now();
    const rows = list.rows();
    const head = ["list.what", "list.name", "list.state", "list.district"].map((key) => el("th", { scope: "col" }, page.words(key)));
    const body = rows.slice(0, LONGEST).map((row) => el("tr", { key: `${row.pick}/${row.id}` }, el("td", {}, row.what),
      el("th", { scope: "row" }, el("button", { class: "link", "data-choose": JSON.stringify({ kind: row.pick, id: row.id }), "data-pick": JSON.stringify({ kind: row.pick, id: row.id }) }, row.name)), el("td", {}, row.state), el("td", {}, row.district)));
    const close = el("button", { class: "sheet-close", "data-map": "list", "aria-label": page.words("tools.close"), title: page.words("tools.close") }, "×");
    parts.draw("map-list", el("h3", {}, page.words("list.title"), " ", number(page.figure(rows.length), { source: "cityhelm.city", asOf: city.t }), close),
      rows.length ? el("table", { class: "map-table" }, el("caption", {}, page.words(rows.length > LONGEST ? "list.first" : "list.all", { n: rows.length, first: LONGEST })), el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)) : div("quiet", page.words("list.none")));
  };
  document.addEventListener("click", (event) => { // what only the map knows is not for the cards
    const row = event.target.closest("[data-pick]");
    if (!row) return;
    const picked = JSON.parse(row.dataset.pick);
    if (picked.kind !== "place") return;
    event.stopPropagation();
    cityhelm.map.choose(picked);
  }, true);

  Object.assign(cityhelm, { search, list });
})();
