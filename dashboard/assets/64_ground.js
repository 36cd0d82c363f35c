/* The ground's own news: heat, roads by the speed of their detectors, requests in view. Each is asked of the server while it is shown,
   kept until it is asked again, and painted into the basemap or handed to the scene. */
(() => {
  const { page, city, layers, parts } = cityhelm;
  const ASK_EVERY_MS = 60000;
  const draw = () => {
    cityhelm.scene.recount();
    cityhelm.map.draw();
  };
  const isDue = (asked, key) => asked.key !== key || performance.now() - asked.at > ASK_EVERY_MS;

  /* heat */
  const heatmap = { shown: null };
  const BESIDE = 0.25; // of the view, on each side: what lies just outside it counts within
  let points = { key: null, array: new Float32Array(0), asOf: null };
  let asked = { key: null, at: -Infinity };
  let drawn = null;
  let canvas = null;

  /** Points of a kind ({array: Float32 of lon, lat, weight; asOf}) over so many hours. */
  const ask = async (kind, hours, key) => {
    asked = { key, at: performance.now() };
    try {
      const response = await page.ask(`/api/map/heat/${kind}?hours=${hours}`);
      if (!response.ok) throw new Error(String(response.status));
      heatmap.take(key, new Float32Array(await response.arrayBuffer()), Number(response.headers.get("x-as-of")));
    } catch {
      asked.at = performance.now() - ASK_EVERY_MS + 5000; // the server is away; the header says so
    }
  };
  heatmap.take = (key, array, asOf) => {
    points = { key, array, asOf };
    drawn = null;
    draw();
  };

  /** Brings the heat into the basemap, if it is shown; computes it anew when points, view or kernel are others. */
  heatmap.paint = (view) => {
    const [kind, hours] = [layers.heat(), layers.hours()];
    const key = kind && `${kind}/${hours}`;
    if (view.getLayer("heat")) view.setLayoutProperty("heat", "visibility", kind ? "visible" : "none");
    heatmap.shown = kind ? { kind, hours, n: null, top: null, sigma: null, asOf: null } : null;
    if (!kind) return;
    if (isDue(asked, key)) ask(kind, hours, key);
    if (points.key !== key) {
      if (view.getLayer("heat")) view.setLayoutProperty("heat", "visibility", "none");
      return;
    }
    const { _sw: low, _ne: high } = view.getBounds();
    const [w, h] = [(high.lng - low.lng) * BESIDE, (high.lat - low.lat) * BESIDE];
    const box = [low.lng - w, low.lat - h, high.lng + w, high.lat + h];
    const sigma = cityhelm.heat.sigma(cityhelm.map.zoom());
    const said = `${box}|${sigma}`;
    if (drawn?.said !== said) drawn = { said, ...compute(view, box, sigma) };
    heatmap.shown = { kind, hours, n: weightOf(points.array), top: drawn.top, sigma, asOf: points.asOf };
  };
  const weightOf = (array) => {
    let sum = 0;
    for (let k = 2; k < array.length; k += 3) sum += array[k];
    return sum;
  };
  const compute = (view, box, sigma) => {
    const { SIDE, field, top, paint } = cityhelm.heat;
    const values = field(points.array, box, sigma);
    const most = top(values);
    if (!canvas) {
      canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [SIDE, SIDE];
    }
    const g = canvas.getContext("2d");
    const image = g.createImageData(SIDE, SIDE);
    paint(values, most, image.data);
    g.putImageData(image, 0, 0);
    const [west, south, east, north] = box;
    const coordinates = [[west, north], [east, north], [east, south], [west, south]];
    const source = view.getSource("heat");
    if (!source) {
      view.addSource("heat", { type: "canvas", canvas, coordinates, animate: false });
      view.addLayer({ id: "heat", type: "raster", source: "heat", paint: { "raster-fade-duration": 0, "raster-resampling": "linear" } }, ["shore", "loop-road-edge"].find((id) => view.getLayer(id))); // below water and roads
    } else {
      source.setCoordinates(coordinates);
      source.play(); // takes the new pixels
      source.pause();
    }
    return { top: most };
  };

  /* roads */
  const roads = { loops: [] };
  const ROADS_AGAIN_MS = 600000;
  let roadsAt = -Infinity;
  let bands = [];
  let areRoadsShown = null;
  roads.idOf = (n) => roads.loops[n]?.device ?? null;
  roads.find = (device) => roads.loops.find((loop) => loop.device === device) ?? null;
  const askRoads = async (view) => {
    roadsAt = performance.now();
    try {
      const response = await page.ask("/api/map/roads");
      if (!response.ok) throw new Error(String(response.status));
      ({ loops: roads.loops } = await response.json());
      bands = roads.loops.map(() => undefined);
      view.getSource("loop-roads").setData({ type: "FeatureCollection", features: roads.loops.map(({ lines, class: kind }, n) => ({ type: "Feature", properties: { n, class: kind }, geometry: { type: "MultiLineString", coordinates: lines } })) });
      draw();
    } catch {
      roadsAt = performance.now() - ROADS_AGAIN_MS + 5000; // the server is away; the header says so
    }
  };

  /** Speed of a detector over the free speed of its road, or null while it says nothing new; {share, speed, stream}. */
  roads.speedOf = (loop) => {
    const stream = city.devices.get(loop.device)?.streams.find(({ property }) => property === "averageVehicleSpeed");
    if (!stream || stream.value === null || !loop.free_kmh || !["fresh", "late"].includes(city.streamFreshness(stream))) return { share: null, speed: stream?.value ?? null, stream };
    return { share: stream.value / loop.free_kmh, speed: stream.value, stream };
  };
  roads.bandOf = (share) => (share === null ? -1 : cityhelm.scene.SPEEDS.findIndex(({ from }) => share >= from));

  roads.paint = (view) => {
    const isShown = layers.isShown("road");
    if (isShown !== areRoadsShown) {
      areRoadsShown = isShown;
      for (const id of ["loop-road-edge", "loop-road"]) view.setLayoutProperty(id, "visibility", isShown ? "visible" : "none");
    }
    if (!isShown) return;
    if (performance.now() - roadsAt > ROADS_AGAIN_MS) askRoads(view);
    roads.loops.forEach((loop, n) => {
      const band = roads.bandOf(roads.speedOf(loop).share);
      if (bands[n] === band) return;
      bands[n] = band;
      view.setFeatureState({ source: "loop-roads", id: n }, { band });
    });
  };
  /** How many roads with a detector are in which band; the last count is of those without a word. */
  roads.counts = () => {
    const counts = [...cityhelm.scene.SPEEDS.map(() => 0), 0];
    for (const band of bands) counts[band >= 0 ? band : counts.length - 1] += 1;
    return counts;
  };

  /* requests */
  const requests = { FROM_ZOOM: 12.6, list: [], isWhole: true };
  let requestsAsked = { key: null, at: -Infinity };
  const HOURS = 24;
  requests.find = (id) => requests.list.find((request) => request.id === id);
  requests.row = (request) => ({ pick: "request", id: request.id, at: [request.lon, request.lat], name: "" });
  requests.className = (name) => page.facts.words[`request.${name}`] ?? page.label("hazard", name);
  requests.say = (id) => {
    const found = requests.find(id);
    return found ? [requests.className(found.class), `${page.facts.words[`request_source.${found.source}`] ?? found.source} · ${page.moment(found.time)}`] : [];
  };
  requests.rows = () => {
    const { _sw: low, _ne: high } = cityhelm.map.view.getBounds();
    const bounds = [low.lng, low.lat, high.lng, high.lat].map((edge) => edge.toFixed(3)).join(",");
    if (isDue(requestsAsked, bounds)) askRequests(bounds);
    return requests.list.map(requests.row);
  };
  const askRequests = async (bounds) => {
    requestsAsked = { key: bounds, at: performance.now() };
    try {
      const response = await page.ask(`/api/map/requests?bounds=${bounds}&hours=${HOURS}`);
      if (!response.ok) throw new Error(String(response.status));
      const answer = await response.json();
      if (requestsAsked.key !== bounds) return; // the view has moved on
      [requests.list, requests.isWhole] = [answer.requests, answer.is_whole];
      draw();
    } catch {
      requestsAsked.at = performance.now() - ASK_EVERY_MS + 5000; // the server is away; the header says so
    }
  };

  /* the legend follows what is shown */
  const legend = {};
  const { el, div, span, number, sources } = parts;
  const HIDDEN = { "aria-hidden": "true" };
  const entry = (mark, text) => span("legend-entry", mark, text);
  const line = (key, ...body) => el("div", { key, class: "legend-part" }, el("b", {}, page.words(key)), body);
  const ramp = (colours) => el("i", { class: "ramp", style: `background:linear-gradient(90deg,${colours.join(",")}),var(--night)`, ...HIDDEN });
  const rgba = ([, r, g, b, a]) => `rgba(${r},${g},${b},${a})`;
  const unitOf = (metric) => page.facts.words[`paint_unit.${metric}`] ?? "";

  const ofArea = () => {
    const { area, SHADES } = cityhelm.scene;
    if (!area) return null;
    const numbers = [...area.values.values()];
    const from = { source: area.isMean ? sources.latest : "overview.districts · storage.overview", asOf: area.asOf, count: numbers.length };
    const edge = (value) => number(area.metric === "score" ? page.figure(value) : page.measure(value), from);
    return el("div", { key: "area", class: "legend-part" }, el("b", {}, page.words(`paint.${area.metric}`)), edge(Math.min(...numbers)), ramp(SHADES), edge(Math.max(...numbers)), span("", [unitOf(area.metric), area.isMean ? page.words("legend.mean") : ""].filter(Boolean).join(" · ")));
  };
  const ofHeat = () => {
    const { shown } = heatmap;
    if (!shown) return null;
    const from = { source: `${{ requests: "request", calls: "incident", halls: "hall_event" }[shown.kind]} · storage.whereabouts`, asOf: shown.asOf, count: shown.n };
    return el("div", { key: "heat", class: "legend-part legend-heat" }, el("b", {}, page.words(`heat.${shown.kind}`)),
      shown.n === null ? span("quiet", page.words("loading"))
        : shown.n === 0 ? span("quiet", page.words("legend.heat_none", { n: shown.hours }))
          : [number("0", from), ramp(cityhelm.heat.RAMP.map((row) => `${rgba(row)} ${100 * row[0]}%`)), number(page.figure(shown.top, shown.top < 1 ? 2 : 0), from), span("", page.words(`heat_unit.${shown.kind}`)),
              el("small", {}, page.words("legend.heat", { n: page.figure(shown.n), hours: shown.hours, sigma: shown.sigma }))]);
  };
  const ofRoads = () => {
    if (!layers.isShown("road") || !roads.loops.length) return null;
    const counts = roads.counts();
    const band = ({ from, colour }, k) => entry(el("i", { class: "band", style: `background:${colour}`, ...HIDDEN }), [page.words(cityhelm.scene.SPEEDS[k].words), el("small", {}, k === 4 ? page.words("legend.below", { n: 30 }) : page.words("legend.from", { n: Math.round(100 * from) })), " "]);
    return el("div", { key: "roads", class: "legend-part legend-wide", title: page.words("legend.roads_long") }, el("b", {}, page.words("legend.roads")), cityhelm.scene.SPEEDS.map(band),
      counts.at(-1) ? entry(el("i", { class: "band", style: `background:${cityhelm.scene.NEUTRAL}`, ...HIDDEN }), page.words("legend.no_speed")) : null);
  };
  const ofUnits = () => {
    if (![...city.units.values()].some((unit) => layers.isShown(layers.unit(unit)))) return null;
    const looks = layers.isCalm() && cityhelm.map.view && cityhelm.map.zoom() < 12.8 ? ["moving", "working"] : ["available", "moving", "working", "out"];
    const [kind] = [...city.units.values()];
    return line("legend.units", looks.map((look) => entry(el("i", { class: `mark unit-${look}`, ...HIDDEN }, parts.unitMark(kind)), page.words(`legend.${look}`))));
  };
  const ofSensors = (listed) => {
    if (!listed ? !city.devices.size : !listed.sensors.length && !listed.clusters.length) return null;
    return line("legend.sensors", ["fresh", "late", "stale"].map((look) => entry(el("i", { class: `mark sensor-${look}`, ...HIDDEN }), page.words(`legend.${look}`))), listed?.clusters.length ? entry(el("i", { class: "mark cluster-mark", ...HIDDEN }, "12"), page.words("legend.cluster")) : null);
  };
  const ofIncidents = () => (layers.isShown("incident") ? line("legend.incidents", ["I", "II", "III", "IV"].map((grade) => parts.diamond(grade))) : null);
  const ofWarnings = () => (layers.isShown("warning") ? line("legend.warnings", Object.entries({ red: "hexagon", orange: "triangle", yellow: "square", blue: "circle" }).map(([level, shape]) => parts.level({ level, shape }))) : null);
  const ofPlaces = (listed) => {
    const kinds = [...new Set((listed?.spots ?? []).map(({ kind }) => kind))];
    return kinds.length ? el("div", { key: "places", class: "legend-part legend-wide" }, el("b", {}, page.words("layers.places")), kinds.map((kind) => entry(el("i", { class: "mark place-mark", ...HIDDEN }, cityhelm.marks.placeMark(kind)), cityhelm.marks.placeKind(kind)))) : null;
  };
  const ofOthers = (listed) => {
    const entries = [
      layers.isShown("closure") && listed?.closures.length ? entry(el("i", { class: "swatch swatch-closure", ...HIDDEN }), page.words("legend.closed", { depth: cityhelm.scene.IMPASSABLE_M })) : null,
      listed?.requests.length ? entry(el("i", { class: "swatch swatch-request", ...HIDDEN }), page.words(requests.isWhole ? "legend.requests" : "legend.requests_part", { n: page.figure(requests.list.length) })) : null,
      !listed?.requests.length && layers.isShown("request") ? entry(el("i", { class: "swatch swatch-request", ...HIDDEN }), page.words("legend.requests_near")) : null,
      listed && cityhelm.scene.isWaterHidden() ? entry(parts.kindMark("FloodMonitoring"), page.words("legend.water_near")) : null,
    ].filter(Boolean);
    return entries.length ? el("div", { key: "others", class: "legend-part legend-wide" }, entries) : null;
  };
  /** Draws what the marks that are on the map mean; without a map, what they would mean. */
  legend.draw = (listed = null) => {
    if (!document.getElementById("legend") || !city.isLoaded) return;
    const painted = [ofArea(), ofHeat(), ofRoads()];
    const marks = () => [ofUnits(), ofIncidents(), ofSensors(listed), ofWarnings(), ofPlaces(listed), ofOthers(listed)];
    const isLine = cityhelm.map.options().legend === "line"; // of what is painted alone, and nothing where nothing is
    const pieces = [...painted, ...(isLine ? [] : marks())].filter(Boolean);
    parts.draw("legend", pieces.length || isLine ? pieces : parts.empty("legend.nothing"));
  };

  Object.assign(cityhelm, { heatmap, roads, requests, legend });
})();
