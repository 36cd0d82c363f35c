/* The map: our basemap below, what is live above it, its furniture around it. Frames move the marks; the view is the viewer's own and
   is kept. Any page that has a container with the id `map` has a map; what it may be told is in OPTIONS. Whatever is asked of it
   before it has opened is done once it has. */
(() => {
  const { page, city, parts } = cityhelm;
  const { el } = parts;
  const map = { view: null, drawn: null, marks: null, ground: null };
  const VIEW_KEY = `cityhelm.view${location.pathname}`;
  const DISTRICT_NAMES = "district-name"; // of gis_data.style
  const BELOW_NAMES = "waterway-name"; // of gis_data.style: its first layer of names
  const OPTIONS = { preset: null, panels: "open", legend: null, tools: true, facts: true, pad: {} };
  const NEAR = 13.5;
  const WIDEST_PX = [8192, 8192]; // of a wall's map; by itself the library would draw it at fewer pixels from 4096 on
  let waiting = []; // what was asked for before the map was there
  let opened = false;
  let plain = []; // the style's layers as a desk shows them
  let grownFor = 1;
  let isWhole = false; // whether all of the city is shown and nobody has moved it since: then it stays so in a window of another size

  /** What the page says of its map: {preset, panels: "open", "folded" or "none", legend: as the panels or "line" for what is painted
      alone, tools, facts, pad: margins in rem}. */
  map.options = () => {
    const told = { ...OPTIONS, ...page.facts?.map, ...JSON.parse(document.getElementById("map")?.dataset.options ?? "{}") };
    return { ...told, legend: told.legend ?? told.panels };
  };
  const once = (deed) => {
    if (opened) deed();
    else waiting = [...waiting.slice(-20), deed];
  };

  /** Called once when the page has a map. A map that cannot be drawn leaves the lists as they are and says why. */
  map.open = async () => {
    if (!document.getElementById("map")) return;
    map.furnish();
    try {
      const { vendor } = page.facts;
      const [maplibre, deck, style, drawn] = await Promise.all([
        import(`${vendor}/maplibre-gl.mjs`), import(`${vendor}/deck.mjs`), loadStyle(), cityhelm.marks.draw(),
      ]);
      map.marks = drawn;
      maplibre.setWorkerUrl(`${location.origin}${vendor}/maplibre-gl-worker.mjs`);
      const kept = JSON.parse(sessionStorage.getItem(VIEW_KEY) ?? "null");
      map.view = new maplibre.Map({
        container: "map", style, locale: { "Map.Title": page.words("map.label") }, attributionControl: false, fadeDuration: page.isCalm ? 0 : 200, maxZoom: 18, minZoom: 6, maxCanvasSize: WIDEST_PX,
        pitchWithRotate: false, dragRotate: false, touchPitch: false, localIdeographFontFamily: '"Noto Sans SC", sans-serif',
        ...(kept ? { center: kept.centre, zoom: kept.zoom } : await whole()),
      });
      map.view.touchZoomRotate.disableRotation();
      isWhole = !kept;
      map.view.on("movestart", ({ originalEvent }) => originalEvent && (isWhole = false));
      map.view.on("resize", follow);
      map.view.on("error", ({ error }) => console.warn("map:", error?.message ?? error));
      map.view.on("moveend", () => sessionStorage.setItem(VIEW_KEY, JSON.stringify({ centre: map.view.getCenter().toArray(), zoom: map.view.getZoom() })));
      map.view.on("moveend", map.refresh);
      await Promise.all([new Promise((resolve) => map.view.once("idle", resolve)), city.loaded()]);
      cityhelm.scene.open(deck);
      opened = true;
      for (const deed of waiting) deed();
      waiting = [];
      if (page.scale() !== grownFor) follow(); // the window has changed meanwhile
      map.draw();
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      page.becomeReady();
      loadGround();
    } catch (fault) {
      const place = document.getElementById("map-fault");
      if (place) {
        place.textContent = page.words("map.failed", { reason: fault.message });
        place.hidden = false;
      }
      console.warn("map:", fault);
      page.becomeReady();
    }
  };

  /** What does not move: districts with their bounds, places, named roads. Asked for again until it is there. */
  const loadGround = async () => {
    try {
      const response = await page.ask("/api/map/places");
      if (!response.ok) throw new Error(String(response.status));
      map.ground = await response.json();
      map.placeById = new Map(map.ground.places.map((place) => [place.id, place]));
      cityhelm.layers.draw();
      map.refresh();
    } catch {
      setTimeout(loadGround, 5000); // the server is away; the header says so
    }
  };
  map.nameOf = (thing) => (page.facts.lang === "zh" ? thing.zh || thing.en : thing.en || thing.zh) || thing.id;
  map.findDistrict = (code) => map.ground?.districts.find((district) => district.code === code) ?? null;

  /** The style, its addresses made absolute: the map's worker has no page to resolve them against. */
  const loadStyle = async () => {
    const style = await (await page.ask(`/api/style.json?lang=${page.facts.lang}`)).json();
    const absolute = (url) => (url.startsWith("/") ? location.origin + url : url);
    plain = withGround(style).filter(({ id }) => id !== DISTRICT_NAMES); // our names give way to marks
    grownFor = page.scale();
    style.layers = plain.map((layer) => map.grown(layer, grownFor));
    for (const source of Object.values(style.sources)) if (source.tiles) source.tiles = source.tiles.map(absolute);
    for (const faces of Object.values(style["font-faces"] ?? {})) for (const face of faces) face.url = absolute(face.url);
    return style;
  };

  /** The style's layers with ours among them: districts by a metric at the very bottom, heat, roads by speed and closed roads below the names,
      and above all the room that marks need, which names do not enter. */
  const withGround = (style) => {
    const nothing = { type: "geojson", data: { type: "FeatureCollection", features: [] } };
    Object.assign(style.sources, { "loop-roads": { ...nothing, promoteId: "n" }, closures: nothing, room: nothing });
    const { SHADES, SPEEDS, NEUTRAL } = cityhelm.scene;
    const shade = ["interpolate", ["linear"], ["coalesce", ["feature-state", "v"], 0], ...SHADES.flatMap((colour, k) => [k / (SHADES.length - 1), colour])];
    const painted = {
      id: "district-paint", type: "fill", source: "city", "source-layer": "districts",
      paint: { "fill-color": shade, "fill-opacity": ["interpolate", ["linear"], ["zoom"], 8, ["case", ["==", ["feature-state", "v"], null], 0, 0.9], 12, ["case", ["==", ["feature-state", "v"], null], 0, 0.62], 15, ["case", ["==", ["feature-state", "v"], null], 0, 0.2]] },
    };
    const wide = (more) => ["interpolate", ["exponential", 1.5], ["zoom"], ...[[8, 1.3], [10, 2.6], [12, 4.2], [14, 7.5], [16, 14], [18, 34]].flatMap(([zoom, width]) => [zoom, ["*", width + more, ["match", ["get", "class"], "expressway", 1.15, "arterial", 1, 0.85]]])];
    const colour = ["match", ["coalesce", ["feature-state", "band"], -1], ...SPEEDS.flatMap(({ colour }, k) => [k, colour]), NEUTRAL];
    const round = { "line-cap": "round", "line-join": "round" };
    const hidden = { visibility: "none" };
    const ours = [
      { id: "loop-road-edge", type: "line", source: "loop-roads", layout: { ...round, ...hidden }, paint: { "line-color": "#06152f", "line-width": wide(2.4), "line-opacity": 0.85 } },
      { id: "loop-road", type: "line", source: "loop-roads", layout: { ...round, ...hidden }, paint: { "line-color": colour, "line-width": wide(0) } },
      { id: "closed-edge", type: "line", source: "closures", layout: round, paint: { "line-color": "#04102a", "line-width": ["interpolate", ["linear"], ["zoom"], 10, 4, 14, 9, 17, 18] } },
      { id: "closed", type: "line", source: "closures", paint: { "line-color": "#f2f7ff", "line-width": ["interpolate", ["linear"], ["zoom"], 10, 2, 14, 5, 17, 11], "line-dasharray": [1.2, 1] } },
    ];
    const room = { id: "room", type: "symbol", source: "room", layout: { "icon-image": "room", "icon-size": ["get", "r"], "icon-allow-overlap": true, "icon-padding": 1 }, paint: { "icon-opacity": 0 } };
    const at = style.layers.findIndex(({ id }) => id === BELOW_NAMES);
    if (at < 0) return [...style.layers, ...ours, room];
    const ground = 1 + style.layers.findIndex(({ id }) => id === "district");
    return [...style.layers.slice(0, ground), painted, ...style.layers.slice(ground, at), ...ours, ...style.layers.slice(at), room];
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
      if (name === "*") return [name, grow(value[1], factor), ...value.slice(2)];
      const isOutput = { match: (k) => k > 2 && k % 2 === 1, case: (k) => k > 0 && k % 2 === 0 }[name];
      return isOutput ? value.map((part, k) => (isOutput(k) || k === value.length - 1 ? grow(part, factor) : part)) : value;
    };
    const all = (properties) => Object.fromEntries(Object.entries(properties ?? {}).map(([name, value]) => [name, grow(value, SIZES.has(name) ? scale : 1)]));
    const zooms = Object.fromEntries(["minzoom", "maxzoom"].filter((name) => name in layer).map((name) => [name, Math.min(24, layer[name] + shift)]));
    return { ...layer, ...zooms, paint: all(layer.paint), layout: all(layer.layout) };
  };

  /** Follows the window to another size: letters and lines as large as there, and all of the city where all of it was shown. */
  const follow = () => {
    if (!opened) return;
    const scale = page.scale();
    if (Math.max(1, scale) !== Math.max(1, grownFor)) {
      grownFor = scale;
      for (const layer of plain) {
        const { id, minzoom, maxzoom, paint, layout } = map.grown(layer, scale);
        for (const [name, value] of Object.entries(paint ?? {})) if (SIZES.has(name)) map.view.setPaintProperty(id, name, value);
        for (const [name, value] of Object.entries(layout ?? {})) if (SIZES.has(name)) map.view.setLayoutProperty(id, name, value);
        if (minzoom !== undefined || maxzoom !== undefined) map.view.setLayerZoomRange(id, minzoom ?? 0, maxzoom ?? 24);
      }
    }
    if (isWhole) map.showCity();
  };

  /** The zoom at which a desk shows as much of the city. */
  map.zoom = () => map.view.getZoom() - Math.max(0, Math.log2(page.scale()));

  /* the view */

  /** The view of the whole city: its bounds, or where its devices stand when no city has been built. */
  const whole = async () => {
    let { bounds } = page.facts;
    if (!bounds) {
      await city.loaded();
      const placed = [...city.devices.values(), ...city.units.values()].filter((thing) => typeof thing.lon === "number");
      if (!placed.length) return { center: [0, 0], zoom: 6 };
      const [lon, lat] = [placed.map((thing) => thing.lon), placed.map((thing) => thing.lat)];
      bounds = [Math.min(...lon), Math.min(...lat), Math.max(...lon), Math.max(...lat)];
    }
    return { bounds: [[bounds[0], bounds[1]], [bounds[2], bounds[3]]], fitBoundsOptions: { padding: room() } };
  };

  /** The margins that the panels on the map leave free; where they leave too little, they lie over it. */
  const room = () => {
    const scale = page.scale();
    const frame = document.getElementById("map").getBoundingClientRect();
    const size = (id, side) => document.getElementById(id)?.getBoundingClientRect()[side] ?? 0;
    const [left, bottom] = [size("layers-panel", "width"), size("legend-panel", "height")];
    const gap = 24 * scale;
    const pad = Object.fromEntries(Object.entries(map.options().pad ?? {}).map(([side, rem]) => [side, 10 * scale * rem + gap]));
    const isOpen = (id) => document.getElementById(id)?.open;
    return { top: gap, right: gap, left: isOpen("layers-panel") && left < 0.3 * frame.width ? left + gap : gap, bottom: isOpen("legend-panel") && bottom < 0.3 * frame.height ? bottom + gap : gap, ...pad };
  };

  const quick = (duration) => ({ duration: page.isCalm ? 0 : duration });
  map.showCity = () => once(async () => {
    const { bounds, fitBoundsOptions } = await whole();
    isWhole = true;
    if (bounds) map.view.fitBounds(bounds, { ...fitBoundsOptions, ...quick(700) });
  });
  /** Shows all that lies within [west, south, east, north]. */
  map.show = ([west, south, east, north]) => once(() => {
    isWhole = false;
    map.view.fitBounds([[west, south], [east, north]], { padding: room(), maxZoom: 16.5 + Math.max(0, Math.log2(page.scale())), ...quick(900) });
  });
  map.showDistrict = (code) => once(() => {
    const district = map.findDistrict(code);
    if (district) map.show(district.bounds);
    else if (page.facts.places[code]) map.fly(page.facts.places[code], 12);
  });
  /** Goes to [lon, lat], as near as `zoom` (of a desk), or near enough to see a street. */
  map.fly = (at, zoom = null) => once(() => {
    const shift = Math.max(0, Math.log2(page.scale()));
    isWhole = false;
    map.view.easeTo({ center: at, zoom: zoom === null ? Math.max(map.view.getZoom(), NEAR + shift) : zoom + shift, ...quick(900) });
  });
  map.press = (what) => {
    if (!map.view) return;
    if (what === "in" || what === "out") isWhole = false;
    if (what === "in") map.view.zoomIn(quick(400));
    else if (what === "out") map.view.zoomOut(quick(400));
    else if (what === "reset") map.showCity();
    else cityhelm.tools.press(what);
  };

  /* what is painted and what is chosen */

  /** Colours the districts by a metric (a key of overview.districts[].metrics, or "score"); null leaves them as they are. */
  map.paintDistricts = (metric) => cityhelm.layers.paint(metric);
  /** Takes the city in figures, from whoever follows its frames. */
  map.setOverview = (frame) => {
    cityhelm.overview = frame;
    cityhelm.scene.recount();
  };

  const listeners = new Set();
  /** Calls `tell` with {kind, id}, or null, whenever something else is chosen; returns what ends it. */
  map.onChoose = (tell) => {
    listeners.add(tell);
    return () => listeners.delete(tell);
  };
  const OF_THE_PAGE = new Set(["sensor", "unit", "incident", "warning"]); // what cards know too; all else is the map's alone
  let picked = null;
  let said = null;
  map.chosen = () => picked ?? cityhelm.operations.chosen;
  map.choose = (chosen) => {
    picked = chosen && !OF_THE_PAGE.has(chosen.kind) ? chosen : null;
    if (!picked || cityhelm.operations.chosen) cityhelm.clicks.choose(picked ? null : chosen);
    map.draw();
  };
  const sayChosen = () => {
    if (cityhelm.operations.chosen && picked) picked = null; // something was chosen in a list
    const chosen = map.chosen() ?? null;
    const key = chosen && `${chosen.kind}/${chosen.id}`;
    if (key === said) return;
    said = key;
    cityhelm.facts.show(chosen);
    for (const tell of listeners) tell(chosen);
  };

  /* drawing */

  /** Everything that is judged now and then is judged again: the view, the layers or the size of the text have changed. */
  map.refresh = () => {
    cityhelm.scene.recount();
    map.draw();
  };
  map.draw = () => {
    sayChosen();
    if (opened) cityhelm.scene.draw();
  };

  /* furniture: made once, beside the container, by whoever draws into it first */

  const button = (what, sign, key) => el("button", { class: "map-button", "data-map": what, title: page.words(key), "aria-label": page.words(key) }, sign);
  map.furnish = () => {
    const frame = document.getElementById("map")?.parentElement;
    if (!frame || document.getElementById("map-furniture")) return;
    const { panels, legend, tools, preset } = map.options();
    const furniture = document.createElement("div");
    furniture.id = "map-furniture";
    furniture.className = "map-furniture";
    frame.append(furniture);
    const open = panels === "open";
    const summary = (key) => el("summary", {}, page.words(key));
    parts.draw("map-furniture",
      panels === "none" ? null : el("details", { class: "layers", id: "layers-panel", open }, summary("layers.title"), el("div", { id: "layers", role: "group", "aria-label": page.words("layers.title") })),
      el("div", { class: "map-right" },
        tools ? el("div", { class: "map-bar" }, el("div", { id: "map-search", class: "map-search" }), el("div", { id: "map-tools", class: "map-tools", role: "toolbar", "aria-label": page.words("tools.title") })) : null,
        el("section", { id: "map-result", class: "map-sheet", hidden: true, role: "status" }),
        el("section", { id: "map-facts", class: "map-sheet", hidden: true, "aria-label": page.words("facts.title") }),
        el("section", { id: "map-list", class: "map-sheet", hidden: true, "aria-label": page.words("list.title") })),
      legend === "none" ? null : el("details", { class: legend === "line" ? "legend legend-line" : "legend", id: "legend-panel", open: legend !== "folded" }, summary("legend.title"), el("div", { id: "legend", class: "legend-parts" })),
      el("div", { class: "map-buttons" }, button("in", "+", "map.zoom_in"), button("out", "−", "map.zoom_out"), button("reset", "◎", "map.north")));
    if (tools) {
      cityhelm.tools.furnish();
      cityhelm.search.furnish();
    }
    if (preset && !cityhelm.layers.preset) cityhelm.layers.use(preset);
    else cityhelm.layers.draw();
  };

  cityhelm.map = map;
})();
