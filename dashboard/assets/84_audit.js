/* The audit screen: entries by a filter, newest first, and one object's life from its first entry on. */
(() => {
  const { page, parts, dossiers, access } = cityhelm;
  const { el, div, span, number } = parts;
  const SOURCE = "audit_entry, audit_chain · storage.audit.search";
  const EVERY_MS = 5000;
  const FIELDS = ["actor", "action", "object", "outcome", "since", "until"];
  let filter = {};

  const short = (hash) => (hash ? hash.slice(0, 12) : "—");
  const outcome = (entry) => parts.pill(page.words(`audit.${entry.outcome}`), entry.outcome === "refused" ? "act" : entry.outcome === "done" ? "done" : "");
  const detail = (entry) => Object.entries(entry.detail).filter(([, said]) => said !== null && said !== "").map(([name, said]) => (said === true ? named(name) : `${named(name)} ${meant(name, said)}`)).join(page.words("list.comma"));
  const named = (name) => page.facts.words[`field.${name}`] ?? name;
  const meant = (name, said) => (Array.isArray(said) ? said.map((one) => access.meant(name, String(one))).join(" ") : typeof said === "object" ? JSON.stringify(said) : access.meant(name, String(said)));

  const columns = () => [
    { key: "time", title: page.words("audit.time"), cell: (e) => number(page.moment(e.at), { source: SOURCE, asOf: e.at }) },
    { key: "actor", title: page.words("audit.actor"), cell: (e) => span("", e.actor, " ", span("quiet", page.label("role", e.role))) },
    { key: "action", title: page.words("audit.action"), cell: (e) => page.label("action", e.action) },
    { key: "object", title: page.words("audit.object"), cell: (e) => el("button", { class: "link", "data-audit": JSON.stringify({ object: e.object }) }, e.object) },
    { key: "outcome", title: page.words("audit.outcome"), cell: outcome },
    { key: "detail", title: page.words("audit.detail"), cell: (e) => span("audit-detail", span("", detail(e)), e.before || e.after ? el("span", { class: "quiet", title: `${e.before ?? ""} → ${e.after ?? ""}` }, page.words("audit.changes", { before: short(e.before), after: short(e.after) })) : null) },
    { key: "hash", title: page.words("audit.hash"), cell: (e) => (e.hash ? el("code", { title: e.hash }, short(e.hash)) : span("quiet", page.words("audit.unsealed"))) },
  ];

  const filters = () => {
    const actions = Object.entries(page.facts.labels.action);
    return div("access-form", access.field("audit-actor", page.words("audit.actor"), { value: filter.actor ?? "" }),
      access.choose("audit-action", page.words("audit.action"), [["", page.words("audit.any")], ...actions]), access.field("audit-object", page.words("audit.object"), { value: filter.object ?? "" }),
      access.choose("audit-outcome", page.words("audit.outcome"), [["", page.words("audit.any")], ...["done", "refused", "requested"].map((name) => [name, page.words(`audit.${name}`)])]),
      el("button", { class: "button button-first", "data-audit-search": "" }, page.words("audit.search")));
  };

  const draw = () => {
    if (!page.facts || !document.getElementById("audit")) return;
    const asked = new URLSearchParams(FIELDS.concat("before").filter((name) => filter[name]).map((name) => [name, filter[name]]));
    const { data, fault } = dossiers.follow("audit", `/api/audit?${asked}`, EVERY_MS);
    parts.draw("audit-filter", filters(), filter.object ? div("access-head", span("", page.words("audit.life", { object: filter.object })), el("button", { class: "link", "data-audit": JSON.stringify({ object: "" }) }, page.words("audit.all"))) : null);
    const rows = (data?.entries ?? []).map((entry) => ({ ...entry, key: entry.id }));
    if (filter.object) rows.reverse();
    parts.draw("audit-entries", data ? (rows.length ? [parts.table("audit", columns(), rows, { label: page.words("audit.entries"), source: SOURCE }), data.is_whole ? null : el("button", { class: "link", "data-audit": JSON.stringify({ before: String(data.entries.at(-1).id) }) }, page.words("audit.more"))] : parts.face("empty", { source: SOURCE })) : parts.face(fault ? "failed" : "loading", { source: SOURCE }));
    page.becomeReady();
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { audit: { draw } });

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-audit],[data-audit-search]");
    if (!pressed) return;
    if (pressed.dataset.audit) filter = { ...filter, before: "", ...JSON.parse(pressed.dataset.audit) };
    else filter = Object.fromEntries(["actor", "action", "object", "outcome"].map((name) => [name, document.getElementById(`audit-${name}`).value.trim()]));
    page.beat();
  });
})();
