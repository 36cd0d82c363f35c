/* Drill: the way from the city down to a district, a street, a place, and back. The path is in the address (#at/district/street/place),
   so that it can be sent, and the browser's own way back is one level up. Streets and places of a district come from the map's
   layers (/api/streets); what is measured there is in the browser's model. */
(() => {
  const { page, city } = cityhelm;
  const METRES_PER_DEGREE = 111195;
  const ON_STREET_M = 60; // a device stands on a street when it is no farther from its line
  const NEAR_M = 500;
  const PLACE_ZOOM = 16;
  const MAX_DISTRICTS = 8; // whose streets are kept
  const drill = { path: [], isGone: false };
  const known = new Map(); // district → {state: "loading" | "live" | "failed", streets, askedAt}
  const ASK_AGAIN_MS = 10000;

  /* pure: addresses, distances */

  drill.write = (path) => (path.length ? `#at/${path.map(encodeURIComponent).join("/")}` : "");
  /** The path an address names, null when it names none. */
  drill.read = (hash) => {
    if (!hash.startsWith("#at/")) return null;
    try {
      return hash.slice(4).split("/").slice(0, 3).map(decodeURIComponent).filter(Boolean);
    } catch {
      return null; // an address that was cut off
    }
  };

  /** Metres between two points (lon, lat) on a plane that touches the ground between them: true to a thousandth within a city. */
  drill.metres = ([lon, lat], [otherLon, otherLat]) => {
    const across = Math.cos(((lat + otherLat) * Math.PI) / 360);
    return METRES_PER_DEGREE * Math.hypot((lon - otherLon) * across, lat - otherLat);
  };

  /** Metres from a point to a line of points. */
  drill.metresToLine = (at, line) => {
    const across = Math.cos((at[1] * Math.PI) / 180);
    const flat = ([lon, lat]) => [(lon - at[0]) * across * METRES_PER_DEGREE, (lat - at[1]) * METRES_PER_DEGREE];
    let least = Infinity;
    for (let k = 0; k + 1 < line.length; k += 1) {
      const [[x, y], [u, v]] = [flat(line[k]), flat(line[k + 1])];
      const length = (u - x) ** 2 + (v - y) ** 2;
      const share = length ? Math.min(1, Math.max(0, -(x * (u - x) + y * (v - y)) / length)) : 0;
      least = Math.min(least, Math.hypot(x + share * (u - x), y + share * (v - y)));
    }
    return least;
  };

  /** Things with a position no farther than `metres` from a point, nearest first: [{thing, metres}]. */
  drill.near = (things, at, metres = NEAR_M) =>
    things.filter((thing) => typeof thing.lon === "number").map((thing) => ({ thing, metres: drill.metres(at, [thing.lon, thing.lat]) }))
      .filter((row) => row.metres <= metres).sort((a, b) => a.metres - b.metres);

  drill.onStreet = (things, street) =>
    things.filter((thing) => typeof thing.lon === "number" && street.lines.some((line) => drill.metresToLine([thing.lon, thing.lat], line) <= ON_STREET_M));

  /** Whether a point lies inside an odd number of rings of points. */
  drill.isInside = ([x, y], rings) => {
    let isIn = false;
    for (const ring of rings) {
      for (let k = 0, j = ring.length - 1; k < ring.length; j = k, k += 1) {
        const [[a, b], [c, d]] = [ring[k], ring[j]];
        if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) isIn = !isIn;
      }
    }
    return isIn;
  };

  /* what is where one is */

  let outlines = null; // district → rings, once they have come
  let areOutlinesAsked = false;
  const askOutlines = async () => {
    areOutlinesAsked = true;
    try {
      const response = await page.ask("/api/outlines");
      if (!response.ok) throw new Error(String(response.status));
      outlines = await response.json();
      page.beat();
    } catch {
      setTimeout(askOutlines, ASK_AGAIN_MS);
    }
  };
  const found = new Map(); // "lon,lat" → district; things that stand still are asked about again and again
  const MOST_FOUND = 5000;
  /** The district in which a point lies, null outside all of them and until their borders have come. */
  drill.districtOf = (at) => {
    if (!areOutlinesAsked) askOutlines();
    if (!outlines || typeof at[0] !== "number") return null;
    const key = at.join();
    if (!found.has(key)) {
      if (found.size >= MOST_FOUND) found.clear();
      found.set(key, Object.keys(outlines).find((code) => drill.isInside(at, outlines[code])) ?? null);
    }
    return found.get(key);
  };

  /** The streets of a district: {state, streets}; asked for when they are not there. */
  drill.streets = (district) => {
    const found = known.get(district);
    if (!found || (found.state === "failed" && performance.now() - found.askedAt > ASK_AGAIN_MS)) ask(district);
    return known.get(district);
  };
  const ask = async (district) => {
    if (known.size >= MAX_DISTRICTS) known.delete([...known.keys()].find((code) => code !== drill.path[0]));
    known.set(district, { state: "loading", streets: [], askedAt: performance.now() });
    try {
      const response = await page.ask(`/api/streets/${encodeURIComponent(district)}`);
      if (!response.ok) throw new Error(String(response.status));
      known.set(district, { state: "live", streets: (await response.json()).streets, askedAt: performance.now() });
    } catch {
      known.set(district, { state: "failed", streets: [], askedAt: performance.now() });
    }
    look();
    page.beat();
  };

  drill.name = (thing) => (page.facts.lang === "zh" ? thing.zh || thing.en : thing.en || thing.zh) || thing.key || thing.id;
  drill.street = () => (drill.path[1] ? (drill.streets(drill.path[0])?.streets.find((street) => street.key === drill.path[1]) ?? null) : null);
  drill.place = () => drill.street()?.places.find((place) => place.id === drill.path[2]) ?? null;

  /** The steps of the way down: [{path, name}], the city first. */
  drill.steps = () => {
    const [district, street, place] = [drill.path[0], drill.street(), drill.place()];
    return [
      { path: [], name: page.words("trail.city") },
      district && { path: drill.path.slice(0, 1), name: city.district(district) },
      drill.path[1] && { path: drill.path.slice(0, 2), name: street ? drill.name(street) : drill.path[1] },
      drill.path[2] && { path: drill.path, name: place ? drill.name(place) : drill.path[2] },
    ].filter(Boolean);
  };

  /* going */

  let looked = "";
  /** Moves the map to where one is, as soon as it is known where that is; the view is left alone afterwards. */
  const look = () => {
    const where = drill.write(drill.path);
    if (looked === where) return;
    const [district, key, id] = drill.path;
    const known_ = district ? drill.streets(district) : null;
    drill.isGone = Boolean(district && !(district in page.facts.districts));
    if (drill.isGone) looked = where;
    else if (!district) {
      looked = where;
      cityhelm.map.showCity();
    } else if (!key) {
      looked = where;
      cityhelm.map.showDistrict(district);
    } else if (known_.state === "live") {
      looked = where;
      const [street, place] = [drill.street(), drill.place()];
      drill.isGone = !street || Boolean(id && !place);
      if (place) cityhelm.map.fly([place.lon, place.lat], PLACE_ZOOM);
      else if (street) cityhelm.map.show(street.bounds);
    }
  };

  /** Goes to a path; the address follows, and a step down can be taken back with the browser's own key. */
  drill.go = (path, isBack = false) => {
    if (drill.write(path) === drill.write(drill.path)) return;
    drill.path = path;
    if (cityhelm.operations.chosen) cityhelm.clicks.choose(null);
    if (!isBack) history.pushState(history.state, "", drill.write(path) || location.pathname + location.search);
    look();
    page.beat();
  };
  drill.up = () => drill.go(drill.path.slice(0, -1));

  /** Takes the path from the address: at the start, and on the way back. Anything else there is not ours. */
  drill.follow = () => {
    const path = drill.read(location.hash);
    if (path) drill.go(path, true);
    else if (!location.hash) drill.go([], true);
  };

  /** What was chosen on the map and is gone again took the path out of the address: it comes back. */
  drill.keep = () => {
    if (drill.path.length && !location.hash) history.replaceState(history.state, "", drill.write(drill.path));
  };

  cityhelm.drill = drill;
})();
