/* Ratings of one hall: by window and by service with their intervals, what waiting does to them, as they come, and the bad ones that
   are answered: each with its clock in working days and what was done about it. */
(() => {
  const { page, parts, hall, forms } = cityhelm;
  const { el, div, span, number, sentence } = parts;
  const ratings = {};
  const EVERY_MS = 10000;
  const LEAST_SHOWN = 0.5; // of good ratings: where the bars begin, so that differences are seen
  const NEXT = { open: ["contacted", "corrected", "closed"], contacted: ["corrected", "closed"], corrected: ["closed"], closed: [] };
  const BAD = 4;
  const LEAST_RATINGS = 20;
  let by = "window";
  let chosen = null;

  const told = () => hall.follow("ratings", EVERY_MS);
  const gradeWord = (grade) => page.words(`rating.${grade}`);
  const share = (value) => `${(100 * Math.min(1, Math.max(0, (value - LEAST_SHOWN) / (1 - LEAST_SHOWN)))).toFixed(1)}%`;

  const grades = (data, from) => {
    const rows = { window: data.by_window, item: data.by_item, clerk: data.by_clerk ?? [] }[by];
    const name = (row) => (by === "clerk" ? [row.clerk] : by === "window" ? [sentence(page.words("halls.window_n", { n: row.window }), from), row.clerk ? el("small", { class: "quiet" }, " ", row.clerk) : null] : [hall.item(row.item)]);
    const tabs = parts.segments(page.words("halls.grades"), ["window", "item", ...(data.by_clerk?.length ? ["clerk"] : [])].map((value) => ({ value, label: page.words(`halls.by_${value}`), attributes: { "data-ratings-by": value } })), by);
    const n = data.counts.reduce((sum, count) => sum + count, 0);
    if (!n) return [parts.face("empty", { source: hall.SOURCES.ratings, reason: page.words("halls.rated_none") })];
    const line = (row) => el("li", { key: String(row.window ?? row.item ?? row.clerk), class: "hall-grade-row" }, span("ellipsis", name(row)), number(page.figure(row.n), from),
      span("queue-bar", el("i", { class: "hall-interval", style: `left:${share(row.low)};width:calc(${share(row.high)} - ${share(row.low)})` }), el("i", { class: "hall-point", style: `left:${share(row.good_share)}` })),
      number(`${hall.percent(row.good_share, 1)}%`, from), span("quiet", number(`${hall.percent(row.low)}–${hall.percent(row.high)}%`, from)));
    return [div("hall-grade-total", span("hall-grade-share-all", number(hall.percent(data.good_share, 1), from), span("", "%")), span("quiet", page.words("halls.good"), data.days ? [" · ", sentence(page.words("halls.grades_days", { n: data.days }), from)] : null),
      el("ol", { class: "hall-grade-counts" }, data.counts.map((count, k) => el("li", { key: String(k), class: k + 1 >= BAD ? "hall-grade-bad" : "" }, span("", gradeWord(k + 1)), number(page.figure(count), from))))),
    tabs, div("hall-grade-row hall-grade-row-head", span("", page.words(`halls.by_${by}`)), span("", page.words("halls.grade_n")), span("", "50–100%"), span("", page.words("halls.grade_good")), span("", page.words("halls.grade_interval"))),
    el("ul", { class: "hall-grade-rows", "aria-label": page.words("halls.grades") }, [...rows].sort((a, b) => a.good_share - b.good_share || b.n - a.n).map(line))];
  };

  const binWords = ([low, high]) => (high === null ? page.words("halls.effect_from", { from: Math.round(low / 60) }) : page.words("halls.effect_bin", { from: Math.round(low / 60), to: Math.round(high / 60) }));
  const effect = (data, from) => {
    const shown = data.effect;
    if (!shown?.bins?.length) return parts.face("empty", { source: hall.SOURCES.ratings, reason: hall.say(shown) || page.words("halls.effect_none") });
    const sure = shown.bins.filter(({ n }) => n >= LEAST_RATINGS); // few ratings have an interval that would dwarf all others: it is cut at the top
    const top = Math.max(0.02, ...(sure.length ? sure : shown.bins).map((bin) => bin.high ?? 0));
    const high = (value) => `${Math.min(100, (100 * value) / top).toFixed(1)}%`;
    return div("hall-effect", div("hall-effect-words", sentence(hall.say(shown), from)),
      div("hall-effect-plot", shown.bins.map((bin, k) => el("div", { key: String(k), class: "hall-effect-bin", role: "img", "aria-label": `${binWords(bin.wait_s)} ${hall.percent(bin.bad_share, 1)}%` },
        div("hall-effect-column", el("i", { class: "hall-effect-bar", style: `height:${high(bin.bad_share)}` }), el("i", { class: "hall-effect-range", style: `bottom:${high(bin.low)};height:calc(${high(bin.high)} - ${high(bin.low)})` })),
        span("hall-effect-share", number(`${hall.percent(bin.bad_share, 1)}%`, { ...from, count: bin.n })), span("quiet", sentence(binWords(bin.wait_s), from)), span("quiet", sentence(`n = ${page.figure(bin.n)}`, from))))));
  };

  const gradePill = (grade) => parts.pill(gradeWord(grade), grade >= BAD ? "worse" : grade === 1 ? "" : "out");
  const waited = (s) => (s === null || s === undefined ? "" : page.words("halls.rated_after", { n: page.figure(s / 60) }));
  const recent = (data, from) => (data.recent.length
    ? el("ol", { class: "hall-steps", tabindex: "0", "aria-label": page.words("halls.recent") }, data.recent.map((row, k) => el("li", { key: `${row.at}/${k}`, class: "hall-rating" }, number(page.moment(row.at), { ...from, measured: row.at }), gradePill(row.grade),
      span("ellipsis", hall.item(row.item)), span("quiet", row.window === null ? "" : sentence(page.words("halls.window_n", { n: row.window }), from)), span("quiet", sentence(waited(row.wait_s), from)))))
    : parts.face("empty", { source: hall.SOURCES.ratings, reason: page.words("halls.rated_none") }));

  /* bad ratings that are answered */

  const clock = (row, from) => {
    if (row.state === "closed") return parts.pill(page.label("follow_up_state", row.state), "done");
    const isLate = row.days_left < 0;
    return span(isLate ? "pill pill-act" : "hall-clock", sentence(page.words(isLate ? "halls.follow_overdue" : "halls.follow_left", { n: Math.abs(row.days_left) }), from));
  };
  const order = (row) => [row.state === "closed" ? 1 : 0, row.due];
  const sorted = (rows) => [...rows].sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1]);
  const find = (data) => data.follow_ups.find(({ id }) => id === chosen) ?? sorted(data.follow_ups)[0] ?? null;
  const follow = (data, from, shown) => (data.follow_ups.length
    ? el("div", { class: "hall-follow-rows", role: "group", "aria-label": page.words("halls.follow") }, sorted(data.follow_ups).map((row) => el("button", { key: row.id, class: row.id === shown?.id ? "row hall-follow-row row-on" : "row hall-follow-row", "data-follow-up": row.id, "aria-pressed": String(row.id === shown?.id) },
      gradePill(row.grade), span("row-title ellipsis", hall.item(row.item)), clock(row, from),
      span("row-more", span("", page.label("follow_up_state", row.state)), span("", number(page.moment(row.rated), { ...from, measured: row.rated })), row.window === null ? null : span("", sentence(page.words("halls.window_n", { n: row.window }), from)), span("", sentence(waited(row.wait_s), from))))))
    : parts.face("empty", { source: hall.SOURCES.follow_ups, reason: page.words(page.reads("read.staff") ? "halls.follow_none" : "halls.not_for_you") }));

  const oneCase = (row, from) => {
    if (!row) return div("quiet", page.words("halls.follow_choose"));
    const steps = [{ key: "rated", time: row.rated, title: `${page.monthDay(row.rated)} ${page.words("halls.follow_opened")} ${gradeWord(row.grade)}`, note: [page.words("halls.follow_ticket", { ticket: row.ticket }), row.clerk, waited(row.wait_s)].filter(Boolean).join(" · ") },
      ...row.steps.map((step, k) => ({ key: String(k), time: step.at, title: `${page.monthDay(step.at)} ${page.label("follow_up_state", step.state)} · ${page.actor(step.by)}`, note: step.words === null ? page.words("halls.follow_withheld") : span("said", step.words) })),
      ...(row.state === "closed" ? [] : [{ key: "due", time: row.due, state: row.days_left < 0 ? "missed" : "next", title: page.words("halls.follow_due", { time: page.monthDay(row.due) }), note: clock(row, from) }])];
    const next = row.next ?? NEXT[row.state] ?? [];
    const form = `follow-${row.id}`;
    return [parts.timeline(steps, from),
      next.length && page.may("rating.answer") ? div("hall-follow-form", el("div", { key: form, id: form }, forms.text("words", page.words("halls.follow_words"), true)), div("closing-acts", next.map((state, k) => forms.act(row.id, "rating.answer", { follow_up: row.id, state }, page.label("follow_up_state", state), k === 0 ? "button button-first" : "button", form)))) : null];
  };

  const PARTS = ["grades", "effect", "recent", "follow", "case"];
  ratings.draw = () => {
    const answer = told();
    const { data } = answer;
    if (!data) {
      for (const name of PARTS) parts.draw(`hall-${name}`, hall.face(answer, hall.SOURCES.ratings));
      return;
    }
    const from = { source: hall.SOURCES.ratings, asOf: data.t };
    const ups = { source: hall.SOURCES.follow_ups, asOf: data.t };
    const shown = find(data);
    parts.draw("hall-grades", grades(data, from));
    parts.draw("hall-effect", effect(data, from));
    parts.draw("hall-effect-sub", page.words("halls.effect_sub"));
    parts.draw("hall-recent", recent(data, from));
    parts.draw("hall-follow", follow(data, ups, shown));
    const counts = data.counts_follow_ups;
    parts.draw("hall-follow-sub", counts ? sentence([page.words("halls.follow_sub", { n: counts.open, m: counts.overdue }), counts.closed_in_time_share === null ? "" : page.words("halls.follow_in_time", { n: hall.percent(counts.closed_in_time_share) })].filter(Boolean).join(" · "), ups) : "");
    parts.draw("hall-case", el("div", { key: shown?.id ?? "none" }, oneCase(shown, ups)));
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-ratings-by],[data-follow-up]");
    if (!pressed) return;
    if (pressed.dataset.ratingsBy) by = pressed.dataset.ratingsBy;
    else chosen = pressed.dataset.followUp;
    page.beat();
  });

  cityhelm.hallRatings = ratings;
})();
