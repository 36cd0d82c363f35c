/* Layers: what the map shows of each kind, with how many there are; a kind that is pressed is hidden, or shown again. The list is
   made from the kinds that are there, so that a new one needs nothing here. What is hidden is remembered by the browser, and said. */
(() => {
  const { page, city, parts } = cityhelm;
  const { el, span, number, sources } = parts;
  const LONGEST = 200; // kinds that are remembered as hidden
  const remembered = () => {
    try {
      return JSON.parse(page.recall("hidden") ?? "[]").filter((key) => typeof key === "string");
    } catch {
      return []; // something else wrote there
    }
  };
  const hidden = new Set(remembered());
  const layers = {};

  layers.sensor = (device) => `sensor/${device.type}`;
  layers.unit = (unit) => `unit/${unit.kind}`;
  layers.isShown = (key) => !hidden.has(key);

  const keep = () => {
    page.remember("hidden", JSON.stringify([...hidden].slice(-LONGEST)));
    layers.draw();
    cityhelm.map.refresh();
  };
  layers.toggle = (key) => {
    if (key === "all") hidden.clear();
    else if (!hidden.delete(key)) hidden.add(key);
    keep();
  };

  /** key → how many stand on the map, most first. */
  const count = (things, keyOf) => {
    const counts = new Map();
    for (const thing of things) if (typeof thing.lon === "number") counts.set(keyOf(thing), (counts.get(keyOf(thing)) ?? 0) + 1);
    return [...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
  };

  const row = (key, n, mark, name, source) =>
    el("button", { key, class: layers.isShown(key) ? "layer" : "layer layer-off", "data-layer": key, "aria-pressed": String(layers.isShown(key)), title: page.words(layers.isShown(key) ? "layers.hide" : "layers.show", { name }) },
      mark, span("ellipsis", name), number(page.figure(n), { source, asOf: city.t }));

  layers.draw = () => {
    if (!document.getElementById("layers")) return;
    const kindOf = (key) => key.slice(key.indexOf("/") + 1);
    const sensors = count(city.devices.values(), layers.sensor);
    const units = count(city.units.values(), layers.unit);
    const n = [...sensors, ...units].filter(([key]) => hidden.has(key)).length;
    parts.draw("layers",
      n ? el("button", { class: "layer-note", "data-layer": "all" }, page.words("layers.hidden", { n })) : null,
      sensors.map(([key, count]) => row(key, count, parts.kindMark(kindOf(key)), parts.kind(kindOf(key)), sources.device)),
      units.map(([key, count]) => row(key, count, parts.unit({ kind: kindOf(key), status: "available" }), parts.unitKind({ kind: kindOf(key) }), sources.units)),
      sensors.length || units.length ? null : parts.empty("no_data"));
  };

  cityhelm.layers = layers;
})();
