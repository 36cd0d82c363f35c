/* Waits ahead: how long somebody would wait who comes then, for a service or the whole hall, as a fan against the target; or the
   worst wait with and without a plan or a change that is tried out. Beside it how well such forecasts held. */
(() => {
  const { page, parts, hall } = cityhelm;
  const { el, div, span, number, sentence } = parts;
  const ahead = { item: "", mode: null };
  const LEADS_TOLD = [1800, 3600];
  const MINUTE = 60;
  const SLOT_S = 900;

  const minutes = (values) => values.map((s) => (s === null || s === undefined ? null : s / MINUTE));
  const stepOf = (times) => (times.length > 1 ? (times[1] - times[0]) / 1000 : SLOT_S);

  /** What can be shown: the forecast; a plan beside nothing; what is tried out beside nothing. */
  const modes = (proposal) => ["forecast", ...(proposal?.before && proposal.after ? ["plan"] : []), ...(cityhelm.whatIf.result?.after ? ["if"] : [])];
  const modeOf = (all) => (all.includes(ahead.mode) ? ahead.mode : all.includes("if") ? "if" : all.includes("plan") ? "plan" : "forecast");
  ahead.show = (mode) => (ahead.mode = mode);

  const fanOf = (data, one, state) => {
    const row = data.items.find(({ item }) => item === ahead.item) ?? data.items[0];
    if (!row) return parts.face("empty", { source: hall.SOURCES.ahead, reason: hall.say(data.reason) });
    const step = row.leads_s.length > 1 ? row.leads_s[1] - row.leads_s[0] : SLOT_S;
    const forecast = { start: data.issued + 1000 * row.leads_s[0], step_s: step, q10: minutes(row.p10_s), q50: minutes(row.p50_s), q90: minutes(row.p90_s) };
    const label = `${row.item ? hall.item(row.item) : page.words("halls.whole_hall")} ${page.words("halls.ahead_label")}`;
    return parts.fan("hall-ahead", { measured: null, forecast, now: page.now(), unit: page.words("halls.minutes"), label, target: (data.target_s ?? one.target_s) / MINUTE, isFromZero: true, state, source: hall.SOURCES.ahead });
  };

  const duel = ({ before, after }, one, state, words, source) => {
    const series = (told) => ({ start: told.slots[0], step_s: stepOf(told.slots), q10: minutes(told.p90_low_s), q50: minutes(told.p90_s), q90: minutes(told.p90_high_s) });
    return parts.fan("hall-duel", { measured: null, forecast: series(after), rival: series(before), names: { median: words, rival: "halls.without" }, now: page.now(), unit: page.words("halls.minutes"), label: page.words("halls.ahead_compare"), target: one.target_s / MINUTE, isFromZero: true, state, source });
  };

  const scores = (data) => {
    const rows = data.scores.filter(({ lead_s, n }) => LEADS_TOLD.includes(lead_s) && n > 0);
    if (!rows.length) return [el("div", { key: "none", class: "quiet ellipsis" }, page.words("halls.no_score"))];
    const from = { source: hall.SOURCES.scores, asOf: data.issued };
    const figure = (s) => page.figure(s / MINUTE, 1);
    return rows.map((row) => el("div", { key: String(row.lead_s), class: "quiet ellipsis" }, sentence(page.words("halls.score", { lead: row.lead_s / MINUTE, coverage: hall.percent(row.coverage), mae: figure(row.mae_s), persist: figure(row.persist_mae_s), n: page.figure(row.n) }), from)));
  };

  const breach = (data, from) => (data.breach
    ? el("div", { key: "breach", class: "hall-breach" }, sentence(page.words("halls.breach", { time: page.hour(data.breach.at), item: data.breach.item ? hall.item(data.breach.item) : page.words("halls.whole_hall"), n: hall.minutes(data.breach.p90_s) ?? "–" }), from))
    : el("div", { key: "calm", class: "quiet" }, page.words("halls.no_breach")));

  const leaving = (data, from) => {
    const row = data.items.find(({ item }) => item === ahead.item) ?? data.items[0];
    const most = row?.leave_share?.length ? Math.max(...row.leave_share) : null;
    return most === null || most < 0.005 ? null : span("quiet", sentence(page.words("halls.will_leave", { n: hall.percent(most) }), from));
  };

  const choices = (data, all, mode) => {
    const options = (data?.items ?? []).map(({ item }) => el("option", { key: item || "all", value: item, selected: item === ahead.item }, item ? hall.item(item) : page.words("halls.whole_hall")));
    return [
      all.length > 1 ? parts.segments(page.words("halls.ahead"), all.map((value) => ({ value, label: page.words(`halls.ahead_${value}`), attributes: { "data-hall-ahead": value } })), mode) : null,
      mode === "forecast" && options.length > 1 ? el("select", { class: "input hall-pick", "data-hall-item": true, "aria-label": page.words("halls.ahead_item") }, options) : null];
  };

  ahead.draw = (one, proposal) => {
    const told = hall.ahead();
    const { data } = told;
    const all = modes(proposal);
    const mode = modeOf(all);
    parts.draw("hall-ahead-title", page.words(mode === "forecast" ? "halls.ahead" : "halls.ahead_compare"));
    const asOf = mode === "if" ? cityhelm.whatIf.result.at : mode === "plan" ? proposal.issued : data?.issued ?? null;
    const from = { source: hall.SOURCES[mode === "if" ? "what_if" : mode === "plan" ? "proposals" : "ahead"], asOf, made: page.words(mode === "forecast" ? "halls.ahead_made" : "halls.rests_made") };
    const state = hall.stateOf(mode === "forecast" ? told : { data: true }, asOf);
    hall.sub("ahead", state, asOf, from, ...choices(data, all, mode));
    const chart = mode === "forecast"
      ? (data?.items?.length ? fanOf(data, one, state) : hall.face(told, hall.SOURCES.ahead, hall.say(data?.reason) || page.words("halls.no_ahead")))
      : duel(mode === "plan" ? proposal : cityhelm.whatIf.result, one, state, mode === "plan" ? "halls.with_plan" : "halls.with_if", from.source);
    const notes = data?.items?.length && mode === "forecast" ? div("hall-ahead-notes", div("hall-ahead-line", breach(data, from), leaving(data, from)), scores(data)) : null;
    parts.draw("hall-ahead", div("hall-ahead-place", el("div", { key: mode, class: "hall-ahead-chart" }, chart), notes));
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-hall-ahead]");
    if (!pressed) return;
    ahead.mode = pressed.dataset.hallAhead;
    page.beat();
  });
  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-hall-item]")) return;
    ahead.item = target.value;
    page.beat();
  });

  cityhelm.hallAhead = ahead;
})();
