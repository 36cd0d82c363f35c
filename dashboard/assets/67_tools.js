/* Tools: measuring a distance or an area, drawing an area to ask what lies inside, closing a road, and drawing what a form of the
   page asks for (`ask`). Points are set by pressing on the map or, with the keyboard, where the cross in its middle points (Space);
   Enter ends, Backspace takes the last point back, Escape gives up. What is live inside an area is counted here, who lives there and
   what stands there is asked of the server. */
(() => {
  const { page, city, places, parts, layers } = cityhelm;
  const { el, div, span, number, sources } = parts;
  const tools = {};
  const TOOLS = ["distance", "area", "inside", "bar", "list"];
  const ASKED = "asked"; // not a button: what somebody else wants drawn
  const offered = () => TOOLS.filter((name) => name !== "bar" || page.may("road.close"));
  const MOST_CORNERS = 500; // what the server takes
  const SIGNS = { // drawings of 20 × 20
    distance: "M3 14 14 3l3 3L6 17Zm3-3 2 2m0-4 2 2m0-4 2 2",
    area: "M4 6 11 3l6 5-3 9-9-2Z",
    inside: "M4 6 11 3l6 5-3 9-9-2Zm5 3v4m-2-2h4",
    bar: "M4 4l12 12M16 4 4 16",
    list: "M7 5h10M7 10h10M7 15h10M3 5h.5M3 10h.5M3 15h.5",
  };
  let tool = null;
  let corners = [];
  let isDone = false;
  let answer = null; // of the server about an area: {is, …} or {error}
  let isByKeys = false;
  let asked = null; // {kind: "point", "line" or "ring", title, done}
  let marked = null; // a place that a form of the page is about

  tools.isActive = () => tool !== null && !isDone;
  const isRing = () => tool === "area" || tool === "inside" || (tool === ASKED && asked.kind === "ring");

  /** Has something drawn: `done` is called with its corners; whoever begins anything else, or gives up, has not. */
  tools.ask = (wanted) => {
    asked = wanted;
    begin(ASKED);
  };
  /** Marks a place on the map, or with null none. */
  tools.mark = (at) => {
    marked = at;
    cityhelm.map.draw();
  };

  tools.press = (what) => {
    if (what === "none") begin(null);
    if (!TOOLS.includes(what)) return;
    if (what === "list") cityhelm.list.toggle();
    else begin(tool === what ? null : what);
    tools.show();
  };
  const begin = (what) => {
    [tool, corners, isDone, answer, isByKeys] = [what, [], false, null, false];
    const { view } = cityhelm.map;
    if (view) view.doubleClickZoom[what ? "disable" : "enable"]();
    show();
  };
  const show = () => {
    tools.show();
    say();
    cityhelm.map.draw();
  };

  const add = (at) => {
    const last = corners.at(-1);
    if (corners.length >= MOST_CORNERS || (last && last[0] === at[0] && last[1] === at[1])) return;
    corners = [...corners, at];
    if (tool === ASKED && asked.kind === "point") end();
    else show();
  };
  const end = () => {
    if (!tools.isActive()) return;
    if (corners.length < (isRing() ? 3 : tool === ASKED && asked.kind === "point" ? 1 : 2)) return;
    if (tool === ASKED) {
      const [{ done }, drawn] = [asked, corners];
      begin(null);
      done(drawn);
      return;
    }
    isDone = true;
    cityhelm.map.view.doubleClickZoom.enable();
    if (tool === "inside") askInside();
    show();
  };
  /** A press on the map: true when it belongs to a tool. */
  tools.click = ({ lngLat, originalEvent }) => {
    if (!tools.isActive()) return false;
    if (originalEvent.detail > 1) end();
    else add([lngLat.lng, lngLat.lat]);
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (tool === null || event.target.closest?.("input, textarea, select, button")) return;
    if (event.key === "Escape") begin(null);
    else if (!tools.isActive()) return;
    else if (event.key === "Enter") end();
    else if (event.key === "Backspace") {
      corners = corners.slice(0, -1);
      show();
    } else if (event.key === " ") {
      isByKeys = true;
      add(cityhelm.map.view.getCenter().toArray());
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);

  const askInside = async () => {
    const ring = corners;
    try {
      const response = await page.ask("/api/map/area", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ring: corners }) });
      const said = await response.json();
      if (ring !== corners) return; // another one has been drawn
      answer = response.ok ? { is: true, ...said } : { error: said[page.facts.lang] ?? page.words("answer.failed") };
    } catch {
      if (ring === corners) answer = { error: page.words("api.database_away") };
    }
    show();
  };

  /** What is live inside a ring: devices and units that have a place there, by kind. */
  tools.liveInside = (ring) => {
    const inside = (things) => [...things].filter((thing) => typeof thing.lon === "number" && places.isInside([thing.lon, thing.lat], ring));
    const count = (things, keyOf) => {
      const counts = new Map();
      for (const thing of things) counts.set(keyOf(thing), (counts.get(keyOf(thing)) ?? 0) + 1);
      return [...counts].sort((a, b) => b[1] - a[1]);
    };
    const units = inside(city.units.values());
    const devices = inside(city.devices.values());
    return { devices: devices.length, units: units.length, kinds: count(units, (unit) => unit.kind), incidents: inside(city.incidents).length, warnings: inside(city.warnings).length };
  };

  const MEASURED = { source: "places.distance, places.area", made: undefined };
  const length = (km) => (km < 1 ? [page.figure(1000 * km), page.words("unit.metres")] : [page.figure(km, km < 10 ? 2 : 1), page.words("unit.kilometres")]);
  const area = (km2) => (km2 < 0.1 ? [page.figure(1e6 * km2), "m²"] : [page.figure(km2, km2 < 10 ? 2 : 1), "km²"]);
  const figure = ([n, unit], from = MEASURED) => [number(n, from), " ", unit];

  const fact = (name, value) => el("div", { class: "map-fact" }, el("span", {}, name), el("b", {}, value));
  const CAPACITY = { service_hall: "holds.windows", hospital: "holds.beds", school: "holds.pupils", shelter: "holds.people" };
  const insideFacts = () => {
    const live = tools.liveInside(corners);
    const from = { source: "population, places · gis_data.areas.within" };
    const n = (value, source) => number(page.figure(value), { source, asOf: city.t });
    const kinds = Object.entries(answer?.kinds ?? {}).sort((a, b) => b[1].n - a[1].n);
    return [
      answer?.error ? div("refusal", answer.error) : answer === null ? div("quiet", page.words("loading")) : [
        fact(page.words("tools.size"), figure(area(answer.area_km2), from)),
        fact(page.words("tools.residents"), number(answer.residents === null ? null : page.figure(answer.residents), from)),
        kinds.map(([kind, { n: many, holds }]) => fact(cityhelm.marks.placeKind(kind), [number(page.figure(many), from), holds === null || !CAPACITY[kind] ? "" : el("small", {}, " ", page.words(CAPACITY[kind], { n: page.figure(holds) }))])),
      ],
      fact(page.words("legend.sensors"), n(live.devices, sources.device)),
      fact(page.words("legend.units"), [n(live.units, sources.units), live.kinds.length ? el("small", {}, " ", live.kinds.map(([kind, many]) => `${parts.unitKind({ kind })} ${many}`).join(" · ")) : ""]),
      fact(page.words("legend.incidents"), n(live.incidents, sources.incidents)), fact(page.words("legend.warnings"), n(live.warnings, sources.warnings)),
    ];
  };
  const say = () => {
    const sheet = document.getElementById("map-result");
    if (!sheet) return;
    sheet.hidden = tool === null;
    if (tool === null) return;
    const close = el("button", { class: "sheet-close", "data-map": tool === ASKED ? "none" : tool, "aria-label": page.words("tools.close"), title: page.words("tools.close") }, "×");
    const total = isRing() ? (corners.length > 2 ? figure(area(places.area(corners))) : null) : corners.length > 1 ? figure(length(places.length(corners))) : null;
    const body = tool === "inside" && isDone ? insideFacts() : tool === "bar" && isDone ? closing() : [total ? div("sheet-figure", total) : null, isRing() && corners.length > 2 ? div("quiet", page.words("tools.around"), " ", figure(length(places.length([...corners, corners[0]])))) : null];
    const how = tool === "bar" ? "tools.how_bar" : tool === ASKED && asked.kind === "point" ? "tools.how_point" : isRing() ? "tools.how_area" : "tools.how_distance";
    parts.draw("map-result", el("h3", {}, tool === ASKED ? asked.title : page.words(`tools.${tool}`), close), body, isDone ? null : div("quiet", page.words(how)));
  };
  /** Closing the road that was drawn: why, and until when. */
  const HOURS = [1, 4, 12];
  const closing = () => {
    const [form, now] = ["closing-road", Math.ceil(page.now() / 60000) * 60000];
    const until = [el("option", { key: "open", value: "" }, page.words("tools.until_opened")), ...HOURS.map((n) => el("option", { key: String(n), value: new Date(now + n * 3600000).toISOString() }, page.words("tools.until", { time: page.hour(now + n * 3600000) })))];
    const request = { geometry: JSON.stringify({ type: "LineString", coordinates: corners }) };
    return [el("div", { key: form, id: form, class: "sheet-form" },
      el("input", { name: "reason", required: true, class: "input", type: "text", maxlength: 500, autocomplete: "off", placeholder: page.words("tools.bar_reason"), "aria-label": page.words("tools.bar_reason") }),
      el("select", { name: "until", class: "input", "aria-label": page.words("tools.until_long") }, until)),
    el("button", { class: "button button-first", "data-act": JSON.stringify({ action: "road.close", request, about: "road" }), "data-form": form, disabled: cityhelm.clicks.isBusy("road") }, page.words("tools.bar_now"))];
  };
  /** A road that was closed is drawn by the server's word from now on. */
  tools.told = (answer) => {
    if (tool === "bar" && answer?.act?.action === "road.close" && answer.outcome === "done") begin(null);
  };
  /** Said again while what is live inside changes. */
  tools.beat = () => {
    if ((tool === "inside" || tool === "bar") && isDone) say();
  };

  tools.show = () => {
    const sign = (name) => el("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, el("path", { d: SIGNS[name] }));
    const isOn = (name) => (name === "list" ? cityhelm.list.isOpen() : name === tool);
    parts.draw("map-tools", offered().map((name) => el("button", { key: name, class: isOn(name) ? "map-button map-button-on" : "map-button", "data-map": name, "aria-pressed": String(isOn(name)), title: page.words(`tools.${name}`), "aria-label": page.words(`tools.${name}`) }, sign(name))));
    document.getElementById("map-furniture")?.classList.toggle("is-drawing", tools.isActive());
  };
  tools.furnish = () => tools.show();

  /* what is drawn: below everything the area, above everything the line with its corners */
  tools.below = (deck, scale) => {
    if (!isRing() || corners.length < 3) return [];
    return [new deck.PolygonLayer({ id: "drawn-area", data: [corners], getPolygon: (ring) => ring, getFillColor: [53, 200, 255, 40], stroked: false })];
  };
  tools.above = (deck, scale) => {
    const place = marked === null ? [] : [new deck.ScatterplotLayer({ id: "marked", data: [marked], getPosition: (at) => at, getRadius: 11 * scale, radiusUnits: "pixels", stroked: true, getFillColor: [53, 200, 255, 70], getLineColor: [53, 200, 255, 255], getLineWidth: 3 * scale, lineWidthUnits: "pixels", updateTriggers: { getRadius: scale } })];
    if (tool === null || !corners.length) return place;
    const path = isRing() && corners.length > 2 ? [...corners, corners[0]] : corners;
    return [
      ...place, new deck.PathLayer({ id: "drawn-line", data: [path], getPath: (line) => line, getColor: [53, 200, 255, 255], getWidth: 2.5 * scale, widthUnits: "pixels" }),
      new deck.ScatterplotLayer({ id: "drawn-corners", data: corners, getPosition: (at) => at, getRadius: 4.5 * scale, radiusUnits: "pixels", stroked: true, getFillColor: [4, 18, 43, 255], getLineColor: [53, 200, 255, 255], getLineWidth: 2 * scale, lineWidthUnits: "pixels" }),
    ];
  };

  cityhelm.tools = tools;
})();
