/* Situations: warnings that belong together, as one: folded under their root in lists, an outline on the map. */
(() => {
  const { page, city, parts } = cityhelm;
  const { div, span, number } = parts;
  const situations = {};
  const unfolded = new Set(); // numbers of those whose members are listed
  const MOST_UNFOLDED = 50;
  const FROM = "situation, situation_history · storage.situations";

  situations.find = (number_) => city.situations.find(({ number: one }) => one === number_) ?? null;
  situations.words = (situation) => (page.facts.lang === "zh" ? situation.zh : situation.en);
  situations.from = (situation) => ({ source: FROM, measured: situation.updated, count: situation.n });

  /** Rows of a list with the members of each situation under its root, the root saying how many there are; what is not in any
      stays as it is. Pure but for what is unfolded. */
  situations.folded = (warnings) => {
    const shown = new Set(warnings.map(({ id }) => id));
    const roots = new Map(city.situations.map((situation) => [situation.number, shown.has(situation.root) ? situation.root : situation.members.find((id) => shown.has(id))]));
    return warnings.filter((warning) => !roots.has(warning.situation) || roots.get(warning.situation) === warning.id || unfolded.has(warning.situation))
      .map((warning) => ({ ...warning, heads: roots.get(warning.situation) === warning.id ? situations.find(warning.situation) : null }));
  };

  /** The button that folds and unfolds a situation at its root. */
  situations.fold = (situation) =>
    parts.el("button", { class: "situation-fold", "data-fold": String(situation.number), "aria-expanded": String(unfolded.has(situation.number)), title: situations.words(situation) },
      unfolded.has(situation.number) ? "▾ " : "▸ ", span("", page.words("situation.holds", { n: page.figure(situation.n) })));

  /** What is told of a situation beside one of its warnings. */
  situations.part = (situation) => {
    const from = situations.from(situation);
    const members = situation.members.map((id) => city.warning(id)).filter(Boolean);
    return parts.part(page.words("situation.title", { n: situation.number }), parts.sentence(page.words("situation.sub", { n: page.figure(situation.n), time: page.moment(situation.opened) }), from),
      div("sentence", situations.words(situation)), cityhelm.steps.promote("situation", String(situation.number)),
      members.slice(0, 12).map((warning) => parts.choice("warning", warning.id, "similar-row", parts.badge(warning.level), span("ellipsis", cityhelm.cards.warningWords(warning)), number(page.moment(warning.raised), { source: FROM, measured: warning.raised }), warning.id === situation.root ? parts.pill(page.words("situation.root"), "on") : span("quiet", page.label("warning_state", warning.state)))),
      members.length > 12 ? parts.empty("situation.others", { n: members.length - 12 }) : null);
  };

  const rings = (shape) => (!shape ? [] : shape.type === "Polygon" ? [shape.coordinates] : shape.type === "MultiPolygon" ? shape.coordinates : []);
  let drawn = { of: null, rows: [] };
  situations.below = (deck, scale) => {
    if (!cityhelm.layers.isShown("warning")) return [];
    if (drawn.of !== city.situations) drawn = { of: city.situations, rows: city.situations.flatMap((situation) => rings(situation.outline).map((polygon) => ({ polygon, id: situation.root }))) };
    if (!drawn.rows.length) return [];
    return [new deck.PolygonLayer({ id: "situations", data: drawn.rows, getPolygon: (row) => row.polygon, getFillColor: [232, 243, 255, 16], getLineColor: [232, 243, 255, 170], getLineWidth: 1.6 * scale, lineWidthUnits: "pixels", updateTriggers: { getLineWidth: scale } })];
  };

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-fold]");
    if (!pressed) return;
    const one = Number(pressed.dataset.fold);
    if (!unfolded.delete(one) && unfolded.size < MOST_UNFOLDED) unfolded.add(one);
    event.stopPropagation();
    page.beat();
  }, true);

  cityhelm.situations = situations;
})();
