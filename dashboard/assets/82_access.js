/* Access: whether somebody is still signed in, what waits for them, a banner while a broken glass is not reviewed, and acts of the
   pages of approvals and people. Who is touched by nobody signs out by itself: a page says, at most once a minute, that it was. */
(() => {
  const { page, parts } = cityhelm;
  const { el, div, span } = parts;
  const EVERY_MS = 15000;
  const PRESENT_MS = 60000;
  const access = { said: null, session: null, isBusy: false };
  const JSON_HEAD = { "content-type": "application/json" };

  const leave = () => location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);

  const look = async () => {
    if (!page.facts) return;
    try {
      const response = await page.ask("/api/session");
      if (!response.ok) return;
      const session = await response.json();
      if (session.stage !== "open") return leave();
      show(session);
    } catch {
      // the stream says that the server is away
    }
  };

  const show = (session) => {
    access.session = session;
    if (session.requests === null) return; // the database is away: what was known stays
    const badge = document.getElementById("requests-badge");
    if (badge) {
      badge.hidden = !session.requests && location.pathname !== "/approvals";
      const from = { class: "num", title: page.words("approvals.badge"), "data-source": "approval · storage.approvals.list_waiting" };
      parts.draw("requests-count", session.requests ? el("b", from, String(session.requests)) : null);
    }
    banner(session.glass ?? []);
  };

  const banner = (glass) => {
    let place = document.getElementById("glass-banner");
    if (!glass.length) return place?.remove();
    if (!place) {
      place = document.createElement("div");
      place.id = "glass-banner";
      place.setAttribute("role", "alert");
      document.getElementById("screen").prepend(place);
    }
    const link = page.facts.has_requests ? el("a", { class: "button", href: `/approvals?lang=${page.facts.lang}` }, page.words("glass.go")) : null;
    parts.draw("glass-banner", glass.map((one) => div("glass-line", span("", page.words("glass.banner", { name: one.by, time: page.moment(one.at), act: page.label("action", one.act) })), link)));
  };

  let touchedAt = -Infinity;
  const touched = () => {
    if (performance.now() - touchedAt < PRESENT_MS) return;
    touchedAt = performance.now();
    page.ask("/api/session/presence", { method: "POST", headers: JSON_HEAD, body: "{}" }).catch(() => {});
  };
  for (const what of ["pointerdown", "keydown", "wheel"]) document.addEventListener(what, touched, { passive: true });

  /** Does an act by its name, shows the answer, and what is told this once. */
  access.act = async (address, request) => {
    if (access.isBusy) return;
    access.isBusy = true;
    try {
      const response = await page.ask(address, { method: "POST", headers: JSON_HEAD, body: JSON.stringify(request) });
      access.said = await response.json();
    } catch {
      access.said = { outcome: "failed", [page.facts.lang]: page.words("answer.uncertain") };
    }
    access.isBusy = false;
    cityhelm.dossiers.refresh();
    look();
    page.beat();
  };

  /** The answer to what was done last on this page. */
  access.answer = () => {
    const said = access.said;
    if (!said) return null;
    const text = said[page.facts.lang] ?? said.message ?? said.error ?? "";
    return el("div", { class: `access-said access-${said.outcome ?? "refused"}`, role: "status" }, span("", text),
      said.secret ? [el("code", { class: "access-secret" }, said.secret), span("quiet", page.words("people.secret"))] : null);
  };

  /** What stands in a field, or is chosen in it: several apart by blanks. */
  const written = (field) => (field?.multiple ? [...field.selectedOptions].map((option) => option.value).join(" ") : field?.value.trim() ?? "");

  // {address, fixed: fields as they are, from: field → id of the input}
  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-do]");
    if (!pressed || pressed.disabled) return;
    const { address, fixed = {}, from = {} } = JSON.parse(pressed.dataset.do);
    const typed = Object.entries(from).map(([name, id]) => [name, written(document.getElementById(id))]);
    access.act(address, { ...fixed, ...Object.fromEntries(typed.filter(([, value]) => value !== "")) });
  });

  /** What a field of an act says, in words where it is one of ours. */
  const ANSWERS = {
    required: { yes: "people.required", no: "people.not_required", true: "people.required", false: "people.not_required" },
    how: { demonstration: "field.how_demonstration", password: "field.how_password", provider: "field.how_provider" },
    verdict: { approve: "approvals.approve", reject: "approvals.reject" },
  };
  const KINDS = { act: "action", actions: "action", ending: "incident_state" };
  access.meant = (name, said) => (ANSWERS[name]?.[said] ? page.words(ANSWERS[name][said]) : name === "districts" ? said.split(/[\s,]+/).map((code) => page.facts.districts[code] ?? code).join(page.words("list.comma")) : page.label(KINDS[name] ?? name, said));

  access.button = (words, wanted, { isFirst = false, key } = {}) => el("button", { key: key ?? words, class: isFirst ? "button button-first" : "button", "data-do": JSON.stringify(wanted) }, words);
  access.field = (id, label, more = {}) => el("label", { key: id, class: "access-field" }, span("quiet", label), el("input", { id, class: "access-input", autocomplete: "off", spellcheck: "false", maxlength: "500", ...more }));
  access.choose = (id, label, options, more = {}) => el("label", { key: id, class: "access-field" }, span("quiet", label), el("select", { id, class: "access-input", ...more }, options.map(([value, text]) => el("option", { key: value, value }, text))));

  setInterval(look, EVERY_MS);
  cityhelm.ready.then(look);
  addEventListener("load", () => setTimeout(look, 1500));
  cityhelm.access = access;
})();
