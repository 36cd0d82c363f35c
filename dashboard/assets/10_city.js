/* The city: the browser's model of what is live. Whole from /api/map, then kept by frames. Holds what the database holds of
   the present, nothing of the past: its size is the city's, however long the page stays open. */
(() => {
  const city = {
    devices: new Map(), streams: new Map(), units: new Map(), incidents: [], warnings: [], orders: [],
    newest: { measured: null, received: null }, ingest: null, nDevices: null, isLoaded: false, fault: null, version: 0,
  };
  let tellLoaded;
  const isLoaded = new Promise((resolve) => (tellLoaded = resolve));
  /** Settles when the city has been loaded for the first time. */
  city.loaded = () => isLoaded;
  const CODES = ["value", "quality", "measured", "received"];

  const put = (stream, row) => {
    if (stream.measured !== null && row[3] < stream.measured) return; // older than what is shown
    CODES.forEach((name, k) => (stream[name] = row[k + 1]));
  };

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
        if (known && known.measured > (stream.measured ?? -Infinity)) CODES.forEach((name) => (stream[name] = known[name]));
        city.streams.set(stream.id, stream);
      }
    }
    city.units = new Map(whole.units.map((unit) => [unit.id, unit]));
    for (const name of ["incidents", "warnings", "orders"]) city[name] = whole[name];
    city.newest = whole.newest;
    city.nDevices = null;
    city.isLoaded = true;
    tellLoaded();
    city.version += 1;
  };

  /** A frame's changes. Returns false when the frame speaks of something that only the whole can explain. */
  city.apply = (frame) => {
    let isComplete = city.nDevices === null || city.nDevices === frame.n_devices;
    city.nDevices = frame.n_devices;
    for (const row of frame.values) {
      const stream = city.streams.get(row[0]);
      if (stream) put(stream, row);
      else isComplete &&= cityhelm.city.isForeign(row[0]);
    }
    for (const unit of frame.units) city.units.set(unit.id, unit);
    for (const name of ["incidents", "warnings", "orders"]) if (frame[name]) city[name] = frame[name];
    city.newest = frame.newest;
    city.ingest = frame.ingest;
    city.version += 1;
    return isComplete;
  };

  /** Datastreams that the whole did not name either (a unit's own figures): asked for once, then left alone. */
  const foreign = new Set();
  city.isForeign = (number) => {
    if (foreign.has(number)) return true;
    if (foreign.size < 5000) foreign.add(number);
    return false;
  };

  /** Freshness of a value measured `ageS` seconds ago by a device that speaks every `intervalS` (domain.observations.freshness). */
  city.freshness = (ageS, intervalS) => {
    if (ageS === null) return "never";
    const unit = Math.max(intervalS, 5);
    return ageS <= 2 * unit ? "fresh" : ageS <= 3 * unit ? "late" : ageS <= 10 * unit ? "stale" : "silent";
  };

  const judge = (device, measured) => {
    if (measured === null) return "never";
    // a device that speaks only on change and is online still stands by its last word
    if (device.mode === "on_change" && device.state !== "unknown") return device.state === "online" ? "fresh" : "silent";
    return city.freshness((cityhelm.page.now() - measured) / 1000, device.interval_s);
  };
  city.streamFreshness = (stream) => judge(stream.device, stream.measured);
  city.deviceMeasured = (device) => device.streams.reduce((newest, s) => (s.measured !== null && (newest === null || s.measured > newest) ? s.measured : newest), null);
  city.deviceFreshness = (device) => judge(device, city.deviceMeasured(device));

  city.name = (thing) => (cityhelm.page.facts.lang === "zh" ? thing.name_zh : thing.name_en) || thing.id;
  city.deviceName = (device) => device.name || device.id.slice(device.id.lastIndexOf("/") + 1);
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
