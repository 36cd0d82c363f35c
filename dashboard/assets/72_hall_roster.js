/* Rosters: who works when in the coming days, against the demand; what could not be met and what would help; clerks and absences.
   Clerks are pseudonyms. Days are local dates of the hall. */
(() => {
  const { page, parts, hall, forms } = cityhelm;
  const { el, div, span, number, sentence, part } = parts;
  const roster = {};
  const EVERY_MS = 10000;
  const DAY_S = 86400;
  const SLOT_MS = 900000;
  const SPANS = [["1", "halls.roster_day"], ["7", "halls.roster_week"], ["14", "halls.roster_two_weeks"]];
  const QUANTILES = ["0.5", "0.6", "0.7", "0.8", "0.9"];
  const PILLS = { asked: "on", draft: "act", failed: "out", in_force: "done", superseded: "out", withdrawn: "out" };
  let chosen = null; // id of the roster that is shown
  let day = null; // its day
  let group = null; // its group of services

  const told = () => hall.follow("roster", EVERY_MS, chosen ? `&id=${encodeURIComponent(chosen)}` : "");
  const staff = () => hall.follow("clerks", EVERY_MS);
  const fromOf = (one) => ({ source: hall.SOURCES.rosters, asOf: one?.solved ?? one?.asked });
  const noon = (date) => new Date(`${date}T12:00:00Z`).getTime();
  const dayWord = (date) => new Intl.DateTimeFormat(page.facts.lang === "zh" ? "zh-CN" : "en-GB", { timeZone: "UTC", month: "2-digit", day: "2-digit", weekday: "short" }).format(noon(date));
  const weekday = (n) => new Intl.DateTimeFormat(page.facts.lang === "zh" ? "zh-CN" : "en-GB", { timeZone: "UTC", weekday: "short" }).format(Date.UTC(2024, 0, n)); // 1 January 2024 was a Monday
  const groupWord = (name) => (name ? name.split(";").map(hall.item).join(page.words("halls.and")) : page.words("halls.whole_hall"));
  const localDate = (ms) => new Intl.DateTimeFormat("en-CA", { timeZone: page.facts.zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(ms);
  const spanWord = (one) => (one.first === one.last ? dayWord(one.first) : `${dayWord(one.first)} – ${dayWord(one.last)}`);

  /* the list, and asking for another */

  const date = (name, words, value) => el("input", { key: name, name, type: "date", class: "input", required: true, value, "aria-label": words, title: words });
  const rosters = (one, data) => {
    const openers = forms.draw("roster", one.id, [], {
      ask: { action: "roster.ask", request: { hall: one.id }, words: page.words("halls.roster_ask"), body: () => [
        date("from", page.words("halls.roster_from"), localDate(page.now() + 1000 * DAY_S)), forms.select("days", page.words("halls.roster_days"), SPANS.map(([value, key]) => [value, page.words(key), value === "14"])),
        forms.select("quantile", page.words("halls.roster_quantile"), QUANTILES.map((value) => [value, `${page.words("halls.roster_quantile")} P${Math.round(100 * value)}`, value === "0.7"]))] },
    });
    const rows = data.rosters.map((row) => el("button", { key: row.id, class: row.id === data.roster?.id ? "row hall-roster-row row-on" : "row hall-roster-row", "data-roster": row.id, "aria-pressed": String(row.id === data.roster?.id) },
      span("row-title", number(spanWord(row), fromOf(row))), parts.pill(page.label("roster_state", row.state), PILLS[row.state] ?? ""),
      span("row-more", span("", sentence([page.words("halls.roster_by", { by: page.actor(row.by), time: page.moment(row.asked) }), row.took_s ? page.words("halls.roster_took", { n: page.figure(row.took_s, 1) }) : ""].filter(Boolean).join(" · "), fromOf(row))))));
    return [openers, rows.length ? div("hall-roster-rows", rows) : div("quiet", page.words("halls.roster_none"))];
  };

  /* days and shifts */

  const current = (data) => data?.roster?.days?.find((one) => one.date === day) ?? data?.roster?.days?.[0] ?? null;
  const hours = (shift) => (shift.end - shift.start - (shift.lunch ? shift.lunch[1] - shift.lunch[0] : 0)) / 3600000;
  const acts = (one, shown) => {
    const about = shown.id;
    const address = (kind) => `/api/hall/roster.${kind}?id=${encodeURIComponent(shown.id)}`;
    return div("hall-roster-acts",
      shown.state === "draft" ? forms.act(about, "roster.adopt", { roster: shown.id }, page.words("halls.roster_adopt"), "button button-first") : null,
      ["draft", "in_force"].includes(shown.state) ? div("hall-roster-withdraw", forms.draw("roster-withdraw", about, [], { withdraw: { action: "roster.withdraw", request: { roster: shown.id }, words: page.words("halls.roster_withdraw"), body: () => [forms.field("reason", page.words("halls.reason"), true)] } })) : null,
      shown.days?.length ? [el("a", { class: "link", href: address("xlsx"), download: true }, page.words("halls.roster_xlsx")), el("a", { class: "link", href: address("ics"), download: true }, page.words("halls.roster_ics"))] : null);
  };
  const matrix = (shown, today) => {
    const clerks = [...new Set(shown.days.flatMap((one) => one.shifts.map(({ clerk }) => clerk)))].sort();
    const head = el("tr", {}, el("th", { scope: "col" }, page.words("halls.clerk")), shown.days.map((one) => el("th", { key: one.date, scope: "col" }, el("button", { class: one === today ? "hall-day hall-day-on" : "hall-day", "data-roster-day": one.date, "aria-pressed": String(one === today) }, dayWord(one.date)))));
    const cell = (clerk, one) => {
      const shift = one.shifts.find((row) => row.clerk === clerk);
      if (!shift) return el("td", { key: one.date, class: "hall-shift-off" }, page.words("halls.shift_off"));
      const lunch = shift.lunch ? page.words("halls.shift_lunch", { from: page.hour(shift.lunch[0]), to: page.hour(shift.lunch[1]) }) : "";
      return el("td", { key: one.date, class: one === today ? "hall-shift hall-shift-today" : "hall-shift", title: [groupWord(shift.group), lunch].filter(Boolean).join("\n") }, sentence(`${page.hour(shift.start)}–${page.hour(shift.end)}`, fromOf(shown)));
    };
    return el("table", { class: "table hall-matrix", "aria-label": page.words("halls.shifts") }, el("thead", {}, head), el("tbody", {}, clerks.map((clerk) => el("tr", { key: clerk }, el("th", { scope: "row", class: "hall-axis" }, clerk), shown.days.map((one) => cell(clerk, one))))));
  };
  const shifts = (one, data) => {
    const shown = data.roster;
    if (!shown) return div("quiet", page.words("halls.roster_choose"));
    const words = shown.state === "asked" ? parts.empty("halls.roster_solving") : shown.state === "failed" ? div("quiet", hall.say(shown.failed) || page.words("halls.roster_failed")) : null;
    const today = current(data);
    return [acts(one, shown), words, shown.days?.length ? div("hall-matrix-place scroll", matrix(shown, today)) : null];
  };

  /* demand and cover of a day */

  const cover = (data) => {
    const shown = data.roster;
    const today = current(data);
    if (!today?.slots?.length) return parts.face("empty", { source: hall.SOURCES.rosters });
    const groups = today.needed.map((row) => row.item_group);
    const picked = groups.includes(group) ? group : groups.length > 1 ? null : groups[0] ?? null;
    const needed = picked === null ? today.slots.map((_, k) => today.needed.reduce((sum, row) => sum + (row.heads[k] ?? 0), 0)) : today.needed.find((row) => row.item_group === picked).heads;
    const isAble = (shift) => picked === null || picked.split(";").every((item) => shift.group.split(";").includes(item));
    const inGroup = (shift, t) => isAble(shift) && shift.start <= t && t < shift.end && !(shift.lunch && shift.lunch[0] <= t && t < shift.lunch[1]);
    const planned = picked === null ? today.planned : today.slots.map((t) => today.shifts.filter((shift) => inGroup(shift, t)).length);
    const short = today.slots.reduce((sum, _, k) => sum + Math.max(0, needed[k] - planned[k]), 0) / 4;
    const ticks = today.slots.flatMap((t, k) => (k > 0 && k < today.slots.length - 2 && page.hour(t).endsWith(":00") ? [[k / today.slots.length, page.hour(t)]] : []));
    const from = fromOf(shown);
    return div("hall-cover",
      div("hall-cover-head", el("b", {}, dayWord(today.date)), groups.length > 1 ? el("select", { class: "input hall-pick", "data-roster-group": true, "aria-label": page.words("halls.cover_group") }, [[null, page.words("halls.whole_hall")], ...groups.map((name) => [name, groupWord(name)])].map(([name, text]) => el("option", { key: String(name), value: name ?? "", selected: name === picked }, text))) : null,
        span("hall-key", page.words("halls.cover_planned")), span("hall-key hall-key-usual", page.words("halls.cover_needed")), short > 0 ? parts.pill(page.words("halls.cover_short", { n: page.figure(short, 1) }), "act") : null,
        span("quiet", sentence(page.words("halls.shift_sub", { n: today.shifts.length, h: page.figure(today.shifts.reduce((sum, shift) => sum + hours(shift), 0), 1) }), from))),
      div("hall-cover-chart", span("hall-high", number(page.figure(Math.max(...needed, ...planned), 1), from)), parts.columns(planned, { usual: needed, ticks, label: page.words("halls.cover") })));
  };

  /* what could not be met */

  const unmet = (one, data) => {
    const shown = data.roster;
    if (!shown?.days?.length) return div("quiet", page.words("halls.roster_choose"));
    const from = fromOf(shown);
    const bad = shown.unmet ?? [];
    const help = shown.relaxations ?? [];
    const beside = shown.compare;
    const figure = (key, show) => el("tr", { key }, el("th", { scope: "row" }, page.words(key)), [beside.in_force, beside.this].map((row, k) => el("td", { key: String(k), class: "right" }, number(row && show(row) !== undefined ? show(row) : null, from))));
    return [
      part(page.words("halls.unmet_title"), bad.length ? page.figure(bad.length) : "", bad.length ? el("ul", { class: "hall-said-rows" }, bad.map((row, k) => el("li", { key: String(k) }, sentence(hall.say(row), from)))) : div("quiet", page.words("halls.unmet_none"))),
      help.length ? part(page.words("halls.relax_title"), "", el("ul", { class: "hall-said-rows" }, help.map((row) => el("li", { key: row.key, class: "hall-relax" }, span("", sentence(hall.say(row), from)),
        forms.act(`${shown.id}/${row.key}`, "roster.ask", { hall: one.id, from: shown.first, days: String(1 + Math.round((noon(shown.last) - noon(shown.first)) / (1000 * DAY_S))), relax: row.key }, page.words("halls.relax_ask"), "button button-plain"))))) : null,
      beside ? part(page.words("halls.compare_title"), "", el("table", { class: "table", "aria-label": page.words("halls.compare_title") }, el("thead", {}, el("tr", {}, el("th", {}, ""), ["halls.compare_in_force", "halls.compare_this"].map((key) => el("th", { key, scope: "col", class: "right" }, page.words(key))))),
        el("tbody", {}, figure("halls.compare_short", (row) => page.figure(row.short_h, 1)), figure("halls.compare_paid", (row) => page.figure(row.paid_h, 1)), figure("halls.compare_served", (row) => (row.served_share === null ? null : `${hall.percent(row.served_share, 1)}%`))))) : null,
    ];
  };

  /* clerks and absences */

  const WHERE = { reserve: "halls.clerk_reserve", absent: "halls.clerk_absent", off: "halls.clerk_off" };
  const where = (clerk, from) => {
    const [, n] = clerk.today?.match(/^window (\d+)$/) ?? [];
    return n ? span("nowrap", sentence(page.words("halls.clerk_at", { n }), from)) : WHERE[clerk.today] ? page.words(WHERE[clerk.today]) : "–";
  };
  const wishWords = (wishes) => (wishes?.off_weekdays?.length ? `${page.words("halls.wish_off")} ${wishes.off_weekdays.map(weekday).join(" ")}` : "");
  const picked = new Map(); // clerk, "" for a new one → the services that are chosen in the open form
  const skillsField = (key, initial, items) => {
    const chosen_ = picked.get(key) ?? new Set(initial);
    return el("div", { key: "skills", class: "hall-skills", role: "group", "aria-label": page.words("halls.clerk_skills") },
      items.map((item) => el("button", { key: item, type: "button", class: chosen_.has(item) ? "button button-on" : "button button-plain", "data-skill": JSON.stringify([key, item, initial]), "aria-pressed": String(chosen_.has(item)) }, hall.item(item))),
      el("input", { key: "chosen", type: "hidden", name: "skills", value: [...chosen_].join(";") }));
  };
  const clerkFields = (items, clerk = null) => [
    clerk ? null : forms.field("clerk", page.words("halls.clerk_name"), true),
    skillsField(clerk?.clerk ?? "", clerk?.skills ?? [], items),
    forms.field("week_h", page.words("halls.clerk_week"), false, { inputmode: "decimal", value: clerk ? String(clerk.week_h) : "" }),
    el("select", { key: "off_weekdays", name: "off_weekdays", class: "input", "aria-label": page.words("halls.wish_off") }, [["", `${page.words("halls.wish_off")}: ${page.words("halls.wish_none")}`], ...[1, 2, 3, 4, 5, 6, 7].map((n) => [String(n), weekday(n)])].map(([value, text]) => el("option", { key: value, value, selected: String(clerk?.wishes?.off_weekdays?.[0] ?? "") === value }, text))),
    forms.field("reason", page.words("halls.reason"), true),
  ].filter(Boolean);
  const clerks = (one, data) => {
    const from = { source: hall.SOURCES.clerks, asOf: page.now() };
    const away = { source: hall.SOURCES.absences, asOf: page.now() };
    const items = [...new Set([...one.items.map(({ item }) => item).filter(Boolean), ...data.clerks.flatMap(({ skills }) => skills)])];
    const names = data.clerks.map(({ clerk }) => clerk);
    const columns = [
      { key: "clerk", title: page.words("halls.clerk"), cell: (row) => span("hall-axis", row.clerk), order: (row) => row.clerk },
      { key: "skills", title: page.words("halls.clerk_skills"), cell: (row) => span("", hall.items(row.skills), row.origin === "seen" ? null : el("small", { class: "quiet" }, " ", page.words("halls.clerk_registered")), wishWords(row.wishes) ? el("small", { class: "quiet" }, " ", wishWords(row.wishes)) : null) },
      { key: "week", title: page.words("halls.clerk_week"), isRight: true, cell: (row) => number(page.figure(row.week_h, 1), from), order: (row) => row.week_h },
      { key: "today", title: page.words("halls.clerk_today"), cell: (row) => where(row, from), order: (row) => row.today ?? "" },
    ];
    const act = (row) => forms.draw(`clerk-${row.clerk}`, row.clerk, [], {
      change: { action: "clerk.set", request: { hall: one.id, clerk: row.clerk }, words: page.words("halls.clerk_change"), body: () => clerkFields(items, row) },
      retire: { action: "clerk.retire", request: { hall: one.id, clerk: row.clerk }, words: page.words("halls.clerk_retire"), body: () => [forms.field("reason", page.words("halls.reason"), true)] },
    });
    if (page.may("clerk.set")) columns.push({ key: "acts", title: "", cell: (row) => div("hall-clerk-acts", act(row)) });
    const openers = forms.draw("clerks", one.id, [], {
      set: { action: "clerk.set", request: { hall: one.id }, words: page.words("halls.clerk_set"), body: () => clerkFields(items) },
      absence: { action: "absence.note", request: { hall: one.id }, words: page.words("halls.absence_note"), body: () => [
        forms.select("clerk", page.words("halls.clerk"), names.map((name) => [name, name])), forms.select("kind", page.words("halls.absences"), Object.entries(page.facts.labels.absence_kind)),
        date("from", page.words("halls.roster_from"), localDate(page.now())), date("to", page.words("halls.absence_to"), localDate(page.now()))] },
    });
    const absence = (row) => el("li", { key: row.id, class: "hall-absence" }, span("hall-axis", row.clerk), span("", page.label("absence_kind", row.kind)), number(row.from === row.to ? dayWord(row.from) : `${dayWord(row.from)} – ${dayWord(row.to)}`, away), span("quiet", page.actor(row.by)),
      page.may("absence.cancel") ? div("hall-clerk-acts", forms.draw(`absence-${row.id}`, row.id, [], { cancel: { action: "absence.cancel", request: { absence: row.id }, words: page.words("halls.absence_cancel"), body: () => [forms.field("reason", page.words("halls.reason"), true)] } })) : null);
    return [openers,
      data.clerks.length ? parts.table("hall-clerks", columns, data.clerks.map((row) => ({ ...row, key: row.clerk })), { label: page.words("halls.clerks"), start: { column: "clerk", isDown: false } }) : div("quiet", page.words("halls.clerk_none")),
      part(page.words("halls.absences"), "", data.absences.length ? el("ul", { class: "hall-said-rows" }, data.absences.map(absence)) : div("quiet", page.words("halls.absence_none")))];
  };

  const NAMES = ["rosters", "shifts", "cover", "unmet"];
  roster.draw = (one) => {
    const [rows, people] = [told(), staff()];
    const draw = (name, answer, source, make) => parts.draw(`hall-${name}`, answer.data ? make(answer.data) : hall.face(answer, source));
    const makers = { rosters: (data) => rosters(one, data), shifts: (data) => shifts(one, data), cover: (data) => cover(data), unmet: (data) => unmet(one, data) };
    for (const name of NAMES) draw(name, rows, hall.SOURCES.rosters, makers[name]);
    draw("clerks", people, hall.SOURCES.clerks, (data) => clerks(one, data));
    const shown = rows.data?.roster;
    parts.draw("hall-shifts-sub", shown ? [number(spanWord(shown), fromOf(shown)), " ", parts.pill(page.label("roster_state", shown.state), PILLS[shown.state] ?? "")] : "");
    parts.draw("hall-clerks-sub", people.data ? sentence(page.words("halls.clerk_sub", { n: people.data.clerks.length }), { source: hall.SOURCES.clerks, asOf: page.now() }) : "");
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-roster],[data-roster-day],[data-skill]");
    if (!pressed) return;
    if (pressed.dataset.skill) {
      const [key, item, initial] = JSON.parse(pressed.dataset.skill);
      const chosen_ = new Set(picked.get(key) ?? initial);
      if (!chosen_.delete(item)) chosen_.add(item);
      picked.set(key, chosen_);
    } else if (pressed.dataset.roster) [chosen, day] = [pressed.dataset.roster, null];
    else day = pressed.dataset.rosterDay;
    page.beat();
  });
  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-roster-group]")) return;
    group = target.value || null;
    page.beat();
  });
  roster.forget = () => {
    [chosen, day, group] = [null, null, null];
    picked.clear();
  };
  roster.told = (answer) => {
    if (answer?.outcome === "done" && answer.act?.action === "clerk.set") picked.clear();
    if (answer?.outcome === "done" && answer.act?.action === "roster.ask") chosen = answer.object_id ?? null;
  };

  cityhelm.hallRoster = roster;
})();
