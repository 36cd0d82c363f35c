/* Parts: the small pieces that cards are made of, and how they reach the page. A card is a function of the model that returns
   pieces; `draw` changes in the page only what differs. (Dash components would do the same at a hundred times the cost: each
   of them watches the whole store. See docs/decisions/0004-live-screens.md.)
   A number always says where it comes from and when it was measured. */
(() => {
  const { page } = cityhelm;
  const parts = {};

  /** A piece: an element with attributes (`key` names it among its siblings) and children: pieces, text, null, or lists of them. */
  const el = (tag, { key, ...attributes }, ...children) => ({ tag, key, attributes, children: children.flat(4).filter((child) => child !== null && child !== undefined && child !== false && child !== "") });
  parts.el = el;

  /** Drawings are elements of another namespace: `svg` opens it for everything inside. */
  const SVG = "http://www.w3.org/2000/svg";
  const make = (tag, place) => (tag === "svg" || place.namespaceURI === SVG ? document.createElementNS(SVG, tag) : document.createElement(tag));

  /** Makes the children of `element` be `children`, touching only what differs. */
  const draw = (element, children) => {
    let at = element.firstChild;
    for (const child of children) {
      if (typeof child !== "object") {
        const text = String(child);
        if (at?.nodeType === Node.TEXT_NODE) {
          if (at.data !== text) at.data = text;
          at = at.nextSibling;
        } else element.insertBefore(document.createTextNode(text), at);
        continue;
      }
      let found = at;
      while (found && !(found.localName === child.tag && found.cityhelmKey === child.key)) found = child.key === undefined ? null : found.nextSibling;
      if (!found) {
        found = make(child.tag, element);
        found.cityhelmKey = child.key;
      }
      if (found === at) at = at.nextSibling;
      else element.insertBefore(found, at);
      setAttributes(found, child.attributes);
      draw(found, child.children);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };
  const setAttributes = (element, wanted) => {
    const had = element.cityhelmAttributes ?? {};
    for (const name of Object.keys(had)) if (!(name in wanted)) element.removeAttribute(name);
    for (const [name, value] of Object.entries(wanted)) {
      if (had[name] === value) continue;
      if (value === false || value === null || value === undefined) element.removeAttribute(name);
      else if (name === "style") element.style.cssText = value; // set by script: the policy allows it
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.cityhelmAttributes = wanted;
  };

  /** Draws pieces into an element. */
  parts.fill = (place, ...pieces) => draw(place, el("div", {}, pieces).children);
  /** Draws pieces into the place with this id, if the page has it. */
  parts.draw = (id, ...pieces) => {
    const place = document.getElementById(id);
    if (place) parts.fill(place, ...pieces);
  };

  parts.div = (name, ...children) => el("div", { class: name }, ...children);
  parts.span = (name, ...children) => el("span", name ? { class: name } : {}, ...children);

  /** What one learns by pointing at a number: lines of the catalogue, each a name, a colon and a value. */
  const told = ({ source, measured, received, quality, asOf, made, count }) =>
    [
      page.words("source.from", { source }),
      measured ? page.words("source.measured", { time: page.instant(measured) }) : null,
      received ? page.words("source.received", { time: page.instant(received) }) : null,
      quality ? page.words("source.quality", { quality: page.label("quality", quality) }) : null,
      asOf ? page.words("source.as_of", { time: page.instant(asOf) }) : null,
      typeof count === "number" ? page.words("source.count", { n: page.figure(count) }) : null,
      made ? page.words("source.made", { how: made }) : null,
    ].filter(Boolean).join("\n");

  /** A number, or the words for "no data"; `from` is {source, measured, received, quality, asOf, made, count, isStale}: times in
      ms, `made` how it was computed, `count` from how many values. */
  parts.number = (text, from) =>
    text === null || text === undefined
      ? el("span", { class: "empty", "data-source": from.source }, page.words("no_data"))
      : el("span", { class: from.isStale ? "num stale" : "num", title: told(from), "data-source": from.source }, String(text));

  /** A number whose digits roll to their new places; read aloud and copied it is one text, and still for those who want no motion. */
  parts.rolling = (text, from) => {
    const number = parts.number(text, from);
    if (number.attributes.class === "empty") return number;
    const signs = [...String(text)];
    const wheel = (sign, k) => {
      const key = signs.length - k; // the place of a digit counts from the last
      return /\d/.test(sign) ? el("i", { key: `d${key}`, class: "wheel", style: `--digit:${sign}` }) : el("i", { key: `s${key}`, class: "sign", "data-sign": sign });
    };
    return { ...number, attributes: { ...number.attributes, class: `${number.attributes.class} rolling` }, children: [parts.span("unseen", String(text)), el("span", { class: "wheels", "aria-hidden": "true" }, signs.map(wheel))] };
  };

  parts.sources = {
    latest: "latest · storage.snapshots.live_frame",
    device: "device, latest · storage.snapshots.map_snapshot",
    units: "unit, unit_status, unit_latest · storage.units.list_units",
    incidents: "incident, incident_history · storage.incidents.list_open_incidents",
    warnings: "warning, warning_history · storage.warnings.list_open_warnings",
    orders: "dispatch_order, order_history · storage.orders.list_orders",
    ingest: "process_heartbeat · storage.heartbeats.list_heartbeats",
    candidates: "unit_latest, incident · dispatch.policies.nearest.rank_units",
    system: "storage.snapshots.system_snapshot",
  };

  /** Splits a sentence with one number in it, so that the number can be pointed at. */
  parts.sentence = (text, from) =>
    text.split(/(\d[\d,.:]*)/).filter(Boolean).map((piece) => (/^\d/.test(piece) ? parts.number(piece, from) : piece));

  parts.age = (ms, from) => parts.sentence(page.age(ms), { measured: ms, ...from });
  parts.time = (ms, from) => parts.number(page.moment(ms), from);

  /** A headline number: its name, the number with its unit, what it is part of and how old it is. Grey while nothing new comes. */
  parts.kpi = (key, value, unit, from, more = null) => {
    const isStale = from.isStale || !cityhelm.stream.isLive();
    return parts.div("kpi", parts.div("kpi-label ellipsis", page.words(key)),
      parts.div("kpi-line", parts.rolling(value, { ...from, isStale }), value === null ? null : parts.span("kpi-unit", unit)),
      parts.div("kpi-foot", parts.span("ellipsis", more), value === null || !from.asOf ? null : parts.span("kpi-age", parts.age(from.asOf, from))));
  };

  parts.level = (warning) =>
    el("span", { class: `level level-${warning.level}` }, el("i", { class: `shape shape-${warning.shape}`, "aria-hidden": "true" }), page.label("level", warning.level));

  const NUMERALS = { I: "Ⅰ", II: "Ⅱ", III: "Ⅲ", IV: "Ⅳ" };
  parts.numeral = (grade) => NUMERALS[grade] ?? "";
  parts.diamond = (grade) => el("i", { class: `mark diamond grade-${grade}`, "aria-label": page.label("grade", grade), role: "img" }, el("b", {}, parts.numeral(grade)));

  parts.unitMark = (unit) => page.facts.labels.unit_mark[unit.kind] ?? page.words("mark.unknown");
  parts.unitKind = (unit) => page.facts.labels.unit_kind[unit.kind] ?? page.words("unit.unknown_kind");
  parts.unit = (unit) => el("i", { class: `mark unit-${cityhelm.city.unitLook(unit)}`, "aria-hidden": "true" }, parts.unitMark(unit));

  parts.kind = (type) => page.facts.labels.sensor_kind[type] ?? page.words("sensor.unknown_kind");
  /** The picture of a kind of sensors, the same file that the map draws; one for all that have none of their own. */
  parts.picture = (type) => `/assets/marks/${page.facts.pictures.includes(type) ? type : "Unknown"}.svg`;
  parts.kindMark = (type) => el("i", { class: "kind-mark", style: `--mark:url(${parts.picture(type)})`, "aria-hidden": "true" });

  /** A fact of the chosen object. */
  parts.fact = (key, value, isWide = false) => el("div", { class: isWide ? "fact fact-wide" : "fact" }, el("span", {}, page.words(key)), el("b", {}, value));
  parts.part = (title, sub, ...body) => el("div", { class: "part" }, el("h3", {}, title, el("small", {}, sub)), ...body);

  /** A row of a list that chooses an object when it is pressed. */
  parts.choice = (kind, id, look, ...children) =>
    el("button", { key: `${kind}/${id}`, class: look, "data-choose": JSON.stringify({ kind, id }), "aria-pressed": String(look.includes("-on")) }, ...children);

  parts.empty = (key, fillings) => el("div", { class: "quiet" }, page.words(key, fillings));

  cityhelm.parts = parts;
})();
