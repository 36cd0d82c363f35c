/* Cards: headline numbers, currency of the data, warnings, incidents. Data in (the model), components out. */
(() => {
  const { page, city, parts } = cityhelm;
  const { el, div, span, number, kpi, sources } = parts;
  const cards = {};
  const FRESHNESS = ["fresh", "late", "stale", "silent", "never"];
  const INGEST_DEAD_MS = 15000;

  /** Devices by freshness. */
  cards.countFreshness = () => {
    const counts = Object.fromEntries(FRESHNESS.map((name) => [name, 0]));
    for (const device of city.devices.values()) counts[city.deviceFreshness(device)] += 1;
    return counts;
  };

  /** What ingest says of itself, or null when it is silent. */
  const ingestFigures = () => (city.ingest && page.now() - city.ingest.beat < INGEST_DEAD_MS ? city.ingest : null);

  /** Whether anything has ever been said: "none open" is a finding only of a city that speaks. */
  cards.hasCity = () => city.devices.size + city.units.size + city.incidents.length + city.warnings.length > 0;

  cards.kpis = (counts) => {
    const [units, figures, hasCity] = [[...city.units.values()], ingestFigures(), cards.hasCity()];
    const hasUnits = units.length > 0;
    const out = units.filter((unit) => ["moving", "working"].includes(city.unitLook(unit)) && unit.status !== "returning");
    const of = (key, n, from) => parts.sentence(page.words(key, { n: page.figure(n) }), from);
    const asOf = city.newest.received;
    const device = { source: sources.device, asOf };
    const ingest = { source: sources.ingest, asOf: city.ingest?.beat };
    const from = (source) => ({ source, asOf: city.t });
    return [
      kpi("kpi.sensors", city.devices.size ? page.figure(counts.fresh) : null, page.words("unit.devices"), device,
        city.devices.size ? of("kpi.sensors_of", city.devices.size, device) : null),
      kpi("kpi.warnings", hasCity ? page.figure(city.warnings.length) : null, page.words("unit.items"), from(sources.warnings),
        hasCity && of("kpi.warnings_unacknowledged", city.warnings.filter(cards.isUnacknowledged).length, from(sources.warnings))),
      kpi("kpi.incidents", hasCity ? page.figure(city.incidents.length) : null, page.words("unit.cases"), from(sources.incidents),
        hasCity && of("kpi.incidents_responding", city.incidents.filter((i) => i.state === "responding").length, from(sources.incidents))),
      kpi("kpi.units_out", hasUnits ? page.figure(out.length) : null, page.words("unit.devices"), from(sources.units),
        hasUnits ? of("kpi.units_available", units.filter((unit) => unit.status === "available").length, from(sources.units)) : null),
      kpi("kpi.messages", typeof figures?.messages_per_s === "number" ? page.figure(figures.messages_per_s, figures.messages_per_s < 100 ? 1 : 0) : null, page.words("unit.per_second"), ingest,
        typeof figures?.readings_per_s === "number" ? of("kpi.readings", figures.readings_per_s, ingest) : null),
    ];
  };

  cards.currency = (counts) => {
    const { measured, received } = city.newest;
    const from = { source: sources.latest, measured, received };
    const newest = measured === null
      ? div("newest", number(null, from))
      : div("newest", ...parts.age(measured, from),
          div("newest-times", el("div", {}, page.words("currency.measured"), " ", parts.time(measured, from)), el("div", {}, page.words("currency.received"), " ", parts.time(received, from))));
    if (!city.devices.size) return [el("div", { class: "quiet" }, page.words("currency.newest")), newest];
    const bar = div("freshness-bar", ...FRESHNESS.filter((name) => counts[name]).map((name) => el("i", { class: `fresh-${name}`, style: `flex-grow:${counts[name]}` })));
    const legend = div("freshness-counts", ...FRESHNESS.map((name) => el("span", {}, number(page.figure(counts[name]), { source: sources.device, asOf: page.now() }), page.label("freshness", name))));
    return [el("div", { class: "quiet" }, page.words("currency.newest")), newest, bar, legend];
  };

  cards.isUnacknowledged = (warning) => !["acknowledged", "handling"].includes(warning.state);

  /** The words of a warning in the page's language, with the value that raised it where it is known. */
  cards.warningWords = (warning) => (page.facts.lang === "zh" ? warning.zh : warning.en);
  cards.warningPlace = (warning) => {
    const device = city.devices.get(warning.device);
    return device ? [city.deviceName(device), city.district(device.district)].join(" · ") : (warning.evidence?.device_name ?? page.label("hazard", warning.hazard));
  };

  /** What a warning says in a sentence. It was written with the device's name in the language of whoever set it up. */
  cards.warningSentence = (warning) => {
    const [sentence, device, written] = [warning.sentence[page.facts.lang], city.devices.get(warning.device), warning.evidence?.device_name];
    return device && written ? sentence.replace(written, city.deviceName(device)) : sentence;
  };

  /** A warning's value with its unit, or null. */
  cards.warningValue = (warning) => {
    const value = warning.evidence?.value;
    if (typeof value !== "number") return null;
    const property = warning.evidence.property ?? city.streams.get(Number(warning.object))?.property ?? "";
    const unit = page.facts.labels.property_unit[property] ?? (page.facts.lang === "zh" ? warning.evidence.unit_zh : null) ?? warning.evidence.unit ?? "";
    return [number(page.measure(value), { source: sources.warnings, measured: warning.updated }), " ", unit];
  };

  cards.acknowledge = (warning) => {
    if (!page.may("warning.acknowledge") || !cards.isUnacknowledged(warning)) return null;
    return el("button", { class: "button", "data-act": JSON.stringify({ action: "warning.acknowledge", request: { warning: warning.id } }), disabled: cityhelm.clicks.isBusy(warning.id) }, page.words("warnings.acknowledge"));
  };

  cards.warnings = (chosen) => {
    if (!city.warnings.length) return parts.empty(cards.hasCity() ? "warnings.none" : "no_data");
    return city.warnings.map((warning) => {
      const from = { source: sources.warnings, measured: warning.raised };
      const isOn = chosen?.kind === "warning" && chosen.id === warning.id;
      const foreseen = [
        warning.probability === null ? null : page.words("warnings.probability", { p: Math.round(100 * warning.probability) }),
        warning.lead_s === null ? null : page.words("warnings.lead", { time: page.duration(warning.lead_s) }),
      ].filter(Boolean).join(" · ");
      const state = [page.label("warning_state", warning.state), foreseen || page.label("warning_source", warning.source)].join(" · ");
      return el("div", { key: warning.id, class: isOn ? "warning row-on" : "warning" },
        parts.choice("warning", warning.id, "row row-warning",
          parts.level(warning),
          span("row-title", cards.warningWords(warning)),
          span("row-more", span("ellipsis", cards.warningPlace(warning)), span("row-value", cards.warningValue(warning))),
          span("row-more", span("ellipsis", parts.sentence(state, from)), span("", parts.sentence(page.words("warnings.since", { time: page.hour(warning.raised) }), from)))),
        cards.acknowledge(warning));
    });
  };

  /** The name of the district in which an incident is, or nothing. */
  cards.incidentPlace = ({ lon, lat }) => {
    const code = typeof lon === "number" ? cityhelm.drill.districtOf([lon, lat]) : null;
    return code ? city.district(code) : "";
  };
  cards.incidents = (chosen) => {
    if (!city.incidents.length) return parts.empty(cards.hasCity() ? "incidents.none" : "no_data");
    return city.incidents.map((incident) => {
      const from = { source: sources.incidents, measured: incident.reported };
      const sent = city.orders.filter((order) => order.incident === incident.id && city.isOpenOrder(order)).length;
      const isOn = chosen?.kind === "incident" && chosen.id === incident.id;
      return parts.choice("incident", incident.id, isOn ? "row row-incident row-on" : "row row-incident",
        parts.diamond(incident.grade),
        span("row-title ellipsis", page.label("hazard", incident.hazard)),
        span("row-side", parts.sentence(page.duration((page.now() - incident.reported) / 1000), from)),
        span("row-more", span("ellipsis", [page.label("incident_state", incident.state), cards.incidentPlace(incident)].filter(Boolean).join(" · ")),
          span("", ...parts.sentence(page.words("incidents.units", { n: sent }), { source: sources.orders, asOf: page.now() }))));
    });
  };

  cards.sub = (key, n, source) => (cards.hasCity() ? parts.sentence(page.words(key, { n: page.figure(n) }), { source, asOf: page.now() }) : "");

  cityhelm.cards = cards;
})();
