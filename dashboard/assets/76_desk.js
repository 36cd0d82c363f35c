/* The desk: what people do with a warning (verify, take over, assign, judge, shelve, publish), with many at once, and what left by
   which channel. Notice to operators is immediate; what goes outward waits for a second person. */
(() => {
  const { page, city, parts, cards, forms, dossiers } = cityhelm;
  const { el, div, span, number, part } = parts;
  const desk = { picked: new Set() };
  const LEVELS = ["red", "orange", "yellow", "blue"];
  const VERDICTS = ["right", "false_alarm", "test"];
  const HOURS = [1, 2, 4, 8];
  const AUDIENCES = [["operators,leaders,public", "desk.to_all"], ["operators,leaders", "desk.to_inside"], ["operators", "desk.to_operators"]];
  const CAP_MS = 15000;
  const from = { cap: "publication · alerts.cap", notices: "notice · storage.notices" };
  const TAKEN = ["acknowledged", "handling"];

  const hours = () => forms.select("hours", page.words("desk.hours"), HOURS.map((n) => [String(n), page.words("desk.for_hours", { n })]));
  const reason = () => forms.field("reason", page.words("steps.reason"), true);
  const verdict = () => forms.select("verdict", page.words("desk.verdict"), VERDICTS.map((name) => [name, page.words(`desk.verdict_${name}`)]));
  const roles = () => forms.select("role", page.words("desk.role"), ["duty_officer", "commander", "dispatcher", "leader"].map((role) => [role, page.label("role", role)]));

  const cap = (id) => dossiers.follow("cap", `/api/warnings/${encodeURIComponent(id)}/cap`, CAP_MS);
  const standing = (told) => told?.published?.find(({ is_current }) => is_current) ?? null;

  /** The acts below the chosen warning. */
  desk.draw = (found, isOpen, answer) => {
    const { id } = found;
    const refusal = answer && !["done", "waiting"].includes(answer.outcome) ? div("refusal", page.facts.lang === "zh" ? answer.zh : answer.en) : null;
    const judge = { action: "warning.judge", request: { warning: id }, words: page.words("desk.judge"), body: () => [verdict(), forms.field("words", page.words("desk.why"))] };
    if (!isOpen) return [refusal, forms.draw("desk", id, [], { judge })];
    const told = cap(id).data;
    const out = standing(told);
    const acts = [
      found.state === "candidate" ? forms.act(id, "warning.verify", { warning: id }, page.words("desk.verify")) : null,
      found.state !== "handling" ? forms.act(id, "warning.handle", { warning: id }, page.words("desk.handle"), TAKEN.includes(found.state) ? "button" : "button button-plain") : null,
      found.shelved ? forms.act(id, "warning.unshelve", { shelf: String(found.shelved.shelf) }, page.words("desk.unshelve")) : null,
    ];
    const kinds = {
      assign: { action: "warning.assign", request: { warning: id }, words: page.words("desk.assign"), body: () => [roles(), forms.field("comment", page.words("desk.comment"))] },
      ...(found.shelved ? {} : { shelve: { action: "warning.shelve", request: found.situation === null || found.situation === undefined ? { warning: id } : { situation: String(found.situation) }, words: page.words(found.situation ? "desk.shelve_all" : "desk.shelve"), body: () => [hours(), reason()] } }),
      judge,
      ...(out ? outward(found, out) : {
        dismiss: { action: "warning.dismiss", request: { warning: id }, words: page.words("desk.dismiss"), body: () => [reason()] },
        ...(found.source === "external_cap" ? {} : { publish: { action: "warning.publish", request: { warning: id }, words: page.words("desk.publish"), body: () => publishing(told) } }),
      }),
    };
    return [refusal, forms.draw("desk", id, acts, kinds), div("steps-row", cityhelm.steps.promote("warning", id))];
  };

  const publishing = (told) => {
    const texts = told?.texts?.public?.[page.facts.lang];
    return [forms.select("audiences", page.words("desk.audiences"), AUDIENCES.map(([value, key]) => [value, page.words(key)])), forms.field("because", page.words("desk.because"), true),
      forms.field("headline_zh", page.words("desk.headline")), forms.field("advice_zh", page.words("desk.advice")),
      texts ? div("desk-preview", el("small", {}, page.words("desk.preview")), div("", texts.body)) : null,
      (told?.faults ?? []).map((fault) => div("refusal", page.facts.lang === "zh" ? fault.zh : fault.en))];
  };
  const outward = (found, out) => {
    const request = { warning: found.id };
    const by = LEVELS.indexOf(out.level) - LEVELS.indexOf(found.level);
    const because = () => [forms.field("because", page.words("desk.because"), true)];
    return {
      ...(by > 0 ? { raise: { action: "warning.raise", request, words: page.words("desk.raise"), body: because } } : {}),
      ...(by < 0 ? { lower: { action: "warning.lower", request, words: page.words("desk.lower"), body: because } } : {}),
      ...(by === 0 ? { update: { action: "warning.publish", request, words: page.words("desk.update"), body: () => [forms.field("headline_zh", page.words("desk.headline")), forms.field("because", page.words("desk.because"), true)] } } : {}),
      lift: { action: "warning.cancel", request, words: page.words("desk.lift"), body: () => [forms.select("ending", page.words("desk.ending"), [["over", page.words("desk.over")], ["withdrawn", page.words("desk.withdrawn")]]), forms.field("because", page.words("desk.because"), true)] },
    };
  };

  /** What was published of a warning, what left by which channel, and how it would read. */
  desk.outward = (found) => {
    const { data: told, isGone } = cap(found.id);
    const notices = dossiers.follow("notices", `/api/notices?warning=${encodeURIComponent(found.id)}&limit=50`, CAP_MS).data;
    if (isGone) return parts.empty("desk.no_outward");
    const source = { source: from.cap, asOf: told?.t };
    const versions = (told?.published ?? []).map((row) => el("div", { key: row.id, class: "similar-row" }, parts.badge(row.level), number(page.moment(row.sent), { ...source, measured: row.sent }), span("ellipsis", page.words(`desk.step_${row.step}`)), span("quiet", [page.actor(row.by), row.is_current ? page.words("desk.current") : row.is_over ? page.words("desk.ended") : ""].filter(Boolean).join(" · "))));
    const sent = (notices?.notices ?? []).map((row) => el("div", { key: String(row.id), class: "notice" }, parts.pill(page.facts.lang === "zh" ? row.zh_state : row.en_state, row.state === "sent" ? "done" : row.state === "dead" ? "act" : ""),
      span("ellipsis", [channel(notices, row.channel), page.words(`desk.audience_${row.audience}`), row.to].filter(Boolean).join(" · ")), number(page.moment(row.sent ?? row.created), { source: from.notices, measured: row.sent ?? row.created }), row.zh || row.en ? el("small", {}, page.facts.lang === "zh" ? row.zh : row.en) : null));
    const texts = told?.texts ?? {};
    return [
      part(page.words("desk.published"), "", versions.length ? versions : parts.empty("desk.not_published")),
      part(page.words("desk.notices"), "", sent.length ? sent : parts.empty("desk.no_notices"), (notices?.channels ?? []).filter(({ is_on }) => !is_on).map((row) => el("div", { key: row.name, class: "quiet" }, page.words("desk.channel_off", { name: page.facts.lang === "zh" ? row.zh : row.en, why: page.facts.lang === "zh" ? row.zh_why : row.en_why })))),
      part(page.words("desk.reads"), "", Object.entries(texts).map(([audience, said]) => el("div", { key: audience, class: "desk-preview" }, el("small", {}, page.words(`desk.audience_${audience}`)), div("", said[page.facts.lang]?.body ?? said.zh?.body ?? "")))),
      told?.document ? part(page.words("desk.cap"), "", el("a", { class: "link", href: `/api/warnings/${encodeURIComponent(found.id)}/cap`, target: "_blank", rel: "noopener" }, page.words("desk.cap_open"))) : null,
    ];
  };
  const channel = (notices, name) => {
    const row = notices?.channels?.find((one) => one.name === name);
    return row ? (page.facts.lang === "zh" ? row.zh : row.en) : name;
  };

  /* many at once */

  const ACTS = [["acknowledge", "warnings.acknowledge"], ["verify", "desk.verify"], ["handle", "desk.handle"]];
  /** What can be done with all that are picked. */
  desk.bulk = () => {
    for (const id of desk.picked) if (!city.warning(id)) desk.picked.delete(id);
    if (!desk.picked.size) return null;
    const warnings = [...desk.picked].join(",");
    const bulk = (act) => ({ act, warnings });
    const acts = ACTS.map(([act, key]) => forms.act("bulk", "warning.bulk", bulk(act), page.words(key)));
    return [span("bulk-n", page.words("desk.picked", { n: page.figure(desk.picked.size) })), el("button", { class: "link", "data-tick": "none" }, page.words("desk.unpick")), forms.draw("bulk", "bulk", acts, {
      judge: { action: "warning.bulk", request: bulk("judge"), words: page.words("desk.judge"), body: () => [verdict(), forms.field("words", page.words("desk.why"))] },
      shelve: { action: "warning.bulk", request: bulk("shelve"), words: page.words("desk.shelve"), body: () => [hours(), reason()] },
    })];
  };
  desk.box = (warning) => el("input", { type: "checkbox", class: "pick", "data-tick": warning.id, "aria-label": page.words("desk.pick", { name: cards.warningWords(warning) }) });
  desk.told = (answer) => {
    if (answer?.act?.action === "warning.bulk" && answer.outcome === "done") desk.picked.clear();
  };
  document.addEventListener("change", ({ target }) => {
    if (!target.dataset?.tick) return;
    if (target.checked) desk.picked.add(target.dataset.tick);
    else desk.picked.delete(target.dataset.tick);
    page.beat();
  });
  document.addEventListener("click", (event) => {
    const { target } = event;
    if (target.dataset?.tick === "none") {
      desk.picked.clear();
      for (const box of document.querySelectorAll("input.pick")) box.checked = false;
      page.beat();
    }
  });

  cityhelm.desk = desk;
})();
