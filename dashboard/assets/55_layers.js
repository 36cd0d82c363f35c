/* Layers: what the map shows. A scene brings a choice (`use`), a person changes it; the changes are remembered by the browser, per
   scene, and said. One metric colours the districts, one kind of happenings is drawn as heat, everything else is on or off. The list
   is made from what is there, so that a new kind of sensor, unit or place needs nothing here. */
(() => {
  const { page, city, parts } = cityhelm;
  const { el, div, span, number, sources } = parts;
  const LONGEST = 200; // changes that are remembered
  const layers = { preset: null };

  /** What a scene shows: `shows` are keys or the beginnings of keys that end in "/"; `area` a metric of the districts, `heat` a kind of heat. */
  const PRESETS = {
    overall: { area: "score", heat: "requests", shows: ["incident", "warning", "closure", "unit/"], calm: true },
    emergency: { area: null, heat: null, shows: ["incident", "warning", "closure", "reach", "water", "unit/", "place/hospital", "place/shelter", "place/warehouse"] },
    government: { area: "requests_24h", heat: "halls", shows: ["warning", "request", "place/service_hall"] },
    traffic: { area: null, heat: null, shows: ["road", "incident", "warning", "closure", "place/metro_station", "place/railway_station"], calm: true },
    environment: { area: "aqi", heat: null, shows: ["warning", "closure", "water", "sensor/AirQualityObserved", "sensor/WeatherObserved", "sensor/RainGauge", "sensor/GasDetector", "sensor/NoiseLevelObserved"] },
  };
  /** Without a scene: everything that is live. */
  const LIVE = { area: null, heat: null, shows: ["incident", "warning", "closure", "unit/", "sensor/"] };
  layers.presets = Object.keys(PRESETS);
  const scene = () => PRESETS[layers.preset] ?? LIVE;

  /* what a person has changed: {flips: keys that are not as the scene has them, area, heat, hours} */
  const changes = new Map();
  const mine = () => {
    const name = layers.preset ?? "live";
    if (!changes.has(name)) changes.set(name, remembered(name));
    return changes.get(name);
  };
  const remembered = (name) => {
    try {
      const { flips = [], ...others } = JSON.parse(page.recall(`layers.${name}`) ?? "{}");
      return { ...others, flips: new Set(flips.filter((key) => typeof key === "string")) };
    } catch {
      return { flips: new Set() }; // something else wrote there
    }
  };
  const keep = () => {
    const { flips, ...others } = mine();
    page.remember(`layers.${layers.preset ?? "live"}`, JSON.stringify({ ...others, flips: [...flips].slice(-LONGEST) }));
    told();
  };
  const told = () => {
    layers.draw();
    cityhelm.map.refresh();
  };

  layers.sensor = (device) => `sensor/${device.type}`;
  layers.unit = (unit) => `unit/${unit.kind}`;
  const isInScene = (key) => scene().shows.some((shown) => (shown.endsWith("/") ? key.startsWith(shown) : key === shown));
  layers.isShown = (key) => isInScene(key) !== mine().flips.has(key);
  /** Whether only units that are out are drawn from afar. */
  layers.isCalm = () => scene().calm === true;

  /** Shows what belongs to a scene (one of `layers.presets`), or with null everything that is live. */
  layers.use = (preset) => {
    if (preset !== null && !PRESETS[preset]) throw new Error(`preset is ${preset}: expected one of ${layers.presets.join(", ")} or null`);
    layers.preset = preset;
    painted = undefined; // what was painted for the scene before
    told();
  };

  /* one metric, one heat: what a person chose, else what the scene has; `painted` is what a program asked for */
  let painted;
  layers.area = () => (painted !== undefined ? painted : (mine().area ?? scene().area) || null);
  layers.heat = () => (mine().heat ?? scene().heat) || null;
  layers.hours = () => mine().hours ?? cityhelm.heat.KINDS[layers.heat()]?.hours ?? null;
  layers.paint = (metric) => {
    painted = metric ?? (metric === null ? null : undefined);
    told();
  };
  const choose = { area: (metric) => { painted = undefined; mine().area = metric; }, heat: (kind) => { mine().heat = kind; delete mine().hours; }, hours: (n) => (mine().hours = Number(n)) };

  layers.toggle = (key) => {
    const { flips } = mine();
    if (key.startsWith("preset/")) {
      const preset = key.slice(7);
      layers.use(preset === layers.preset ? null : preset);
      return;
    }
    if (key === "all") {
      flips.clear();
      for (const name of Object.keys(choose)) delete mine()[name];
      painted = undefined;
    } else if (!flips.delete(key)) flips.add(key);
    keep();
  };
  document.addEventListener("change", ({ target }) => {
    if (!target.dataset?.layers) return;
    choose[target.dataset.layers](target.value);
    keep();
  });

  /* the panel */

  /** key → how many stand on the map, most first. */
  const count = (things, keyOf) => {
    const counts = new Map();
    for (const thing of things) if (typeof thing.lon === "number") counts.set(keyOf(thing), (counts.get(keyOf(thing)) ?? 0) + 1);
    return [...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
  };
  const kindOf = (key) => key.slice(key.indexOf("/") + 1);

  const row = (key, n, mark, name, source) =>
    el("button", { key, class: layers.isShown(key) ? "layer" : "layer layer-off", "data-layer": key, "aria-pressed": String(layers.isShown(key)), title: page.words(layers.isShown(key) ? "layers.hide" : "layers.show", { name }) },
      mark, span("ellipsis", name), n === null ? "" : number(page.figure(n), { source, asOf: city.t }));

  const option = (value, name, chosen) => el("option", { key: value, value, selected: value === chosen }, name);
  const select = (what, name, options) => el("label", { key: what, class: "layer-choice" }, span("ellipsis", name), el("select", { "data-layers": what }, options));

  const swatch = (name) => el("i", { class: `swatch swatch-${name}`, "aria-hidden": "true" });

  /** What is there to be switched: [key, how many, mark, name, table] by group. */
  const groups = () => {
    const { ground } = cityhelm.map;
    const has = (type) => [...city.devices.values()].some((device) => device.type === type);
    const places = ground ? count(ground.places, (place) => `place/${place.kind}`).filter(([key]) => cityhelm.marks.placeMark(kindOf(key))) : [];
    const nClosed = cityhelm.scene.closures().length + cityhelm.plan.closures().filter(({ properties }) => properties.source !== "sensor").length;
    const events = [
      city.incidents.length && ["incident", city.incidents.length, el("i", { class: "mark diamond grade-II", "aria-hidden": "true" }), page.words("legend.incidents"), sources.incidents],
      city.warnings.length && ["warning", city.warnings.length, swatch("warning"), page.words("legend.warnings"), sources.warnings],
      (has("UnderpassObserved") || nClosed > 0) && ["closure", nClosed, swatch("closure"), page.words("layers.closures"), sources.device],
      document.getElementById("command") && ["reach", null, swatch("reach"), page.words("layers.reach"), "roads · gis_data.isochrones"],
      (has("FloodMonitoring") || has("UnderpassObserved")) && ["water", null, parts.kindMark("FloodMonitoring"), page.words("layers.water"), sources.device],
      has("TrafficFlowObserved") && ground?.roads.length && ["road", null, swatch("road"), page.words("layers.roads"), sources.device],
      ground && ["request", null, swatch("request"), page.words("layers.requests"), "request · storage.whereabouts.list_requests"],
    ].filter(Boolean);
    return {
      events,
      units: count(city.units.values(), layers.unit).map(([key, n]) => [key, n, parts.unit({ kind: kindOf(key), status: "available" }), parts.unitKind({ kind: kindOf(key) }), sources.units]),
      places: places.map(([key, n]) => [key, n, el("i", { class: "mark place-mark", "aria-hidden": "true" }, cityhelm.marks.placeMark(kindOf(key))), cityhelm.marks.placeKind(kindOf(key)), "places.geojson · gis_data.city"]),
      sensors: count(city.devices.values(), layers.sensor).map(([key, n]) => [key, n, parts.kindMark(kindOf(key)), parts.kind(kindOf(key)), sources.device]),
    };
  };

  /** How many kinds are not as the scene has them; without a scene: how many of those that are there are hidden. */
  const changed = (rows) => rows.filter(([key]) => mine().flips.has(key)).length + ["area", "heat", "hours"].filter((name) => mine()[name] !== undefined).length;

  layers.draw = () => {
    if (!page.facts || !city.isLoaded) return;
    cityhelm.map.furnish();
    cityhelm.legend.draw(cityhelm.scene.listed());
    const place = document.getElementById("layers");
    if (!place) return;
    const { events, ...others } = groups();
    const rows = [...events, ...Object.values(others).flat()];
    const n = changed(rows);
    const presets = div("presets", layers.presets.map((name) =>
      el("button", { key: name, class: name === layers.preset ? "preset preset-on" : "preset", "data-layer": `preset/${name}`, "aria-pressed": String(name === layers.preset) }, page.words(`preset.${name}`))));
    const metrics = cityhelm.scene.metrics();
    const [area, heat] = [layers.area(), layers.heat()];
    const choices = [
      metrics.length ? select("area", page.words("layers.area"), [option("", page.words("layers.none"), area ?? ""), ...metrics.map((metric) => option(metric, page.words(`paint.${metric}`), area))]) : null,
      cityhelm.map.ground ? select("heat", page.words("layers.heat"), [option("", page.words("layers.none"), heat ?? ""), ...Object.keys(cityhelm.heat.KINDS).map((kind) => option(kind, page.words(`heat.${kind}`), heat))]) : null,
      heat ? select("hours", page.words("layers.window"), cityhelm.heat.WINDOWS.map((hours) => option(String(hours), page.words("layers.last", { n: hours }), String(layers.hours())))) : null,
    ];
    const group = (name, members) => (members.length ? [div("layer-group", page.words(`layers.${name}`)), members.map((member) => row(...member))] : null);
    parts.draw("layers",
      n ? el("button", { class: "layer-note", "data-layer": "all" }, page.words(layers.preset ? "layers.changed" : "layers.hidden", { n })) : null,
      presets, choices,
      rows.length ? [group("events", events), group("units", others.units), group("places", others.places), group("sensors", others.sensors)] : parts.empty("no_data"));
    for (const [what, value] of [["area", area ?? ""], ["heat", heat ?? ""], ["hours", String(layers.hours() ?? "")]]) {
      const field = place.querySelector(`select[data-layers="${what}"]`);
      if (field && field !== document.activeElement && field.value !== value) field.value = value;
    }
  };

  cityhelm.layers = layers;
})();
