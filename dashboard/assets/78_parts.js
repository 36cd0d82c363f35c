/* The parts page: every component in every state. The numbers of this file are examples, the only invented ones of the product;
   each stands under the word for "example", and each says so when one points at it. */
(() => {
  const { page, parts } = cityhelm;
  const { el, div, span, number } = parts;
  const STATES = ["live", "late", "stale", "failed", "empty"];
  const AGE_S = { live: 12, late: 150, stale: 2400 };
  const MINUTE = 60000;
  const chosen = { scene: "overall" };
  const w = (key) => page.words(`example.${key}`);

  const from = (state = "live") => ({ source: "example · 78_parts.js", measured: page.now() - 1000 * (AGE_S[state] ?? 0), received: page.now() - 1000 * (AGE_S[state] ?? 0) + 400, quality: "good", count: 24, made: w("made"), isStale: state === "stale" });
  const turn = (n, everyS = 4) => Math.floor(page.now() / 1000 / everyS) % n; // examples of what lives change now and then
  const wave = (n, low, high, phase = 0) => Array.from({ length: n }, (_, k) => low + (high - low) * (0.5 + 0.42 * Math.sin(k / 3.4 + phase) + 0.08 * Math.sin(k * 2.1 + phase)));

  const specimen = (key, mark, ...body) => el("div", { key, class: "specimen" }, div("specimen-head", mark, span("specimen-mark", page.words("example.mark"))), ...body);
  const inStates = (make) => STATES.map((state) => specimen(state, parts.freshness(state), make(state)));
  const block = (key, look, ...body) => el("section", { key, class: "block", id: `parts-${key}`, "aria-label": page.words(`parts.${key}`) }, el("h2", {}, page.words(`parts.${key}`)), el("p", { class: "block-note" }, page.words(`parts.${key}_note`)), div(`block-body ${look}`, ...body));
  const say = (state) => ({ state, measured: from(state).measured, from: from(state), fault: state === "failed" ? { reason: w("reason"), since: page.now() - 7 * MINUTE } : {} });

  /* foundations */

  const TOKENS = {
    ground: ["deep", "night", "solid", "over", "track", "line"],
    letters: ["bright", "ink", "quiet", "faint"],
    accent: ["accent", "accent-bright", "accent-deep"],
    verdict: ["good", "worse", "action"],
    heat: ["heat-1", "heat-2", "heat-3", "heat-4", "heat-5"],
    fresh: ["late", "stale", "silent", "never"],
    mark: ["mark-fresh", "mark-late", "mark-stale", "mark-free", "mark-away", "grade-3", "grade-4", "mark-place", "mark-cluster"],
  };
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const luminance = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const colours = () => [
    ...Object.entries(TOKENS).map(([group, names]) => div("samples", span("samples-name", page.words(`parts.colour_${group}`)), names.map((name) => {
      const ratio = contrast(token(name), token("night"));
      return div("sample", el("i", { style: `background:var(--${name})` }), span("", `--${name}`), el("span", { class: "num", title: page.words("parts.contrast"), "data-source": "00_tokens.css · --night" }, ratio.toFixed(1)));
    }))),
    div("samples", span("samples-name", page.words("parts.colour_level")), Object.keys(page.facts.shapes).map((level) => div("sample sample-level", parts.badge(level), span("", `--level-${level}`), el("span", { class: "num", title: page.words("parts.contrast_level"), "data-source": "00_tokens.css · --on-level" }, contrast(token(`level-${level}`), token("on-level")).toFixed(1))))),
  ];
  const TYPES = ["note", "body", "row", "card", "figure", "head", "vital", "large", "key"];
  const types = () => TYPES.map((name) => div("type", span("type-name", `--type-${name}`), el("span", { class: "type-words", style: `font-size:var(--type-${name})` }, w("type")), el("span", { class: "type-figures num", style: `font-size:var(--type-${name})`, title: `--type-${name}`, "data-source": "00_tokens.css · --figures" }, "0123456789")));
  const SPACES = ["gap-hair", "gap-small", "gap", "gap-card", "gap-large", "gap-page"];
  const spaces = () => [
    ...SPACES.map((name) => div("space", el("i", { style: `width:var(--${name})` }), span("", `--${name}`))),
    ...["round-small", "round", "round-card", "round-pill"].map((name) => div("space", el("i", { class: "space-corner", style: `border-radius:var(--${name})` }), span("", `--${name}`))),
    ...["depth-card", "depth-over", "glow"].map((name) => div("space", el("i", { class: "space-corner space-depth", style: `box-shadow:var(--${name})` }), span("", `--${name}`))),
  ];
  const ICONS = ["city", "traffic", "air", "rain", "river", "power", "water", "people", "online", "weather", "incident", "warning", "request", "served", "hot", "hall", "unit", "readiness", "index", "ranking", "forecast", "clock", "person", "check", "better", "worse", "same", "failed", "empty", "search", "layers", "full-screen", "ticker", "play", "pause", "sort", "up", "down"];
  const icons = () => ICONS.map((name) => div("icon-place", parts.icon(name), span("", name)));

  /* numbers */

  const headlines = (state) =>
    parts.headline({ label: w("served"), icon: "served", value: state === "live" ? 23646 + 7 * turn(9) : 23646, unit: w("items"), state, compare: { before: 24012, better: "more", words: w("yesterday") } }, from(state));
  const verdicts = () => [
    ["better", { value: 18.4, before: 20.1, better: "less", words: w("yesterday"), digits: 1 }], ["worse", { value: 1287, before: 1235, better: "less", words: w("yesterday") }],
    ["same", { value: 311, before: 311, better: "more", words: w("yesterday") }], ["other", { value: 8946, before: 8760, words: w("yesterday") }],
  ].map(([key, row]) => specimen(key, null, parts.headline({ label: w(key), icon: "clock", value: row.value, digits: row.digits ?? 0, unit: row.digits ? w("minutes") : w("items"), compare: row }, from())));
  const vitals = (state) =>
    parts.vital({ label: w("traffic"), icon: "traffic", value: state === "live" ? 4.6 + 0.1 * turn(5) : 4.6, band: w("traffic_band"), share: 0.46, edges: [0.2, 0.4, 0.6, 0.8], hours: wave(24, 2, 7).map((value, k) => (k === 9 ? null : value)), state }, from(state));

  /* lists */

  const DISTRICTS = ["a", "b", "c", "d", "e", "f"];
  const ranking = (state) => parts.card({ title: w("ranking"), icon: "ranking", sub: w("of_100"), ...say(state) },
    parts.ranking(DISTRICTS.map((name, k) => ({ key: name, name: w(`district_${name}`), value: k === 5 ? null : 97 - 4 * k, share: k === 5 ? null : (97 - 4 * k) / 100, isOn: k === 2 && state === "live" })), { label: w("ranking") }, from(state)));
  const queues = (state) => parts.card({ title: w("queues"), icon: "hall", sub: w("minutes"), ...say(state) },
    parts.queues([["social", 24, 20], ["property", 22, 25], ["medical", 14, 20], ["tax", 12, 15], ["entry", 9, 15], ["business", null, 15]].map(([name, value, target]) => ({ key: name, name: w(`item_${name}`), value, target })), { unit: w("minutes_short"), label: w("queues") }, from(state)));
  const STATUS = { live: ["handling", "on"], late: ["handling", "on"], stale: ["sent", ""] };
  const notices = (state) => parts.card({ title: page.words("warnings.title"), icon: "warning", look: "card-rows", ...say(state) },
    Object.keys(page.facts.shapes).map((level, k) => parts.notice({ key: level, level, title: w(`warning_${level}`), place: w(`district_${DISTRICTS[k]}`), since: page.now() - (14 + 21 * k) * MINUTE, pill: k ? parts.pill(w((STATUS[state] ?? STATUS.stale)[0]), (STATUS[state] ?? STATUS.stale)[1]) : parts.pill(w("unanswered"), "act"), choose: state === "live" ? { kind: "example", id: level } : null, isOn: state === "live" && k === 1 }, from(state))));
  const steps = () => [["reported", "done", 32], ["confirmed", "done", 29], ["sent", "done", 26], ["arrived", "now", 12], ["closed", "next", null], ["reinforced", "missed", 9]].map(([name, state, minutes]) => ({ key: name, state, title: w(`step_${name}`), note: w(`step_${name}_note`), time: minutes === null ? null : page.now() - minutes * MINUTE }));
  const timeline = (state) => parts.card({ title: w("timeline"), icon: "clock", ...say(state) }, parts.timeline(steps(), from(state)));
  const COLUMNS = () => [
    { key: "name", title: w("column_name"), cell: (row) => row.name, order: (row) => row.name },
    { key: "level", title: w("column_level"), cell: (row) => parts.badge(row.level), order: (row) => Object.keys(page.facts.shapes).indexOf(row.level) },
    { key: "value", title: w("column_value"), isRight: true, cell: (row) => number(row.value === null ? null : page.figure(row.value, 1), from()), order: (row) => row.value },
  ];
  const ROWS = () => Object.keys(page.facts.shapes).map((level, k) => ({ key: level, name: w(`district_${DISTRICTS[k]}`), level, value: [118.4, 42, 0.5, null][k], choose: { kind: "example", id: level } }));
  const table = (state) => parts.card({ title: w("table"), ...say(state) }, parts.table(`example-${state}`, COLUMNS(), ROWS(), { label: w("table"), state, chosen: state === "live" ? "orange" : null }));
  const ticker = (state) => parts.ticker(Object.keys(page.facts.shapes).map((level, k) => ({ key: level, level, time: page.now() - (3 + 9 * k) * MINUTE, text: `${w(`warning_${level}`)} · ${w(`district_${DISTRICTS[k]}`)}` })), { title: w("ticker"), state, empty: w("ticker_none") }, from(state));

  /* charts */

  const STEP_S = 900;
  const fanOf = (state) => {
    const now = Math.floor(page.now() / 1000 / STEP_S) * 1000 * STEP_S;
    const measured = { start: now - 24 * 1000 * STEP_S, step_s: STEP_S, values: wave(25, 280, 610).map((value, k) => (k > 6 && k < 9 ? null : value)) };
    const q50 = wave(14, 280, 610, 24 / 3.4);
    const spread = q50.map((_, k) => 18 + 9 * k);
    const forecast = { start: now, step_s: STEP_S, q50, q10: q50.map((value, k) => value - spread[k]), q90: q50.map((value, k) => value + spread[k]) };
    return parts.fan(`example-${state}`, { measured, forecast, now: now + 4 * MINUTE, unit: w("items_15"), label: w("fan"), digits: 0, target: state === "late" ? 560 : null, state, source: "example · 78_parts.js" });
  };
  const fan = (state) => parts.card({ title: w("fan"), icon: "forecast", ...say(state), look: "card-fan" }, fanOf(state));
  const columns = (state) => parts.card({ title: w("columns"), icon: "request", ...say(state), look: "card-columns" },
    parts.columns(wave(24, 20, 160).map((value, k) => (k > 18 ? null : value)), { usual: wave(24, 30, 140, 0.4), now: 18, label: w("columns"), ticks: [0, 0.25, 0.5, 0.75].map((share) => [share + 1 / 48, `${24 * share}:00`]) }));
  const strip = (state) => parts.card({ title: w("strip"), ...say(state), look: "card-strip" },
    parts.strip({ from: page.now() - 150 * MINUTE, to: page.now() + 30 * MINUTE, now: page.now(), label: w("strip"), marks: [
      { key: "a", time: page.now() - 120 * MINUTE, level: "yellow", label: page.label("level", "yellow") }, { key: "b", time: page.now() - 75 * MINUTE, level: "red", label: page.label("level", "red") },
      { key: "c", time: page.now() - 66 * MINUTE, look: "incident", label: w("step_reported") }, { key: "d", time: page.now() - 48 * MINUTE, look: "order", label: w("step_sent") },
    ] }, from(state)));

  /* small things */

  const named = (key, ...body) => specimen(key, span("specimen-name", page.words(`parts.small_${key}`)), ...body);
  const small = () => [
    named("levels", div("pieces", Object.keys(page.facts.shapes).map((level) => parts.badge(level))), div("pieces", Object.keys(page.facts.shapes).map((level) => parts.badge(level, true)))),
    named("grades", div("pieces pieces-wide", ["I", "II", "III", "IV"].map((grade) => parts.diamond(grade))), div("pieces pieces-wide", ["available", "enroute", "working", "out_of_service"].map((status) => parts.unit({ kind: "ambulance", status })))),
    named("pills", div("pieces", parts.pill(w("sent")), parts.pill(w("handling"), "on", "unit"), parts.pill(w("done"), "done", "check"), parts.pill(w("unanswered"), "act"), parts.pill(w("out"), "out"))),
    named("fresh", div("pieces pieces-down", [...STATES, "loading"].map((state) => parts.freshness(state, from(state).measured, from(state))))),
    named("clock", parts.clock(page.now()), div("pieces", parts.stopwatch(page.now() - 1938000, { label: page.words("incident.elapsed") }, from()), parts.stopwatch(page.now() - 734000, { label: w("overdue"), limitS: 600 }, from()))),
    named("choosing", parts.segments(page.words("parts.choosing"), ["overall", "emergency", "traffic"].map((name) => ({ value: name, label: w(`scene_${name}`), attributes: { "data-example": name } })), chosen.scene), parts.progress((page.now() / 1000 % 30) / 30, w("progress")), parts.trail(w("trail"), [["city", "city"], ["a", "district_a"], ["street", "street"]].map(([key, name]) => ({ key, name: w(name) })))),
    named("acts", div("pieces", el("button", { class: "button button-first" }, w("act_first")), el("button", { class: "button" }, w("act")), el("button", { class: "button button-plain" }, w("act_plain")), el("button", { class: "button", disabled: true }, w("act_off"))), div("refusal", w("refusal"))),
    named("faces", div("pieces pieces-down", parts.face("loading"), parts.face("failed", { ...say("failed").fault, source: "example · 78_parts.js" }), parts.face("empty", { source: "example · 78_parts.js" }))),
    named("lineage", div("pieces pieces-wide", span("example-figure", parts.rolling(page.figure(1287 + turn(60, 2)), from()), " ", w("items")), span("quiet", w("lineage")))),
  ];

  const walls = () => {
    const side = () => div("wall-side", Array.from({ length: Number(token("side-columns")) * 3 }, (_, k) => el("i", { key: String(k), class: k === 0 ? "wall-tall" : "" })));
    return [side(), el("i", {}), side()];
  };

  const STARTERS = ["colours", "types", "spaces", "icons", "walls", "headlines", "verdicts", "vitals", "small", "notices", "ranking", "queues", "fan", "columns", "strip", "timeline", "table", "ticker"];
  const contents = () => el("nav", { class: "contents", "aria-label": page.words("parts.contents") }, STARTERS.map((key) => el("a", { class: "pill", href: `#parts-${key}` }, page.words(`parts.${key}`))));

  const draw = () => {
    if (!page.facts || !document.getElementById("parts")) return;
    parts.draw("parts",
      div("parts-head", el("h2", {}, page.words("parts.label")), el("p", {}, page.words("parts.about")), contents()),
      div("blocks",
        div("block-row", block("colours", "block-samples", colours()), block("types", "block-types", types()), block("spaces", "wall-grid", spaces()), block("icons", "wall-grid", icons())),
        block("walls", "wall block-walls", walls()),
        block("headlines", "block-states", inStates(headlines)), block("verdicts", "block-states", verdicts()), block("vitals", "block-states", inStates(vitals)), block("small", "block-small", small()),
        block("notices", "block-states", inStates(notices)), block("ranking", "block-states", inStates(ranking)), block("queues", "block-states", inStates(queues)),
        block("fan", "block-states", inStates(fan)), block("columns", "block-states", inStates(columns)), block("strip", "block-states", inStates(strip)),
        block("timeline", "block-states", inStates(timeline)), block("table", "block-states", inStates(table)), block("ticker", "block-lines", inStates(ticker))));
    page.becomeReady();
  };

  document.addEventListener("click", ({ target }) => {
    const scene = target.closest("[data-example]")?.dataset.example;
    if (!scene) return;
    chosen.scene = scene;
    page.beat();
  });

  cityhelm.examples = { draw };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { examples: { draw } });
})();
