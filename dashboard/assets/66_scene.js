/* The scene: what is live, as layers of marks above the basemap. What stands still is listed anew at most once a second and only when
   something changed; what moves is moved in place, frame by frame. Everything kept here is as large as the city, however long the
   page stays open. */
(() => {
  const { page, city, layers: shown, places, parts } = cityhelm;
  const scene = {};
  const GLIDE_MS = 1100; // a little more than the second between two positions, so that units do not stop and start
  const [FRAME_MS, SLOWEST_FRAME_MS] = [50, 500];
  const LIST_EVERY_MS = 1000;
  const DISTRICTS_EVERY_MS = 4000;
  const GROUND_EVERY_MS = 3000;
  const NEAR_ZOOM = 12.8; // from here on everything that stands at a place is drawn by itself
  const NAMED_ZOOM = 13.4; // from here on places bear their names
  const IMPASSABLE_M = 0.27; // of water: a small car's exhaust drowns; the depth at which Chinese cities close an underpass
  scene.IMPASSABLE_M = IMPASSABLE_M;
  let deck = null;
  let overlay = null;

  /* where a unit is drawn: on its way from where it was drawn to where it was last measured */
  const paths = new Map(); // unit id → {from, to, begun}
  const glide = (unit, now) => {
    const path = paths.get(unit.id);
    if (!path || page.isCalm) {
      const to = [unit.lon, unit.lat];
      paths.set(unit.id, { from: to, to, begun: now });
      return to;
    }
    if (path.to[0] !== unit.lon || path.to[1] !== unit.lat) {
      const [from, to] = [place(path, now), [unit.lon, unit.lat]];
      const isLeap = Math.hypot(from[0] - to[0], from[1] - to[1]) > 0.02; // two kilometres in one go is news, not a drive
      paths.set(unit.id, { from: isLeap ? to : from, to, begun: now });
    }
    return place(paths.get(unit.id), now);
  };
  const place = ({ from, to, begun }, now) => {
    const share = Math.min(1, (now - begun) / GLIDE_MS);
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
  };

  const isPlaced = (thing) => typeof thing.lon === "number";
  const inView = (at) => map().view.getBounds().contains(at);
  const map = () => cityhelm.map;
  const valueOf = (device, property) => device.streams.find((stream) => stream.property === property);

  /* rows: each knows what it is (pick, id), where it stands (at) and how it looks */

  const sensorRow = (device) => {
    const freshness = city.deviceFreshness(device);
    return { pick: "sensor", id: device.id, at: [device.lon, device.lat], icon: cityhelm.marks.ofSensor(device.type, freshness), freshness, aside: [0, 0] };
  };
  /** The figure that is written beside a sensor where there is room. */
  const FIGURES = { FloodMonitoring: "waterLevel", UnderpassObserved: "waterDepth", AirQualityObserved: "pm25", WeatherObserved: "temperature", RainGauge: "precipitation", NoiseLevelObserved: "noiseLevel", TrafficFlowObserved: "averageVehicleSpeed", CrowdFlowObserved: "peopleCount" };
  const figureOf = (device) => {
    const stream = FIGURES[device.type] && valueOf(device, FIGURES[device.type]);
    if (!stream || stream.value === null || ["stale", "silent"].includes(city.streamFreshness(stream))) return "";
    return `${page.measure(stream.value)} ${page.facts.labels.property_unit[stream.property] ?? ""}`.trim();
  };

  const ICON_SHARE = 0.3; // of the room that a sensor in view has to itself
  const [SMALLEST_ICON, LARGEST_ICON] = [15, 32];
  const SIDE_BY_SIDE = 13;
  const CLUSTER_PX = 52;
  const WATER = new Set(["FloodMonitoring", "UnderpassObserved"]);

  const WATER_ZOOM = 10.9; // from here on every gauge is drawn; farther away only underpasses that are wet
  const WET_M = 0.1;
  const isWet = (device) => (valueOf(device, "waterDepth")?.value ?? 0) >= WET_M;
  const isSensorShown = (device) => shown.isShown(shown.sensor(device)) || (WATER.has(device.type) && shown.isShown("water") && (map().zoom() >= WATER_ZOOM || isWet(device)));
  /** Whether there are gauges that only nearer views show. */
  scene.isWaterHidden = () => shown.isShown("water") && map().zoom() < WATER_ZOOM;
  /** Sensors: as pictures where there is room for them, else gathered. `size` is that of a picture. */
  const listSensors = () => {
    const devices = [...city.devices.values()].filter((device) => isPlaced(device) && isSensorShown(device));
    const n = devices.filter((device) => inView([device.lon, device.lat])).length;
    const { clientWidth, clientHeight } = map().view.getContainer();
    const scale = page.scale();
    const size = (ICON_SHARE * Math.sqrt((clientWidth * clientHeight) / Math.max(n, 1))) / scale;
    const drawn = Math.min(Math.max(size, SMALLEST_ICON), LARGEST_ICON);
    const figured = (device, row) => ({ ...row, name: figureOf(device) });
    if (map().zoom() >= NEAR_ZOOM) {
      const rows = places.spots(devices).flatMap((here) => here.map((device, k) => figured(device, { ...sensorRow(device), aside: places.aside(k, here.length, SIDE_BY_SIDE * scale) })));
      return { rows, clusters: [], size: drawn };
    }
    const rows = devices.map((device) => figured(device, sensorRow(device)));
    if (size >= SMALLEST_ICON && !hasPile(rows, 0.8 * drawn * scale)) return { rows, clusters: [], size: drawn };
    const gathered = places.clusters(rows, clusterZoom(), CLUSTER_PX * scale);
    const alone = gathered.filter(({ members }) => members.length === 1).map(({ members }) => members[0]);
    const clusters = gathered.filter(({ members }) => members.length > 1).map(({ members, at, box }) => ({
      pick: "cluster", id: members[0].id, at, box, n: members.length, fresh: members.filter(({ freshness }) => freshness === "fresh").length / members.length,
    }));
    return { rows: alone, clusters, size: 20 };
  };
  /** Sensors from afar, moved aside where a unit's mark would lie over theirs. */
  const beside = (sensors, marks, scale) => {
    if (!marks.length) return sensors;
    const { view } = map();
    const taken = marks.map(({ at }) => view.project(at));
    const moved = (row, radius) => {
      const { x, y } = view.project(row.at);
      const apart = (radius + 15) * scale;
      const near = taken.find((mark) => Math.hypot(mark.x - x, mark.y - y) < apart);
      if (!near) return row;
      const angle = near.x === x && near.y === y ? Math.PI / 4 : Math.atan2(y - near.y, x - near.x);
      return { ...row, at: view.unproject([near.x + apart * Math.cos(angle), near.y + apart * Math.sin(angle)]).toArray() };
    };
    return { ...sensors, rows: sensors.rows.map((row) => moved(row, sensors.size / 2.4)), clusters: sensors.clusters.map((row) => moved(row, radiusOf(row))) };
  };
  /** Whether many of the rows lie over one another. */
  const hasPile = (rows, apart) => rows.length > 40 && places.thinned(rows.map((row) => ({ ...row, weight: 0 })), clusterZoom(), apart).length < 0.85 * rows.length;
  /** Gathering is judged at half steps of the zoom. */
  const clusterZoom = () => Math.round(2 * map().view.getZoom()) / 2;

  const unitRow = (unit, now) => {
    const look = city.unitLook(unit);
    return { pick: "unit", id: unit.id, kind: unit.kind, at: glide(unit, now), aside: [0, 0], icon: cityhelm.marks.ofUnit(unit.kind, look), look, heading: unit.heading_deg, name: city.name(unit), n: 1, unit };
  };
  const isOut = (unit) => ["moving", "working"].includes(city.unitLook(unit));

  /** Units that stand: those at a station around it; seen from afar, idle ones that would lie over one another as one mark with their
      number, or not at all in a scene that is calm. */
  const listStanding = (units, now) => {
    const isNear = map().zoom() >= NEAR_ZOOM;
    const scale = page.scale();
    const around = (here) => here.map((unit, k) => ({ ...unitRow(unit, now), aside: places.aside(k, here.length, 17 * scale) }));
    if (isNear) return places.spots(units).flatMap(around);
    const busy = places.spots(units.filter(isOut)).flatMap(around);
    if (shown.isCalm()) return busy;
    const idle = places.clusters(units.filter((unit) => !isOut(unit)).map((unit) => unitRow(unit, now)), clusterZoom(), 34 * scale).map(({ members, at, box }) => {
      const isAlike = members.every(({ icon }) => icon === members[0].icon);
      const one = { ...members[0], at, box, n: members.length, members: members.map(({ kind }) => kind) };
      return members.length === 1 ? members[0] : { ...one, pick: "stack", icon: isAlike ? one.icon : "unit/mixed", isMixed: !isAlike };
    });
    return [...idle, ...busy];
  };

  const incidentRow = (incident) => ({ pick: "incident", id: incident.id, at: [incident.lon, incident.lat], icon: `incident/${incident.grade}`, name: page.label("hazard", incident.hazard) });
  const warningRow = (warning) => ({ pick: "warning", id: warning.id, at: [warning.lon, warning.lat], icon: `warning/${warning.level}`, name: cityhelm.cards.warningWords(warning) });
  const placeRow = (spot) => ({ pick: "place", id: spot.id, at: [spot.lon, spot.lat], icon: `place/${spot.kind}`, kind: spot.kind, name: map().nameOf(spot), aside: [0, 0] });

  /** How much a place counts when there is not room for all: what it can hold, larger kinds first. */
  const RANK = { service_hall: 6e6, hospital: 5e6, railway_station: 4e6, shelter: 3e6, warehouse: 2.5e6, fire_station: 2e6, ambulance_station: 2e6, police_station: 1e6, metro_station: 1e6 };
  const weightOf = ({ kind, facts }) => (RANK[kind] ?? 0) + (facts.is_main ? 5e5 : 0) + (facts.beds ?? facts.capacity ?? facts.windows ?? facts.pupils ?? 0);
  const listPlaces = () => {
    const wanted = (map().ground?.places ?? []).filter(({ kind }) => shown.isShown(`place/${kind}`) && cityhelm.marks.placeMark(kind)).map((spot) => ({ ...placeRow(spot), weight: weightOf(spot) }));
    return places.thinned(wanted, clusterZoom(), (map().zoom() >= NEAR_ZOOM ? 22 : map().zoom() >= 11.2 ? 34 : 56) * page.scale());
  };

  /** Underpasses under more water than one can drive through: {device, depth, place}. */
  scene.closures = () =>
    [...city.devices.values()].filter((device) => device.type === "UnderpassObserved" && isPlaced(device)).flatMap((device) => {
      const stream = valueOf(device, "waterDepth");
      if (!stream || stream.value === null || stream.value < IMPASSABLE_M || ["stale", "silent"].includes(city.streamFreshness(stream))) return [];
      return [{ device, depth: stream.value, place: map().placeById?.get(device.id.split("/")[2]) ?? null }];
    });
  /** Roads closed by a person or an incident, at the middle of what was drawn; what sensors close is known from the sensors. */
  const drawnClosures = () => cityhelm.plan.closures().filter(({ properties, geometry }) => properties.source !== "sensor" && geometry);
  const middleOf = ({ type, coordinates }) => {
    if (type === "Point") return coordinates;
    const corners = type === "Polygon" ? coordinates[0].slice(0, -1) : coordinates;
    return type === "LineString" ? corners[Math.floor(corners.length / 2)] : [0, 1].map((k) => corners.reduce((sum, at) => sum + at[k], 0) / corners.length);
  };
  const drawnRow = ({ properties, geometry }) => ({ pick: "closure", id: properties.id, at: middleOf(geometry), icon: "closure", name: page.words("map.closed_by", { reason: properties.reason }) });
  const closureRow = ({ device, depth }) => ({ pick: "sensor", id: device.id, at: [device.lon, device.lat], icon: "closure", name: page.words("map.closed", { depth: page.figure(depth, 2) }) });

  /** What is chosen stands out, also where its kind is hidden or one of several. */
  const chosenRow = (now) => {
    const { kind, id } = map().chosen() ?? {};
    const found = { sensor: city.devices, unit: city.units, place: map().placeById }[kind]?.get(id) ?? { incident: city.incident, warning: city.warning, request: cityhelm.requests.find }[kind]?.(id);
    if (!found || !isPlaced(found)) return [];
    return [{ sensor: sensorRow, unit: (unit) => unitRow(unit, now), incident: incidentRow, warning: warningRow, place: placeRow, request: cityhelm.requests.row }[kind](found)];
  };

  /** What a mark says when it is pointed at. */
  const tip = ({ object }) => {
    if (!object) return null;
    return { text: scene.say(object).filter(Boolean).join("\n"), className: "map-tip" };
  };
  /** The words of a row: its name, and what it is or does. */
  scene.say = (row) => {
    const [device, unit] = [row.pick === "sensor" ? city.devices.get(row.id) : null, row.pick === "unit" ? city.units.get(row.id) : null];
    if (row.pick === "closure") return cityhelm.plan.sayClosure(row.id) ?? [row.name];
    if (row.icon === "closure") return [row.name, device && city.deviceName(device)];
    if (device) return [city.deviceName(device), `${parts.kind(device.type)} · ${page.label("freshness", city.deviceFreshness(device))}`, figureOf(device)];
    if (row.pick === "cluster") return [page.words("map.tip_sensors", { n: row.n })];
    if (row.pick === "stack") {
      const counts = new Map();
      for (const kind of row.members) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      return [...counts].sort((a, b) => b[1] - a[1]).map(([kind, n]) => page.words("map.tip_many", { name: parts.unitKind({ kind }), n }));
    }
    if (row.pick === "place") return [row.name, cityhelm.marks.placeKind(row.kind)];
    if (row.pick === "request") return cityhelm.requests.say(row.id);
    return [row.name, unit ? page.label("unit_status", unit.status) : ""];
  };

  /* the names of districts give way to marks; where they are written is judged when the view or what stands there changes */
  const districtSize = (zoom) => Math.min(24, Math.max(14, zoom < 10 ? 14 + 2 * (zoom - 8) : 18 + (6 / 3) * (zoom - 10)));
  const PANEL = 60; // a name under a panel is not there at all
  const panels = () => {
    const frame = document.getElementById("map").getBoundingClientRect();
    return ["layers-panel", "legend-panel", "map-bar", "map-facts", "map-list"].map((id) => document.getElementById(id)).filter((panel) => panel?.checkVisibility()).map((panel) => {
      const { left, top, right, bottom } = panel.getBoundingClientRect();
      return { box: [left - frame.left, top - frame.top, right - frame.left, bottom - frame.top], weight: PANEL };
    });
  };
  let placedBefore = []; // names stay where they are written until a mark lies there
  const listDistricts = (marks, zoom, scale) => {
    const { view } = map();
    const size = districtSize(zoom);
    const names = Object.entries(page.facts.places).map(([code, at]) => ({ code, text: city.district(code), ...view.project(at) }));
    const there = marks.map(({ at, aside = [0, 0], r, weight }) => {
      const { x, y } = view.project(at);
      const [left, top] = [x + aside[0] - r * scale, y + aside[1] - r * scale];
      return { box: [left, top, left + 2 * r * scale, top + 2 * r * scale], weight };
    });
    const { clientWidth, clientHeight } = view.getContainer();
    const placed = places.amongst(names, [...there, ...panels()], size * scale, [clientWidth, clientHeight], placedBefore);
    placedBefore = placed;
    return names.flatMap(({ code, text }, k) => (placed[k] ? [{ pick: "district", id: code, text, size, at: view.unproject([placed[k].x, placed[k].y]).toArray(), box: placed[k].box }] : []));
  };

  /** Names that fit, the urgent ones first; only what is urgent may cover one of `boxes`, which are marks ({key}) and other names. */
  const keyOf = (thing) => `${thing.pick}/${thing.id}`;
  const spot = ({ at, aside = [0, 0] }) => {
    const { x, y } = map().view.project(at);
    return { x: x + aside[0], y: y + aside[1] };
  };
  const boxOf = (row, radius) => {
    const { x, y } = spot(row);
    return Object.assign([x - radius, y - radius, x + radius, y + radius], { key: keyOf(row) });
  };
  const fitting = (things, boxes, chosen) => {
    const asked = things.filter(({ name }) => name).map((thing) => ({ thing, key: keyOf(thing), ...spot(thing), text: thing.name, size: thing.size, dx: thing.dx, dy: thing.dy,
      isUrgent: thing.isUrgent, isChosen: chosen?.kind === thing.pick && chosen.id === thing.id }));
    const sides = places.beside(asked.sort((a, b) => b.isChosen - a.isChosen), boxes, page.scale());
    return asked.flatMap(({ thing, key }) => (sides.has(key) ? [{ ...thing, side: sides.get(key) }] : []));
  };

  /* the lists: made anew when something changed, at most once a second */
  let listed = null;
  let listedAt = -Infinity;
  let districtsAt = -Infinity;
  let isStale = true; // something that is listed has changed
  let version = 0; // counts lists, so that layers see that theirs is another
  scene.recount = () => {
    [listedAt, districtsAt, isStale] = [-Infinity, -Infinity, true];
  };

  /** `rows` as they were when they say the same: deck.gl then has nothing to do, and an idle map costs nothing. */
  const kept = new Map();
  const sayable = (key, value) => (key === "unit" ? undefined : value);
  const stable = (name, rows) => {
    const said = JSON.stringify(rows, sayable);
    if (kept.get(name)?.said !== said) kept.set(name, { said, rows });
    return kept.get(name).rows;
  };

  const GRAVE = new Set(["incident/I", "incident/II", "warning/red", "warning/orange"]); // their names may cover those of districts
  const FEW_UNITS = 16; // out at once; more of them write the map full when it is seen from afar
  const MANY_UNITS = 80; // out at once; more of them are drawn smaller from afar
  const list = (now) => {
    const [zoom, scale] = [map().zoom(), page.scale()];
    const isFar = zoom < NEAR_ZOOM;
    const units = [...city.units.values()].filter((unit) => isPlaced(unit) && shown.isShown(shown.unit(unit)));
    const [moving, still] = [[], []];
    for (const unit of units) (city.unitLook(unit) === "moving" ? moving : still).push(unit);
    const standing = listStanding(still, now);
    const movers = moving.map((unit) => unitRow(unit, now));
    const sensors = beside(listSensors(), isFar ? standing : [], scale);
    const spots = listPlaces();
    const requests = shown.isShown("request") && zoom >= cityhelm.requests.FROM_ZOOM ? cityhelm.requests.rows() : [];
    const incidents = shown.isShown("incident") ? city.incidents.filter(isPlaced).map(incidentRow) : [];
    const warnings = shown.isShown("warning") ? city.warnings.filter(isPlaced).map(warningRow) : [];
    const closed = shown.isShown("closure") ? scene.closures() : [];
    const others = shown.isShown("closure") ? drawnClosures() : [];
    const closures = [...closed.map(closureRow), ...others.map(drawnRow)];
    const unitSize = isFar && movers.length > MANY_UNITS ? 20 : 34;
    const idleSize = isFar ? 27 : 34;
    if (now - districtsAt >= DISTRICTS_EVERY_MS) {
      districtsAt = now;
      const named = [...incidents, ...warnings].filter(({ icon }) => GRAVE.has(icon)).flatMap(({ at, name, icon }) =>
        Array.from({ length: Math.ceil((places.width(name, 14) + 14) / 26) }, (_, k) => ({ at, aside: [(34 + 26 * k) * scale, icon.startsWith("warning") ? -20 * scale : 0], r: 13, weight: 4 })));
      const marks = [
        ...named, ...sensors.rows.map((row) => ({ ...row, r: sensors.size / 2.6, weight: 0.6 })),
        ...sensors.clusters.map((row) => ({ ...row, r: radiusOf(row), weight: 2 })),
        ...standing.map((row) => ({ ...row, r: idleSize / 2, weight: 3 })), ...movers.map((row) => ({ ...row, r: unitSize / 2, weight: 1 })),
        ...spots.map((row) => ({ ...row, r: 12, weight: 2 })), ...[...incidents, ...warnings, ...closures].map(({ at }) => ({ at, r: 18, weight: 5 })),
      ];
      scene.districts = stable("districts", zoom > 14.5 ? [] : listDistricts(marks, zoom, scale));
    }
    const nOut = movers.length + standing.filter(({ look, pick }) => pick === "unit" && look === "working").length;
    const chosen = chosenRow(now);
    const figures = zoom >= 10.8 && !sensors.clusters.length ? sensors.rows : sensors.rows.filter(({ id }) => WATER.has(city.devices.get(id)?.type) && zoom >= 11.5);
    const names = fitting([
      ...incidents.map((row) => ({ ...row, dx: 21, dy: 0, size: 14, isUrgent: GRAVE.has(row.icon) })).sort((a, b) => b.isUrgent - a.isUrgent),
      ...closures.map((row) => ({ ...row, dx: 19, dy: 0, size: 13, isUrgent: true })),
      ...warnings.map((row) => ({ ...row, dx: 19, dy: -20, size: 13, isUrgent: GRAVE.has(row.icon) })),
      ...[...movers, ...standing.filter(({ pick }) => pick === "unit")].filter(({ look }) => !isFar || (["moving", "working"].includes(look) && nOut <= FEW_UNITS)).map((row) => ({ ...row, dx: 18, dy: 0, size: 13 })),
      ...(zoom >= NAMED_ZOOM ? spots : chosen.filter(({ pick }) => pick === "place")).map((row) => ({ ...row, dx: 15, dy: 0, size: 13 })),
      ...figures.map((row) => ({ ...row, dx: sensors.size / 2.4, dy: 0, size: 13, isFigure: true })),
    ].filter(({ at }) => inView(at)), [
      ...scene.districts.map(({ box }) => box), ...sensors.rows.map((row) => boxOf(row, 0.36 * sensors.size * scale)), ...sensors.clusters.map((row) => boxOf(row, radiusOf(row) * scale)),
      ...standing.map((row) => boxOf(row, 0.34 * idleSize * scale)), ...spots.map((row) => boxOf(row, 9 * scale)), ...[...incidents, ...closures].map((row) => boxOf(row, 13 * scale)),
    ], map().chosen());
    const routes = city.orders.filter(city.isOpenOrder)
      .map((order) => ({ order, unit: city.units.get(order.unit), incident: city.incident(order.incident) }))
      .filter(({ unit, incident }) => unit && isPlaced(unit) && incident && !cityhelm.plan.isDriven(unit.id))
      .map(({ order, unit, incident }) => ({ unit, to: [incident.lon, incident.lat], id: order.id, alpha: order.state === "accepted" ? 200 : 110 }));
    version += 1;
    return {
      sensors: stable("sensors", sensors.rows), sensorSize: sensors.size, clusters: stable("clusters", sensors.clusters), standing: stable("standing", standing), spots: stable("spots", spots), movers: sameMovers(movers),
      requests: stable("requests", requests), incidents: stable("incidents", incidents), warnings: stable("warnings", warnings), closures: stable("closures", closures), closed, barred: stable("barred", others.map(({ geometry }) => geometry)),
      chosen: stable("chosen", chosen), names: stable("names", names), routes: stable("routes", routes.map(({ unit, ...row }) => ({ ...row, of: unit.id }))), unitSize, idleSize, isFar, scale, zoom,
    };
  };

  /** Rows of what moves: the same list as before, with new figures in it, as long as the same units move and look the same. */
  let movers = [];
  const sameMovers = (rows) => {
    const isSame = rows.length === movers.length && rows.every((row, k) => row.id === movers[k].id && row.icon === movers[k].icon && row.unit === movers[k].unit);
    if (!isSame) movers = rows;
    return movers;
  };

  /* the layers, from below to above */
  const radiusOf = ({ n }) => Math.min(26, 9.5 + 2.3 * Math.log2(n));
  const choose = ({ object }) => {
    if (cityhelm.tools.isActive()) return false;
    if (object?.pick === "cluster" || object?.pick === "stack") nearer(object);
    else if (object && object.pick !== "closure") map().choose({ kind: object.pick, id: object.id });
    return true;
  };
  const nearer = ({ at, box }) => {
    const isSpot = !box || (box[2] - box[0] < 0.002 && box[3] - box[1] < 0.002);
    if (isSpot) map().fly(at);
    else map().show(box);
  };
  const NIGHT = [4, 18, 43, 255];
  const DISC = (row) => (row.fresh >= 0.5 ? [53, 160, 230, 225] : [120, 136, 158, 225]);

  const draw = (now) => {
    const { IconLayer, PathLayer, ScatterplotLayer, TextLayer } = deck;
    if ((isStale && now - listedAt >= LIST_EVERY_MS) || !listed) {
      [listed, listedAt, isStale] = [list(now), now, false];
      ground(now);
      tell();
    }
    const { scale, isFar, unitSize, idleSize, sensorSize } = listed;
    for (const row of listed.movers) {
      row.at = glide(row.unit, now);
      row.heading = row.unit.heading_deg;
    }
    const { atlas, mapping } = map().marks;
    const ICONS = { iconAtlas: atlas, iconMapping: mapping, sizeUnits: "pixels", pickable: true, onClick: choose, getPosition: (row) => row.at, getIcon: (row) => row.icon, getPixelOffset: (row) => row.aside ?? [0, 0] };
    const LETTERS = { fontFamily: '"Noto Sans SC", sans-serif', characterSet: "auto", getAlignmentBaseline: "center", getPosition: (row) => row.at };
    const FIGURES = { ...LETTERS, fontFamily: '"Barlow Condensed", "Noto Sans SC", sans-serif', fontWeight: 600, fontSettings: { fontSize: 48 } };
    const moved = { updateTriggers: { getPosition: now, getAngle: now } };
    const many = listed.standing.filter(({ n, isMixed }) => n > 1 && !isMixed);
    const mixed = listed.standing.filter(({ isMixed }) => isMixed);
    const following = listed.names.some(({ look }) => look === "moving");
    if (following) for (const row of listed.names) if (row.look === "moving") row.at = paths.has(row.id) ? place(paths.get(row.id), now) : row.at;
    const routed = (row) => [paths.has(row.of) ? place(paths.get(row.of), now) : row.to, row.to];
    for (const row of listed.chosen) if (row.pick === "unit" && paths.has(row.id)) row.at = place(paths.get(row.id), now);
    return [
      ...cityhelm.situations.below(deck, scale), ...cityhelm.plan.below(deck, scale), ...cityhelm.tools.below(deck, scale), ...cityhelm.facts.layers(deck, scale),
      new PathLayer({ id: "routes", data: listed.routes, getPath: routed, getColor: (r) => [53, 200, 255, r.alpha], getWidth: 2.5 * scale, widthUnits: "pixels", capRounded: true, updateTriggers: { getPath: now } }),
      new ScatterplotLayer({ id: "requests", data: listed.requests, pickable: true, onClick: choose, getPosition: (row) => row.at, getRadius: 4.2 * scale, radiusUnits: "pixels", stroked: true, getFillColor: [255, 196, 96, 235], getLineColor: [40, 22, 4, 255], getLineWidth: 1.2 * scale, lineWidthUnits: "pixels", updateTriggers: { getRadius: scale } }),
      new IconLayer({ ...ICONS, id: "places", data: listed.spots, getSize: (isFar ? 29 : 33) * scale, updateTriggers: { getSize: [scale, isFar] } }),
      new ScatterplotLayer({ id: "clusters", data: listed.clusters, pickable: true, onClick: choose, getPosition: (row) => row.at, getRadius: (row) => radiusOf(row) * scale, radiusUnits: "pixels", stroked: true, getFillColor: [10, 46, 88, 225], getLineColor: DISC, getLineWidth: 1.6 * scale, lineWidthUnits: "pixels", updateTriggers: { getRadius: scale } }),
      new TextLayer({ ...FIGURES, id: "cluster-n", data: listed.clusters, characterSet: "0123456789,k", getText: (row) => page.figure(row.n), getSize: 15 * scale, getColor: [207, 228, 251, 255], updateTriggers: { getSize: scale } }),
      new IconLayer({ ...ICONS, id: "sensors", data: listed.sensors, getSize: sensorSize * scale, updateTriggers: { getSize: [scale, sensorSize] } }),
      scene.districts.length > 0 && new TextLayer({
        ...LETTERS, id: "districts", data: scene.districts, pickable: true, onClick: choose, getText: (area) => area.text, getSize: (area) => area.size * scale, getColor: [238, 246, 255, listed.zoom < 12.5 ? 255 : 150], fontWeight: 700,
        fontSettings: { sdf: true, fontSize: 64, buffer: 12, radius: 20, cutoff: 0.2 }, outlineWidth: 3, outlineColor: [6, 19, 41, 255], updateTriggers: { getSize: scale, getColor: listed.zoom < 12.5 },
      }),
      new ScatterplotLayer({ id: "halo", data: listed.chosen, getPosition: (t) => t.at, getRadius: 24 * scale, radiusUnits: "pixels", filled: true, stroked: true, getFillColor: [53, 200, 255, 46], getLineColor: [53, 200, 255, 255], getLineWidth: 2 * scale, lineWidthUnits: "pixels", updateTriggers: { getPosition: now } }),
      new IconLayer({ ...ICONS, id: "pointers", pickable: false, data: listed.movers, getIcon: () => "pointer", getAngle: (u) => -(u.heading ?? 0), getColor: (u) => [255, 255, 255, u.heading === null ? 0 : 255], getSize: (unitSize + 4) * scale, ...moved }),
      new IconLayer({ ...ICONS, id: "units", data: listed.standing, getSize: (row) => (row.isMixed ? idleSize * 1.08 : row.look === "working" ? 34 : idleSize) * scale, updateTriggers: { getSize: [scale, isFar] } }),
      new IconLayer({ ...ICONS, id: "movers", data: listed.movers, getSize: unitSize * scale, ...moved }),
      mixed.length > 0 && new TextLayer({ ...FIGURES, id: "mixed", data: stable("mixed", mixed), characterSet: "0123456789", getText: (row) => String(row.n), getSize: 14.5 * scale, getColor: [232, 243, 255, 255], updateTriggers: { getSize: scale } }),
      many.length > 0 && new TextLayer({
        ...FIGURES, id: "many", data: stable("many", many), characterSet: "0123456789", getText: (unit) => String(unit.n), getSize: 13 * scale, getColor: [232, 243, 255, 255],
        getPixelOffset: (unit) => [unit.aside[0] + 9 * scale, unit.aside[1] - 9 * scale], background: true, getBackgroundColor: [16, 74, 122, 255], backgroundPadding: [3.5, 0.5, 3.5, 0.5].map((edge) => edge * scale), backgroundBorderRadius: 6 * scale, updateTriggers: { getPixelOffset: scale },
      }),
      new IconLayer({ ...ICONS, id: "closures", data: listed.closures, getSize: 34 * scale, updateTriggers: { getSize: scale } }),
      new IconLayer({ ...ICONS, id: "warnings", data: listed.warnings, getSize: 36 * scale, getPixelOffset: [0, -20 * scale], updateTriggers: { getSize: scale } }),
      new IconLayer({ ...ICONS, id: "incidents", data: listed.incidents, getSize: 40 * scale, updateTriggers: { getSize: scale } }),
      new IconLayer({ ...ICONS, id: "chosen", data: listed.chosen, getSize: 36 * scale, getPixelOffset: (row) => (row.pick === "warning" ? [0, -20 * scale] : [0, 0]), updateTriggers: { getPixelOffset: scale, getPosition: now } }),
      listed.names.length > 0 && new TextLayer({ // without a single letter its atlas would be an empty picture
        ...LETTERS, id: "names", data: listed.names, getText: (t) => t.name, getSize: (t) => t.size * scale, getPixelOffset: ({ aside = [0, 0], ...t }) => [aside[0] + t.dx * scale * (t.side === "end" ? -1 : 1), aside[1] + t.dy * scale],
        getColor: (t) => (t.isFigure ? [190, 218, 245, 255] : [232, 243, 255, 255]), getTextAnchor: (t) => t.side, fontSettings: { fontSize: 48 },
        background: true, getBackgroundColor: (t) => [4, 16, 36, t.isFigure ? 150 : 224], backgroundPadding: [6, 3, 6, 3], updateTriggers: { getSize: scale, getPixelOffset: scale, getPosition: following ? now : 0 },
      }),
      ...cityhelm.plan.above(deck, scale), ...cityhelm.tools.above(deck, scale),
    ];
  };

  /* what is painted into the basemap: only what changed, because each change draws the whole ground again */
  let groundAt = -Infinity;
  const ground = (now) => {
    if (now - groundAt < GROUND_EVERY_MS && !isForced()) return;
    groundAt = now;
    const { view } = map();
    paintDistricts(view);
    cityhelm.roads.paint(view);
    cityhelm.heatmap.paint(view);
    const line = (coordinates) => ({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });
    const lines = [...listed.closed.filter((closed) => closed.place?.line).map((closed) => line(closed.place.line)), ...listed.barred.flatMap(({ type, coordinates }) => (type === "LineString" ? [line(coordinates)] : type === "Polygon" ? [line(coordinates[0])] : []))];
    const room = [
      ...listed.sensors.map((row) => [row, sensorSizeOf(row)]), ...listed.clusters.map((row) => [row, 2 * radiusOf(row)]), ...listed.standing.map((row) => [row, listed.idleSize]), ...listed.spots.map((row) => [row, 26]),
      ...[...listed.incidents, ...listed.warnings, ...listed.closures].map((row) => [row, 34]),
    ].map(([{ at, aside }, size]) => ({ type: "Feature", properties: { r: (size * listed.scale) / 2 }, geometry: { type: "Point", coordinates: aside?.[0] || aside?.[1] ? view.unproject([view.project(at).x + aside[0], view.project(at).y + aside[1]]).toArray() : at } }));
    for (const { at, text, size } of scene.districts) written(view, room, at, text, size, 0);
    for (const { at, aside = [0, 0], name, size, dx, dy, side } of listed.names) {
      const [x, y] = [aside[0] + dx * listed.scale * (side === "end" ? -1 : 1), aside[1] + dy * listed.scale];
      written(view, room, at, name, size, side === "end" ? -1 : 1, [x, y]);
    }
    fill("closures", lines);
    if (!view.hasImage("room")) view.addImage("room", { width: 2, height: 2, data: new Uint8Array(16) });
    fill("room", room);
  };
  /** The room that a text takes, as squares side by side: to the right of its place (1), to the left (-1) or around it (0). */
  const written = (view, room, at, text, size, side, [dx, dy] = [0, 0]) => {
    const high = size * listed.scale;
    const wide = places.width(text, high);
    const { x, y } = view.project(at);
    const n = Math.max(1, Math.round(wide / high));
    for (let k = 0; k < n; k += 1) {
      const along = (k + 0.5) * (wide / n);
      const left = side === 1 ? along : side === -1 ? -along : along - wide / 2;
      room.push({ type: "Feature", properties: { r: high / 2 }, geometry: { type: "Point", coordinates: view.unproject([x + dx + left, y + dy]).toArray() } });
    }
  };
  const sensorSizeOf = () => listed.sensorSize * 0.8;
  let forced = null;
  /** Whether the view or the choice of layers is another than when the ground was painted. */
  const isForced = () => {
    const key = `${shown.preset}|${shown.area()}|${shown.heat()}|${shown.hours()}|${map().view.getZoom()}|${map().view.getCenter()}|${map().ground !== null}`;
    const is = key !== forced;
    forced = key;
    return is;
  };
  const filled = new Map();
  const fill = (name, features) => {
    const said = JSON.stringify(features);
    if (filled.get(name) === said) return;
    filled.set(name, said);
    map().view.getSource(name)?.setData({ type: "FeatureCollection", features });
  };

  /* districts by a metric */
  scene.SHADES = ["#0a2350", "#0e3871", "#14529a", "#2374c0", "#4b9edd"];
  scene.SPEEDS = [
    { from: 0.7, colour: "#2fd6a0", words: "band.traffic.smooth" }, { from: 0.5, colour: "#63a99f", words: "band.traffic.basically_smooth" }, { from: 0.4, colour: "#8593bd", words: "band.traffic.light" },
    { from: 0.3, colour: "#b48cf2", words: "band.traffic.moderate" }, { from: 0, colour: "#e6c9ff", words: "band.traffic.severe" },
  ];
  scene.NEUTRAL = "#35507c";
  const MEANS = { pm25: "pm25", speed: "averageVehicleSpeed", noise: "noiseLevel", temperature: "temperature", pressure: "waterPressure" };
  const STAND_INS = { aqi: "pm25", traffic_index: "speed" };
  const figuresOf = () => cityhelm.overview ?? cityhelm.stream.overview ?? cityhelm.stream.frames?.overview ?? null;

  /** The metrics for which there is a value now, those of the city in figures first. */
  scene.metrics = () => {
    const known = (metric) => `paint.${metric}` in page.facts.words;
    const rows = figuresOf()?.districts ?? [];
    const given = [...new Set(rows.flatMap((row) => [...(row.score === null || row.score === undefined ? [] : ["score"]), ...Object.entries(row.metrics ?? {}).flatMap(([metric, value]) => (typeof value === "number" ? [metric] : []))]))].filter(known);
    const properties = new Set([...city.devices.values()].flatMap((device) => device.streams.map((stream) => stream.property)));
    const mean = Object.keys(MEANS).filter((metric) => properties.has(MEANS[metric]));
    return [...given, ...mean.filter((metric) => !given.includes(metric)), ...(map().ground?.districts.some(({ facts }) => facts.residents) ? ["density"] : [])];
  };
  /** {metric, values: code → number, asOf, isMean} of what was asked for, or of what stands in for it; null where there is nothing. */
  scene.areaValues = (metric) => {
    if (!metric) return null;
    const rows = figuresOf()?.districts ?? [];
    const given = new Map(rows.flatMap((row) => {
      const value = metric === "score" ? row.score : row.metrics?.[metric];
      return typeof value === "number" ? [[row.code, value]] : [];
    }));
    if (given.size) return { metric, values: given, asOf: figuresOf().as_of ?? figuresOf().t, isMean: false };
    if (metric === "density") {
      const values = new Map((map().ground?.districts ?? []).flatMap(({ code, facts }) => (facts.residents ? [[code, facts.residents / facts.area_km2]] : [])));
      return values.size ? { metric, values, asOf: null, isMean: false } : null;
    }
    const property = MEANS[metric];
    if (!property) return STAND_INS[metric] ? scene.areaValues(STAND_INS[metric]) : null;
    const sums = new Map();
    for (const device of city.devices.values()) {
      const stream = valueOf(device, property);
      if (!stream || stream.value === null || !["fresh", "late"].includes(city.streamFreshness(stream))) continue;
      const sum = sums.get(device.district) ?? { total: 0, n: 0 };
      sums.set(device.district, { total: sum.total + stream.value, n: sum.n + 1 });
    }
    const values = new Map([...sums].filter(([code]) => code in page.facts.districts).map(([code, { total, n }]) => [code, total / n]));
    return values.size ? { metric, values, asOf: city.t, isMean: true } : null;
  };

  const STEPS = 24; // shades that differ; a smaller change is not drawn
  const painted = new Map(); // code → shade
  scene.area = null;
  const paintDistricts = (view) => {
    if (!view.getLayer("district-paint")) return;
    scene.area = scene.areaValues(shown.area());
    const numbers = [...(scene.area?.values.values() ?? [])];
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    for (const code of new Set([...painted.keys(), ...(scene.area?.values.keys() ?? [])])) {
      const value = scene.area?.values.get(code);
      const shade = value === undefined ? null : high > low ? Math.round((STEPS * (value - low)) / (high - low)) / STEPS : 0.5;
      if (painted.get(code) === shade) continue;
      view.setFeatureState({ source: "city", sourceLayer: "districts", id: code }, { v: shade });
      if (shade === null) painted.delete(code);
      else painted.set(code, shade);
    }
  };

  /** What is drawn, as lists of rows; null before there is a map. */
  scene.listed = () => listed;
  const tell = () => {
    cityhelm.layers.draw();
    cityhelm.list.draw();
    cityhelm.tools.beat();
    cityhelm.facts.draw();
  };

  /* frames */
  /** The marks lie on a canvas of their own, which would be one more stop of the Tab key: the keyboard belongs to the map below. */
  const leaveKeys = () => {
    for (const canvas of document.querySelectorAll("#map canvas:not(.maplibregl-canvas)")) canvas.tabIndex = -1;
  };
  /** Whether the processor plays the graphics card, by the name that the driver gives itself. */
  const isSoftware = () => {
    const gl = map().view.getCanvas().getContext("webgl2");
    const named = gl?.getExtension("WEBGL_debug_renderer_info");
    return named !== null && named !== undefined && /swiftshader|llvmpipe|softpipe|basic render/i.test(gl.getParameter(named.UNMASKED_RENDERER_WEBGL));
  };
  scene.open = (module) => {
    deck = module;
    const webgl = { preserveDrawingBuffer: false, antialias: !isSoftware() }; // both are copies of the whole picture, each time it is drawn
    overlay = new deck.MapboxOverlay({ interleaved: false, deviceProps: { webgl }, layers: [], pickingRadius: 6, onLoad: leaveKeys, getTooltip: tip, getCursor: ({ isDragging, isHovering }) => (isDragging ? "grabbing" : cityhelm.tools.isActive() ? "crosshair" : isHovering ? "pointer" : "grab") });
    map().view.addControl(overlay);
    map().view.on("click", (event) => {
      if (cityhelm.tools.click(event)) return;
      if (!overlay.pickObject({ x: event.point.x, y: event.point.y, radius: 6 })) scene.chooseGround(event.point);
    });
  };
  /** A press beside every mark: the road or, from afar, the district that is there. */
  scene.chooseGround = (point) => {
    const { view } = map();
    const around = [[point.x - 4, point.y - 4], [point.x + 4, point.y + 4]];
    const [road] = view.getLayer("loop-road") && shown.isShown("road") ? view.queryRenderedFeatures(around, { layers: ["loop-road"] }) : [];
    const [district] = view.getLayer("district") ? view.queryRenderedFeatures([point.x, point.y], { layers: ["district"] }) : [];
    if (road) map().choose({ kind: "road", id: cityhelm.roads.idOf(road.properties.n) });
    else if (map().chosen()) map().choose(null);
    else if (district && map().zoom() < NEAR_ZOOM) map().choose({ kind: "district", id: district.properties.code });
  };

  /** Draws what is live; while a unit glides, again and again until it has arrived. */
  let isDrawing = false;
  let paintedAt = -Infinity;
  let frameMs = FRAME_MS; // twice what the browser took for the last picture, so that a slow one has time for all else
  scene.draw = () => {
    isStale = true;
    if (isDrawing) return;
    isDrawing = true;
    requestAnimationFrame(paint);
  };
  const paint = (now) => {
    if (now - paintedAt < frameMs) {
      setTimeout(() => requestAnimationFrame(paint), frameMs - (now - paintedAt));
      return;
    }
    paintedAt = now;
    scene.paint(now);
    requestAnimationFrame((shown) => (frameMs = Math.min(SLOWEST_FRAME_MS, Math.max(FRAME_MS, 2 * (shown - now)))));
    const isMoving = !page.isCalm && [...paths.values()].some(({ from, to, begun }) => now - begun < GLIDE_MS && (from[0] !== to[0] || from[1] !== to[1]));
    if (isMoving) requestAnimationFrame(paint);
    else isDrawing = false;
    if (isStale && !isDrawing && !isAwaited) { // what has changed since the last list is listed when its second is over
      isAwaited = true;
      setTimeout(() => {
        isAwaited = false;
        scene.draw();
      }, Math.max(0, LIST_EVERY_MS - (now - listedAt)));
    }
  };
  let isAwaited = false;
  /** One picture, as of `now` on the clock of animation frames. */
  scene.paint = (now) => {
    if (paths.size > city.units.size) for (const id of paths.keys()) if (!city.units.has(id)) paths.delete(id);
    map().drawn = draw(now);
    overlay.setProps({ layers: map().drawn });
  };

  /** How much is held: as large as the city, whatever has happened since. */
  scene.holdings = () => ({ paths: paths.size, kept: kept.size, painted: painted.size, filled: filled.size, movers: movers.length, drawn: map().drawn?.length ?? 0 });
  scene.districts = [];

  cityhelm.scene = scene;
})();
