/* What if: sliders over what a manager can change (people who come, windows of a service, clerks from one to another, a window opened
   for a while) or the steps of a proposal, taken up one by one. Each change is simulated by the server from the hall as it is now, one
   question at a time; the answer redraws the fan. */
(() => {
  const { page, parts, hall, forms } = cityhelm;
  const { el, div, span, number, sentence } = parts;
  const HEAD = { "content-type": "application/json" };
  const WAIT_MS = 400;
  const SLOT_MS = 900000;
  const LEAST_MIN = 15;
  const MOST_MIN = 180;
  const MOST_CLERKS = 5;
  const REACH = 4; // windows more or fewer
  const blank = () => ({ arrivals: 0, item: null, windows: null, from: "", to: "", clerks: 0, window: "", minutes: 60 });
  const whatIf = { result: null };
  let wanted = blank();
  let steps = null; // of the proposal that is adjusted: {id, rows: [{...step, keep, kept: as proposed}]}
  let turn = 0; // sliders are made anew when they are cleared
  let askAt = null;
  let isAsking = false;
  let refused = null;
  let hallId = null;

  whatIf.isAdjusting = (proposal) => steps?.id === proposal.id;

  const clear = () => {
    [wanted, steps, refused, whatIf.result, askAt] = [blank(), null, null, null, null];
    turn += 1;
  };
  const itemOf = (one) => wanted.item ?? one.items.reduce((worst, row) => ((row.wait_s ?? -1) > (worst?.wait_s ?? -1) ? row : worst), null)?.item ?? "";
  const serving = (item) => (hall.whole?.windows ?? []).filter((window) => window.state === "open" && window.items.includes(item));
  const idle = () => (hall.whole?.windows ?? []).filter((window) => ["paused", "closed"].includes(window.state));

  /** What is asked of the server, or null when everything is as it is. Pure but for the hall. */
  const question = (one) => {
    const item = itemOf(one);
    const open = serving(item).length;
    const more = wanted.windows === null ? 0 : wanted.windows - open;
    const opened = more > 0 ? idle().slice(0, more).map(({ number: n }) => ({ window: n, state: "open", items: [item] })) : [];
    const closed = more < 0 ? serving(item).slice(more).map(({ number: n }) => ({ window: n, state: "closed" })) : [];
    const lone = wanted.window ? [{ window: Number(wanted.window), state: "open", ...(item ? { items: [item] } : {}), for_min: wanted.minutes }] : [];
    const kept = (steps?.rows ?? []).filter(({ keep }) => keep).map((step) => ({ window: step.window, state: step.to_state, items: step.to_items, at: step.at, ...(step.until ? { for_min: Math.round((step.until - step.at) / 60000) } : {}) }));
    const windows = [...kept, ...opened, ...closed, ...lone];
    const moved = wanted.clerks && wanted.from && wanted.to && wanted.from !== wanted.to ? [{ from: wanted.from, to: wanted.to, n: wanted.clerks }] : [];
    const all = { ...(wanted.arrivals ? { arrivals: 1 + wanted.arrivals / 100 } : {}), ...(moved.length ? { move: moved } : {}), ...(windows.length ? { windows } : {}) };
    return Object.keys(all).length ? { hall: one.id, ...all } : null;
  };

  const ask = async (one) => {
    askAt = null;
    const asked = question(one);
    if (!asked) {
      [whatIf.result, refused] = [null, null];
      return;
    }
    isAsking = true;
    try {
      const response = await page.ask("/api/hall/what_if", { method: "POST", headers: HEAD, body: JSON.stringify(asked) });
      const told = await response.json();
      if (asked.hall !== hall.chosen) return;
      refused = told.after ? told.refused : (told.refused ?? { [page.facts.lang]: page.words("halls.if_failed") });
      whatIf.result = told.after ? { ...told, at: page.now() } : null;
      if (whatIf.result) cityhelm.hallAhead.show("if");
    } catch {
      refused = { [page.facts.lang]: page.words("halls.if_failed") };
    } finally {
      isAsking = false;
      page.beat();
    }
  };
  const changed = () => {
    askAt = performance.now() + WAIT_MS;
    page.beat();
  };

  /* drawing */

  const slider = (name, label, { low, high, step = 1, value, usual = null, text, more = null }) => div(more ? "hall-if-row" : "hall-if-row hall-if-row-lone",
    div("hall-if-head", span("ellipsis", label), more, el("b", { class: "num", title: label, "data-source": hall.SOURCES.what_if }, text)),
    div("hall-if-slide", el("input", { key: `${name}${turn}${hall.chosen}`, type: "range", min: String(low), max: String(high), step: String(step), value: String(value), style: `--share:${((100 * (value - low)) / (high - low)).toFixed(1)}%`, "data-if": name, "aria-label": label, "aria-valuetext": text }),
      usual === null || high === low ? null : el("i", { style: `left:${((100 * (usual - low)) / (high - low)).toFixed(1)}%` })));
  const select = (name, label, options, value) => el("select", { key: `${name}${turn}`, class: "input hall-pick", "data-if": name, "aria-label": label }, options.map(([one, text]) => el("option", { key: String(one), value: String(one), selected: String(one) === String(value) }, text)));
  const signed = (n) => `${n > 0 ? "+" : n < 0 ? "−" : "±"}${Math.abs(n)}%`;

  const sliders = (one) => {
    const item = itemOf(one);
    const items = one.items.map((row) => row.item).filter(Boolean);
    const open = serving(item).length;
    const all = hall.whole?.windows ?? [];
    const [low, high] = [Math.max(0, open - REACH), Math.min(open + REACH, open + idle().length)];
    const windows = Math.min(high, Math.max(low, wanted.windows ?? open));
    const choices = items.map((one_) => [one_, hall.item(one_)]);
    return [
      slider("arrivals", page.words("halls.if_arrivals"), { low: -50, high: 100, step: 5, value: wanted.arrivals, usual: 0, text: signed(wanted.arrivals) }),
      slider("windows", page.words("halls.if_open"), { low, high: Math.max(high, low + 1), value: windows, usual: open, text: String(windows), more: select("item", page.words("halls.ahead_item"), choices, item) }),
      slider("clerks", page.words("halls.if_clerks"), { low: 0, high: MOST_CLERKS, value: wanted.clerks, text: page.figure(wanted.clerks),
        more: span("hall-if-pair", select("from", page.words("halls.if_from"), [["", page.words("halls.if_from")], ...choices], wanted.from), select("to", page.words("halls.if_to"), [["", page.words("halls.if_to")], ...choices], wanted.to)) }),
      slider("minutes", page.words("halls.if_window"), { low: LEAST_MIN, high: MOST_MIN, step: 15, value: wanted.minutes, text: wanted.window ? `${wanted.minutes} ${page.words("halls.minutes")}` : "–",
        more: select("window", page.words("halls.if_window"), [["", page.words("halls.if_no_window")], ...all.filter(({ state }) => state !== "open").map(({ number: n }) => [n, page.words("halls.window_n", { n })])], wanted.window) }),
    ];
  };

  const adjusting = (one, proposal) => {
    const items = one.items.map((row) => row.item).filter(Boolean);
    const now = page.now();
    const row = (step, k) => el("li", { key: String(k), class: step.keep ? "hall-if-step" : "hall-if-step hall-if-step-off" },
      el("label", {}, el("input", { key: `keep${turn}`, type: "checkbox", checked: step.keep, "data-if-keep": String(k) }), span("", page.words("halls.if_keep"))),
      el("button", { class: "button button-plain", "data-if-shift": `${k},-1`, disabled: step.at - SLOT_MS < now - SLOT_MS, "aria-label": page.words("halls.if_earlier"), title: page.words("halls.if_earlier") }, "−"),
      number(page.hour(step.at), { source: hall.SOURCES.proposals, asOf: proposal.issued }),
      el("button", { class: "button button-plain", "data-if-shift": `${k},1`, "aria-label": page.words("halls.if_later"), title: page.words("halls.if_later") }, "+"),
      span("ellipsis", sentence(page.words("halls.window_n", { n: step.window }), { source: hall.SOURCES.proposals, asOf: proposal.issued }), " ", step.to_state === "open" ? "" : cityhelm.hallPlan.deed(step)),
      step.to_state === "open" ? el("select", { key: `items${turn}`, class: "input hall-pick", "data-if-items": String(k), "aria-label": page.words("halls.if_items", { n: step.window }) }, [["", hall.items(proposal.steps[k]?.to_items ?? [])], ...items.map((item) => [item, hall.item(item)])].map(([item, text]) => el("option", { key: item, value: item }, text))) : null);
    const said = steps.rows.filter(({ keep }) => keep).map(({ keep, proposed, ...step }) => step);
    return [div("hall-if-title", page.words("halls.if_adjusting"), said.length ? forms.act(proposal.id, "windows.accept", { hall: one.id, proposal: proposal.id, steps: JSON.stringify(said) }, page.words("halls.if_accept"), "button button-first") : null),
      el("ol", { key: `adjust${turn}`, class: "hall-if-steps" }, steps.rows.map(row))];
  };

  const figures = (told) => {
    const from = { source: hall.SOURCES.what_if, asOf: told.at, made: page.words("halls.rests_made"), count: told.n };
    const figure = (key, text, unit) => div("hall-if-figure", span("", page.words(key)), div("", number(text, from), span("", " ", unit)));
    const minutes = page.words("halls.minutes");
    const { before, after } = told;
    return div("hall-if-figures", figure("halls.if_worst", `${hall.minutes(before.worst?.p90_s) ?? "–"} → ${hall.minutes(after.worst?.p90_s) ?? "–"}`, minutes),
      figure("halls.if_range", after.worst ? `${hall.minutes(after.worst.low_s)}–${hall.minutes(after.worst.high_s)}` : null, minutes),
      figure("halls.if_left", `${page.figure(before.left)} → ${page.figure(after.left)}`, page.words("halls.people_unit")),
      figure("halls.if_overtime", `${page.figure(before.overtime_s / 60)} → ${page.figure(after.overtime_s / 60)}`, minutes));
  };

  whatIf.draw = (one, proposal) => {
    if (hallId !== one.id) {
      clear();
      hallId = one.id;
    }
    if (steps && steps.id !== proposal?.id) clear(); // what was adjusted is no longer offered
    if (one.source === "snapshots" || !hall.whole?.windows.length) {
      parts.draw("hall-if-sub", "");
      return parts.draw("hall-if", hall.whole || one.source === "snapshots" ? parts.face("empty", { source: hall.SOURCES.what_if, reason: page.words("halls.if_none") }) : parts.face("loading"));
    }
    if (askAt !== null && performance.now() >= askAt && !isAsking) ask(one);
    else if (askAt !== null) page.beat();
    const { result } = whatIf;
    const from = { source: hall.SOURCES.what_if, asOf: result?.at };
    parts.draw("hall-if-sub", isAsking || askAt !== null ? page.words("halls.if_asking") : result ? sentence(page.words("halls.if_sub", { n: page.figure(result.n), ms: page.figure(result.took_ms) }), from) : "",
      " ", question(one) ? el("button", { class: "link", "data-if-clear": true }, page.words("halls.if_clear")) : null);
    const answer = refused ? div("refusal", hall.say(refused)) : result ? figures(result) : div("hall-if-idle quiet", page.words("halls.if_idle"));
    parts.draw("hall-if", steps ? [answer, el("div", { key: "steps", class: "hall-if-part" }, adjusting(one, proposal))] : [el("div", { key: "sliders", class: "hall-if-part" }, sliders(one)), answer]);
  };

  whatIf.told = (answer) => {
    if (answer?.outcome === "done" && answer.act?.action === "windows.accept") clear();
  };

  const NUMBERS = ["arrivals", "windows", "clerks", "minutes"];
  document.addEventListener("input", ({ target }) => {
    const name = target.dataset?.if;
    if (!name) return;
    wanted[name] = NUMBERS.includes(name) ? Number(target.value) : target.value;
    if (name === "item") {
      wanted.windows = null;
      turn += 1;
    }
    if (name === "minutes" && !wanted.window) return page.beat();
    changed();
  });
  document.addEventListener("change", ({ target }) => {
    const { ifKeep, ifItems } = target.dataset ?? {};
    if (ifKeep === undefined && ifItems === undefined) return;
    const step = steps.rows[Number(ifKeep ?? ifItems)];
    if (ifKeep !== undefined) step.keep = target.checked;
    else step.to_items = target.value ? [target.value] : step.proposed;
    changed();
  });
  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-if-clear],[data-if-shift],[data-hall-adjust]");
    if (!pressed || pressed.disabled) return;
    if (pressed.dataset.ifShift) {
      const [k, by] = pressed.dataset.ifShift.split(",").map(Number);
      const step = steps.rows[k];
      step.at += by * SLOT_MS;
      if (step.until) step.until += by * SLOT_MS;
      changed();
      return;
    }
    const proposal = cityhelm.hallPlan.proposal();
    const begins = pressed.dataset.hallAdjust && proposal && !whatIf.isAdjusting(proposal);
    clear();
    if (begins) {
      steps = { id: proposal.id, rows: proposal.steps.map((step) => ({ ...structuredClone(step), proposed: step.to_items, keep: true })) };
      changed();
    }
    page.beat();
  });

  cityhelm.whatIf = whatIf;
})();
