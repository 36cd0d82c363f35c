/* The plan of windows: the proposal in one line with what it gains and costs, and what a manager may say to it; the next four hours by
   window, with every change on them; commands and how the hall answered; what earlier plans promised and did. The same cyan runs
   through the proposal, its windows on the board and its rows here. Reasons are asked for in place. */
(() => {
  const { page, parts, hall, forms } = cityhelm;
  const { el, div, span, number, sentence } = parts;
  const plan = {};
  const VIEWS = ["grid", "steps", "past"];
  const HOURS = 4;
  const HOUR_MS = 3600000;
  const SLOT_MS = 900000;
  const TINTS = 5;
  const STEP_PILLS = { planned: "", sent: "on", accepted: "done", refused: "act", unanswered: "act", cancelled: "out" };
  const PROPOSAL_PILLS = { accepted: "on", done: "done", withdrawn: "out", declined: "out", expired: "out", superseded: "out" };
  const SOON_MS = 1800000;
  const MOST_OVER = 6; // commands that are over stand above those to come
  const isPending = (state) => state === "planned" || state === "sent";
  let view = VIEWS[0];
  let asked = null; // {kind: "decline" or "stop", id}: which reason is asked for in the banner

  plan.data = () => hall.windows().data;
  plan.proposal = () => {
    const open = plan.data()?.proposal ?? null;
    return open && open.valid_until > page.now() ? open : null;
  };
  /** Windows of the open proposal, lit on the board and in the plan; without one, those that are told something soon. */
  plan.lit = () => {
    const proposal = plan.proposal();
    if (proposal) return new Map(proposal.steps.map((step) => [step.window, step]));
    const soon = (plan.data()?.steps ?? []).filter(({ state, due }) => isPending(state) && due < page.now() + SOON_MS).sort((a, b) => b.due - a.due);
    return new Map(soon.map((step) => [step.window, { ...step, at: step.due, to_state: step.wanted, to_items: step.items }])); // of several the first
  };

  const fromOf = (proposal) => ({ source: hall.SOURCES.proposals, asOf: proposal.issued, made: page.words("halls.rests_made") });
  const arrow = (before, after) => `${before} → ${after}`;

  /* the banner */

  const figure = (key, text, unit, from) => div("hall-gain", span("", page.words(key)), div("hall-gain-line", number(text, from), span("", unit)));
  const gains = (proposal, from) => {
    const { before, after, gain } = proposal;
    if (!before || !after) return null;
    const minutes = (told) => hall.minutes(told?.worst?.p90_s) ?? "–";
    return div("hall-gains",
      figure("halls.gain_wait", arrow(minutes(before), minutes(after)), page.words("halls.minutes"), from),
      figure("halls.gain_left", arrow(page.figure(before.left, 0), page.figure(after.left, 0)), page.words("halls.people_unit"), from),
      gain ? figure("halls.gain_hours", page.figure(gain.window_h, 1), page.words("halls.window_hours"), from) : null);
  };
  const reasonForm = (kind, proposal, action) => div("hall-reason",
    el("span", { id: "hall-reason-form", class: "hall-reason-field" }, forms.field("reason", page.words("halls.reason"), true)),
    forms.act(proposal.id, action, { proposal: proposal.id }, page.words(`halls.${kind}_now`), "button button-first", "hall-reason-form"),
    el("button", { key: "back", class: "button button-plain", "data-hall-ask": "" }, page.words("halls.cancel")));
  const opener = (kind, proposal, action) => (page.may(action) ? el("button", { key: kind, class: "button", "data-hall-ask": JSON.stringify({ kind, id: proposal.id }), "aria-expanded": "false" }, page.words(`halls.${kind}`)) : null);
  const isAsked = (kind, proposal) => asked?.kind === kind && asked.id === proposal.id;

  const offered = (proposal, one, hasRunning) => {
    const from = fromOf(proposal);
    const { rests_on } = proposal;
    const more = isAsked("decline", proposal) ? reasonForm("decline", proposal, "windows.decline") : [
      div("hall-banner-more",
        hall.say(proposal.price) ? div("hall-banner-price", sentence(page.words("halls.price", { words: hall.say(proposal.price) }), from)) : null,
        div("quiet", sentence([rests_on ? page.words("halls.rests", { days: rests_on.profile_days, n: page.figure(rests_on.futures), waiting: rests_on.n_waiting }) : "", page.words("halls.valid", { time: page.hour(proposal.valid_until) }), hasRunning ? page.words("halls.also_running") : ""].filter(Boolean).join(" · "), from))),
      gains(proposal, from),
      div("hall-banner-acts", forms.act(proposal.id, "windows.accept", { hall: one.id, proposal: proposal.id }, page.words("halls.accept"), "button button-first"),
        page.may("windows.accept") ? el("button", { key: "adjust", class: cityhelm.whatIf.isAdjusting(proposal) ? "button button-on" : "button", "data-hall-adjust": proposal.id, "aria-pressed": String(cityhelm.whatIf.isAdjusting(proposal)) }, page.words("halls.adjust")) : null,
        opener("decline", proposal, "windows.decline")),
    ];
    return ["hall-banner hall-banner-on", div("hall-banner-said", sentence(hall.say(proposal.said), from)), more];
  };
  const underWay = (running, data) => {
    const from = { ...fromOf(running), source: hall.SOURCES.steps };
    const own = data.steps.filter(({ proposal }) => proposal === running.id);
    const done = own.filter(({ state }) => state === "accepted").length;
    const bad = own.filter(({ state }) => ["refused", "unanswered"].includes(state));
    const more = isAsked("stop", running) ? reasonForm("stop", running, "windows.withdraw") : [
      div("hall-banner-more", div("", sentence(page.words("halls.running_steps", { n: done, all: own.length }), from), bad.length ? parts.pill(`${page.label("step_state", bad[0].state)} ${bad.length}`, "act") : null),
        running.decided ? div("quiet", sentence(page.words("halls.accepted_by", { by: page.actor(running.by), time: page.hour(running.decided) }), from)) : null),
      gains(running, from),
      div("hall-banner-acts", opener("stop", running, "windows.withdraw")),
    ];
    return ["hall-banner hall-banner-running", div("hall-banner-said", span("hall-banner-word", page.words("halls.running")), sentence(hall.say(running.said), from)), more];
  };
  const nothing = (one, told) => {
    const words = one.source === "snapshots" ? page.words("halls.advice_for_events") : told.data ? hall.say(told.data.none) || page.words("halls.no_advice") : told.fault || told.isGone ? page.words("halls.unread") : page.words("loading");
    return ["hall-banner hall-banner-none", div("hall-banner-said", span("hall-banner-word", page.words("halls.no_proposal")), sentence(words, { source: hall.SOURCES.proposals, asOf: told.data?.t })), null];
  };

  plan.drawBanner = (one) => {
    const place = document.getElementById("hall-banner");
    const told = hall.windows();
    const proposal = plan.proposal();
    const [running] = told.data?.running ?? [];
    const [look, said, more] = proposal ? offered(proposal, one, Boolean(running)) : running ? underWay(running, told.data) : nothing(one, told);
    if (place.className !== look) place.className = look;
    parts.draw("hall-banner", said, more);
  };

  /* four hours by window */

  /** What a window is through the next hours: [{from, to, state, items, mark}], `mark` "proposed" or the state of a step. Pure. */
  plan.course = (window, changes, from, to) => {
    const usual = { state: window.state, items: window.items };
    const turns = changes.flatMap((change) => [{ at: change.at, state: change.state, items: change.items.length ? change.items : window.items, mark: change.mark },
      ...(change.until ? [{ at: change.until, ...(change.then ?? usual), mark: null }] : [])]).sort((a, b) => a.at - b.at);
    const pieces = [];
    let [now, since] = [{ ...usual, mark: null }, from];
    for (const turn of turns) {
      const at = Math.min(Math.max(turn.at, from), to);
      if (at > since) pieces.push({ from: since, to: at, ...now });
      [now, since] = [turn, at];
    }
    if (to > since) pieces.push({ from: since, to, ...now });
    return pieces.map(({ from: begins, to: ends, state, items, mark }) => ({ from: begins, to: ends, state, items, mark }));
  };

  const changesOf = (number_) => {
    const data = plan.data();
    const proposed = (plan.proposal()?.steps ?? []).filter(({ window }) => window === number_).map((step) => ({ at: step.at, until: step.until, state: step.to_state, items: step.to_items, then: step.then_state ? { state: step.then_state, items: step.then_items ?? [] } : null, mark: "proposed" }));
    const told = (data?.steps ?? []).filter(({ window, state }) => window === number_ && isPending(state)).map((step) => ({ at: step.due, until: null, state: step.wanted, items: step.items, mark: step.state }));
    return [...told, ...proposed];
  };
  const tintOf = (one, items) => {
    const k = one.items.map(({ item }) => item).sort().indexOf(items[0]);
    return items.length > 3 || k < 0 ? "hall-tint-all" : `hall-tint-${k % TINTS}`;
  };
  const windowsOf = () => {
    const known = hall.whole?.windows ?? [];
    const missing = [...plan.lit().values()].filter(({ window }) => !known.some((one) => one.number === window)).map((step) => ({ number: step.window, state: step.from_state ?? "closed", items: step.from_items ?? [] }));
    const lit = plan.lit();
    return [...known, ...missing].sort((a, b) => lit.has(b.number) - lit.has(a.number) || a.number - b.number); // what is to change is on top
  };

  const grid = (one) => {
    const rows = windowsOf();
    if (!rows.length) return hall.face(hall.windows(), hall.SOURCES.events);
    const from = Math.floor(page.now() / SLOT_MS) * SLOT_MS;
    const to = from + HOURS * HOUR_MS;
    const x = (t) => `${((100 * (t - from)) / (to - from)).toFixed(2)}%`;
    const lit = plan.lit();
    let changed = 0;
    const line = (window) => {
      const pieces = plan.course(window, changesOf(window.number), from, to);
      changed += pieces.filter(({ mark }) => mark).length;
      const words = (piece) => (piece.state === "open" ? hall.items(piece.items) || page.words("halls.items_unknown") : page.label("window_state", piece.state));
      const said = pieces.map((piece) => `${page.hour(piece.from)}–${page.hour(piece.to)} ${words(piece)}${piece.mark === "proposed" ? ` (${page.words("halls.step_proposed")})` : piece.mark ? ` (${page.label("step_state", piece.mark)})` : ""}`).join("\n");
      return el("li", { key: String(window.number), class: lit.has(window.number) ? "hall-course hall-course-lit" : "hall-course", title: said, "aria-label": page.words("halls.plan_row", { n: window.number, state: said.replaceAll("\n", " ") }) },
        span("hall-course-number hall-axis", String(window.number)),
        span("hall-course-line", pieces.map((piece) => el("span", { key: String(piece.from), class: ["hall-piece", `hall-piece-${piece.state}`, piece.state === "open" && tintOf(one, piece.items), piece.mark && `hall-piece-${piece.mark}`].filter(Boolean).join(" "), style: `left:${x(piece.from)};width:${x(from + piece.to - piece.from)}` }, span("ellipsis", piece.state === "open" ? words(piece) : "")))));
    };
    const lines = rows.map(line);
    const hours = Array.from({ length: HOURS * 2 }, (_, k) => from + (k * HOUR_MS) / 2);
    const key = (name, words) => span("hall-plan-key", el("i", { class: `hall-piece ${name}`, "aria-hidden": "true" }), words);
    return div("hall-plan-place",
      div("hall-plan-hours", hours.map((t) => el("span", { key: String(t), class: "hall-axis", style: `left:${x(t)}` }, page.hour(t)))),
      el("ol", { class: "hall-courses", "aria-label": page.words("halls.plan") }, lines),
      div("hall-plan-keys", key("hall-piece-open hall-piece-proposed", page.words("halls.plan_key_changed", { n: changed })), key("hall-piece-paused", page.words("halls.plan_key_paused")), key("hall-piece-closed", page.words("halls.plan_key_closed")), span("quiet ellipsis", page.words("halls.plan_as_now"))));
  };

  /* commands */

  const deed = (step, state, items) => {
    const words = hall.items(items ?? []);
    if (state === "open") return step.from_state === "open" || !words ? page.words("halls.step_turn", { items: words || page.words("halls.window_items_same") }) : page.words("halls.step_open", { items: words });
    return page.words(state === "paused" ? "halls.step_paused" : "halls.step_closed");
  };
  plan.deed = (step) => deed(step, step.to_state, step.to_items);
  const stepRow = (key, at, window, words, pill, note, from) => el("li", { key, class: "hall-step" },
    number(page.hour(at), from), span("hall-step-window", number(String(window), from)), span("hall-step-words", span("", words), note ? el("small", {}, sentence(note, from)) : null), pill);
  const steps = () => {
    const told = hall.windows();
    const { data } = told;
    if (!data) return hall.face(told, hall.SOURCES.steps);
    const proposal = plan.proposal();
    const proposed = (proposal?.steps ?? []).map((step, k) => stepRow(`p${k}`, step.at, step.window, plan.deed(step), parts.pill(page.words("halls.step_proposed"), "on"), [hall.say(step.why), step.clerk, step.until ? page.words("halls.step_until", { time: page.hour(step.until) }) : ""].filter(Boolean).join(" · "), fromOf(proposal)));
    const over = data.steps.filter(({ state }) => !isPending(state)).sort((a, b) => b.due - a.due);
    const next = data.steps.filter(({ state }) => isPending(state)).sort((a, b) => a.due - b.due);
    const rows = [...over.slice(0, MOST_OVER).reverse(), ...next, ...over.slice(MOST_OVER)].map((step) => { // what has just been done, what comes, what was
      const from = { source: hall.SOURCES.steps, measured: step.answered ?? step.sent, asOf: data.t };
      const answer = ["refused"].includes(step.state) ? page.label("window_answer", step.answer) : "";
      const note = [answer, step.proposal ? "" : page.words("halls.step_by_hand"), step.by ? page.actor(step.by) : ""].filter(Boolean).join(" · ");
      return stepRow(step.id, step.due, step.window, deed({ from_state: null }, step.wanted, step.items), parts.pill(page.label("step_state", step.state), STEP_PILLS[step.state] ?? ""), note, from);
    });
    if (!rows.length && !proposed.length) return parts.face("empty", { source: hall.SOURCES.steps, reason: page.words("halls.no_steps") });
    return el("ol", { class: "hall-steps", "aria-label": page.words("halls.plan_steps") }, proposed, rows);
  };

  /* what became of earlier plans */

  const past = () => {
    const told = hall.windows();
    if (!told.data) return hall.face(told, hall.SOURCES.proposals);
    if (!told.data.past.length) return parts.face("empty", { source: hall.SOURCES.proposals, reason: page.words("halls.no_past") });
    return el("ol", { class: "hall-steps", "aria-label": page.words("halls.plan_past") }, told.data.past.map((proposal) => {
      const from = fromOf(proposal);
      const { outcome } = proposal;
      const told_ = (key, text) => span("hall-outcome-figure", span("", page.words(key)), " ", number(text, from));
      const [low, mid, high] = outcome?.promised_p90_s ?? [null, null, null];
      const figures = outcome ? div("hall-outcome",
        told_("halls.promised", mid === null ? null : `${hall.minutes(mid)} (${hall.minutes(low)}–${hall.minutes(high)})`), told_("halls.measured", hall.minutes(outcome.measured_p90_s)), told_("halls.without_it", hall.minutes(outcome.without_p90_s)))
        : ["accepted", "done", "withdrawn"].includes(proposal.state) ? div("quiet", page.words("halls.not_judged")) : proposal.reason ? div("quiet said", proposal.reason) : null;
      return el("li", { key: proposal.id, class: "hall-past" }, number(page.hour(proposal.issued), from), div("hall-past-words", div("", sentence(hall.say(proposal.said), from)), outcome && hall.say(outcome) ? div("hall-past-outcome", sentence(hall.say(outcome), from)) : null, figures),
        parts.pill(page.label("proposal_state", proposal.state), PROPOSAL_PILLS[proposal.state] ?? ""));
    }));
  };

  plan.draw = (one) => {
    const { data } = hall.windows();
    const option = (value) => ({ value, label: page.words(`halls.plan_${value}`), attributes: { "data-hall-plan": value } });
    parts.draw("hall-plan-sub", parts.segments(page.words("halls.plan_views"), VIEWS.map(option), view));
    const body = one.source === "snapshots" ? parts.empty("halls.advice_for_events") : { grid: () => grid(one), steps, past }[view]();
    parts.draw("hall-plan", el("div", { key: view, class: view === "grid" ? "hall-plan-view" : "hall-plan-view scroll" }, body));
    return data;
  };

  /* a window by hand */

  /** The form below the board for the window that was chosen there; null where nobody may command. */
  plan.byHand = (one, window) => {
    if (!window || !page.may("window.command")) return null;
    const about = `${one.id}/${window.number}`;
    const form = `hall-window-${window.number}`;
    const states = ["open", "paused", "closed"].map((state) => [state, page.label("window_state", state), state === (window.state === "open" ? "paused" : "open")]);
    const offered_ = [...new Set([...one.items.map(({ item }) => item).filter(Boolean), ...window.items])];
    const optional = (name, words, options) => el("select", { key: name, name, class: "input", "aria-label": words }, options.map(([value, text]) => el("option", { key: value, value }, text)));
    return div("hall-by-hand", el("b", {}, sentence(page.words("halls.window_by_hand", { n: window.number }), { source: hall.SOURCES.events, asOf: hall.frame().t })),
      el("div", { key: form, id: form, class: "hall-by-hand-fields" }, forms.select("state", page.words("halls.window_state"), states),
        optional("items", page.words("halls.window_items"), [["", page.words("halls.window_items_same")], ...offered_.map((item) => [item, hall.item(item)])]),
        forms.field("minutes", page.words("halls.window_minutes"), false, { inputmode: "numeric" }), forms.field("reason", page.words("halls.reason"), true)),
      forms.act(about, "window.command", { hall: one.id, window: String(window.number) }, page.words("halls.window_command"), "button", form));
  };

  plan.told = (answer) => {
    if (answer?.outcome === "done" && ["windows.decline", "windows.withdraw"].includes(answer.act?.action)) asked = null;
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-hall-plan],[data-hall-ask]");
    if (!pressed) return;
    if (pressed.dataset.hallPlan) view = pressed.dataset.hallPlan;
    else asked = pressed.dataset.hallAsk ? JSON.parse(pressed.dataset.hallAsk) : null;
    page.beat();
    if (asked) requestAnimationFrame(() => setTimeout(() => document.querySelector("#hall-reason-form .input")?.focus(), 300));
  });

  cityhelm.hallPlan = plan;
})();
