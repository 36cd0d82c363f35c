/* The report: a call that a person takes. What, how grave, where, by which way it came and what was said; while it is filled in,
   incidents that may be the same are shown beside it, to be chosen instead. The place is pressed on the map. */
(() => {
  const { page, parts, cards, clicks, dossiers } = cityhelm;
  const { el, div, span, number } = parts;
  const report = { isOpen: false };
  const FORM = "report-form";
  const AGAIN_MS = 5000;
  const GRADES = ["I", "II", "III", "IV"];
  let at = null; // [lon, lat]

  report.canOpen = () => page.may("incident.report");
  report.open = (isOpen) => {
    report.isOpen = isOpen;
    if (!isOpen) [at] = [null];
    cityhelm.tools.mark(isOpen ? at : null);
    page.beat();
  };

  const options = (names, label) => names.map((name) => el("option", { key: name, value: name }, label(name)));
  const labelled = (key, field, isWide = false) => el("label", { class: isWide ? "report-field report-wide" : "report-field" }, span("", page.words(key)), field);

  const same = () => {
    const form = document.getElementById(FORM);
    const hazard = form?.querySelector('[name="hazard"]')?.value;
    const words = form?.querySelector('[name="words"]')?.value.trim() ?? "";
    if (!at || !hazard) return null;
    const asked = new URLSearchParams({ lon: at[0].toFixed(6), lat: at[1].toFixed(6), hazard, ...(words ? { words: words.slice(0, 200) } : {}) });
    const { data } = dossiers.follow("duplicates", `/api/incidents/duplicates?${asked}`, AGAIN_MS);
    if (!data) return null;
    const source = { source: "incident · dispatch.merging", asOf: data.t };
    return [div("report-same", page.words(data.candidates.length ? "report.same" : "report.none_alike")), ...cityhelm.steps.candidates(data.candidates, () => null, source)];
  };

  report.draw = (answer) => {
    const send = el("button", { class: "button button-first", "data-report": "send", disabled: at === null }, page.words("report.send"));
    const refusal = answer && answer.outcome !== "done" && answer.act?.action === "incident.report" ? div("refusal", page.facts.lang === "zh" ? answer.zh : answer.en) : null;
    const place = at ? [number(`${at[1].toFixed(5)}, ${at[0].toFixed(5)}`, { source: "viewer", asOf: page.now() }), " "] : [span("quiet", page.words("report.no_place")), " "];
    return [
      el("button", { class: "back", "data-report": "close" }, "‹ ", page.words("command.back")),
      div("overview-title", page.words("report.title"), el("small", {}, page.words("report.sub"))),
      el("div", { key: FORM, id: FORM, class: "report" },
        labelled("report.hazard", el("select", { name: "hazard", required: true, class: "input" }, options(Object.keys(page.facts.labels.hazard), (name) => page.label("hazard", name)))),
        labelled("report.grade", el("select", { name: "grade", required: true, class: "input" }, options([...GRADES].reverse(), (name) => page.label("grade", name)))),
        labelled("report.channel", el("select", { name: "channel", required: true, class: "input" }, options(Object.keys(page.facts.labels.report_channel ?? {}), (name) => page.label("report_channel", name)))),
        div("report-field", span("", page.words("report.place")), div("report-place", place, el("button", { class: "button button-plain", "data-report": "place" }, page.words(at ? "report.place_again" : "report.place_press")))),
        labelled("report.words", el("textarea", { name: "words", class: "input", rows: 3, maxlength: 2000, placeholder: page.words("report.words_long") }), true)),
      refusal, div("report-acts", send), same(),
    ];
  };

  /** Done: the new incident is chosen. */
  report.told = (answer) => {
    if (!report.isOpen || answer?.act?.action !== "incident.report" || answer.outcome !== "done") return;
    report.open(false);
    clicks.choose({ kind: "incident", id: answer.object_id });
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-report]");
    if (!pressed || pressed.disabled) return;
    const what = pressed.dataset.report;
    if (what === "open") {
      clicks.choose(null);
      report.open(true);
    } else if (what === "close") report.open(false);
    else if (what === "place") {
      cityhelm.tools.ask({ kind: "point", title: page.words("report.place_press"), done: ([corner]) => {
        at = corner;
        cityhelm.tools.mark(at);
        page.beat();
      } });
    } else if (what === "send" && at) {
      const filled = clicks.filled(document.getElementById(FORM));
      if (filled) clicks.act({ action: "incident.report", request: { ...filled, lon: at[0].toFixed(6), lat: at[1].toFixed(6) }, about: "report" });
    }
  });
  document.addEventListener("input", ({ target }) => target.closest(`#${FORM}`) && page.beat());

  cityhelm.report = report;
})();
