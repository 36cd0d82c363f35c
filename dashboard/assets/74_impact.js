/* Impact: who and what an incident touches: its radius, the line or the area that was drawn for it, and what lies inside. */
(() => {
  const { page, city, parts, dossiers, clicks } = cityhelm;
  const { el, div, span, number, part } = parts;
  const impact = {};
  const AGAIN_MS = 60000;
  const FIRST = ["school", "hospital", "care_home", "shelter", "metro_station", "service_hall"];
  const from = "population, places, roads · gis_data.impact";

  const ask = (id) => dossiers.follow("impact", `/api/incidents/${encodeURIComponent(id)}/impact`, AGAIN_MS);
  let known = { id: null, shape: null };
  /** Keeps what is counted for the chosen incident, whichever of its views is shown. */
  impact.follow = ({ id }) => {
    known = { id, shape: ask(id).data?.shape ?? null };
  };
  /** What is counted, as a GeoJSON geometry; null while that is not known. */
  impact.shapeOf = (id) => (known.id === id ? known.shape : null);

  const drawButton = (id) => (page.may("incident.area")
    ? el("button", { class: "link", "data-draw": JSON.stringify({ incident: id }) }, page.words("impact.draw")) : null);

  /** The figures, and the way to draw the area anew. `dossier` says what was drawn. */
  impact.part = (found, dossier) => {
    const { data, isGone, fault } = ask(found.id);
    const title = page.words("impact.title");
    if (isGone) return null; // without a city there is nothing to count
    if (!data) return part(title, "", fault ? parts.face("failed", { source: from, isSmall: true }) : parts.empty("loading"));
    const source = { source: from, asOf: page.now() };
    const basis = page.words(`impact.basis_${data.basis}`, { n: data.reach_m === null ? "" : page.figure(data.reach_m) });
    const figure = (name, value, note = null) => div("around-figure", number(value === null ? null : page.figure(value), source), span("ellipsis", name), note ? el("small", { class: "ellipsis", title: note }, note) : null);
    const kinds = Object.entries(data.kinds).sort(([a], [b]) => (FIRST.indexOf(a) + 99) % 99 - (FIRST.indexOf(b) + 99) % 99);
    const metres = data.roads === null ? null : Object.values(data.roads).reduce((sum, n) => sum + n, 0);
    const names = (places) => places.map((place) => cityhelm.map.nameOf(place)).join(page.words("impact.and"));
    const back = dossier?.area && page.may("incident.area")
      ? el("button", { class: "link", "data-act": JSON.stringify({ action: "incident.area", request: { incident: found.id }, about: found.id }), disabled: clicks.isBusy(found.id) }, page.words("impact.undraw")) : null;
    return part(title, [parts.sentence(basis, source), " · ", parts.sentence(page.words("impact.size", { n: page.figure(data.area_km2, data.area_km2 < 1 ? 2 : 1) }), source)],
      div("around-figures", figure(page.words("command.residents"), data.residents),
        kinds.slice(0, 5).map(([kind, { n, places }]) => figure(cityhelm.marks.placeKind(kind), n, names(places))),
        metres === null ? null : figure(page.words(metres < 1000 ? "impact.roads_m" : "impact.roads"), metres < 1000 ? metres : metres / 1000)),
      kinds.length ? null : div("quiet", page.words("impact.nothing")), div("impact-acts", drawButton(found.id), back));
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-draw]");
    if (!pressed) return;
    const { incident } = JSON.parse(pressed.dataset.draw);
    cityhelm.tools.ask({ kind: "ring", title: page.words("impact.draw"), done: (corners) => {
      const shape = JSON.stringify({ type: "Polygon", coordinates: [[...corners, corners[0]]] });
      clicks.act({ action: "incident.area", request: { incident, shape }, about: incident });
    } });
  });

  cityhelm.impact = impact;
})();
