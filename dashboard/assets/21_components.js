/* Components: the vocabulary of every screen, as functions that return pieces (20_parts.js). Words come in already said
   (page.words, page.label), numbers with where they come from (`from`, see parts.number), times in ms.
   Whatever shows data takes a state: live · late · stale · failed · empty · loading. `parts.stateOf` judges it; a component
   greys what is stale, says how old it is, and has a face of its own for what could not be read, is not there, or is on its way.
   /parts shows each of them in each state. */
(() => {
  const { page, city, parts } = cityhelm;
  const { el, div, span, number, rolling } = parts;
  const FACES = ["failed", "empty", "loading"];
  const list = (...children) => children.flat(4).filter((child) => child !== null && child !== undefined && child !== false && child !== "");
  const join = (...names) => names.filter(Boolean).join(" ");

  /* states */

  /** The state of data: `value` null or undefined is empty, `fault` true is failed; else its age is judged by the rule of sensors
      (domain.observations.freshness) against `everyS`, the seconds between two of its values. Nothing is live while the stream is not. */
  parts.stateOf = ({ value, measured = null, everyS = 60, fault = false }) => {
    if (fault) return "failed";
    if (value === null || value === undefined) return "empty";
    if (!cityhelm.stream.isLive()) return "stale";
    if (measured === null) return "live";
    return { fresh: "live", late: "late" }[city.freshness((page.now() - measured) / 1000, everyS)] ?? "stale";
  };
  parts.isFace = (state) => FACES.includes(state);

  /** A picture of assets/icons in the colour of the text beside it; it says nothing that the words do not say. */
  parts.icon = (name, look = "") => el("i", { class: join("icon", look), style: `--icon:url(/assets/icons/${name}.svg)`, "aria-hidden": "true" });

  /** What a place says that has nothing to show: `reason` and `since` (ms) where they are known. A small face is one line. */
  parts.face = (state, { reason = "", since = null, source = "", isSmall = false } = {}) =>
    el("div", { class: join("face", `face-${state}`, isSmall && "face-small"), role: state === "loading" ? "status" : null, ...(source ? { "data-source": source } : {}) },
      state === "loading" ? el("i", { class: "icon-loading", "aria-hidden": "true" }) : parts.icon(state === "failed" ? "failed" : "empty"),
      span("face-words", span("face-title", page.words({ failed: "face.failed", empty: "no_data", loading: "loading" }[state])),
        since === null ? null : span("face-since", number(page.words("source.since", { time: page.moment(since) }), { source, asOf: since })),
        reason ? span("face-reason", reason) : null));

  /** How fresh something is: a dot whose shape says it too, and the age or the word. */
  parts.freshness = (state, measured = null, from = {}) =>
    span(`freshness freshness-${state}`, el("i", { "aria-hidden": "true" }), span("freshness-word", page.words(`state.${state}`)),
      measured === null || parts.isFace(state) ? null : span("freshness-age", parts.age(measured, from)));

  /** A titled part of a screen. Its head says how fresh it is when it is not live; without data its body is the face. */
  parts.card = ({ key, title, sub = "", icon = null, state = "live", measured = null, from = {}, fault = {}, look = "" }, ...body) =>
    el("section", { key, class: join("card", `is-${state}`, look) },
      el("h2", {}, span("card-title", icon ? parts.icon(icon) : null, span("", title)), el("small", {}, state === "live" || parts.isFace(state) ? sub : parts.freshness(state, measured, from))),
      div("body", parts.isFace(state) ? parts.face(state, { source: from.source, ...fault }) : body));

  /** A word in a pill: look "" (quiet), "on" (chosen, live), "act" (somebody is asked), "done", "out". */
  parts.pill = (text, look = "", icon = null) => span(join("pill", look && `pill-${look}`), icon ? parts.icon(icon) : null, span("", text));

  /** The level of a warning: colour, shape, word. `isTall` sets the word below the shape, for lists. */
  parts.badge = (level, isTall = false) =>
    el("span", { class: join("level", `level-${level}`, isTall && "level-tall") }, el("i", { class: `shape shape-${page.facts.shapes[level]}`, "aria-hidden": "true" }), span("", page.label("level", level)));

  /* headline figures */

  /** Better or worse than before, never only up or down. `better` is "more", "less" or null where neither is better; `words` say
      what it is compared with; as a share of what was before, or in the value's own unit where that was nothing. */
  parts.compare = ({ value, before, better = null, words = "", digits = 0 }, from) => {
    if (before === null || before === undefined || value === null || value === undefined) return null;
    const by = value - before;
    const shown = before ? `${by < 0 ? "−" : "+"}${page.fixed(Math.abs((100 * by) / before), 1)}%` : `${by < 0 ? "−" : "+"}${page.figure(Math.abs(by), digits)}`;
    const verdict = by === 0 ? "same" : better === null ? "other" : (by > 0) === (better === "more") ? "better" : "worse";
    return span(`compare compare-${verdict}`, verdict === "other" ? null : parts.icon(verdict), verdict === "other" ? null : page.words(`compare.${verdict}`), " ",
      by === 0 ? null : number(shown, from), " ", span("compare-with", words));
  };

  /** A headline figure. `value` is a number (drawn with `digits` decimals) or ready text; `compare` as above without its value;
      `note` stands where there is nothing to compare. Focus or point: where the number comes from. */
  parts.headline = ({ key, label, value, digits = 0, unit = "", icon = null, compare = null, note = null, state = "live", look = "" }, from) => {
    const shown = typeof value === "number" ? page.fixed(value, digits) : value;
    const isFace = parts.isFace(state);
    return el("div", { key: key ?? label, class: join("kpi", "headline", `is-${state}`, look), tabindex: "0", role: "group", "aria-label": label },
      div("kpi-label", icon ? parts.icon(icon) : null, span("ellipsis", label), state === "late" || state === "stale" ? parts.freshness(state, from.measured ?? from.asOf ?? null, from) : null),
      isFace ? div("kpi-line kpi-face", parts.face(state, { source: from.source, isSmall: true })) : div("kpi-line", rolling(shown, { ...from, isStale: state === "stale" }), unit ? span("kpi-unit", unit) : null),
      div("kpi-foot", isFace ? null : compare ? parts.compare({ value, digits, ...compare }, from) : span("ellipsis", note)));
  };
  parts.headlines = (...figures) => el("div", { class: "kpis", role: "group", "aria-label": page.words("kpi.label") }, ...figures);

  /** A vital sign: its value and the word of its band, where it stands on its scale (`share`, 0 to 1; `edges` are the shares at
      which its bands end) and its last day (`hours`, oldest first, null where nothing was measured). */
  parts.vital = ({ key, label, icon = null, value, digits = 1, unit = "", band = "", share = null, edges = [], hours = null, state = "live", choose = null }, from) => {
    const isFace = parts.isFace(state);
    const shown = typeof value === "number" ? page.fixed(value, digits) : value;
    const inside = [
      div("vital-label", icon ? parts.icon(icon) : null, span("ellipsis", label), state === "late" || state === "stale" ? parts.freshness(state, from.measured ?? null, from) : null),
      isFace ? parts.face(state, { source: from.source, isSmall: true })
        : div("vital-line", rolling(shown, { ...from, isStale: state === "stale" }), unit ? span("vital-unit", unit) : null, band ? span("vital-band", band) : null),
      isFace ? null : parts.scale(share, edges),
      isFace || !hours ? null : parts.sparkline(hours, { label: page.words("chart.day_of", { name: label }) }),
    ];
    const attributes = { key: key ?? label, class: join("vital", `is-${state}`), "aria-label": label };
    return choose ? el("button", { ...attributes, "data-choose": JSON.stringify(choose) }, ...inside) : el("div", { ...attributes, role: "group", tabindex: "0" }, ...inside);
  };

  /** Where a value stands on its scale: the bar as far as it goes, ticks where bands end. */
  parts.scale = (share, edges = []) =>
    div("scale", share === null || share === undefined ? null : el("i", { class: "scale-bar", style: `width:${percent(share)}` }), edges.map((edge, k) => el("i", { key: `e${k}`, class: "scale-edge", style: `left:${percent(edge)}` })));
  const percent = (share) => `${(100 * Math.min(1, Math.max(0, share))).toFixed(1)}%`;

  /* lists */

  /** Rows with a bar, best first. A row is {key, name, value, share, note, choose, isOn}; `rank` counts from 1 unless a row has its own. */
  parts.ranking = (rows, { digits = 0, label = "" }, from) =>
    el("ol", { class: "ranking", "aria-label": label }, rows.map((row, k) => {
      const rank = row.rank ?? k + 1;
      const inside = [
        span(rank <= 3 ? "rank rank-first" : "rank", number(String(rank), { ...from, ...row.from })),
        span("ranking-name ellipsis", row.name),
        span("ranking-bar", row.share === null || row.share === undefined ? null : el("i", { style: `width:${percent(row.share)}` })),
        span("ranking-value", number(typeof row.value === "number" ? page.fixed(row.value, digits) : row.value, { ...from, ...row.from })),
        row.note ? span("ranking-note", row.note) : null,
      ];
      const look = join("ranking-row", row.isOn && "ranking-on");
      return el("li", { key: row.key }, row.choose ? el("button", { class: look, "data-choose": JSON.stringify(row.choose), "aria-pressed": String(Boolean(row.isOn)) }, ...inside) : div(look, ...inside));
    }));

  /** Loads against a target: the bar in cyan up to the target, hatched beyond it. A row is {key, name, value, target, note, from}. */
  parts.queues = (rows, { unit = "", digits = 0, label = "", longest = null }, from) => {
    const end = longest ?? 1.15 * Math.max(1e-9, ...rows.flatMap((row) => [row.value ?? 0, row.target ?? 0]));
    return el("ul", { class: "queues", tabindex: "0", "aria-label": label }, rows.map((row) => {
      const source = { ...from, ...row.from };
      const isOver = row.value !== null && row.target !== null && row.target !== undefined && row.value > row.target;
      return el("li", { key: row.key, class: join("queue", isOver && "queue-beyond") },
        span("queue-name ellipsis", row.name),
        span("queue-bar", row.value === null ? null : el("i", { class: "queue-in", style: `width:${percent((isOver ? row.target : row.value) / end)}` }),
          isOver ? el("i", { class: "queue-out", style: `left:${percent(row.target / end)};width:${percent((Math.min(end, row.value) - row.target) / end)}` }) : null,
          row.target === null || row.target === undefined ? null : el("i", { class: "queue-target", style: `left:${percent(row.target / end)}` })),
        span("queue-value", number(row.value === null ? null : page.fixed(row.value, digits), source), row.value === null ? null : span("queue-unit", unit)),
        span("queue-note", isOver ? span("queue-excess", page.words("queue.over", { n: page.figure(row.value - row.target, row.value - row.target < 1 ? 1 : digits) })) : row.target === null || row.target === undefined ? null : page.words("queue.target", { n: page.figure(row.target, digits) }), row.note ? span("", " · ", row.note) : null));
    }));
  };

  /** What happened, oldest first. A step is {key, time, title, note, state}: "done", "now", "next", "missed". */
  parts.timeline = (steps, from) =>
    el("ol", { class: "timeline" }, steps.map((step) =>
      el("li", { key: step.key, class: `moment moment-${step.state ?? "done"}`, "aria-current": step.state === "now" ? "step" : null },
        span("moment-time", step.time ? number(page.hour(step.time), { ...from, measured: step.time }) : "—"), el("i", { "aria-hidden": "true" }),
        span("moment-words", span("moment-title", step.title), step.note ? span("moment-note", step.note) : null))));

  /** A row of a list of warnings: its level, what and where, since when, what is being done; `choose` makes it a button. */
  parts.notice = ({ key, level, title, place = "", since = null, pill = null, choose = null, isOn = false }, from) => {
    const inside = [
      parts.badge(level, true), span("notice-title ellipsis", title), pill,
      span("notice-more", span("ellipsis", place), since === null ? null : span("", parts.sentence(page.words("warnings.since", { time: page.hour(since) }), { ...from, measured: since }))),
    ];
    return choose ? el("button", { key, class: join("notice", isOn && "notice-on"), "data-choose": JSON.stringify(choose), "aria-pressed": String(isOn) }, ...inside) : el("div", { key, class: "notice" }, ...inside);
  };

  /* time */

  /** The time of day, large. */
  parts.clock = (ms) => div("time", el("span", { class: "time-clock num", title: page.words("header.clock", { zone: page.facts.zone }), "data-source": "frame · t" }, page.clock(ms)), span("time-date", page.date(ms)));

  /** A span as a running clock, h:mm:ss; past `limitS` seconds it is inverse: somebody is asked. */
  parts.stopwatch = (since, { until = null, limitS = null, label = "" } = {}, from = {}) => {
    const s = Math.max(0, Math.floor(((until ?? page.now()) - since) / 1000));
    const two = (n) => String(n).padStart(2, "0");
    const text = `${s >= 3600 ? `${Math.floor(s / 3600)}:` : ""}${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
    return span(join("stopwatch", limitS !== null && s > limitS && "stopwatch-over"), label ? span("stopwatch-label", label) : null, number(text, { measured: since, ...from }));
  };

  /** How far something that goes by itself has come (0 to 1). */
  parts.progress = (share, label) =>
    el("div", { class: "progress", role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": String(Math.round(100 * share)) }, el("i", { style: `width:${percent(share)}` }));

  /** Messages that pass by; pointing at them or the button stops them, and for those who want no motion one stands at a time.
      An item is {key, level, time, text}. */
  const ticker = { isHeld: page.recall("ticker") === "held" };
  const STAND_MS = 8000;
  const CHARACTERS_PER_S = 7; // slow enough to read from afar
  parts.ticker = (items, { title, state = "live", empty = "" }, from = {}) => {
    const message = (item) => span("ticker-item", item.level ? parts.badge(item.level) : null, item.time ? number(page.hour(item.time), { ...from, measured: item.time }) : null, span("ticker-text", item.text));
    const hasNews = !parts.isFace(state) && items.length > 0;
    const standing = page.isCalm || ticker.isHeld ? items[Math.floor(page.now() / STAND_MS) % Math.max(1, items.length)] : null;
    const length = items.reduce((sum, item) => sum + item.text.length + 12, 0);
    const run = (name, attributes = {}) => el("span", { key: name, class: "ticker-run", ...attributes }, items.map((item) => el("span", { key: item.key, class: "ticker-place" }, message(item))));
    return el("div", { class: join("ticker", `is-${state}`), role: "region", "aria-label": title },
      span("ticker-title", parts.icon("ticker"), span("", title)),
      !hasNews ? div("ticker-window", parts.isFace(state) && state !== "empty" ? parts.face(state, { source: from.source, isSmall: true }) : span("ticker-none", empty || page.words("no_data")))
        : standing ? div("ticker-window", message(standing), items.length > 1 ? span("ticker-count", number(`${(items.indexOf(standing) + 1)} / ${items.length}`, { ...from, asOf: page.now() })) : null)
        : el("div", { key: "moving", class: "ticker-window ticker-moving", tabindex: "0", role: "group", "aria-label": title, style: `--ticker-s:${Math.max(20, Math.round(length / CHARACTERS_PER_S))}s` }, run("first"), run("again", { "aria-hidden": "true" })),
      hasNews && !page.isCalm && items.length > 1 ? el("button", { class: "ticker-hold", "data-hold": "ticker", "aria-pressed": String(ticker.isHeld), "aria-label": page.words(ticker.isHeld ? "ticker.go" : "ticker.hold"), title: page.words(ticker.isHeld ? "ticker.go" : "ticker.hold") }, parts.icon(ticker.isHeld ? "play" : "pause")) : null);
  };

  /* choosing */

  /** A row of buttons of which one is on. An option is {value, label, icon, attributes}: what it does when pressed is in its attributes. */
  parts.segments = (label, options, chosen) =>
    el("div", { class: "segments", role: "group", "aria-label": label }, options.map((option) =>
      el("button", { key: String(option.value), class: option.value === chosen ? "segment segment-on" : "segment", "aria-pressed": String(option.value === chosen), ...option.attributes }, option.icon ? parts.icon(option.icon) : null, span("", option.label))));

  /** Where one is: from the city down. A step is {key, name, attributes}; the last one is here. */
  parts.trail = (label, steps) =>
    el("nav", { class: "trail", "aria-label": label }, el("ol", {}, steps.map((step, k) =>
      el("li", { key: step.key }, k === steps.length - 1 ? el("span", { "aria-current": "location" }, step.name) : el("button", { class: "link", ...step.attributes }, step.name)))));

  /** A table. A column is {key, title, cell: row → piece, order: row → number or text, isRight}; columns with an order sort when
      their head is pressed. Rows with `choose` are chosen by click or Enter, arrow keys go from row to row. */
  const sorted = new Map(); // table → {column, isDown}; as many as there are tables
  const SHOWN_ROWS = 200;
  parts.table = (id, columns, rows, { label = "", chosen = null, start = null, state = "live", source = "" } = {}) => {
    if (parts.isFace(state)) return parts.face(state, { source });
    const sort = sorted.get(id) ?? start;
    const by = columns.find((column) => column.key === sort?.column && column.order);
    const ranked = by ? [...rows].sort((a, b) => compare(by.order(a), by.order(b)) * (sort.isDown ? -1 : 1)) : rows;
    const head = (column) => {
      const isBy = by === column;
      const title = column.order ? el("button", { class: "sort", "data-sort": JSON.stringify([id, column.key]) }, span("", column.title), parts.icon(isBy ? (sort.isDown ? "down" : "up") : "sort")) : column.title;
      return el("th", { key: column.key, scope: "col", class: column.isRight ? "right" : null, "aria-sort": isBy ? (sort.isDown ? "descending" : "ascending") : null }, title);
    };
    const line = (row, k) => {
      const isOn = row.choose && chosen !== null && row.key === chosen;
      const attributes = row.choose ? { "data-choose": JSON.stringify(row.choose), "data-row": id, tabindex: isOn || (k === 0 && !ranked.some((other) => other.key === chosen)) ? "0" : "-1", "aria-selected": String(Boolean(isOn)) } : {};
      return el("tr", { key: row.key, class: join(row.choose && "table-choice", isOn && "table-on"), ...attributes }, columns.map((column) => el("td", { key: column.key, class: column.isRight ? "right" : null }, column.cell(row))));
    };
    return [
      el("table", { class: "table", "aria-label": label, role: rows.some((row) => row.choose) ? "grid" : null }, el("thead", {}, el("tr", {}, columns.map(head))), el("tbody", {}, ranked.slice(0, SHOWN_ROWS).map(line))),
      ranked.length > SHOWN_ROWS ? div("table-more", page.words("table.first", { n: SHOWN_ROWS, all: page.figure(ranked.length) })) : null,
    ];
  };
  const compare = (a, b) => (a === b ? 0 : a === null || a === undefined ? 1 : b === null || b === undefined ? -1 : typeof a === "string" ? a.localeCompare(b, page.facts.lang) : a - b);

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-sort],[data-hold]");
    if (pressed?.dataset.sort) {
      const [id, column] = JSON.parse(pressed.dataset.sort);
      const before = sorted.get(id);
      sorted.set(id, { column, isDown: before?.column === column ? !before.isDown : pressed.closest("th").classList.contains("right") });
      page.beat();
    } else if (pressed?.dataset.hold) {
      ticker.isHeld = !ticker.isHeld;
      page.remember("ticker", ticker.isHeld ? "held" : "going");
      page.beat();
    }
  });

  document.addEventListener("keydown", (event) => {
    const row = event.target.closest?.("tr[data-row]");
    if (!row) return;
    const rows = [...row.parentElement.children];
    const to = { ArrowDown: rows[rows.indexOf(row) + 1], ArrowUp: rows[rows.indexOf(row) - 1], Home: rows[0], End: rows.at(-1) }[event.key];
    if (event.key === "Enter" || event.key === " ") row.click();
    else if (!to) return;
    else to.focus();
    event.preventDefault();
  });

  /* lineage: where a number comes from, beside it while one points at it or has it in focus */
  const lineage = document.createElement("div");
  lineage.id = "lineage";
  lineage.className = "lineage";
  lineage.setAttribute("role", "tooltip");
  lineage.hidden = true;
  let told = null; // {element, by}
  const COLON = /\uff1a|: /;
  const EDGE_REM = 1;

  const tell = (element, by) => {
    if (told?.element !== element) silence();
    const [table, query] = (element.dataset.source ?? "").split(" · ");
    const lines = (element.title || told?.title || "").split("\n").slice(1).map((line) => line.split(COLON)).filter(([, value]) => value);
    told = { element, by, title: element.title || told?.title };
    element.removeAttribute("title"); // the browser's own would lie over ours; it comes back when ours goes
    const row = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
    if (!lineage.isConnected) document.body.append(lineage);
    parts.fill(lineage, el("dl", {}, row(page.words("source.table"), table), query ? row(page.words("source.query"), query) : null, lines.map(([name, ...value]) => row(name, value.join(": ")))));
    lineage.hidden = false;
    const [place, own, edge] = [element.getBoundingClientRect(), lineage.getBoundingClientRect(), EDGE_REM * 10 * page.scale()];
    const below = place.bottom + edge / 2;
    lineage.style.left = `${Math.max(edge, Math.min(place.left, innerWidth - own.width - edge))}px`;
    lineage.style.top = `${below + own.height + edge < innerHeight ? below : Math.max(edge, place.top - own.height - edge / 2)}px`;
    if (by === "focus") document.activeElement.setAttribute("aria-describedby", lineage.id);
  };
  const silence = () => {
    if (!told) return;
    if (!told.element.title && told.title) told.element.title = told.title;
    if (told.by === "focus") document.querySelector("[aria-describedby=lineage]")?.removeAttribute("aria-describedby");
    lineage.hidden = true;
    told = null;
  };
  document.addEventListener("pointerover", ({ target }) => {
    const element = page.facts && target.closest?.("[data-source]");
    if (element) tell(element, "pointer");
    else if (told?.by === "pointer") silence();
  });
  document.addEventListener("pointermove", ({ target }) => {
    if (told?.by === "pointer" && told.element.title) tell(told.element, "pointer"); // drawn anew meanwhile
    const element = !told && page.facts && target.closest?.("[data-source]"); // silenced by scrolling, and pointed at still
    if (element) tell(element, "pointer");
  }, { passive: true });
  document.addEventListener("focusin", ({ target }) => {
    const element = page.facts && target.matches(".headline, .vital") && target.matches(":focus-visible") && target.querySelector("[data-source]");
    if (element) tell(element, "focus");
    else if (told?.by === "focus") silence();
  });
  document.addEventListener("focusout", () => told?.by === "focus" && silence());
  document.addEventListener("keydown", ({ key }) => key === "Escape" && silence());
  document.addEventListener("scroll", () => {
    if (told?.by === "focus") tell(told.element, "focus"); // the browser scrolls to what takes the focus, and says so afterwards
    else silence();
  }, { capture: true, passive: true });

  parts.silence = silence;
})();
