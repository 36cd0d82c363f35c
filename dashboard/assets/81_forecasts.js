/* The forecasts screen: any series with what came, what is expected and what was odd; how good forecasts were, of one and of all; who
   makes them. What every viewer sees alike is asked for once a minute, a series when it is chosen and twice a minute after that. The
   address names the series: /forecasts?series=17 or series=city/requests. */
(() => {
  const { page, parts, dossiers } = cityhelm;
  const { el, div, span, number } = parts;
  const EVERY_MS = 60000;
  const ONE_EVERY_MS = 30000;
  const DAYS = [1, 2, 7];
  const VIEWS = { explore: "outlook-explore", judge: "outlook-judge", models: "outlook-models" };
  const SCORE_DAYS = 14;
  const FROM = {
    service: "forecast, forecast_score · storage.outlook.service_of_all",
    found: "datastream, derived_series, forecast · storage.outlook.find_series",
    one: "observation, forecast · storage.outlook.series_outlook",
    scores: "forecast_score · storage.scores.list_scores",
    contest: "rival_forecast, forecast_score, champion · dashboard.figures.accuracy.contest",
    champion: "champion · storage.champions.find_champion",
    odd: "anomaly · storage.anomalies.list_anomalies",
    lanes: "anomaly · storage.anomalies.count_anomalies",
  };
  const outlook = { view: "explore", q: "", group: "", days: 2, series: null };

  const say = (both) => both?.[page.facts.lang] ?? "";
  const title = (series) => [say(series.name), say(series.what)].filter(Boolean).join(" · ");
  const percent = (share, from, digits = 1) => (share === null || share === undefined ? number(null, from) : number(`${page.fixed(100 * share, digits)}%`, from));
  const ratio = (value, from) => (value === null || value === undefined ? number(null, from) : span(value > 1 ? "outlook-worse" : "", number(page.fixed(value, 2), from)));
  const face = ({ fault, isGone }, source) => (isGone ? parts.empty("outlook.unknown") : parts.face(fault ? "failed" : "loading", { source }));

  /* headline figures */

  const kpis = (told, fault) => {
    const waiting = fault ? "failed" : "loading";
    const figure = (key, icon, value, unit, note, source) => parts.headline({ key, label: page.words(`outlook.${key}`), value: value === null || value === undefined ? null : value, unit, icon, state: !told ? waiting : value === null || value === undefined ? "empty" : parts.stateOf({ value, measured: told.t, everyS: 60 }), note }, { source: FROM[source], asOf: told?.t });
    const share = (value) => (value === null || value === undefined ? null : page.fixed(100 * value, 1));
    const lanes = told?.anomalies ?? {};
    const odd = Object.values(lanes).reduce((sum, n) => sum + n, 0);
    return [
      figure("foreseen", "forecast", told?.series ? told.foreseen : null, "", told?.series ? page.words("outlook.foreseen_note", { n: page.figure(told.series) }) : null, "service"),
      figure("fallbacks", "layers", told?.foreseen ? told.fallbacks : null, "", page.words("outlook.fallbacks_note"), "service"),
      figure("ratio", "index", told?.total.ratios["24"] == null ? null : page.fixed(told.total.ratios["24"], 2), "", page.words("outlook.ratio_note"), "service"),
      figure("worse", "worse", share(told?.total.worse), "%", page.words("outlook.worse_note"), "service"),
      figure("in_80", "check", share(told?.total.in_80), "%", page.words("outlook.in_note", { n: SCORE_DAYS }), "service"),
      figure("in_90", "check", share(told?.total.in_90), "%", page.words("outlook.in_note", { n: SCORE_DAYS }), "service"),
      figure("anomalies", "warning", told?.series ? odd : null, "", told ? page.words("outlook.anomalies_note", { n: page.figure(lanes.quality ?? 0) }) : null, "lanes"),
    ];
  };

  const notice = (told) => (told?.undecreed.length ? el("p", { class: "outlook-notice", role: "status" }, parts.icon("warning"), span("", page.words("outlook.undecreed", { years: told.undecreed.join(page.words("list.comma")) }))) : null);

  const tabs = () => parts.segments(page.words("outlook.views"), Object.keys(VIEWS).map((value) => ({ value, label: page.words(`outlook.${value}`), attributes: { "data-outlook": JSON.stringify({ view: value }) } })), outlook.view);

  /* finding a series */

  const kinds = () => {
    const known = Object.entries(page.facts.labels.sensor_kind).filter(([type]) => type !== "Vehicle");
    return [["", page.words("outlook.group.all")], ["city", page.words("outlook.group.city")], ["hall", page.words("outlook.group.hall")], ...known];
  };

  const found = () => {
    const asked = new URLSearchParams({ q: outlook.q, ...(outlook.group ? { group: outlook.group } : {}) });
    const answer = dossiers.follow("outlook-found", `/api/forecasts/series?${asked}`, EVERY_MS);
    const filter = div("outlook-filter",
      el("input", { key: "q", id: "outlook-q", class: "letters-input", type: "search", maxlength: "60", autocomplete: "off", spellcheck: "false", placeholder: page.words("outlook.search"), "aria-label": page.words("outlook.search") }),
      el("select", { key: "group", id: "outlook-group", class: "letters-select", "aria-label": page.words("outlook.kinds") }, kinds().map(([value, words]) => el("option", { key: value, value, selected: value === outlook.group }, words))));
    if (!answer.data) return [filter, face(answer, FROM.found)];
    const { series, most, t } = answer.data;
    const from = { source: FROM.found, asOf: t };
    const columns = [
      { key: "name", title: page.words("outlook.odd_of"), cell: (s) => span("outlook-name", span("ellipsis", span("", say(s.name))), el("small", { class: "ellipsis" }, span("", say(s.what)))), order: (s) => title(s) },
      { key: "model", title: page.words("outlook.model"), cell: (s) => (s.model ? span("outlook-by", span("", say(s.model)), s.fallback ? el("i", { class: "outlook-fallen", title: say(s.fallback), role: "img", "aria-label": page.words("outlook.fallback", { reason: say(s.fallback) }) }) : null) : number(null, from)), order: (s) => (s.model ? say(s.model) : null) },
    ];
    const rows = series.map((s) => ({ ...s, key: String(s.id), choose: { kind: "series", id: String(s.id) } }));
    return [filter, rows.length ? parts.table("outlook-found", columns, rows, { label: page.words("outlook.found"), chosen: outlook.series }) : div("quiet", page.words("outlook.none_found")),
      rows.length >= most ? div("table-more", page.words("outlook.first", { n: most })) : null];
  };

  /* one series */

  const one = () => dossiers.follow("outlook-one", outlook.series === null ? null : `/api/forecasts/one?${new URLSearchParams({ series: outlook.series, hours: String(24 * outlook.days) })}`, ONE_EVERY_MS);

  const chart = (told) => {
    const { series, forecast, values } = told;
    const from = { source: FROM.one, asOf: told.t };
    const there = values.values.filter((value) => value !== null);
    const size = Math.max(0, ...there.map(Math.abs), ...(forecast?.q50 ?? []).map((value) => Math.abs(value ?? 0)));
    const marks = told.anomalies.map((a) => ({ key: String(a.id), time: a.detected, label: say(a.sentence) }));
    const days = parts.segments(page.words("outlook.back"), DAYS.map((n) => ({ value: n, label: page.words("outlook.days", { n }), attributes: { "data-outlook": JSON.stringify({ days: n }) } })), outlook.days);
    return [
      div("outlook-head", el("h3", { class: "ellipsis" }, span("", title(series))), page.facts.districts[series.district] ? span("quiet", page.facts.districts[series.district]) : null, days),
      div("outlook-fan", parts.fan("outlook-fan", { measured: values, forecast, now: told.t, unit: say(series.unit), label: title(series), digits: size < 10 ? 2 : size < 100 ? 1 : 0, earlier: told.earlier, marks, source: FROM.one })),
      div("outlook-made", forecast
        ? [span("", parts.sentence(page.words("outlook.made_by", { model: say(forecast.model), version: forecast.model.version, time: page.moment(forecast.issued), watermark: forecast.watermark ? page.moment(forecast.watermark) : "—" }), from)), forecast.fallback ? span("outlook-why", parts.sentence(page.words("outlook.fallback", { reason: say(forecast.fallback) }), from)) : null]
        : span("quiet", page.words("outlook.no_forecast"))),
    ];
  };

  const oddTable = (rows, t, withSeries) => {
    const from = { source: FROM.odd, asOf: t };
    const columns = [
      { key: "when", title: page.words("outlook.odd_when"), cell: (a) => number(page.moment(a.detected), from), order: (a) => a.detected },
      { key: "lane", title: page.words("outlook.odd_lane"), cell: (a) => span("outlook-lane", parts.pill(say(a.lane_words), a.lane === "insight" ? "" : "act"), span("", say(a.words))), order: (a) => a.lane },
      ...(withSeries ? [{ key: "of", title: page.words("outlook.odd_of"), cell: (a) => title(a.of), order: (a) => title(a.of) }] : []),
      { key: "why", title: page.words("outlook.odd_why"), cell: (a) => [parts.sentence(say(a.sentence), from), a.ended ? span("quiet", " ", parts.sentence(page.words("outlook.ended", { time: page.moment(a.ended) }), from)) : null] },
    ];
    return rows.length ? parts.table(withSeries ? "outlook-odd-city" : "outlook-odd", columns, rows.map((a) => ({ ...a, key: String(a.id), ...(withSeries ? { choose: { kind: "series", id: String(a.series) } } : {}) })), { label: page.words("outlook.odd") }) : parts.face("empty", { source: FROM.odd, isSmall: true });
  };

  const good = (told) => {
    const from = { source: FROM.scores, asOf: told.t };
    if (!told.scores.length) return div("quiet", page.words("outlook.not_scored"));
    const columns = [
      { key: "lead", title: page.words("outlook.lead"), cell: (s) => number(page.words("outlook.hours", { n: s.lead_h }), from) },
      { key: "error", title: page.words("outlook.error"), isRight: true, cell: (s) => [number(s.error === null ? null : page.measure(s.error), from), " ", el("small", {}, say(told.series.unit))] },
      { key: "ratio", title: page.words("outlook.ratio_short"), isRight: true, cell: (s) => ratio(s.ratio, from) },
      { key: "in_80", title: "80%", isRight: true, cell: (s) => percent(s.in_80, from, 0) },
      { key: "in_90", title: "90%", isRight: true, cell: (s) => percent(s.in_90, from, 0) },
      { key: "n", title: page.words("outlook.n"), isRight: true, cell: (s) => number(page.figure(s.n), from) },
    ];
    return parts.table("outlook-good", columns, told.scores.map((s) => ({ ...s, key: String(s.lead_h) })), { label: page.words("outlook.good") });
  };

  const who = (told) => {
    const { champion, forecast } = told;
    const from = { source: FROM.champion, asOf: champion?.decided ?? told.t };
    const fact = (key, ...value) => parts.fact(key, value, true);
    const speaks = forecast?.model;
    const isDown = champion?.crowned && speaks && speaks.key !== champion.model.key;
    const most = Math.max(1, ...(champion?.contest ?? []).map((c) => c.ratio ?? 0));
    return [
      div("facts", fact("outlook.champion", speaks ? say(speaks) : page.words("no_data")),
        champion ? fact("outlook.winner", champion.crowned ? say(champion.model) : span("quiet", page.words("outlook.no_winner")), champion.crowned ? span("quiet", " ", parts.sentence(page.words("outlook.since", { time: page.moment(champion.since) }), from)) : null,
          isDown ? span("outlook-why", " ", page.words("outlook.stepped_down", { model: say(speaks) })) : null) : null,
        champion?.reason ? fact("outlook.why", parts.sentence(say(champion.reason), from)) : null,
        told.models.length ? parts.fact("outlook.spoken", told.models.map(say).join(page.words("list.comma")), true) : null),
      el("h3", { class: "outlook-sub" }, page.words("outlook.contest")),
      champion?.contest.length
        ? parts.ranking(champion.contest.map((c) => ({ key: c.model.key, name: say(c.model), value: c.ratio, share: c.ratio === null ? null : c.ratio / most, isOn: champion.crowned && c.model.key === champion.model.key })), { digits: 2, label: page.words("outlook.contest") }, from)
        : div("quiet", page.words("outlook.no_contest")),
    ];
  };

  /* all of them */

  const table = (told) => {
    const from = { source: FROM.service, asOf: told.t };
    const name = (row) => (row.group === null ? page.words("outlook.every") : say(row.group_words));
    const columns = [
      { key: "group", title: page.words("outlook.group"), cell: (r) => (r.model ? span("outlook-inner", "") : el("b", {}, name(r))), order: (r) => `${name(r)} ${r.model ? say(r.model) : ""}` },
      { key: "model", title: page.words("outlook.model"), cell: (r) => (r.model ? say(r.model) : span("quiet", page.words("outlook.every"))), order: (r) => (r.model ? say(r.model) : "") },
      { key: "series", title: page.words("outlook.count"), isRight: true, cell: (r) => number(page.figure(r.series), from), order: (r) => r.series },
      ...told.leads.map((lead) => ({ key: `r${lead}`, title: page.words("outlook.ratio_at", { n: lead }), isRight: true, cell: (r) => ratio(r.ratios[lead], from), order: (r) => r.ratios[lead] })),
      { key: "worse", title: page.words("outlook.worse_short"), isRight: true, cell: (r) => percent(r.worse, from), order: (r) => r.worse },
      { key: "in_80", title: "80%", isRight: true, cell: (r) => percent(r.in_80, from), order: (r) => r.in_80 },
      { key: "in_90", title: "90%", isRight: true, cell: (r) => percent(r.in_90, from), order: (r) => r.in_90 },
      { key: "n", title: page.words("outlook.n"), isRight: true, cell: (r) => number(page.figure(r.n), from), order: (r) => r.n },
    ];
    const rows = [told.total, ...told.rows].map((row) => ({ ...row, key: `${row.group}/${row.model?.key}` }));
    return told.rows.length ? parts.table("outlook-table", columns, rows, { label: page.words("outlook.table") }) : parts.face("empty", { source: FROM.service });
  };

  const backtest = (told) => {
    const from = { source: FROM.contest, asOf: told.t };
    const columns = [
      { key: "group", title: page.words("outlook.group"), cell: (r) => say(r.group_words), order: (r) => `${say(r.group_words)} ${String(r.ratio).padStart(9)}` },
      { key: "model", title: page.words("outlook.model"), cell: (r) => say(r.model), order: (r) => say(r.model) },
      { key: "ratio", title: page.words("outlook.ratio_short"), isRight: true, cell: (r) => ratio(r.ratio, from), order: (r) => r.ratio },
      { key: "worse", title: page.words("outlook.worse_short"), isRight: true, cell: (r) => percent(r.worse, from), order: (r) => r.worse },
      { key: "crowned", title: page.words("outlook.crowned"), isRight: true, cell: (r) => (r.crowned ? el("b", {}, number(page.figure(r.crowned), from)) : span("quiet", "0")), order: (r) => r.crowned },
      { key: "series", title: page.words("outlook.count"), isRight: true, cell: (r) => number(page.figure(r.series), from), order: (r) => r.series },
      { key: "n", title: page.words("outlook.n"), isRight: true, cell: (r) => number(page.figure(r.n), from), order: (r) => r.n },
    ];
    const rows = told.contest.map((row) => ({ ...row, key: `${row.group}/${row.model.key}` }));
    return rows.length ? parts.table("outlook-contest", columns, rows, { label: page.words("outlook.backtest") }) : div("quiet", page.words("outlook.no_contest"));
  };

  const worst = (told) => {
    const from = { source: FROM.service, asOf: told.t };
    const columns = [
      { key: "name", title: page.words("outlook.odd_of"), cell: (s) => span("outlook-name", span("ellipsis", span("", say(s.name))), el("small", { class: "ellipsis" }, span("", say(s.what)))), order: (s) => title(s) },
      { key: "ratio", title: page.words("outlook.ratio_short"), isRight: true, cell: (s) => ratio(s.ratio, from), order: (s) => s.ratio },
      { key: "lead", title: page.words("outlook.lead"), isRight: true, cell: (s) => number(page.words("outlook.hours", { n: s.lead_h }), from), order: (s) => s.lead_h },
      { key: "model", title: page.words("outlook.model"), cell: (s) => (s.model ? say(s.model) : number(null, from)), order: (s) => (s.model ? say(s.model) : null) },
      { key: "reason", title: page.words("outlook.reason"), cell: (s) => (s.fallback ? span("quiet", say(s.fallback)) : "—") },
    ];
    if (!told.rows.length) return parts.face("empty", { source: FROM.service });
    return told.worst.length ? parts.table("outlook-worst", columns, told.worst.map((s) => ({ ...s, key: String(s.id), choose: { kind: "series", id: String(s.id) } })), { label: page.words("outlook.worst"), chosen: outlook.series }) : div("quiet", page.words("outlook.none_worst"));
  };

  const cards = (told) => {
    const from = { source: FROM.service, asOf: told.t };
    return el("div", { class: "outlook-cards", tabindex: "0", role: "group", "aria-label": page.words("outlook.cards") }, told.cards.map((card) => el("article", { key: card.model.key, class: "outlook-card" },
      el("h3", {}, say(card.model), el("small", {}, `${card.model.key} ${card.model.version}`), span("outlook-count", parts.sentence(page.words("outlook.speaks_for", { n: page.figure(card.n) }), from))),
      el("dl", {}, Object.entries(card.parts).flatMap(([part, words]) => [el("dt", { key: `${part}-t` }, page.words(`outlook.card.${part}`)), el("dd", { key: part }, say(words))]), el("dt", { key: "source-t" }, page.words("outlook.card.source")), el("dd", { key: "source", class: "said", lang: "en" }, card.source)))));
  };

  /* choosing and drawing */

  const keepAddress = () => {
    const address = new URL(location.href);
    if (outlook.series === null) address.searchParams.delete("series");
    else address.searchParams.set("series", outlook.series);
    if (address.hash.startsWith("#series/")) address.hash = "";
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  };
  const choose = (id) => {
    [outlook.series, outlook.view] = [id, "explore"];
    keepAddress();
  };
  let isBegun = false;
  const begin = () => {
    if (isBegun) return;
    isBegun = true;
    outlook.series = new URLSearchParams(location.search).get("series");
  };

  let lastChosen = null;
  outlook.draw = (beat, chosen) => {
    if (!page.facts || !document.getElementById("outlook")) return;
    begin();
    if (chosen !== lastChosen && chosen?.kind === "series") choose(chosen.id);
    lastChosen = chosen;
    const { data: told, fault } = dossiers.follow("outlook", "/api/forecasts", EVERY_MS);
    const waiting = (source) => parts.face(fault ? "failed" : "loading", { source });
    parts.draw("outlook-kpis", kpis(told, fault));
    parts.draw("outlook-tabs", [tabs(), notice(told)]);
    for (const [view, id] of Object.entries(VIEWS)) document.getElementById(id).hidden = view !== outlook.view;
    if (outlook.view === "explore") {
      parts.draw("outlook-found", found());
      parts.draw("outlook-found-sub", page.words("outlook.found_sub"));
      const answer = one();
      const shown = answer.data;
      const none = outlook.series === null ? div("quiet", page.words("outlook.choose")) : face(answer, FROM.one);
      parts.draw("outlook-one", shown ? chart(shown) : none);
      parts.draw("outlook-one-sub", shown?.measured ? parts.age(shown.measured, { source: FROM.one, measured: shown.measured }) : "");
      const city = shown ? null : dossiers.follow("outlook-odd", outlook.series === null ? "/api/forecasts/anomalies" : null, EVERY_MS);
      parts.draw("outlook-odd-title", page.words(shown || outlook.series !== null ? "outlook.odd" : "outlook.odd_city"));
      parts.draw("outlook-odd-sub", page.words("outlook.odd_sub"));
      parts.draw("outlook-odd", shown ? oddTable(shown.anomalies, shown.t, false) : city?.data ? oddTable(city.data.anomalies, city.data.t, true) : outlook.series === null ? waiting(FROM.odd) : none);
      parts.draw("outlook-good", shown ? good(shown) : none);
      parts.draw("outlook-good-sub", page.words("outlook.good_sub", { n: SCORE_DAYS }));
      parts.draw("outlook-who", shown ? who(shown) : none);
    } else if (outlook.view === "judge") {
      parts.draw("outlook-table", told ? table(told) : waiting(FROM.service));
      parts.draw("outlook-table-sub", page.words("outlook.table_sub"));
      parts.draw("outlook-contest", told ? backtest(told) : waiting(FROM.contest));
      parts.draw("outlook-contest-sub", page.words("outlook.backtest_sub"));
      parts.draw("outlook-worst", told ? worst(told) : waiting(FROM.service));
      parts.draw("outlook-worst-sub", page.words("outlook.worst_sub"));
    } else {
      parts.draw("outlook-cards", told ? cards(told) : waiting(FROM.service));
      parts.draw("outlook-cards-sub", page.words("outlook.cards_sub"));
    }
    page.becomeReady();
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-outlook]");
    if (!pressed) return;
    Object.assign(outlook, JSON.parse(pressed.dataset.outlook));
    page.beat();
  });
  let typed = null;
  document.addEventListener("input", ({ target }) => {
    if (target.id === "outlook-group") outlook.group = target.value;
    else if (target.id !== "outlook-q") return;
    clearTimeout(typed);
    typed = setTimeout(() => {
      outlook.q = document.getElementById("outlook-q")?.value.trim() ?? "";
      page.beat();
    }, 250);
  });

  /** The address of a series on this page. */
  outlook.href = (id) => `/forecasts?lang=${page.facts.lang}&series=${encodeURIComponent(id)}`;

  cityhelm.forecasts = outlook;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { forecasts: { draw: outlook.draw } });
})();
