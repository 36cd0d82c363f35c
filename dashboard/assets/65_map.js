/* The map: our basemap below, what is live above it. Frames move the marks; the view is the viewer's own and is kept. */
(() => {
  const { page, city, layers: shown, places } = cityhelm;
  const map = { view: null, drawn: null };
  const GLIDE_MS = 1100; // a little more than the second between two positions, so that units do not stop and start
  const FRAME_MS = 50;
  const VIEW_KEY = "cityhelm.view";
  const DISTRICT_NAMES = "district-name"; // of gis_data.style
  const NEAR_ZOOM = 12.8; // from here on everything that stands at a place is drawn by itself
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
      map.view.on("moveend", map.refresh);
      overlay = new deck.MapboxOverlay({ interleaved: false, layers: [], pickingRadius: 6, getTooltip: tip, getCursor: ({ isDragging, isHovering }) => (isDragging ? "grabbing" : isHovering ? "pointer" : "grab") });
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
    style.layers = style.layers.filter(({ id }) => id !== DISTRICT_NAMES).map((layer) => map.grown(layer, page.scale())); // our names give way to marks
    for (const source of Object.values(style.sources)) if (source.tiles) source.tiles = source.tiles.map(absolute);
    for (const faces of Object.values(style["font-faces"] ?? {})) for (const face of faces) face.url = absolute(face.url);
    return style;
  };

  const SIZES = new Set(["text-size", "text-halo-width", "text-padding", "symbol-spacing", "line-width", "line-blur", "circle-radius", "circle-stroke-width"]);
  /** A layer of the style as it is drawn on a wall: letters and lines as much larger as everything else there, and at the zooms at
      which the wall shows what a desk shows. On a desk it stays as it is. */
  map.grown = (layer, scale) => {
    if (scale <= 1) return layer;
    const shift = Math.log2(scale);
    const grow = (value, factor) => {
      if (typeof value === "number") return factor * value;
      if (!Array.isArray(value)) return value;
      const [name, , zoom] = value;
      if (name === "interpolate" && zoom?.[0] === "zoom") return value.map((part, k) => (k < 3 ? part : k % 2 ? part + shift : grow(part, factor)));
      const isOutput = { match: (k) => k > 2 && k % 2 === 1, case: (k) => k > 0 && k % 2 === 0 }[name];
      return isOutput ? value.map((part, k) => (isOutput(k) || k === value.length - 1 ? grow(part, factor) : part)) : value;
    };
    const all = (properties) => Object.fromEntries(Object.entries(properties ?? {}).map(([name, value]) => [name, grow(value, SIZES.has(name) ? scale : 1)]));
    const zooms = Object.fromEntries(["minzoom", "maxzoom"].filter((name) => name in layer).map((name) => [name, Math.min(24, layer[name] + shift)]));
    return { ...layer, ...zooms, paint: all(layer.paint), layout: all(layer.layout) };
  };

  /** The zoom at which a desk shows as much of the city. */
  const zoomOf = () => map.view.getZoom() - Math.max(0, Math.log2(page.scale()));

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
    return { bounds: [[bounds[0], bounds[1]], [bounds[2], bounds[3]]], fitBoundsOptions: { padding: room(scale) } };
  };

  const PANEL = 60; // a name under a panel is not there at all
  const panels = () => {
    const frame = document.getElementById("map").getBoundingClientRect();
    return ["layers-panel", "legend-panel"].map((id) => document.getElementById(id)).filter(Boolean).map((panel) => {
      const { left, top, right, bottom } = panel.getBoundingClientRect();
      return { box: [left - frame.left, top - frame.top, right - frame.left, bottom - frame.top], weight: PANEL };
    });
  };

  /** The margins that the panels on the map leave free; where they leave too little, they lie over it. */
  const room = (scale) => {
    const frame = document.getElementById("map").getBoundingClientRect();
    const size = (id, side) => document.getElementById(id)?.getBoundingClientRect()[side] ?? 0;
    const [left, bottom] = [size("layers-panel", "width"), size("legend-panel", "height")];
    const gap = 24 * scale;
    return { top: gap, right: gap, left: left < 0.3 * frame.width ? left + gap : gap, bottom: bottom < 0.3 * frame.height ? bottom + gap : gap };
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

  map.fly = ([lon, lat]) => map.view?.easeTo({ center: [lon, lat], zoom: Math.max(map.view.getZoom(), 13.5 + Math.max(0, Math.log2(page.scale()))), duration: page.isCalm ? 0 : 900 });

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

  /* what is drawn, as rows; each knows what it is (pick, id), where it stands (at) and how it looks */

  /** `rows` as they were when they say the same: deck.gl then has nothing to do, and an idle map costs nothing. */
  const kept = new Map();
  const stable = (name, rows) => {
    const said = JSON.stringify(rows);
    if (kept.get(name)?.said !== said) kept.set(name, { said, rows });
    return kept.get(name).rows;
  };

  const isPlaced = (thing) => typeof thing.lon === "number";
  const sensorRow = (device) => {
    const freshness = city.deviceFreshness(device);
    return { pick: "sensor", id: device.id, at: [device.lon, device.lat], icon: cityhelm.marks.ofSensor(device.type, freshness), freshness };
  };

  const ICON_SHARE = 0.3; // of the room that a sensor in view has to itself
  const [SMALLEST_ICON, LARGEST_ICON] = [14, 32];
  const SIDE_BY_SIDE = 13;

  /** Sensors change look, not place: their list is made again at most once a second. `size` is that of their pictures, by how much
      room each one in view has; null when there is too little: then they are dots. */
  let sensors = { rows: [], size: null };
  let sensorsAt = -Infinity;
  const listSensors = (now) => {
    if (now - sensorsAt < 1000) return sensors;
    sensorsAt = now;
    const devices = [...city.devices.values()].filter((device) => isPlaced(device) && shown.isShown(shown.sensor(device)));
    const view = map.view.getBounds();
    const inView = devices.filter((device) => view.contains([device.lon, device.lat])).length;
    const { clientWidth, clientHeight } = map.view.getContainer();
    const size = (ICON_SHARE * Math.sqrt((clientWidth * clientHeight) / Math.max(inView, 1))) / page.scale();
    const isNear = zoomOf() >= NEAR_ZOOM;
    const rows = isNear
      ? places.spots(devices).flatMap((here) => here.map((device, k) => ({ ...sensorRow(device), aside: places.aside(k, here.length, SIDE_BY_SIDE * page.scale()) })))
      : devices.map(sensorRow);
    sensors = { rows: stable("sensors", rows), size: size < SMALLEST_ICON && !isNear ? null : Math.min(Math.max(size, SMALLEST_ICON), LARGEST_ICON) };
    return sensors;
  };

  const unitRow = (unit, now) => {
    const look = city.unitLook(unit);
    return { pick: "unit", id: unit.id, at: glide(unit, now), aside: [0, 0], icon: cityhelm.marks.ofUnit(unit.kind, look), look, heading: unit.heading_deg, name: city.name(unit), n: 1 };
  };

  /** Units. Those that stand at the same place (a station) are drawn around it; seen from afar, alike ones as one mark with their
      number. */
  const listUnits = (now) => {
    const units = [...city.units.values()].filter((unit) => isPlaced(unit) && shown.isShown(shown.unit(unit)));
    const [moving, standing] = [[], []];
    for (const unit of units) (city.unitLook(unit) === "moving" ? moving : standing).push(unit);
    const isNear = zoomOf() >= NEAR_ZOOM;
    const rows = places.spots(standing).flatMap((here) => {
      const alike = new Map();
      for (const row of here.map((unit) => unitRow(unit, now))) {
        const key = isNear ? row.id : row.icon;
        const one = alike.get(key);
        if (one) alike.set(key, { ...one, pick: "stack", n: one.n + 1 });
        else alike.set(key, row);
      }
      return [...alike.values()].map((row, k) => ({ ...row, aside: places.aside(k, alike.size, (isNear ? 17 : 12) * page.scale()) }));
    });
    return [...rows, ...moving.map((unit) => unitRow(unit, now))];
  };

  const incidentRow = (incident) => ({ pick: "incident", id: incident.id, at: [incident.lon, incident.lat], icon: `incident/${incident.grade}`, name: page.label("hazard", incident.hazard) });
  const warningRow = (warning) => ({ pick: "warning", id: warning.id, at: [warning.lon, warning.lat], icon: `warning/${warning.level}`, name: cityhelm.cards.warningWords(warning) });

  /** What is chosen stands out, also where its kind is hidden, a dot, or one of several. */
  const chosenRow = (now) => {
    const { kind, id } = cityhelm.operations.chosen ?? {};
    const found = { sensor: city.devices, unit: city.units }[kind]?.get(id) ?? { incident: city.incident, warning: city.warning }[kind]?.(id);
    if (!found || !isPlaced(found)) return [];
    return [{ sensor: sensorRow, unit: (unit) => unitRow(unit, now), incident: incidentRow, warning: warningRow }[kind](found)];
  };

  /** What a mark says when it is pointed at. */
  const tip = ({ object }) => {
    if (!object) return null;
    const device = object.pick === "sensor" && city.devices.get(object.id);
    const unit = city.units.get(object.id);
    const lines = device
      ? [city.deviceName(device), `${cityhelm.parts.kind(device.type)} · ${page.label("freshness", object.freshness)}`]
      : object.n > 1
        ? [page.words("map.tip_many", { name: cityhelm.parts.unitKind(unit), n: object.n })]
        : [object.name, unit ? page.label("unit_status", unit.status) : ""];
    return { text: lines.filter(Boolean).join("\n"), className: "map-tip" };
  };

  /* the names of districts give way to marks; where they are written is judged when the view or what stands there changes */
  let districts = [];
  let districtsAt = -Infinity;
  const DISTRICTS_EVERY_MS = 15000;
  const districtSize = (zoom) => Math.min(24, Math.max(13, zoom < 10 ? 13 + 2 * (zoom - 8) : 17 + (7 / 3) * (zoom - 10)));
  const listDistricts = (now, marks, zoom, scale) => {
    if (now - districtsAt < DISTRICTS_EVERY_MS) return districts;
    districtsAt = now;
    const size = districtSize(zoom);
    const names = Object.entries(page.facts.places).map(([code, at]) => ({ code, text: city.district(code), ...map.view.project(at) }));
    const there = marks.map(({ at, aside = [0, 0], r, weight }) => {
      const { x, y } = map.view.project(at);
      const [left, top] = [x + aside[0] - r * scale, y + aside[1] - r * scale];
      return { box: [left, top, left + 2 * r * scale, top + 2 * r * scale], weight };
    });
    const { clientWidth, clientHeight } = map.view.getContainer();
    const placed = places.amongst(names, [...there, ...panels()], size * scale, [clientWidth, clientHeight]);
    districts = names.flatMap(({ code, text }, k) => (placed[k] ? [{ code, text, size, at: map.view.unproject([placed[k].x, placed[k].y]).toArray(), box: placed[k].box }] : []));
    return districts;
  };

  /** Names that fit; judged once a second, so that they do not flicker. */
  let sides = new Map();
  let judgedAt = -Infinity;
  const fitting = (now, things, boxes, chosen) => {
    const keyOf = (thing) => `${thing.pick}/${thing.id}`;
    if (now - judgedAt > 1000) {
      judgedAt = now;
      const asked = things.map((thing) => ({ key: keyOf(thing), ...map.view.project(thing.at), text: thing.name, size: thing.size, dx: thing.dx, dy: thing.dy,
        isUrgent: thing.pick !== "unit", isChosen: chosen?.kind === thing.pick && chosen.id === thing.id }));
      sides = places.beside(asked.sort((a, b) => b.isChosen - a.isChosen), boxes, page.scale());
    }
    return things.map((thing) => ({ ...thing, side: sides.get(keyOf(thing)) })).filter((thing) => thing.side);
  };

  /* the layers, from below to above */
  const ICONS = () => ({ iconAtlas: marks.atlas, iconMapping: marks.mapping, sizeUnits: "pixels", pickable: true, onClick: choose, getPosition: (row) => row.at, getIcon: (row) => row.icon, getPixelOffset: (row) => row.aside ?? [0, 0] });
  const LETTERS = { fontFamily: '"Noto Sans SC", sans-serif', characterSet: "auto", getAlignmentBaseline: "center", getPosition: (row) => row.at };
  const choose = ({ object }) => {
    if (object?.pick === "stack") map.fly(object.at);
    else if (object) cityhelm.clicks.choose({ kind: object.pick, id: object.id });
    return true;
  };
  const DOTS = { fresh: [53, 200, 255, 235], late: [109, 147, 184, 235], stale: [132, 148, 169, 235], silent: [132, 148, 169, 235], never: [70, 85, 107, 235] };
  const FEW_UNITS = 16; // out at once; more of them write the map full when it is seen from afar
  const NIGHT = [4, 18, 43, 255];

  const layers = (now) => {
    const { IconLayer, PathLayer, ScatterplotLayer, TextLayer } = deck;
    const zoom = zoomOf();
    const scale = page.scale();
    const isFar = zoom < NEAR_ZOOM;
    const { rows: sensorRows, size: sensorSize } = listSensors(now);
    const units = listUnits(now);
    const routes = city.orders.filter(city.isOpenOrder)
      .map((order) => ({ order, unit: city.units.get(order.unit), incident: city.incident(order.incident) }))
      .filter(({ unit, incident }) => unit && isPlaced(unit) && incident)
      .map(({ order, unit, incident }) => ({ path: [glide(unit, now), [incident.lon, incident.lat]], alpha: order.state === "accepted" ? 200 : 110 }));
    const incidents = city.incidents.map(incidentRow);
    const warnings = city.warnings.filter(isPlaced).map(warningRow);
    const isBusy = (unit) => unit.look === "moving" || unit.look === "working";
    const unitSize = (unit) => (isFar && !isBusy(unit) ? 26 : 34);
    const areas = zoom > 14.5 ? [] : listDistricts(now, [
      ...sensorRows.map(({ at }) => ({ at, r: sensorSize === null ? 3 : sensorSize / 3, weight: sensorSize === null ? 0.15 : 0.6 })),
      ...units.map((unit) => ({ ...unit, r: unitSize(unit) / 2, weight: isBusy(unit) ? 1 : 3 })),
      ...[...incidents, ...warnings].map(({ at }) => ({ at, r: 18, weight: 5 })),
    ], zoom, scale);
    const chosen = chosenRow(now);
    const nBusy = units.filter(isBusy).length;
    const named = fitting(now, [
      ...incidents.map((thing) => ({ ...thing, dx: 21, dy: 0, size: 14 })),
      ...warnings.map((thing) => ({ ...thing, dx: 19, dy: -20, size: 13 })),
      ...units.filter((unit) => !isFar || (isBusy(unit) && nBusy <= FEW_UNITS)).map((thing) => ({ ...thing, dx: 18, dy: 0, size: 13 })),
    ], areas.map(({ box }) => box), cityhelm.operations.chosen);
    const many = units.filter((unit) => unit.n > 1);
    return [
      new PathLayer({ id: "routes", data: stable("routes", routes), getPath: (r) => r.path, getColor: (r) => [53, 200, 255, r.alpha], getWidth: 2.5 * scale, widthUnits: "pixels", capRounded: true }),
      new ScatterplotLayer({ id: "dots", data: sensorRows, visible: sensorSize === null, pickable: true, onClick: choose, getPosition: (row) => row.at, getRadius: (row) => (row.freshness === "fresh" ? 3.1 : 3.6) * scale, radiusUnits: "pixels", stroked: true, getFillColor: (row) => DOTS[row.freshness], getLineColor: NIGHT, getLineWidth: scale, lineWidthUnits: "pixels", updateTriggers: { getRadius: scale } }),
      new IconLayer({ ...ICONS(), id: "sensors", data: sensorRows, visible: sensorSize !== null, getSize: (sensorSize ?? 0) * scale }),
      areas.length > 0 && new TextLayer({
        ...LETTERS, id: "districts", data: stable("districts", areas), getText: (area) => area.text, getSize: (area) => area.size * scale, getColor: [232, 243, 255, zoom < 12.5 ? 255 : 150], fontWeight: 700,
        fontSettings: { sdf: true, fontSize: 64, buffer: 12, radius: 20, cutoff: 0.2 }, outlineWidth: 3, outlineColor: [6, 19, 41, 255], updateTriggers: { getSize: scale },
      }),
      new ScatterplotLayer({ id: "halo", data: stable("halo", chosen), getPosition: (t) => t.at, getRadius: 24 * scale, radiusUnits: "pixels", filled: true, stroked: true, getFillColor: [53, 200, 255, 46], getLineColor: [53, 200, 255, 255], getLineWidth: 2 * scale, lineWidthUnits: "pixels" }),
      new IconLayer({ ...ICONS(), id: "pointers", pickable: false, data: stable("pointers", units.filter((unit) => unit.look === "moving" && unit.heading !== null)), getIcon: () => "pointer", getAngle: (u) => -u.heading, getSize: 38 * scale }),
      new IconLayer({ ...ICONS(), id: "units", data: stable("units", units), getSize: (unit) => unitSize(unit) * scale, updateTriggers: { getSize: [scale, isFar] } }),
      many.length > 0 && new TextLayer({
        ...LETTERS, id: "many", data: stable("many", many), getText: (unit) => String(unit.n), getSize: 12.5 * scale, getColor: [232, 243, 255, 255], fontFamily: '"Barlow Condensed", sans-serif', fontWeight: 600, fontSettings: { fontSize: 48 },
        getPixelOffset: (unit) => [unit.aside[0] + 9 * scale, unit.aside[1] - 9 * scale], background: true, getBackgroundColor: [16, 74, 122, 255], backgroundPadding: [3.5, 0.5, 3.5, 0.5].map((edge) => edge * scale), backgroundBorderRadius: 6 * scale, updateTriggers: { getPixelOffset: scale },
      }),
      new IconLayer({ ...ICONS(), id: "warnings", data: stable("warnings", warnings), getSize: 36 * scale, getPixelOffset: [0, -20 * scale] }),
      new IconLayer({ ...ICONS(), id: "incidents", data: stable("incidents", incidents), getSize: 40 * scale }),
      new IconLayer({ ...ICONS(), id: "chosen", data: stable("chosen", chosen), getSize: 36 * scale, getPixelOffset: (row) => (row.pick === "warning" ? [0, -20 * scale] : [0, 0]), updateTriggers: { getPixelOffset: scale } }),
      named.length > 0 && new TextLayer({ // without a single letter its atlas would be an empty picture
        ...LETTERS, id: "names", data: stable("names", named), getText: (t) => t.name, getSize: (t) => t.size * scale, getPixelOffset: (t) => [t.dx * scale * (t.side === "end" ? -1 : 1), t.dy * scale],
        getColor: [232, 243, 255, 255], getTextAnchor: (t) => t.side, fontSettings: { fontSize: 48 },
        background: true, getBackgroundColor: [4, 16, 36, 224], backgroundPadding: [6, 3, 6, 3], updateTriggers: { getSize: scale, getPixelOffset: scale },
      }),
    ];
  };

  /** Everything that is judged now and then is judged again: the view, the filters or the size of the text have changed. */
  map.refresh = () => {
    [judgedAt, sensorsAt, districtsAt] = [-Infinity, -Infinity, -Infinity];
    map.draw();
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
      for (const id of paths.keys()) if (!city.units.has(id)) paths.delete(id);
      map.drawn = layers(now);
      overlay.setProps({ layers: map.drawn });
      const isMoving = !page.isCalm && [...paths.values()].some(({ from, to, begun }) => now - begun < GLIDE_MS && (from[0] !== to[0] || from[1] !== to[1]));
      if (isMoving) requestAnimationFrame(paint);
      else isDrawing = false;
    };
    requestAnimationFrame(paint);
  };

  cityhelm.map = map;
})();
