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

  /** What is drawn → how many corners it needs at least is the tool's to know; what of it becomes a shape is here. */
  const SHAPES = {
    ring: (corners) => ({ type: "Polygon", coordinates: [[...corners, corners[0]]] }),
    line: (corners) => ({ type: "LineString", coordinates: corners }),
    point: ([corner]) => ({ type: "Point", coordinates: corner }),
  };
  const [LEAST_M, MOST_M] = [10, 20000];
  const drawButtons = (id) => (page.may("incident.area") ? [
    Object.keys(SHAPES).map((kind) => el("button", { key: kind, class: "link", "data-draw": JSON.stringify({ incident: id, kind }) }, page.words(`impact.draw_${kind}`))),
    el("input", { key: "reach", id: "impact-reach", class: "input supply-n", type: "number", min: LEAST_M, max: MOST_M, placeholder: page.words("impact.reach"), title: page.words("impact.reach_long"), "aria-label": page.words("impact.reach_long") }),
  ] : null);

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
      kinds.length ? null : div("quiet", page.words("impact.nothing")), div("impact-acts", drawButtons(found.id), back));
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-draw]");
    if (!pressed) return;
    const { incident, kind } = JSON.parse(pressed.dataset.draw);
    cityhelm.tools.ask({ kind, title: page.words(`impact.draw_${kind}`), done: (corners) => {
      const shape = JSON.stringify(SHAPES[kind](corners));
      const reach = document.getElementById("impact-reach")?.value; // how far a point or a line reaches; none: as the policy says
      clicks.act({ action: "incident.area", request: { incident, shape, ...(reach ? { reach_m: reach } : {}) }, about: incident });
    } });
  });

  cityhelm.impact = impact;
})();
