/* The approvals screen: what waits for a second person, broken glasses to be reviewed, and what was decided. */
(() => {
  const { page, parts, dossiers, access } = cityhelm;
  const { el, div, span } = parts;
  const SOURCE = "approval · storage.approvals.list_recent";
  const EVERY_MS = 5000;

  const payload = (request) => (request.payload ? Object.entries(request.payload).map(([name, said]) => div("access-pair", span("quiet", page.words(`field.${name}`)), span("", access.meant(name, said)))) : null);
  const from = (request) => ({ source: SOURCE, asOf: request.at });

  const head = (request) => [
    div("access-head", el("b", {}, page.label("action", request.act)), parts.pill(page.label("approval_state", request.state), request.state === "pending" || request.reviewable ? "act" : request.state === "executed" ? "done" : "")),
    div("quiet", parts.sentence(page.words("approvals.by", { name: request.by, role: page.label("role", request.role), time: page.moment(request.at) }), from(request))),
    div("access-pair", span("quiet", page.words("approvals.reason")), span("", request.reason)), payload(request),
  ];

  const deeds = (request) => {
    const id = `words-${request.id}`;
    const decide = (verdict) => ({ address: `/api/approvals/${encodeURIComponent(request.id)}/decision`, fixed: { verdict }, from: { reason: id } });
    if (request.decidable) return div("access-deeds", access.field(id, page.words("approvals.words")), access.button(page.words("approvals.approve"), decide("approve"), { isFirst: true }), access.button(page.words("approvals.reject"), decide("reject")));
    if (request.reviewable) return div("access-deeds", access.field(id, page.words("approvals.words")), access.button(page.words("approvals.review"), { address: `/api/approvals/${encodeURIComponent(request.id)}/review`, from: { review: id } }, { isFirst: true }));
    return request.mine && request.state === "pending" ? div("quiet", page.words("approvals.mine")) : null;
  };

  const waits = (request) => request.state === "pending" || (request.glass && request.reviewed === null);
  const waiting = (request) => el("article", { key: request.id, class: request.glass ? "access-request access-glass" : "access-request" }, head(request),
    request.glass ? div("access-head", page.words("approvals.glass")) : div("quiet", parts.sentence(page.words("approvals.expires", { time: page.moment(request.expires) }), from(request))), deeds(request));
  const past = (request) => el("article", { key: request.id, class: "access-request" }, head(request),
    request.approver ? div("quiet", parts.sentence(page.words("approvals.decided", { name: request.approver, time: page.moment(request.decided) }), from(request)), request.decision ? ` ${request.decision}` : null) : null,
    request.reviewer ? div("quiet", page.words("approvals.reviewed", { name: request.reviewer, words: request.review ?? "" })) : null);

  const draw = () => {
    if (!page.facts || !document.getElementById("approvals")) return;
    const { data, fault } = dossiers.follow("approvals", "/api/approvals", EVERY_MS);
    const face = parts.face(fault ? "failed" : "loading", { source: SOURCE });
    const open = data?.requests.filter(waits) ?? [];
    const done = data?.requests.filter((request) => !waits(request)) ?? [];
    parts.draw("approvals-said", access.answer());
    parts.draw("approvals-waiting", data ? (open.length ? open.map(waiting) : parts.empty("approvals.none")) : face);
    parts.draw("approvals-past", data ? (done.length ? done.map(past) : parts.face("empty", { source: SOURCE })) : face);
    parts.draw("approvals-waiting-sub", data ? parts.sentence(page.words("approvals.waiting_sub", { n: page.figure(open.length) }), { source: SOURCE, asOf: data.t }) : null);
    page.becomeReady();
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { approvals: { draw } });
})();
