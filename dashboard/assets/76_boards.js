/* What the warnings page shows beside its list: the composite risk of districts with its parts and trend, and maintenance. */
(() => {
  const { page, city, parts, forms, dossiers } = cityhelm;
  const { el, div, span, number } = parts;
  const boards = {};
  const RISK_MS = 10000;
  const from = { risk: "warning, incident, anomaly, unit_status_history · alerts.risk", upkeep: "maintenance · storage.shelves" };
  const isZh = () => page.facts.lang === "zh";

  /* composite risk */

  const change = (now, then, source) => {
    if (now === null || then === null) return span("quiet", "—");
    const by = now - then;
    const shown = Math.abs(by) < 0.05 ? "=" : `${by > 0 ? "+" : "−"}${page.figure(Math.abs(by), 1)}`;
    return span(by > 0.05 ? "risk-up" : by < -0.05 ? "risk-down" : "quiet", number(shown, source));
  };
  const share = (row) => {
    const told = row.parts.filter(({ score }) => score !== null);
    const weight = told.reduce((sum, one) => sum + one.weight, 0);
    return row.parts.map((one) => {
      const name = isZh() ? one.zh : one.en;
      const words = one.score === null ? page.words("risk.unknown", { name }) : page.words("risk.part", { name, score: page.figure(one.score), weight: page.figure(one.weight) });
      return el("span", { key: one.name, class: one.score ? "risk-part" : "risk-part quiet", title: words }, el("i", { style: `--share: ${one.score === null || !weight ? 0 : (one.score * one.weight) / weight}%`, "aria-hidden": "true" }), words);
    });
  };

  boards.risk = () => {
    const { data, fault } = dossiers.follow("risk", "/api/risk", RISK_MS);
    if (!data) return fault ? parts.face("failed", { source: from.risk }) : parts.empty("loading");
    const source = { source: from.risk, asOf: data.t };
    return parts.table("risk", [
      { key: "district", title: page.words("risk.district"), cell: (row) => (isZh() ? row.zh : row.en), order: (row) => (isZh() ? row.zh : row.en) },
      { key: "risk", title: page.words("risk.now"), isRight: true, cell: (row) => el("b", {}, number(row.risk === null ? null : page.figure(row.risk, 1), source)), order: (row) => row.risk ?? -1 },
      { key: "was_1h", title: page.words("risk.change_1h"), isRight: true, cell: (row) => change(row.risk, row.was_1h, source), order: (row) => (row.risk ?? 0) - (row.was_1h ?? 0) },
      { key: "was_24h", title: page.words("risk.change_24h"), isRight: true, cell: (row) => change(row.risk, row.was_24h, source), order: (row) => (row.risk ?? 0) - (row.was_24h ?? 0) },
      { key: "parts", title: page.words("risk.parts"), cell: (row) => div("risk-parts", share(row)) },
    ], data.districts.map((row) => ({ ...row, key: row.code })), { label: page.words("board.view_risk") });
  };

  /* maintenance */

  const where = (one) => [...one.districts.map((code) => city.district(code)), one.devices.length ? page.words("upkeep.devices", { n: one.devices.length }) : null, one.area ? page.words("upkeep.area") : null].filter(Boolean).join(" · ");
  const titled = (words, field) => el("label", { key: words, class: "upkeep-field" }, span("quiet", words), field);
  const plan = () => [
    titled(page.words("upkeep.from"), forms.field("from", page.words("upkeep.from"), true, { type: "datetime-local" })),
    titled(page.words("upkeep.until"), forms.field("until", page.words("upkeep.until"), true, { type: "datetime-local" })),
    titled(page.words("upkeep.where"), el("select", { key: "districts", name: "districts", class: "input", "aria-label": page.words("upkeep.where") }, [el("option", { key: "", value: "" }, page.words("upkeep.no_district")), ...Object.entries(page.facts.districts).map(([code, name]) => el("option", { key: code, value: code }, name))])),
    titled(page.words("upkeep.device"), forms.field("devices", page.words("upkeep.device_ids"), false, { maxlength: 10000 })),
    titled(page.words("upkeep.reason"), forms.field("reason", page.words("upkeep.why"), true)),
  ];

  boards.upkeep = (told, answer) => {
    const windows = told?.maintenance ?? [];
    const source = (one) => ({ source: from.upkeep, measured: one.from });
    const isOn = (one) => one.from <= page.now();
    const refused = answer && answer.act?.action?.startsWith("maintenance.") && !["done", "waiting"].includes(answer.outcome) ? div("refusal", isZh() ? answer.zh : answer.en) : null;
    return div("upkeep", div("quiet", page.words("upkeep.sub")), refused,
      forms.draw("upkeep", "upkeep", [], { plan: { action: "maintenance.plan", request: {}, words: page.words("upkeep.plan"), body: plan } }),
      !told ? parts.empty("loading") : windows.length ? parts.table("upkeep", [
        { key: "state", title: "", cell: (one) => parts.pill(page.words(isOn(one) ? "upkeep.is_on" : "upkeep.is_planned"), isOn(one) ? "on" : "") },
        { key: "from", title: page.words("upkeep.from"), cell: (one) => number(page.moment(one.from), source(one)), order: (one) => one.from },
        { key: "until", title: page.words("upkeep.until"), cell: (one) => number(page.moment(one.until), source(one)), order: (one) => one.until },
        { key: "where", title: page.words("upkeep.where"), cell: where },
        { key: "reason", title: page.words("upkeep.reason"), cell: (one) => one.reason },
        { key: "by", title: page.words("upkeep.by"), cell: (one) => page.actor(one.by) },
        { key: "inside", title: page.words("upkeep.kept_back"), isRight: true, cell: (one) => number(page.figure(one.suppressed), source(one)), order: (one) => one.suppressed },
        { key: "end", title: "", cell: (one) => forms.act(`upkeep/${one.id}`, "maintenance.end", { window: String(one.id) }, page.words("upkeep.end"), "button button-plain") ?? "" },
      ], windows.map((one) => ({ ...one, key: String(one.id) })), { label: page.words("board.view_upkeep") }) : parts.empty("upkeep.none"));
  };

  cityhelm.boards = boards;
})();
