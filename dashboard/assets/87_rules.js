/* Rules: versioned data with a form, judged by the server as it is filled in; a back-test of what is in the form beside today's version;
   versions with what each changed; how good the rule was. Nothing here changes a live rule: that is for a second person to agree to. */
(() => {
  const { page, parts, forms, dossiers } = cityhelm;
  const { el, div, span, number, part } = parts;
  const rules = { chosen: null, spec: null, isDirty: false, view: "backtest" };
  const LEVELS = ["red", "orange", "yellow", "blue"];
  const VIEWS = ["backtest", "versions", "score", "load"];
  const DAYS = [7, 28, 90];
  const LIST_MS = 10000;
  const SLOW_MS = 30000;
  const TEST_MS = 1000;
  const CHECK_MS = 500;
  const NEW = "";
  const HEAD = { "content-type": "application/json" };
  const from = { rules: "rule, rule_draft · storage.rules", test: "backtest · alerts.backtest", score: "warning, verdict · alerts.scoreboard", load: "warning, situation · alerts.alarm_rate" };
  const BLANK = { subject: "property", metric: "pm25", source: "rule", measure: "value", direction: "above", levels: {}, raise_hold_s: 60, clear_hold_s: 300, hazard_class: "other", zh: "", en: "", enabled: true };
  let days = DAYS[0];
  let checked = null; // the server's word on what is in the form: {faults, words, changes}
  let checkAt = null;
  let testId = null; // the back-test that is shown
  let tested = null; // the spec it is of, as text
  let refused = null; // why a back-test was not begun

  const say = (pair) => (pair ? (page.facts.lang === "zh" ? pair.zh : pair.en) : "");
  const nameOf = (rule) => say(rule.spec ?? rule.draft?.spec) || rule.rule;
  const list = () => dossiers.follow("rules", "/api/rules", LIST_MS);
  const find = () => list().data?.rules.find(({ rule }) => rule === rules.chosen) ?? null;

  /* the list */

  const drawList = () => {
    const { data, fault } = list();
    parts.draw("rules-acts", page.may("rule.change") ? el("button", { class: "button", "data-rule": NEW }, page.words("rules.new")) : null);
    if (!data) return parts.draw("rules-list", fault ? parts.face("failed", { source: from.rules, isSmall: true }) : parts.empty("loading"));
    const source = { source: from.rules, asOf: data.t };
    parts.draw("rules-sub", parts.sentence(page.words("rules.sub", { n: page.figure(data.rules.length), open: page.figure(data.rules.reduce((sum, rule) => sum + rule.open, 0)) }), source));
    parts.draw("rules-list", !data.rules.length ? parts.empty("no_data") : data.rules.map((rule) => el("button", { key: rule.rule, class: rule.rule === rules.chosen ? "row rule-row row-on" : "row rule-row", "data-rule": rule.rule, "aria-pressed": String(rule.rule === rules.chosen) },
      span("rule-levels", LEVELS.filter((level) => rule.spec?.levels?.[level]).map((level) => el("span", { key: level, class: `level level-${level} rule-mark`, title: page.label("level", level) }, el("i", { class: `shape shape-${page.facts.shapes[level]}` })))),
      span("row-title ellipsis", nameOf(rule)),
      span("row-more", span("ellipsis", say(rule.words)), rule.enabled ? null : parts.pill(page.words("rules.off")), rule.draft ? parts.pill(page.words("rules.draft"), "on") : null, rule.fault ? parts.pill(page.words("rules.fails"), "act") : null, rule.open ? number(page.figure(rule.open), source) : null))));
  };

  /* the form */

  const choose = (id) => {
    rules.chosen = id;
    const found = find();
    rules.spec = id === NEW ? structuredClone(BLANK) : found ? structuredClone(found.draft?.spec ?? found.spec) : null;
    [rules.isDirty, checked, testId, refused] = [id === NEW, null, found?.draft?.backtest ?? found?.backtest ?? null, null];
    checkAt = performance.now();
    page.beat();
  };

  const DEFAULTS = { subject: "property", source: "rule", measure: "value", min_quality: "usable" };
  const at = (path) => path.split(".").reduce((value, key) => value?.[key], rules.spec) ?? DEFAULTS[path];
  const set = (path, value) => {
    const keys = path.split(".");
    const last = keys.pop();
    let place = rules.spec;
    for (const key of keys) place = place[key] ??= {};
    if (value === undefined) delete place[last];
    else place[last] = value;
    if (keys[0] === "levels" && !Object.keys(place).length) delete rules.spec.levels[keys[1]];
  };
  /* how a field's text becomes a value of the spec, and back */
  const READ = {
    text: (text) => text, number: (text) => (text.trim() === "" ? undefined : Number(text)), hours: (text) => (text.trim() === "" ? undefined : 3600 * Number(text)),
    percent: (text) => (text.trim() === "" ? undefined : Number(text) / 100), list: (text) => text.split(/[,\s\uff0c\u3001]+/).filter(Boolean), maybe: (text) => text.trim() || null,
  };
  const WRITE = { text: (v) => v, number: String, hours: (v) => String(v / 3600), percent: (v) => String(100 * v), list: (v) => v.join(", "), maybe: (v) => v ?? "" };
  const shown = (path, kind) => {
    const value = at(path);
    return value === undefined || value === null ? "" : WRITE[kind](value);
  };

  const faultsOf = (path) => (checked?.faults ?? []).filter(({ field }) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`));
  const wrap = (path, key, field, isWide = false) => {
    const faults = faultsOf(path);
    return el("label", { key: path, class: ["report-field", isWide && "report-wide", faults.length && "rule-wrong"].filter(Boolean).join(" ") }, span("", page.words(key)), field, faults.map((fault) => el("small", {}, say(fault))));
  };
  const input = (path, key, kind = "text", isWide = false, more = {}) =>
    wrap(path, key, el("input", { class: "input", type: "text", "data-rule-field": path, "data-kind": kind, value: shown(path, kind), autocomplete: "off", ...(kind === "text" || kind === "list" || kind === "maybe" ? {} : { inputmode: "decimal" }), ...more }), isWide);
  const select = (path, key, options, kind = "text", isWide = false) => {
    const value = shown(path, kind);
    const known = options.some(([one]) => one === value);
    return wrap(path, key, el("select", { class: "input", "data-rule-field": path, "data-kind": kind }, [...(known ? [] : [[value, value || "—"]]), ...options].map(([one, text]) => el("option", { key: one, value: one, selected: one === value }, text))), isWide);
  };
  const labels = (name) => Object.entries(page.facts.labels[name] ?? {});

  const metric = () => {
    const every = ["*", page.words("rules.every")];
    const kinds = {
      property: () => labels("property"), hall: () => labels("hall_figure"), index: () => labels("city_index"), events: () => labels("happening"),
      quality: () => [every, ...labels("sensor_kind")], silence: () => [every, ...labels("sensor_kind")], anomaly: () => [every, ...labels("lane"), ...labels("oddity")], combination: () => [["standing", page.words("rules.standing")]],
    }[at("subject")];
    return kinds ? select("metric", "rules.metric", kinds()) : input("metric", "rules.metric");
  };

  const levels = () => {
    const head = el("tr", {}, ["rules.level", "rules.raise", "rules.clear"].map((key) => el("th", { key, scope: "col" }, page.words(key))));
    const cell = (level, end) => el("td", {}, el("input", { class: "input", type: "text", inputmode: "decimal", "data-rule-field": `levels.${level}.${end}`, "data-kind": "number", value: shown(`levels.${level}.${end}`, "number"), "aria-label": `${page.label("level", level)} ${page.words(`rules.${end}`)}` }));
    return div("rule-levels-part", el("table", { class: "table rule-thresholds" }, el("thead", {}, head), el("tbody", {}, LEVELS.map((level) => el("tr", { key: level }, el("td", {}, parts.badge(level)), cell(level, "raise"), cell(level, "clear"))))),
      faultsOf("levels").map((fault, k) => el("small", { key: String(k), class: "rule-fault" }, say(fault))));
  };

  const form = (rule) => {
    const spec = { ...DEFAULTS, ...rules.spec };
    const isSeries = ["property", "derived"].includes(spec.subject);
    const hasWindow = (isSeries && spec.measure && spec.measure !== "value") || ["events", "quality"].includes(spec.subject);
    const others = (list().data?.rules ?? []).filter((one) => one.rule !== rules.chosen).map((one) => [one.rule, nameOf(one)]);
    const districts = Object.entries(page.facts.districts);
    const area = spec.area?.polygon ? div("quiet", page.words("rules.polygon")) : select("area.districts", "rules.area", [["", page.words("rules.everywhere")], ...districts], "list");
    return [
      div("overview-title", rules.chosen === NEW ? page.words("rules.new") : nameOf(rule), el("small", {}, rule ? page.words("rules.version", { id: rule.rule, n: rule.version }) : "")),
      checked?.words ? div("rule-words", say(checked.words)) : rule ? div("rule-words", say(rule.words)) : null,
      checked?.changes?.length ? div("rule-changes", el("b", {}, page.words("rules.changes")), checked.changes.map((change, k) => el("div", { key: String(k) }, say(change)))) : null,
      el("div", { key: `${rules.chosen}/${rule?.version ?? 0}/${spec.subject}`, class: "report rule-fields" },
        rules.chosen === NEW ? wrap("rule", "rules.id", el("input", { id: "rule-id", class: "input", type: "text", autocomplete: "off", placeholder: "water_level_high" })) : null,
        input("zh", "rules.zh"), input("en", "rules.en"),
        select("subject", "rules.subject", labels("rule_subject")), metric(),
        spec.subject === "property" ? select("source", "rules.source", [["rule", page.words("rules.measured")], ["forecast", page.words("rules.foreseen")]]) : null,
        isSeries && spec.source !== "forecast" ? select("measure", "rules.measure", labels("measure")) : null,
        hasWindow ? input("window_s", "rules.window", "hours") : null,
        spec.source === "forecast" ? input("horizon_s", "rules.horizon", "hours") : null, spec.source === "forecast" ? input("min_probability", "rules.probability", "percent") : null,
        spec.subject === "events" ? input("classes", "rules.classes", "list") : null,
        spec.subject === "combination" ? input("members", "rules.members", "list", true) : null, spec.subject === "combination" ? input("within_m", "rules.within", "number") : null,
        select("direction", "rules.direction", [["above", page.words("rules.above")], ["below", page.words("rules.below")]]),
        input("raise_hold_s", "rules.raise_hold", "number"), input("clear_hold_s", "rules.clear_hold", "number"),
        select("hazard_class", "rules.hazard", labels("hazard")), area,
        spec.subject === "property" ? select("min_quality", "rules.quality", labels("acceptance")) : null,
        select("parent", "rules.parent", [["", page.words("rules.none")], ...others], "maybe"),
        select("hours.days", "rules.hours", [["", page.words("rules.always")], ...labels("rule_days")], "text"), spec.hours?.days ? input("hours.from", "rules.from", "text", false, { placeholder: "08:30" }) : null, spec.hours?.days ? input("hours.to", "rules.to", "text", false, { placeholder: "17:30" }) : null,
        input("advice_zh", "rules.advice_zh", "text", true), input("advice_en", "rules.advice_en", "text", true)),
      levels(),
      (checked?.faults ?? []).length ? div("refusal", page.words("rules.faults", { n: checked.faults.length })) : null,
    ];
  };

  const sent = () => {
    const spec = structuredClone(rules.spec);
    if (spec.area?.districts && !spec.area.districts.length) delete spec.area;
    if (spec.hours && !spec.hours.days) delete spec.hours;
    return spec;
  };
  const idOf = () => (rules.chosen === NEW ? document.getElementById("rule-id")?.value.trim() ?? "" : rules.chosen);

  const check = async () => {
    checkAt = null;
    const [asked, spec] = [rules.chosen, sent()];
    try {
      const response = await page.ask("/api/rules/check", { method: "POST", headers: HEAD, body: JSON.stringify({ rule: idOf() || "new_rule", spec }) });
      if (response.ok && asked === rules.chosen) checked = await response.json();
    } catch {
      checked = null; // the server is away; the header says so
    }
    page.beat();
  };

  const drawForm = (answer) => {
    const rule = find();
    if (!rules.spec) {
      parts.draw("rule-form", div("hint", page.words("rules.choose")));
      parts.draw("rule-acts", null);
      return;
    }
    parts.draw("rule-form", form(rule));
    const id = idOf();
    const spec = JSON.stringify(sent());
    const about = "rule";
    const isWrong = (checked?.faults ?? []).length > 0;
    const test = testId && tested === spec ? { backtest: testId } : {};
    const reason = () => [forms.field("reason", page.words("rules.why"), true)];
    const refusal = answer && answer.act?.about === about && !["done", "waiting"].includes(answer.outcome) ? div("refusal", page.facts.lang === "zh" ? answer.zh : answer.en) : null;
    const acts = [
      page.may("rule.change") && !isWrong ? el("button", { key: "test", class: "button", "data-rule-test": "1", disabled: isRunning() }, page.words("rules.test")) : null,
      page.may("rule.change") ? el("select", { key: "days", class: "input rule-days", "data-rule-days": "1", "aria-label": page.words("rules.days") }, DAYS.map((n) => el("option", { key: String(n), value: String(n), selected: n === days }, page.words("rules.days_n", { n })))) : null,
      rules.isDirty ? forms.act(about, "rule.draft", { rule: id, spec, ...test }, page.words("rules.keep"), "button button-plain") : null,
    ];
    const kinds = {
      ...(rules.isDirty && !isWrong ? { change: { action: "rule.change", request: { rule: id, spec, ...(rule?.version ? { version: String(rule.version) } : {}), ...test }, words: page.words("rules.publish"), body: reason } } : {}),
      ...(rule?.version ? { [rule.enabled ? "off" : "on"]: { action: rule.enabled ? "rule.disable" : "rule.enable", request: { rule: id }, words: page.words(rule.enabled ? "rules.disable" : "rules.enable"), body: reason }, retire: { action: "rule.retire", request: { rule: id }, words: page.words("rules.retire"), body: reason } } : {}),
    };
    parts.draw("rule-acts", refusal, refused ? div("refusal", refused) : null, forms.draw("rule", rules.chosen, acts, kinds));
  };

  /* the back-test */

  const test = () => (testId ? dossiers.follow("backtest", `/api/rules/backtests/${encodeURIComponent(testId)}`, isOver() ? SLOW_MS : TEST_MS).data : null);
  let last = null;
  const isOver = () => last?.id === testId && last.state !== "running";
  const isRunning = () => last?.id === testId && last?.state === "running";

  const begin = async () => {
    refused = null;
    try {
      const response = await page.ask("/api/rules/backtest", { method: "POST", headers: HEAD, body: JSON.stringify({ rule: idOf() || "new_rule", spec: sent(), days }) });
      const said = await response.json();
      if (response.ok) [testId, tested] = [said.id, JSON.stringify(sent())];
      else refused = (said.faults ?? []).map(say).join(" ") || say(said) || page.words("answer.failed");
    } catch {
      refused = page.words("api.database_away");
    }
    rules.view = "backtest";
    page.beat();
  };

  const backtest = () => {
    const told = test();
    last = told ?? last;
    if (!testId) return div("hint", page.words("rules.test_none"));
    if (!told) return parts.empty("loading");
    const source = { source: from.test, asOf: told.asked_at };
    if (told.state === "running") return part(page.words("rules.backtest"), page.words("rules.test_runs"), parts.progress(told.progress, page.words("rules.test_runs")));
    if (told.state === "failed") return part(page.words("rules.backtest"), "", div("refusal", typeof told.fault === "string" ? told.fault : say(told.fault)));
    const { result } = told;
    const { after, before, outcome, compared } = result;
    const figure = (key, value, old = null) => div("around-figure", number(value, source), span("", page.words(key)), old === null ? null : el("small", {}, page.words("rules.today", { n: old })));
    const n = (value) => (value === null || value === undefined ? null : page.figure(value, 1));
    const days_ = after.per_day;
    const totals = days_.map((day) => LEVELS.reduce((sum, level) => sum + (day[level] ?? 0), 0));
    return [
      part(page.words("rules.backtest"), parts.sentence(page.words("rules.test_sub", { there: page.figure(result.days_there, 1), asked: result.days_asked, s: page.figure(result.took_s, 1), n: page.figure(result.readings) }), source),
        result.days_there < result.days_asked - 0.5 ? div("quiet", page.words("rules.test_short", { n: page.figure(result.days_there, 1) })) : null,
        div("around-figures", figure("rules.fired", n(after.episodes), before ? n(before.episodes) : null), figure("rules.per_shift", n(after.per_shift), before ? n(before.per_shift) : null), figure("rules.added", n(result.added_per_shift))),
        totals.length ? parts.columns(totals, { label: page.words("rules.fired_by_day"), now: totals.length - 1, ticks: days_.flatMap((day, k) => (k % Math.ceil(days_.length / 5) === 0 ? [[k / days_.length, day.day.slice(5)]] : [])) }) : null),
      part(page.words(`rules.outcome_${outcome.basis}`), parts.sentence(page.words("rules.outcome_sub", { n: page.figure(outcome.n) }), source), div("around-figures",
        figure("rules.caught", n(outcome.caught), outcome.before ? n(outcome.before.caught) : null), figure("rules.missed", n(outcome.missed), outcome.before ? n(outcome.before.missed) : null), figure("rules.unanswered", n(outcome.unanswered), outcome.before ? n(outcome.before.unanswered) : null),
        figure("board.lead", outcome.median_lead_s === null ? null : page.duration(outcome.median_lead_s)))),
      compared ? part(page.words("rules.compared"), "", div("around-figures", figure("rules.both", n(compared.both)), figure("rules.only_before", n(compared.only_before)), figure("rules.only_after", n(compared.only_after)))) : null,
      part(page.words("rules.episodes"), "", after.listed.length ? after.listed.slice(0, 40).map((row, k) => el("div", { key: String(k), class: "similar-row" }, parts.badge(row.level), number(page.instant(row.began), { ...source, measured: row.began }), span("ellipsis", say(row) || row.object), span("quiet", row.ended === null ? page.words("board.still") : parts.sentence(page.duration((row.ended - row.began) / 1000), source)))) : parts.empty("rules.never")),
    ];
  };

  const versions = () => {
    const { data } = dossiers.follow("rule versions", rules.chosen ? `/api/rules/${encodeURIComponent(rules.chosen)}/versions` : null, SLOW_MS);
    if (!rules.chosen) return div("hint", page.words("rules.test_none"));
    if (!data) return parts.empty("loading");
    return data.versions.map((row) => {
      const source = { source: from.rules, measured: row.since };
      return el("div", { key: String(row.version), class: "part" }, el("h3", {}, page.words("rules.version_n", { n: row.version }), el("small", {}, parts.sentence([page.words("board.rule_by", { author: page.actor(row.author), time: page.instant(row.since) }), row.approver ? page.words("board.rule_approved", { approver: page.actor(row.approver) }) : "", row.until ? page.words("board.rule_retired", { time: page.instant(row.until) }) : ""].filter(Boolean).join(" · "), source))),
        row.reason ? div("quiet", row.reason) : null, row.changes.map((change, k) => el("div", { key: String(k) }, say(change))));
    });
  };

  const score = () => {
    const { data } = dossiers.follow("scoreboard", "/api/scoreboard", SLOW_MS);
    if (!data) return parts.empty("loading");
    const source = { source: from.score, asOf: data.t };
    const share = (value) => (value === null ? null : `${page.figure(100 * value)}%`);
    const columns = [
      { key: "rule", title: page.words("rules.title"), cell: (row) => say(row), order: (row) => say(row) }, { key: "n", title: page.words("rules.fired"), isRight: true, cell: (row) => number(page.figure(row.n), source), order: (row) => row.n },
      { key: "precision", title: page.words("board.precision"), isRight: true, cell: (row) => number(share(row.precision), source), order: (row) => row.precision ?? -1 }, { key: "lead", title: page.words("board.lead"), isRight: true, cell: (row) => number(row.lead_s === null ? null : page.duration(row.lead_s), source), order: (row) => row.lead_s ?? -1 },
      { key: "missed", title: page.words("board.missed"), isRight: true, cell: (row) => number(row.missed === null ? null : page.figure(row.missed), source), order: (row) => row.missed ?? -1 }, { key: "week", title: page.words("board.false_week"), isRight: true, cell: (row) => number(row.false_per_week === null ? null : page.figure(row.false_per_week, 1), source), order: (row) => row.false_per_week ?? -1 },
    ];
    return part(page.words("rules.score"), page.words("rules.score_sub", { n: data.least }), parts.table("scoreboard", columns, data.rules.map((row) => ({ ...row, key: row.rule })), { label: page.words("rules.score") }));
  };

  const load = () => {
    const { data } = dossiers.follow("alarm load", "/api/alarms?days=7", SLOW_MS);
    if (!data) return parts.empty("loading");
    const source = { source: from.load, asOf: data.t };
    const figures = (title, told) => {
      const figure = (key, value, isOver = false) => div(isOver ? "around-figure load-over" : "around-figure", number(value, source), span("", page.words(key)));
      const n = (value, digits = 0) => (value === null || value === undefined ? null : page.figure(value, digits));
      return part(title, page.words(told.manageable ? "rules.load_good" : "rules.load_bad"), div("around-figures", figure("rules.load_mean", n(told.mean_per_slot, 2), told.mean_per_slot > data.limits.mean), figure("rules.load_peak", n(told.peak), told.peak > data.limits.peak), figure("rules.load_day", n(told.per_day, 1)), figure("rules.load_standing", n(told.standing))),
        div("around-figures", figure("rules.load_raised", n(told.raised)), figure("rules.load_shown", n(told.shown)), figure("rules.load_stale", n(told.stale)), figure("rules.load_shelved", n(told.shelved))));
    };
    return [figures(page.words("rules.load_week"), data.load),
      part(page.words("rules.chattering"), "", data.load.chattering.length ? data.load.chattering.slice(0, 12).map((row, k) => el("div", { key: String(k), class: "similar-row" }, span("ellipsis", say(row) || row.rule), span("quiet ellipsis", row.object), number(page.figure(row.n), source))) : parts.empty("rules.no_chattering"))];
  };

  const drawProof = () => {
    const option = (value) => ({ value, label: page.words(`rules.view_${value}`), attributes: { "data-rule-view": value } });
    parts.draw("rule-proof", el("div", { key: "views", class: "dossier-views rule-views" }, parts.segments(page.words("command.views"), VIEWS.map(option), rules.view)), el("div", { key: rules.view }, { backtest, versions, score, load }[rules.view]()));
  };

  let lastAnswer = null;
  /** Draws the page again. */
  rules.draw = (beat, answer) => {
    if (!page.facts || !document.getElementById("rules")) return;
    if (answer !== lastAnswer) {
      dossiers.refresh();
      forms.told(answer);
      if (["done", "waiting"].includes(answer?.outcome) && answer.act?.action === "rule.change") rules.isDirty = false;
    }
    lastAnswer = answer;
    if (rules.chosen === null && list().data?.rules.length) choose(list().data.rules[0].rule);
    if (checkAt !== null && performance.now() - checkAt > CHECK_MS && rules.spec) check();
    drawList();
    drawForm(answer);
    drawProof();
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-rule],[data-rule-test],[data-rule-view]");
    if (!pressed || pressed.disabled) return;
    if (pressed.dataset.ruleView) rules.view = pressed.dataset.ruleView;
    else if (pressed.dataset.ruleTest) begin();
    else choose(pressed.dataset.rule);
    page.beat();
  });
  const changed = ({ target }) => {
    if (target.dataset?.ruleDays) days = Number(target.value);
    const path = target.dataset?.ruleField;
    if (!path) return;
    set(path, READ[target.dataset.kind](target.value));
    [rules.isDirty, checkAt] = [true, performance.now()];
    page.beat();
  };
  document.addEventListener("input", changed);
  document.addEventListener("change", changed);

  cityhelm.rules = rules;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { rules: { draw: rules.draw } });
})();
