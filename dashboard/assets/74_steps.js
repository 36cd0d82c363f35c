/* Steps: what a person says of an incident: the next states, its grade, the response, who commands, with which other one it is the
   same, and how it ended. Everything opens in place, below the incident; nothing lies over the map. */
(() => {
  const { page, city, parts, cards, clicks, forms } = cityhelm;
  const { el, div, span, number } = parts;
  const steps = {};
  const GRADES = ["I", "II", "III", "IV"];
  const LEVELS = ["I", "II", "III", "IV", "none"];
  const ACTS = { verified: "incident.verify", controlled: "incident.control", recovering: "incident.recover" };

  /** The row of acts below the chosen incident, and the form that is open. `dossier` null: it is not known yet what may follow. */
  steps.draw = (found, dossier, answer) => {
    const { id } = found;
    const next = (dossier?.next ?? []).filter((state) => ACTS[state]);
    const isMine = dossier?.command?.commander === page.facts.account;
    const acts = [
      ...next.map((state) => forms.act(id, ACTS[state], { incident: id }, page.words(`steps.${state}`))),
      dossier && !isMine ? forms.act(id, "incident.command", { incident: id }, page.words("steps.take"), "button button-plain") : null,
    ];
    const ending = (key) => ["closed", "false_alarm"].map((state) => forms.act(id, "incident.close", { incident: id, ending: state }, page.words("incident.close_as", { state: page.label("incident_state", state) }), "button", key));
    const reason = () => forms.field("reason", page.words("steps.reason"), true);
    const refusal = answer && !["done", "waiting"].includes(answer.outcome) ? div("refusal", page.facts.lang === "zh" ? answer.zh : answer.en) : null;
    return [refusal, forms.draw("steps", id, acts, {
      response: { action: "incident.response", request: { incident: id }, words: page.words("steps.response"), body: () => [forms.select("level", page.words("steps.response"), LEVELS.map((level) => [level, page.label("response", level), level === found.response])), reason()] },
      grade: { action: "incident.grade", request: { incident: id }, words: page.words("steps.grade"), body: () => [forms.select("grade", page.words("steps.grade"), GRADES.map((grade) => [grade, page.label("grade", grade), grade === found.grade])), reason()] },
      close: { action: "incident.close", words: page.words("incident.close"), body: () => [forms.field("reason", page.words("incident.close_reason"), true)], send: ending },
    })];
  };

  /** What an incident came from, into what it went, and others that it may be the same as. */
  steps.kin = (found, dossier) => {
    if (!dossier) return null;
    const source = { source: "incident, incident_source · storage.incidents", asOf: dossier.t };
    const name = (other) => [page.label("hazard", other.hazard), cards.incidentPlace(other)].filter(Boolean).join(" · ");
    const rows = [
      dossier.root ? div("kin", span("kin-what", page.words("steps.root")), parts.choice("incident", dossier.root, "link", dossier.root)) : null,
      ...(dossier.children ?? []).map(({ incident, merged, why }) => el("div", { key: `c/${incident.id}`, class: "kin" }, span("kin-what", page.words("steps.child")), parts.choice("incident", incident.id, "link ellipsis", name(incident)),
        el("small", { class: "ellipsis", title: why ?? "" }, number(page.moment(merged), { ...source, measured: merged }), why ? ` ${why}` : ""),
        page.may("incident.unmerge") ? el("button", { class: "button button-plain", "data-act": JSON.stringify({ action: "incident.unmerge", request: { incident: incident.id, reason: page.words("steps.unmerge_reason") }, about: found.id }) }, page.words("steps.unmerge")) : null)),
      ...(dossier.sources ?? []).map((origin) => el("div", { key: `s/${origin.kind}/${origin.source}`, class: "kin" }, span("kin-what", page.label("source_kind", origin.kind)),
        origin.kind === "warning" ? el("a", { class: "link ellipsis", href: `/warnings?lang=${page.facts.lang}#warning/${encodeURIComponent(origin.source)}` }, city.warning(origin.source) ? cards.warningWords(city.warning(origin.source)) : origin.source) : span("topic ellipsis", origin.source), number(page.moment(origin.at), { ...source, measured: origin.at }))),
      ...steps.candidates(dossier.candidates ?? [], (candidate) => (page.may("incident.merge") ? el("button", { class: "button button-plain", "data-act": JSON.stringify({ action: "incident.merge", request: { incident: found.id, root: candidate.incident.id, reason: page.words("steps.merge_reason") }, about: candidate.incident.id }), disabled: clicks.isBusy(found.id) }, page.words("steps.merge")) : null), source),
    ].filter(Boolean);
    return rows.length ? parts.part(page.words("steps.kin"), "", ...rows) : null;
  };

  /** Incidents that may be the same, with the reasons; `act` gives what can be done about one. */
  steps.candidates = (candidates, actOf, source) => candidates.map((candidate) => {
    const { incident, score, likely, hazard, distance_m, apart_s, text } = candidate;
    const why = [page.words(`steps.hazard_${hazard}`), page.words("steps.apart", { n: page.figure(distance_m), time: page.duration(apart_s) }), text === null ? "" : page.words("steps.alike", { n: page.figure(100 * text) })].filter(Boolean).join(" · ");
    return el("div", { key: `d/${incident.id}`, class: likely ? "kin kin-likely" : "kin" }, span("kin-what", page.words(likely ? "steps.likely" : "steps.perhaps"), " ", number(`${page.figure(100 * score)}%`, source)),
      span("kin-words", parts.choice("incident", incident.id, "link ellipsis", [page.label("hazard", incident.hazard), cards.incidentPlace(incident)].filter(Boolean).join(" · ")), el("small", {}, parts.sentence(why, source))), actOf(candidate));
  });

  /** The way from a warning or a request to an incident: its grade is a person's to say. */
  steps.promote = (kind, source, device = null) => {
    if (!page.may("incident.promote")) return null;
    const form = `promote-${kind}`;
    const request = { kind, source, ...(device ? { device } : {}) };
    return el("span", { key: form, class: "promote" }, el("span", { id: form }, forms.select("grade", page.words("steps.grade"), [...GRADES].reverse().map((grade) => [grade, page.label("grade", grade)]))),
      el("button", { class: "button", "data-act": JSON.stringify({ action: "incident.promote", request, about: source }), "data-form": form, disabled: clicks.isBusy(source) }, page.words("steps.promote")));
  };

  cityhelm.steps = steps;
})();
