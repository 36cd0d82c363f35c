/* The people screen: accounts with their roles, machines' keys, the two-person policy. Acts go to /api/acts; who only oversees
   sees no button. */
(() => {
  const { page, parts, dossiers, access } = cityhelm;
  const { el, div, span, number } = parts;
  const FROM = { accounts: "account, account_grant, session · storage.accounts.list_accounts", keys: "api_key · storage.accounts.list_keys", policy: "two_person_rule · storage.approvals.list_rules" };
  const EVERY_MS = 10000;
  const act = (action, fixed, from = {}) => ({ address: `/api/acts/${action}`, fixed, from });

  const hallName = (told, id) => told.halls.find((hall) => hall.id === id)?.[page.facts.lang] ?? id;
  const where = (told, grant) => [...(grant.districts ?? []).map((code) => page.facts.districts[code] ?? code), ...(grant.halls ?? []).map((id) => hallName(told, id)), grant.department].filter(Boolean).join(" · ") || page.words("door.everywhere");
  const state = (account) => [
    parts.pill(page.words(account.disabled ? "people.disabled" : account.must_change ? "people.must_change" : "people.active"), account.disabled ? "out" : account.must_change ? "act" : "done"),
    " ", span("quiet", page.words(account.factor ? "people.factor" : "people.no_factor")),
  ];
  const grants = (told, account) => account.grants.map((grant) => div("access-grant", el("b", {}, page.label("role", grant.role)), span("quiet", where(told, grant)), told.administers ? access.button(page.words("people.revoke"), act("access.revoke", { grant: String(grant.grant) }), { key: `g${grant.grant}` }) : null));
  const deeds = (account) => div("access-deeds", access.button(page.words("people.reset"), act("account.reset", { name: account.name }), { key: "reset" }),
    account.disabled ? access.button(page.words("people.enable"), act("account.enable", { name: account.name }), { key: "enable" }) : access.button(page.words("people.disable"), act("account.disable", { name: account.name }), { key: "disable" }));

  const accounts = (told) => {
    const from = { source: FROM.accounts, asOf: told.t };
    const columns = [
      { key: "name", title: page.words("people.name"), cell: (a) => [el("b", {}, a.name), div("quiet", parts.sentence(page.words("people.sessions", { n: page.figure(a.sessions) }), from))], order: (a) => a.name },
      { key: "state", title: page.words("people.state"), cell: state },
      { key: "grants", title: page.words("people.grants"), cell: (a) => grants(told, a) },
      ...(told.administers ? [{ key: "deeds", title: "", cell: deeds }] : []),
    ];
    return told.accounts.length ? parts.table("people", columns, told.accounts.map((a) => ({ ...a, key: a.name })), { label: page.words("people.accounts"), start: { column: "name", isDown: false }, source: FROM.accounts }) : parts.empty("people.none");
  };

  const roles = (told) => Object.keys(told.roles).map((role) => [role, page.label("role", role)]);
  const several = { multiple: "", size: "4" };
  const scope = (told, kind) => [
    access.choose(`${kind}-districts`, page.words("people.districts"), Object.entries(page.facts.districts), several),
    access.choose(`${kind}-halls`, page.words("people.halls"), told.halls.map((hall) => [hall.id, hall[page.facts.lang]]), several),
    access.field(`${kind}-department`, page.words("people.department")),
  ];
  const scoped = (kind, more) => ({ ...more, districts: `${kind}-districts`, halls: `${kind}-halls`, department: `${kind}-department` });
  const forms = (told) => [
    div("access-form", access.field("new-name", page.words("people.name")), access.button(page.words("people.create"), act("account.create", {}, { name: "new-name" }), { isFirst: true })),
    div("access-form", access.choose("grant-name", page.words("people.name"), told.accounts.map((account) => [account.name, account.name])), access.choose("grant-role", page.words("people.role"), roles(told)), scope(told, "grant"), access.field("grant-because", page.words("people.because")),
      access.button(page.words("people.grant"), act("access.grant", {}, scoped("grant", { name: "grant-name", role: "grant-role", because: "grant-because" })), { isFirst: true })),
  ];

  /** What a key of any role may carry; the server says which of it the chosen role does not. */
  const carried = (told) => [...new Set(Object.values(told.roles).flatMap((role) => role.keys))].map((action) => [action, page.label("action", action)]);

  const keys = (told) => {
    const from = { source: FROM.keys, asOf: told.t };
    return [
      told.keys.length ? told.keys.map((key) => el("article", { key: key.id, class: "access-request" }, div("access-head", el("b", {}, key.id), span("quiet", page.label("role", key.role), " ", where(told, key)), told.administers && !key.revoked ? access.button(page.words("people.revoke"), act("key.revoke", { key: key.id })) : null),
        div("quiet", key.actions.map((action) => page.label("action", action)).join(page.words("list.comma"))),
        div("quiet", key.revoked ? page.words("people.revoked") : parts.sentence(page.words("people.expires", { time: page.instant(key.expires) }), from), " ", key.used ? parts.sentence(page.words("people.used", { time: page.moment(key.used) }), from) : page.words("people.never_used")))) : parts.empty("people.no_keys"),
      told.administers ? div("access-form", access.field("key-name", page.words("people.key")), access.choose("key-role", page.words("people.role"), roles(told)), access.choose("key-actions", page.words("people.actions"), carried(told), several), access.field("key-days", page.words("people.days"), { inputmode: "numeric", value: "90" }), scope(told, "key"), access.field("key-because", page.words("people.because")),
        access.button(page.words("people.create_key"), act("key.create", {}, scoped("key", { key: "key-name", role: "key-role", actions: "key-actions", days: "key-days", because: "key-because" })), { isFirst: true })) : null,
    ];
  };

  const lasting = (told) => {
    const acts = Object.keys(page.facts.labels.action).filter((action) => !/^(read|session|approval)\./.test(action));
    const wanted = { action: "rule-action", required: "rule-required", minutes: "rule-minutes", because: "rule-because" };
    return told.administers ? div("access-form", access.choose("rule-action", page.words("people.rule"), acts.map((action) => [action, page.label("action", action)])),
      access.choose("rule-required", page.words("people.rule_required"), [["yes", page.words("people.required")], ["no", page.words("people.not_required")]]),
      access.field("rule-minutes", page.words("people.rule_minutes"), { inputmode: "numeric", value: "15" }), access.field("rule-because", page.words("people.because")),
      access.button(page.words("people.change"), act("policy.change", {}, wanted), { isFirst: true, key: "rule" })) : null;
  };

  const only = ([name, values]) => page.words("people.fact", { name: page.words(`field.${name}`), values: values.map((value) => page.label(name, value)).join(page.words("list.comma")) });
  const policy = (told) => {
    const from = { source: FROM.policy, asOf: told.t };
    const columns = [
      { key: "act", title: page.words("people.rule"), cell: (rule) => el("b", {}, page.label("action", rule.act)), order: (rule) => page.label("action", rule.act) },
      { key: "required", title: page.words("people.rule_required"), cell: (rule) => parts.pill(page.words(rule.required ? "people.required" : "people.not_required"), rule.required ? "act" : "") },
      { key: "waits", title: page.words("people.rule_waits"), cell: (rule) => parts.sentence(page.duration(rule.expiry_s), from), order: (rule) => rule.expiry_s },
      { key: "only", title: page.words("people.rule_only"), cell: (rule) => span("quiet", Object.keys(rule.facts).length ? page.words("people.only", { facts: Object.entries(rule.facts).map(only).join(page.words("list.comma")) }) : page.words("people.always")) },
    ];
    return parts.table("policy", columns, told.policy.map((rule) => ({ ...rule, key: rule.act })), { label: page.words("people.policy"), start: { column: "act", isDown: false }, source: FROM.policy });
  };

  const draw = () => {
    if (!page.facts || !document.getElementById("people")) return;
    const { data: told, fault } = dossiers.follow("people", "/api/people", EVERY_MS);
    const face = (source) => parts.face(fault ? "failed" : "loading", { source });
    parts.draw("people-said", access.answer());
    parts.draw("people-accounts", told ? accounts(told) : face(FROM.accounts));
    parts.draw("people-forms", told?.administers ? forms(told) : null);
    parts.draw("people-keys", told ? keys(told) : face(FROM.keys));
    parts.draw("people-policy", told ? [policy(told), lasting(told)] : face(FROM.policy));
    page.becomeReady();
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { people: { draw } });
})();
