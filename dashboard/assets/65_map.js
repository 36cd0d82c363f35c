/* The map: our basemap below, what is live above it. Frames move the marks; the view is the viewer's own and is kept. */
(() => {
  const { page, city } = cityhelm;
  const map = { view: null };
  const GLIDE_MS = 1100; // a little more than the second between two positions, so that units do not stop and start
  const FRAME_MS = 50;
  const VIEW_KEY = "cityhelm.view";
  let deck = null;
  let overlay = null;
  let marks = null;
  const paths = new Map(); // unit id → {from, to, begun}: where its circle glides

  /** Called once when the page has a map. A map that cannot be drawn leaves the lists as they are and says why. */
  map.open = async () => {
    try {
      const { vendor } = page.facts;
      const [maplibre, deckModule, style, drawn] = await Promise.all([
        import(`${vendor}/maplibre-gl.mjs`), import(`${vendor}/deck.mjs`), loadStyle(), cityhelm.marks.draw(),
      ]);
      deck = deckModule;
      marks = drawn;
      maplibre.setWorkerUrl(`${location.origin}${vendor}/maplibre-gl-worker.mjs`);
      const kept = JSON.parse(sessionStorage.getItem(VIEW_KEY) ?? "null");
      map.view = new maplibre.Map({
        container: "map", style, attributionControl: false, fadeDuration: page.isCalm ? 0 : 200, maxZoom: 18, minZoom: 6,
        pitchWithRotate: false, dragRotate: false, touchPitch: false, localIdeographFontFamily: '"Noto Sans SC", sans-serif',
        ...(kept ? { center: kept.centre, zoom: kept.zoom } : await whole()),
      });
      map.view.touchZoomRotate.disableRotation();
      map.view.on("error", ({ error }) => console.warn("map:", error?.message ?? error));
      map.view.on("moveend", () => sessionStorage.setItem(VIEW_KEY, JSON.stringify({ centre: map.view.getCenter().toArray(), zoom: map.view.getZoom() })));
      map.view.on("moveend", () => ([judgedAt, sensorsAt] = [-Infinity, -Infinity]));
      map.view.on("moveend", map.draw);
      overlay = new deck.MapboxOverlay({ interleaved: false, layers: [], pickingRadius: 6, getTooltip: null, getCursor: ({ isDragging, isHovering }) => (isDragging ? "grabbing" : isHovering ? "pointer" : "grab") });
      map.view.addControl(overlay);
      await Promise.all([new Promise((resolve) => map.view.once("idle", resolve)), city.loaded()]);
      map.draw();
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      page.becomeReady();
    } catch (fault) {
      const place = document.getElementById("map-fault");
      place.textContent = page.words("map.failed", { reason: fault.message });
      place.hidden = false;
      console.warn("map:", fault);
      page.becomeReady();
    }
  };

  /** The style, its addresses made absolute: the map's worker has no page to resolve them against. */
  const loadStyle = async () => {
    const style = await (await fetch(`/api/style.json?lang=${page.facts.lang}`)).json();
    const absolute = (url) => (url.startsWith("/") ? location.origin + url : url);
    for (const source of Object.values(style.sources)) if (source.tiles) source.tiles = source.tiles.map(absolute);
    for (const faces of Object.values(style["font-faces"] ?? {})) for (const face of faces) face.url = absolute(face.url);
    return style;
  };

  /** The view of the whole city: its bounds, or where its devices stand when no city has been built. */
  const whole = async () => {
    const scale = page.scale();
    let { bounds } = page.facts;
    if (!bounds) {
      await city.loaded();
      const placed = [...city.devices.values(), ...city.units.values()].filter((thing) => typeof thing.lon === "number");
      if (!placed.length) return { center: [0, 0], zoom: 6 };
      const [lon, lat] = [placed.map((thing) => thing.lon), placed.map((thing) => thing.lat)];
      bounds = [Math.min(...lon), Math.min(...lat), Math.max(...lon), Math.max(...lat)];
    }
    return { bounds: [[bounds[0], bounds[1]], [bounds[2], bounds[3]]], fitBoundsOptions: { padding: { top: 24 * scale, left: 24 * scale, right: 24 * scale, bottom: 92 * scale } } }; // the legend lies below
  };

  map.press = async (what) => {
    if (!map.view) return;
    const calm = { duration: page.isCalm ? 0 : 400 };
    if (what === "in") map.view.zoomIn(calm);
    else if (what === "out") map.view.zoomOut(calm);
    else {
      const { bounds, fitBoundsOptions } = await whole();
      if (bounds) map.view.fitBounds(bounds, { ...fitBoundsOptions, ...calm });
    }
  };

  map.fly = ([lon, lat]) => map.view?.easeTo({ center: [lon, lat], zoom: Math.max(map.view.getZoom(), 13.5), duration: page.isCalm ? 0 : 900 });

  /* where a unit is drawn: on its way from where it was drawn to where it was last measured */
  const glide = (unit, now) => {
    const to = [unit.lon, unit.lat];
    const path = paths.get(unit.id);
    if (!path || page.isCalm) {
      paths.set(unit.id, { from: to, to, begun: now });
      return to;
    }
    if (path.to[0] !== to[0] || path.to[1] !== to[1]) {
      const from = place(path, now);
      const isLeap = Math.hypot(from[0] - to[0], from[1] - to[1]) > 0.02; // two kilometres in one go is news, not a drive
      paths.set(unit.id, { from: isLeap ? to : from, to, begun: now });
    }
    return place(paths.get(unit.id), now);
  };
  const place = ({ from, to, begun }, now) => {
    const share = Math.min(1, (now - begun) / GLIDE_MS);
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
  };

  /* the marks, as deck.gl layers from below to above */
  const ICONS = () => ({ iconAtlas: marks.atlas, iconMapping: marks.mapping, sizeUnits: "pixels", pickable: true, onClick: choose });
  const choose = ({ object }) => {
    if (object) cityhelm.clicks.choose({ kind: object.pick, id: object.id });
    return true;
  };

  const FAINT_ZOOM = 11.5;
  const sensorSize = (zoom) => (zoom < 10 ? 16 : zoom < 12 ? 20 : zoom < 14 ? 26 : 32);

  /** `rows` as they were when they say the same: deck.gl then has nothing to do, and an idle map costs nothing. */
  const kept = new Map();
  const stable = (name, rows) => {
    const said = JSON.stringify(rows);
    if (kept.get(name)?.said !== said) kept.set(name, { said, rows });
    return kept.get(name).rows;
  };

  /** Sensors change look, not place: their list is made again at most once a second. */
  let sensors = [];
  let sensorsAt = -Infinity;
  const listSensors = (now) => {
    if (now - sensorsAt < 1000) return sensors;
    sensorsAt = now;
    const known = page.facts.labels.sensor_kind;
    const rows = [];
    for (const device of city.devices.values()) {
      if (device.lon === null) continue;
      const freshness = city.deviceFreshness(device);
      const look = freshness === "silent" ? "stale" : freshness;
      rows.push({ pick: "sensor", id: device.id, at: [device.lon, device.lat], icon: `sensor/${known[device.type] ? device.type : "Unknown"}/${look}` });
    }
    sensors = stable("sensors", rows);
    return sensors;
  };

  /** Units, those that stand at the same place (a station) drawn around it so that each can be seen and chosen. */
  const spotOf = (unit) => `${unit.lon.toFixed(3)},${unit.lat.toFixed(3)}`; // about a hundred metres
  const listUnits = (now) => {
    const placed = [...city.units.values()].filter((unit) => typeof unit.lon === "number");
    const spots = new Map();
    for (const unit of placed) {
      const spot = spotOf(unit);
      spots.set(spot, [...(spots.get(spot) ?? []), unit.id]);
    }
    const radius = 17 * page.scale();
    return placed.map((unit) => {
      const kind = page.facts.words[`mark.${unit.kind}`] ? unit.kind : "unknown";
      const look = city.unitLook(unit);
      const here = spots.get(spotOf(unit));
      const turn = (2 * Math.PI * here.indexOf(unit.id)) / here.length;
      const aside = here.length > 1 && look !== "moving" ? [radius * Math.sin(turn), -radius * Math.cos(turn)] : [0, 0];
      return { pick: "unit", id: unit.id, at: glide(unit, now), aside, icon: `unit/${kind}/${look}`, look, heading: unit.heading_deg, name: city.name(unit) };
    });
  };

  /** Names that fit beside one another, the first of `things` first; judged once a second, so that they do not flicker. */
  let shown = new Map(); // thing → side on which its name is written
  let judgedAt = -Infinity;
  const declutter = (now, things, chosen) => {
    const isChosen = (thing) => chosen?.kind === thing.pick && chosen.id === thing.id;
    if (now - judgedAt > 1000) {
      judgedAt = now;
      shown = new Map();
      const [scale, taken] = [page.scale(), []];
      for (const thing of [...things].sort((a, b) => isChosen(b) - isChosen(a))) {
        const { x, y } = map.view.project(thing.at);
        const width = [...thing.name].reduce((sum, letter) => sum + (letter > "\u2e80" ? 1 : 0.58), 1) * thing.size * scale;
        const [near, far, top, bottom] = [14 * scale, thing.dx * scale + width, y + (thing.dy - 13) * scale, y + (thing.dy + 13) * scale];
        const sides = { start: [x - near, top, x + far, bottom], end: [x - far, top, x + near, bottom] };
        const isFree = (box) => !taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
        const side = Object.keys(sides).find((name) => isFree(sides[name])) ?? (isChosen(thing) ? "start" : null);
        if (side === null) continue;
        taken.push(sides[side]);
        shown.set(`${thing.pick}/${thing.id}`, side);
      }
    }
    return things.map((thing) => ({ ...thing, side: shown.get(`${thing.pick}/${thing.id}`) })).filter((thing) => thing.side);
  };

  const layers = (now) => {
    const { IconLayer, PathLayer, ScatterplotLayer, TextLayer } = deck;
    const zoom = map.view.getZoom();
    const scale = page.scale();
    const units = listUnits(now);
    const drawnAt = new Map(units.map((unit) => [unit.id, unit.at]));
    const routes = city.orders.filter(city.isOpenOrder)
      .map((order) => ({ order, from: drawnAt.get(order.unit), incident: city.incident(order.incident) }))
      .filter(({ from, incident }) => from && incident)
      .map(({ order, from, incident }) => ({ path: [from, [incident.lon, incident.lat]], alpha: order.state === "accepted" ? 200 : 110 }));
    const incidents = city.incidents.map((incident) => ({ pick: "incident", id: incident.id, at: [incident.lon, incident.lat], icon: `incident/${incident.grade}`, name: page.label("hazard", incident.hazard) }));
    const warnings = city.warnings.filter((warning) => typeof warning.lon === "number")
      .map((warning) => ({ pick: "warning", id: warning.id, at: [warning.lon, warning.lat], icon: `warning/${warning.level}`, name: cityhelm.cards.warningWords(warning) }));
    const chosen = cityhelm.operations.chosen;
    const halo = [...listSensors(now), ...units, ...incidents, ...warnings].filter((thing) => thing.pick === chosen?.kind && thing.id === chosen.id);
    const busy = (unit) => unit.look === "moving" || unit.look === "working";
    const named = declutter(now, [
      ...incidents.map((thing) => ({ ...thing, dx: 21, dy: 0, size: 14 })),
      ...warnings.map((thing) => ({ ...thing, dx: 19, dy: -20, size: 13 })),
      ...units.filter((unit) => busy(unit) || zoom >= 13).map((thing) => ({ ...thing, dx: 18, dy: 0, size: 13 })),
    ], chosen);
    return [
      new PathLayer({ id: "routes", data: stable("routes", routes), getPath: (r) => r.path, getColor: (r) => [53, 200, 255, r.alpha], getWidth: 2.5 * scale, widthUnits: "pixels", capRounded: true }),
      new IconLayer({ ...ICONS(), id: "sensors", data: listSensors(now), getPosition: (s) => s.at, getIcon: (s) => s.icon, getSize: sensorSize(zoom) * scale, opacity: zoom < FAINT_ZOOM ? 0.9 : 1 }),
      new ScatterplotLayer({ id: "halo", data: stable("halo", halo), getPosition: (t) => t.at, getRadius: 24 * scale, radiusUnits: "pixels", filled: true, stroked: true, getFillColor: [53, 200, 255, 46], getLineColor: [53, 200, 255, 255], getLineWidth: 2 * scale, lineWidthUnits: "pixels" }),
      new IconLayer({ ...ICONS(), id: "pointers", pickable: false, data: stable("pointers", units.filter((unit) => unit.look === "moving" && unit.heading !== null)), getPosition: (u) => u.at, getIcon: () => "pointer", getAngle: (u) => -u.heading, getSize: 38 * scale }),
      new IconLayer({ ...ICONS(), id: "units", data: stable("units", units), getPosition: (u) => u.at, getIcon: (u) => u.icon, getSize: 34 * scale, getPixelOffset: (u) => u.aside }),
      new IconLayer({ ...ICONS(), id: "warnings", data: stable("warnings", warnings), getPosition: (w) => w.at, getIcon: (w) => w.icon, getSize: 36 * scale, getPixelOffset: [0, -20 * scale] }),
      new IconLayer({ ...ICONS(), id: "incidents", data: stable("incidents", incidents), getPosition: (i) => i.at, getIcon: (i) => i.icon, getSize: 40 * scale }),
      named.length > 0 && new TextLayer({ // without a single letter its atlas would be an empty picture
        id: "names", data: stable("names", named), getPosition: (t) => t.at, getText: (t) => t.name, getSize: (t) => t.size * scale, getPixelOffset: (t) => [t.dx * scale * (t.side === "end" ? -1 : 1), t.dy * scale],
        getColor: [232, 243, 255, 255], getTextAnchor: (t) => t.side, getAlignmentBaseline: "center", fontFamily: '"Noto Sans SC", sans-serif', fontSettings: { fontSize: 48 },
        characterSet: "auto", background: true, getBackgroundColor: [4, 16, 36, 224], backgroundPadding: [6, 3, 6, 3],
      }),
    ];
  };

  /** Draws what is live; while a unit glides, again and again until it has arrived. */
  let isDrawing = false;
  let paintedAt = -Infinity;
  map.draw = () => {
    if (!overlay || isDrawing) return;
    isDrawing = true;
    const paint = (now) => {
      if (now - paintedAt < FRAME_MS) {
        requestAnimationFrame(paint);
        return;
      }
      paintedAt = now;
      overlay.setProps({ layers: layers(now) });
      const isMoving = !page.isCalm && [...paths.values()].some(({ from, to, begun }) => now - begun < GLIDE_MS && (from[0] !== to[0] || from[1] !== to[1]));
      if (isMoving) requestAnimationFrame(paint);
      else isDrawing = false;
    };
    requestAnimationFrame(paint);
  };

  cityhelm.map = map;
})();
