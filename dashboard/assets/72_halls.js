/* Halls: the page of one hall, in views: today (proposal, windows, waits, plan, what-if), rosters, ratings, the city's halls. The chosen
   hall is asked for again with every frame; all halls are in the frame itself. Times in ms, waits in seconds; what a hall does not tell
   is null and has the face of missing data. */
(() => {
  const { page, parts, hall: halls, hallAhead, hallPlan, hallRoster, hallRatings, hallCity, whatIf, forms } = cityhelm;
  const { el, div, span, number, sentence } = parts;
  const { SOURCES, TARGET, frame, name, find, isStale, fromOf } = halls;
  const OF_A_MINUTE = 60;
  const itemName = halls.item;
  const minutes = halls.minutes;
  const VIEWS = ["today", "roster", "ratings", "city"];
  const MANY_WINDOWS = 24; // from here on tiles are smaller
  const stateOf = (hall, value) => (value === null || value === undefined ? "empty" : isStale(hall) ? "stale" : "live");
  const opensWhen = (hall) => (hall.opens === null ? null : span("", sentence(page.words("halls.opens", { time: dayHour(hall.opens) }), { source: SOURCES.openings, asOf: frame().t, made: page.words("halls.opens_made") })));

  const formats = {};
  const dayHour = (ms) => `${(formats.day ??= new Intl.DateTimeFormat(page.facts.lang === "zh" ? "zh-CN" : "en-GB", { timeZone: page.facts.zone, weekday: "short" })).format(ms)} ${page.hour(ms)}`;

  /* which hall, in which view: the address says it, and the browser remembers */
  const remembered = (name_) => new URLSearchParams(location.search).get(name_) ?? page.recall(name_);
  const keep = (name_, value) => {
    const address = new URLSearchParams(location.search);
    address.set(name_, value);
    history.replaceState(history.state, "", `${location.pathname}?${address}${location.hash}`);
  };
  const choose = (id) => {
    keep("hall", id);
    page.remember("hall", id);
    [halls.chosen, halls.window, halls.whole, halls.isFailed] = [id, null, null, false];
    hallRoster.forget();
    ask();
    page.beat();
  };
  const viewsOf = () => VIEWS.filter((view) => (view === "roster" ? page.reads("read.staff") : view === "city" ? page.facts.sees_all_halls : true));
  const viewOf = () => {
    const wanted = halls.view ?? new URLSearchParams(location.search).get("view") ?? page.recall("hall_view");
    return viewsOf().includes(wanted) ? wanted : VIEWS[0];
  };
  const turn = (view) => {
    halls.view = view;
    keep("view", view);
    page.remember("hall_view", view);
    page.beat();
  };
  const tabs = (view) => {
    const there = viewsOf();
    return there.length > 1 ? parts.segments(page.words("halls.views"), there.map((value) => ({ value, label: page.words(`halls.view_${value}`), attributes: { "data-hall-view": value } })), view) : null;
  };
  const settle = () => {
    if (halls.chosen && find(halls.chosen)) return;
    const wanted = remembered("hall");
    const first = find(wanted) ?? [...frame().halls].sort(byWait)[0];
    if (first) [halls.chosen, halls.whole] = [first.id, null];
  };

  /* the chosen hall, asked for once for each frame */
  let askedFor = null;
  const ask = async () => {
    const [id, t] = [halls.chosen, frame()?.t];
    askedFor = `${id}/${t}`;
    try {
      const response = await page.ask(`/api/hall?hall=${encodeURIComponent(id)}`);
      if (!response.ok) throw new Error(String(response.status));
      const whole = await response.json();
      if (id !== halls.chosen) return;
      [halls.whole, halls.isFailed] = [whole, false];
    } catch {
      halls.isFailed = id === halls.chosen; // the database or the server is away: the header says so
    }
    page.beat();
  };

  /* figures */
  const choice = (hall) => {
    const options = [...frame().halls].sort((a, b) => a.id.localeCompare(b.id)).map((other) => el("option", { key: other.id, value: other.id, selected: other.id === hall.id }, name(other)));
    const said = hall.source === "snapshots" ? parts.pill(page.words("halls.snapshots"), "out") : hall.open ? parts.pill(page.words("halls.open"), "on") : parts.pill(page.words("halls.closed"), "out");
    const heard = hall.measured ?? hall.heard;
    return [
      el("label", { class: "hall-select" }, span("unseen", page.words("halls.choose")), el("select", { "data-hall-select": true, "aria-label": page.words("halls.choose") }, ...options)),
      div("hall-said", said, isStale(hall) ? parts.pill(page.words("halls.silent"), "act") : null, hall.open === false ? opensWhen(hall) : null, hall.district ? span("quiet", cityhelm.city.district(hall.district)) : null,
        span("quiet", page.words("halls.newest"), " ", heard === null ? number(null, { source: SOURCES[hall.source] }) : parts.age(heard, fromOf(hall))),
        hall.impossible ? span("quiet", sentence(page.words("halls.impossible", { n: hall.impossible }), fromOf(hall))) : null),
    ];
  };

  const worstItem = (hall) => hall.items.reduce((worst, row) => ((row.wait_s ?? -1) > (worst?.wait_s ?? -1) ? row : worst), null)?.item;

  const figures = (hall) => {
    const minute = page.words("halls.minutes");
    const target = page.words("halls.target", { n: page.figure(hall.target_s / OF_A_MINUTE, 1) });
    const over = hall.wait_p90_s !== null && hall.wait_p90_s > hall.target_s ? parts.pill(page.words("queue.over", { n: minutes(hall.wait_p90_s - hall.target_s) }), "act") : null;
    const wait = (key, s, note) => parts.headline({ key, label: page.words(`halls.${key}`), value: s === null ? null : minutes(s), unit: minute, note, state: stateOf(hall, s) }, fromOf(hall, page.words(`halls.${key}_made`)));
    const count = (key, value, note = null, unit = "") => parts.headline({ key, label: page.words(`halls.${key}`), value, unit, note, state: stateOf(hall, value) }, fromOf(hall));
    const inPart = (key, fillings) => sentence(page.words(key, fillings), fromOf(hall));
    return [
      wait("wait_now", hall.wait_now_s, hall.wait_now_s ? itemName(worstItem(hall)) : null),
      wait("wait_p90", hall.wait_p90_s, over ?? sentence(target, { source: TARGET, asOf: frame().t })),
      wait("wait_p50", hall.wait_p50_s, hall.n_waits ? inPart("halls.n_waits", { n: hall.n_waits }) : null),
      count("waiting", hall.waiting, hall.serving === null ? null : inPart("halls.serving", { n: hall.serving, m: hall.aside })),
      count("arrived", hall.arrived_today, hall.arrived_today ? inPart("halls.by_appointment", { n: halls.whole?.arrivals.by_channel.appointment ?? 0 }) : null),
      count("served", hall.served_today, hall.served_today === null ? null : inPart("halls.lost", { n: hall.no_shows_today, m: hall.left_today })),
      count("windows_open", hall.windows_open, hall.windows_open === null ? null : inPart("halls.windows_of", { n: hall.windows_total })),
      parts.headline({ key: "good", label: page.words("halls.good"), value: hall.good_share === null ? null : page.figure(100 * hall.good_share, 1), unit: "%", note: hall.n_ratings ? inPart("halls.n_ratings", { n: hall.n_ratings }) : null, state: stateOf(hall, hall.good_share) }, fromOf(hall, page.words("halls.good_made"))),
    ];
  };

  /* windows */
  const LOOKS = { open: "hall-window", paused: "hall-window hall-window-paused", closed: "hall-window hall-window-closed", fault: "hall-window hall-window-fault" };
  const windowItems = (hall, window) => {
    const offered = hall.items.length;
    if (!window.items.length) return window.state === "open" ? page.words("halls.items_unknown") : "";
    if (offered > 3 && window.items.length >= offered) return page.words("halls.all_items");
    return window.items.map(itemName).join(page.words("halls.and"));
  };
  const tile = (hall, window) => {
    const step = hallPlan.lit().get(window.number);
    const from = { source: SOURCES.events, measured: window.since, asOf: frame().t, isStale: isStale(hall) };
    const isFree = window.state === "open" && window.ticket === null;
    const word = window.state !== "open" ? page.label("window_state", window.state) : page.words(isFree ? "halls.free" : `halls.stage_${window.stage}`);
    const items = windowItems(hall, window);
    const there = step ? [] : window.ticket === null
      ? [window.state === "open" ? null : parts.stopwatch(window.since, {}, from)]
      : [number(window.ticket, { ...from, measured: window.ticket_since }), parts.stopwatch(window.ticket_since, {}, from)];
    const isChosen = halls.window === window.number;
    const mayCommand = page.may("window.command");
    const more = [items, window.ticket ? `${window.ticket} ${itemName(window.item)}` : "", page.words("halls.window_served", { n: window.served }), window.presumed ? page.words("halls.presumed") : ""].filter(Boolean).join("\n");
    const look = [isFree ? "hall-window hall-window-free" : LOOKS[window.state], step && "hall-window-lit", window.ticket !== null && "hall-window-busy", isChosen && "hall-window-on"].filter(Boolean).join(" ");
    const turned = step ? `→ ${step.to_state === "open" ? halls.items(step.to_items) || page.label("window_state", "open") : page.label("window_state", step.to_state)}` : "";
    const inside = [
      span("hall-window-number", number(String(window.number), from)),
      span("hall-window-line", span("hall-window-items ellipsis", items || word), step ? parts.pill(page.hour(step.at), "act") : span("hall-window-state", items ? word : "")),
      span("hall-window-line", turned ? span("hall-window-turn ellipsis", turned) : span("hall-window-clerk ellipsis", window.clerk ?? ""), ...there)];
    const said = { key: `w${window.number}`, class: look, title: more };
    const piece = mayCommand ? el("button", { ...said, "data-hall-window": String(window.number), "aria-pressed": String(isChosen) }, inside)
      : el("div", { ...said, role: "group", tabindex: "0", "aria-label": `${page.words("halls.window_n", { n: window.number })} ${word} ${items} ${turned}` }, inside);
    return el("div", { key: `w${window.number}`, class: "hall-window-place", role: "listitem" }, piece);
  };
  const windows = (hall) => {
    if (hall.source === "snapshots") return [parts.empty("halls.snapshots_long")];
    if (halls.isFailed && !halls.whole) return [parts.face("failed", { source: SOURCES.events })];
    if (!halls.whole) return [parts.face("loading")];
    const all = halls.whole.windows;
    if (!all.length) return hall.freshness === "fresh" ? [parts.empty("halls.no_window_yet")] : [parts.face("empty", { source: SOURCES.events })];
    return [el("div", { key: "board", class: all.length > MANY_WINDOWS ? "hall-board hall-board-many" : "hall-board", role: "list" }, all.map((window) => tile(hall, window))), hallPlan.byHand(hall, all.find((window) => window.number === halls.window))];
  };
  const windowsSub = (hall) => {
    const all = halls.whole?.windows ?? [];
    if (!all.length) return [];
    const count = (state) => all.filter((window) => window.state === state).length;
    const present = hallPlan.data()?.present;
    const people = present ? ` · ${page.words("halls.reserve", { n: present.clerks, m: present.in_reserve })}` : "";
    return sentence(["open", "paused", "closed", "fault"].filter((state) => count(state)).map((state) => `${page.label("window_state", state)} ${count(state)}`).join(" · ") + `${people || ` · ${page.words("halls.pseudonyms")}`}`, fromOf(hall));
  };

  /* waits by item */
  const waits = (hall) => {
    const rows = hall.items.filter((row) => row.waiting !== null || row.wait_s !== null);
    if (!rows.length) return [parts.face("empty", { source: SOURCES[hall.source] })];
    const value = (row) => (hall.source === "snapshots" ? row.wait_s : row.p90_s);
    const target = hall.target_s / OF_A_MINUTE;
    const sorted = [...rows].sort((a, b) => (value(b) ?? -1) - (value(a) ?? -1) || b.waiting - a.waiting);
    const longest = 1.15 * Math.max(target, ...rows.flatMap((row) => [value(row) ?? 0, row.wait_s ?? 0].map((s) => s / OF_A_MINUTE)));
    const share = (s) => `${((100 * s) / OF_A_MINUTE / longest).toFixed(1)}%`;
    const from = fromOf(hall, page.words(hall.source === "snapshots" ? "halls.item_snapshot_made" : "halls.item_made"));
    const head = div("hall-wait hall-wait-head", span("", page.words("halls.item")), span("", page.words("halls.people")), span("", page.words("halls.window_count")), span("", page.words("halls.bar")), span("", page.words("halls.longest")), span("", "P90"));
    const figure = (s) => number(s === null ? "–" : minutes(s), from);
    const line = (row) => {
      const s = value(row);
      const isOver = s !== null && s > hall.target_s;
      return el("li", { key: row.item || "all", class: "hall-wait" },
        span("ellipsis", row.item ? itemName(row.item) : page.words("halls.whole_hall")), number(row.waiting === null ? "–" : page.figure(row.waiting), from), number(row.windows === null ? "–" : page.figure(row.windows), from),
        span("queue-bar", s === null ? null : el("i", { class: "queue-in", style: `width:${share(Math.min(s, hall.target_s))}` }),
          isOver ? el("i", { class: "queue-out", style: `left:${share(hall.target_s)};width:${share(s - hall.target_s)}` }) : null,
          el("i", { class: "queue-target", style: `left:${share(hall.target_s)}` }),
          row.wait_s && hall.source === "events" ? el("i", { class: "hall-wait-now", style: `left:${share(row.wait_s)}` }) : null),
        span(row.wait_s > hall.target_s ? "hall-wait-long" : "", figure(row.wait_s)), span(isOver && hall.source === "events" ? "hall-wait-long" : "", hall.source === "snapshots" ? number("–", from) : figure(row.p90_s)));
    };
    return [head, el("ul", { class: "hall-waits", "aria-label": page.words("halls.waits") }, sorted.map(line))];
  };
  const waitsSub = (hall) => [page.words("halls.waits_sub"), " · ", ...sentence(page.words("halls.waits_target", { n: page.figure(hall.target_s / OF_A_MINUTE, 1) }), { source: TARGET, asOf: frame().t })];

  /* arrivals */
  const span_ = (lists) => {
    const there = lists.flatMap((list) => list.flatMap((n, k) => (n ? [k] : [])));
    return there.length ? [Math.max(0, Math.min(...there) - 1), Math.max(...there) + 1] : null;
  };
  const arrivals = (hall) => {
    if (hall.source === "snapshots") return [parts.empty("halls.no_arrivals")];
    const told = halls.whole?.arrivals;
    if (!told) return [parts.face(halls.isFailed ? "failed" : "loading", { source: SOURCES.events })];
    const shown = span_([told.today ?? [], told.usual ?? []]);
    if (!shown) return [parts.face("empty", { source: SOURCES.events })];
    const [first, last] = shown;
    const slots = Array.from({ length: last - first + 1 }, (_, k) => first + k);
    const at = (k) => told.start + 1000 * told.step_s * k;
    const now = slots.findIndex((k) => at(k) <= frame().t && frame().t < at(k + 1));
    const values = slots.map((k) => (at(k) > frame().t ? null : (told.today?.[k] ?? null)));
    const ticks = slots.flatMap((k, n) => (n > 0 && page.hour(at(k)).endsWith(":00") ? [[n / slots.length, page.hour(at(k))]] : []));
    const high = Math.max(...values.map((n) => n ?? 0), ...(told.usual ?? [0]));
    return [div("hall-arrivals",
      span("hall-high", number(page.figure(high), { source: SOURCES.events, asOf: frame().t })),
      parts.columns(values, { usual: told.usual ? slots.map((k) => told.usual[k] ?? 0) : null, now: now < 0 ? null : now, ticks, label: page.words("halls.arrivals_label", { n: hall.arrived_today ?? 0 }) })),
      div("hall-legend", span("hall-key hall-key-today", page.words("halls.today")), told.usual ? span("hall-key hall-key-usual", sentence(page.words("halls.usual", { day: page.words(`weekday.${told.weekday}`), n: told.usual_days }), { source: SOURCES.usual, asOf: frame().t })) : span("quiet", page.words("halls.no_usual")), span("quiet", page.words("chart.no_forecast")))];
  };

  /* ratings */
  const ratings = (hall) => {
    if (hall.source === "snapshots") return [parts.empty("halls.no_ratings")];
    const told = halls.whole;
    if (!told) return [parts.face(halls.isFailed ? "failed" : "loading", { source: SOURCES.events })];
    const counts = told.ratings?.counts ?? [];
    const n = counts.reduce((sum, count) => sum + count, 0);
    if (!n) return [parts.face("empty", { source: SOURCES.events })];
    const from = fromOf(hall);
    return [el("ol", { class: "hall-grades", "aria-label": page.words("halls.ratings") }, counts.map((count, k) =>
      el("li", { key: String(k), class: k > 2 ? "hall-grade hall-grade-bad" : "hall-grade" }, span("ellipsis", page.words(`rating.${k + 1}`)), span("queue-bar", el("i", { class: "queue-in", style: `width:${((100 * count) / n).toFixed(1)}%` })), span("hall-grade-n", number(page.figure(count), from)), span("hall-grade-share", number(`${page.figure((100 * count) / n, 1)}%`, from)))))];
  };

  /* all halls */
  const rank = (hall) => (hall.source === "snapshots" ? 1 : hall.open ? 0 : 2);
  const worst = (hall) => hall.wait_p90_s ?? hall.wait_now_s ?? -1;
  const byWait = (a, b) => rank(a) - rank(b) || worst(b) - worst(a) || a.id.localeCompare(b.id);
  const HEATS = ["hall-heat-1", "hall-heat-2", "hall-heat-3", "hall-heat-4", "hall-heat-5"];
  const heat = (s, target) => HEATS[Math.floor((HEATS.length - 1) * Math.min(1, s / target))];
  const all = () => {
    const rows = [...frame().halls].sort(byWait);
    if (!rows.length) return [parts.face("empty", { source: SOURCES.events })];
    const end = Math.max(1.2 * rows[0].target_s, ...rows.map(worst));
    return [
      div("hall-row hall-row-head", span(""), span("", page.words("halls.hall")), span("", page.words("halls.people")), span("", page.words("halls.window_count")), span(""), span("", "P90")),
      ...rows.map((hall) => {
        const [from, s] = [fromOf(hall), hall.source === "snapshots" ? hall.wait_now_s : hall.wait_p90_s];
        const isOn = hall.id === halls.chosen;
        const rest = hall.open === false
          ? [span("hall-row-closed", page.words("halls.closed"), hall.opens === null ? null : " · ", opensWhen(hall))]
          : [number(hall.waiting === null ? "–" : page.figure(hall.waiting), from), number(hall.windows_open === null ? "–" : page.figure(hall.windows_open), from),
            span("queue-bar", s === null ? null : el("i", { class: `hall-heat ${heat(s, hall.target_s)}`, style: `width:${((100 * s) / end).toFixed(1)}%` }), el("i", { class: "queue-target", style: `left:${((100 * hall.target_s) / end).toFixed(1)}%` })),
            number(s === null ? "–" : minutes(s), from)];
        return el("button", { key: hall.id, class: isOn ? "hall-row hall-row-on" : "hall-row", "data-hall": hall.id, "aria-pressed": String(isOn) },
          el("i", { class: `hall-swatch ${hall.open === false || s === null ? "hall-heat-none" : heat(s, hall.target_s)}`, "aria-hidden": "true" }), el("span", { class: "ellipsis", title: name(hall) }, name(hall)), ...rest);
      }),
    ];
  };

  let revealed = null;
  /** Brings the first window of a new proposal into sight, once: a large hall has more windows than there is room for. */
  const reveal = (proposal) => {
    if (!proposal || proposal.id === revealed) return;
    const lit = document.querySelector("#hall-windows .hall-window-lit");
    if (!lit) return;
    revealed = proposal.id;
    lit.scrollIntoView({ block: "nearest" });
  };
  const today = (hall) => {
    const proposal = hallPlan.proposal() ?? hallPlan.data()?.running[0] ?? null;
    hallPlan.drawBanner(hall);
    parts.draw("hall-windows", windows(hall));
    parts.draw("hall-windows-sub", windowsSub(hall));
    reveal(hallPlan.proposal());
    hallAhead.draw(hall, proposal);
    hallPlan.draw(hall);
    whatIf.draw(hall, hallPlan.proposal());
    parts.draw("hall-waits", waits(hall));
    parts.draw("hall-waits-sub", waitsSub(hall));
    parts.draw("hall-arrivals", arrivals(hall));
    parts.draw("hall-ratings", ratings(hall));
    parts.draw("hall-all", all());
    parts.draw("hall-all-sub", ...sentence(page.words("halls.all_sub", { n: frame().halls.length }), { source: "device · storage.halls.list_halls", asOf: frame().t }), " · ", page.words("halls.all_what"));
  };
  const DRAWN = { today, roster: hallRoster.draw, ratings: hallRatings.draw, city: hallCity.draw };

  let lastAnswer = null;
  /** Draws the page again. */
  const draw = (beat, answer) => {
    if (!page.facts || !frame() || !document.getElementById("hall-windows")) return;
    if (answer && answer !== lastAnswer) {
      cityhelm.dossiers.refresh();
      for (const part of [forms, hallPlan, hallRoster, whatIf]) part.told(answer);
      if (answer.outcome === "done" && answer.act?.action === "window.command") halls.window = null;
    }
    lastAnswer = answer;
    settle();
    const hall = halls.current();
    const view = hall ? viewOf() : VIEWS[0];
    for (const other of VIEWS) {
      const place = document.getElementById(`hall-view-${other}`);
      if (place.hidden !== (other !== view)) place.hidden = other !== view;
    }
    if (!hall) {
      parts.draw("hall-choice");
      parts.draw("hall-figures", parts.headline({ label: page.words("halls.wait_now"), value: null, state: "empty" }, { source: SOURCES.events }));
      for (const part of ["banner", "windows", "ahead", "plan", "waits", "if", "arrivals", "ratings", "all"]) parts.draw(`hall-${part}`, parts.face("empty", { source: SOURCES.events, isSmall: part === "banner" }));
      page.becomeReady();
      return;
    }
    if (askedFor !== `${hall.id}/${frame().t}`) ask();
    parts.draw("hall-choice", choice(hall));
    parts.draw("hall-tabs", tabs(view));
    parts.draw("hall-figures", figures(hall));
    DRAWN[view](hall);
    page.becomeReady();
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-hall],[data-hall-view],[data-hall-window]");
    if (!pressed) return;
    const { hall, hallView, hallWindow } = pressed.dataset;
    if (hall) choose(hall);
    else if (hallView) turn(hallView);
    else {
      halls.window = halls.window === Number(hallWindow) ? null : Number(hallWindow);
      page.beat();
    }
  });
  document.addEventListener("change", ({ target }) => target.matches("[data-hall-select]") && choose(target.value));

  cityhelm.halls = { draw, choose };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { halls: { draw } });
})();
