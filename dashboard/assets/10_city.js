/* The city: the browser's model of what is live. Whole from /api/map, then kept by frames. Holds what the database holds of
   the present, nothing of the past: its size is the city's, however long the page stays open. */
(() => {
  const city = {
    devices: new Map(), streams: new Map(), units: new Map(), incidents: [], warnings: [], orders: [], situations: [],
    newest: { measured: null, received: null }, t: null, ingest: null, isLoaded: false,
  };
  let tellLoaded;
  const isLoaded = new Promise((resolve) => (tellLoaded = resolve));
  /** Settles when the city has been loaded for the first time. */
  city.loaded = () => isLoaded;
  const VALUE = ["value", "quality", "measured", "received"];
  const LISTS = ["incidents", "warnings", "orders", "situations"];

  /** Everything anew, keeping values that frames have already made newer. */
  city.replace = (whole) => {
    const before = city.streams;
    city.devices = new Map();
    city.streams = new Map();
    for (const device of whole.devices) {
      city.devices.set(device.id, device);
      for (const stream of device.streams) {
        stream.device = device;
        const known = before.get(stream.id);
        if (known && known.measured > (stream.measured ?? -Infinity)) VALUE.forEach((name) => (stream[name] = known[name]));
        city.streams.set(stream.id, stream);
      }
    }
    city.units = new Map(whole.units.map((unit) => [unit.id, unit]));
    for (const name of LISTS) city[name] = whole[name] ?? [];
    city.newest = whole.newest;
    city.t = whole.t;
    city.isLoaded = true;
    tellLoaded();
  };

  /** A frame's changes (dashboard.wire.MapChanges). Returns false when it speaks of something that only the whole can explain. */
  city.apply = (frame) => {
    const { t } = frame;
    const before = (age) => (age === null ? null : t - age);
    let isComplete = frame.n_devices === undefined && frame.n_offline === undefined; // said when they change: who came or went is in the whole
    for (const [number, value, quality, age, delay] of frame.values) {
      const stream = city.streams.get(number);
      const measured = t - age;
      if (!stream) isComplete &&= city.isForeign(number);
      else if (stream.measured === null || measured >= stream.measured) Object.assign(stream, { value, quality: cityhelm.page.facts.qualities[quality], measured, received: measured + delay });
    }
    for (const unit of frame.units) city.units.set(unit.id, unit);
    for (const [id, lon, lat, age, speed_kmh, heading_deg] of frame.moved) {
      const unit = city.units.get(id);
      if (unit) Object.assign(unit, { lon, lat, measured: before(age), speed_kmh, heading_deg });
      else isComplete = false;
    }
    for (const name of LISTS) if (frame[name]) city[name] = amended(city[name], frame[name]);
    city.newest = { measured: before(frame.newest[0]), received: before(frame.newest[1]) };
    if (frame.ingest !== undefined) city.ingest = frame.ingest;
    city.t = t;
    return isComplete;
  };

  const amended = (rows, { changed = [], ids }) => {
    const known = new Map([...rows, ...changed].map((row) => [row.id, row]));
    return (ids ?? rows.map((row) => row.id)).map((id) => known.get(id)).filter(Boolean);
  };

  /** Datastreams that the whole did not name either (a unit's own figures): asked for once, then left alone. */
  const foreign = new Set();
  city.isForeign = (number) => {
    if (foreign.has(number)) return true;
    if (foreign.size < 5000) foreign.add(number);
    return false;
  };

  /** Freshness of a value measured `ageS` seconds ago by a device: the server's own rule, told with the page
      (domain.observations.freshness), so that values age between two frames. */
  city.freshness = (ageS, intervalS, mode, state) => {
    const { until, beyond, unmeasured, shortest_interval_s, settled } = cityhelm.page.facts.freshness;
    if (ageS === null) return unmeasured;
    const unit = Math.max(intervalS, shortest_interval_s);
    return settled[`${mode}/${state}`] ?? until.find(([, intervals]) => ageS <= intervals * unit)?.[0] ?? beyond;
  };

  /** Age (s) of what a device is judged by (domain.observations.word_age_s): of a value or, if it speaks on change, of its last word
      of any kind; `heard` is what the server knew of, its values have come since. */
  city.wordAge = (now, measured, heard, mode) => {
    if (measured === null) return null;
    return (now - (cityhelm.page.facts.freshness.by_word.includes(mode) && heard !== null && measured < heard && heard <= now ? heard : measured)) / 1000;
  };
  const judge = (device, measured) => {
    const heard = Math.max(device.heard ?? 0, city.deviceMeasured(device) ?? 0) || null;
    return city.freshness(city.wordAge(cityhelm.page.now(), measured, heard, device.mode), device.interval_s, device.mode, device.state);
  };
  city.streamFreshness = (stream) => judge(stream.device, stream.measured);
  city.deviceMeasured = (device) => device.streams.reduce((newest, s) => (s.measured !== null && (newest === null || s.measured > newest) ? s.measured : newest), null);
  city.deviceFreshness = (device) => judge(device, city.deviceMeasured(device));

  city.name = (thing) => (cityhelm.page.facts.lang === "zh" ? thing.name_zh : thing.name_en) || thing.id;
  city.deviceName = (device) => (cityhelm.page.facts.lang === "zh" ? device.name : device.name_en || device.name) || device.id.slice(device.id.lastIndexOf("/") + 1);
  city.district = (code) => cityhelm.page.facts.districts[code] ?? code;
  city.incident = (id) => city.incidents.find((incident) => incident.id === id);
  city.warning = (id) => city.warnings.find((warning) => warning.id === id);
  city.order = (id) => city.orders.find((order) => order.id === id);
  city.isOpenOrder = (order) => ["issued", "sent", "accepted"].includes(order.state);
  /** What a unit's circle looks like: available, moving, working or out. */
  city.unitLook = (unit) =>
    ({ available: "available", out_of_service: "out", on_scene: "working", working: "working", staging: "working" })[unit.status] ?? "moving";

  cityhelm.city = city;
})();
