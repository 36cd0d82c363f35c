/* Supply: what stands ready near the chosen incident beside units (shelters, hospitals, stocks, teams, equipment), what is
   reserved for it, and what was asked of others, with the life cycle of each request. */
(() => {
  const { page, parts, clicks, dossiers } = cityhelm;
  const { el, div, span, number, part } = parts;
  const supply = {};
  const AGAIN_MS = 10000;
  const TYPES_MS = 300000;
  const KINDS = ["shelter", "hospital", "supply", "team", "equipment"];
  const NEAREST = 8;
  let kind = "shelter";
  const from = { resources: "resource, resource_history · storage.resources", requests: "resource_request · storage.requests" };

  const name = (thing) => (page.facts.lang === "zh" ? thing.zh || thing.en : thing.en || thing.zh) || thing.type;
  const unitOf = (thing) => (page.facts.lang === "zh" ? thing.unit_zh : thing.unit_en) ?? "";
  const button = (action, request, about, text, look = "button button-plain", form = null) =>
    el("button", { key: `${action}/${JSON.stringify(request)}`, class: look, "data-act": JSON.stringify({ action, request, about }), ...(form ? { "data-form": form } : {}), disabled: clicks.isBusy(about) }, text);

  const near = (found, dossier) => {
    const { data, fault } = dossiers.follow("resources", `/api/resources?kind=${kind}&near=${found.lon},${found.lat}&limit=${NEAREST}`, AGAIN_MS, JSON.stringify(dossier?.reservations?.map((row) => [row.id, row.released])));
    const tabs = parts.segments(page.words("supply.kind"), KINDS.map((value) => ({ value, label: page.label("resource_kind", value), attributes: { "data-supply": value } })), kind);
    const rows = !data ? (fault ? parts.face("failed", { source: from.resources, isSmall: true }) : parts.empty("loading")) : !data.resources.length ? parts.empty("supply.none") : data.resources.map((row) => {
      const source = { source: from.resources, measured: row.changed, received: row.recorded };
      const form = `reserve-${row.id}`;
      const free = row.free === null ? page.words("supply.free_unknown") : page.words("supply.free", { n: page.figure(row.free), unit: unitOf(row) });
      const notes = [row.expires ? page.words(row.is_expired ? "supply.expired" : "supply.expires", { day: row.expires }) : "", row.status === "ready" ? "" : page.label("resource_status", row.status), row.distance_m === undefined ? "" : page.words("supply.away", { n: page.figure(row.distance_m / 1000, 1) })].filter(Boolean).join(" · ");
      const canReserve = page.may("resource.reserve") && row.free > 0;
      return el("div", { key: row.id, class: "supply" }, span("supply-name ellipsis", name(row), el("small", { class: "ellipsis" }, row.site_zh && row.kind !== "shelter" && row.kind !== "hospital" ? `${page.facts.lang === "zh" ? row.site_zh : row.site_en} · ` : "", parts.sentence(notes, source))),
        span("supply-free", parts.sentence(free, source), row.capacity === null ? null : el("small", {}, " / ", number(page.figure(row.capacity), source))),
        canReserve ? span("supply-act", el("span", { id: form }, el("input", { name: "amount", required: true, class: "input supply-n", type: "number", min: 1, max: row.free, value: 1, "aria-label": page.words("supply.amount") })), button("resource.reserve", { resource: row.id, incident: found.id }, found.id, page.words("supply.reserve"), "button button-plain", form)) : null);
    });
    return part(page.words("supply.near"), "", tabs, rows);
  };

  const reserved = (found, dossier) => {
    const rows = (dossier?.reservations ?? []).filter(({ released }) => released === null);
    if (!rows.length) return null;
    return part(page.words("supply.reserved"), "", rows.map((row) => {
      const source = { source: from.resources, measured: row.at };
      return el("div", { key: row.id, class: "supply" }, span("supply-name ellipsis", name(row), el("small", {}, page.actor(row.by), " ", number(page.moment(row.at), source))), span("supply-free", number(page.figure(row.amount), source), " ", unitOf(row)),
        page.may("resource.release") && row.request === null ? span("supply-act", el("span", { id: `release-${row.id}` }, el("input", { name: "used", class: "input supply-n", type: "number", min: 0, max: row.amount, placeholder: page.words("supply.used"), "aria-label": page.words("supply.used_long") })), button("resource.release", { reservation: row.id }, found.id, page.words("supply.release"), "button button-plain", `release-${row.id}`)) : null);
    }));
  };

  /** What is still held for incidents that have ended, wherever: a request is ended where it was made. */
  supply.left = () => {
    const { data } = dossiers.follow("left", "/api/resources/left", AGAIN_MS);
    return (data?.reservations ?? []).map((row) => {
      const source = { source: from.resources, measured: row.at };
      const about = `left/${row.id}`;
      return el("div", { key: row.id, class: "supply" }, span("supply-name ellipsis", name(row), " ", number(page.figure(row.amount), source), " ", unitOf(row), el("small", {}, page.actor(row.by), " ", number(page.moment(row.at), source))),
        parts.choice("incident", row.incident, "quiet ellipsis", row.incident),
        page.may("resource.release") && row.request === null ? span("supply-act", el("span", { id: `left-${row.id}` }, el("input", { name: "used", class: "input supply-n", type: "number", min: 0, max: row.amount, placeholder: page.words("supply.used"), "aria-label": page.words("supply.used_long") })), button("resource.release", { reservation: row.id }, about, page.words("supply.release"), "button button-plain", `left-${row.id}`)) : null);
    });
  };

  const LATE = new Set(["committed", "deployed", "released", "returned"]);
  const requests = (found, dossier) => {
    const rows = dossier?.requests ?? [];
    const ask = page.may("request.create") ? form(found) : null;
    if (!rows.length && !ask) return null;
    return part(page.words("supply.requests"), rows.length ? "" : page.words("supply.no_requests"), rows.map((row) => {
      const source = { source: from.requests, measured: row.since };
      return el("div", { key: row.id, class: "supply request" }, span("supply-name ellipsis", name(row), " ", number(page.figure(row.amount), source), " ", unitOf(row), el("small", { class: "ellipsis" }, [row.department, page.actor(row.by)].filter(Boolean).join(" · "), " ", number(page.moment(row.since), source))),
        parts.pill(page.label("request_state", row.state), LATE.has(row.state) ? "done" : row.state === "requested" ? "act" : ""),
        page.may("request.advance") ? span("supply-acts", row.next.filter((state) => state !== "extended").map((state) => button("request.advance", { request: row.id, state }, found.id, page.label("request_state", state)))) : null);
    }), ask);
  };

  const form = (found) => {
    const { data } = dossiers.follow("resource types", "/api/resources/types", TYPES_MS);
    if (!data?.types.length) return null;
    return el("details", { key: "ask", class: "supply-ask" }, el("summary", {}, page.words("supply.ask")),
      el("div", { id: "supply-form", class: "steps-fields" },
        el("select", { name: "type", required: true, class: "input", "aria-label": page.words("supply.type") }, data.types.map((row) => el("option", { key: `${row.kind}/${row.type}`, value: row.type }, `${name(row)}${unitOf(row) ? ` (${unitOf(row)})` : ""}`))),
        el("input", { name: "amount", required: true, class: "input", type: "number", min: 1, value: 1, "aria-label": page.words("supply.amount") }),
        el("input", { name: "department", class: "input", type: "text", maxlength: 100, placeholder: page.words("supply.department"), "aria-label": page.words("supply.department") }),
        el("input", { name: "words", class: "input", type: "text", maxlength: 500, placeholder: page.words("supply.words"), "aria-label": page.words("supply.words") })),
      div("closing-acts", button("request.create", { incident: found.id, send: "yes" }, found.id, page.words("supply.send"), "button button-first", "supply-form")));
  };

  supply.parts = (found, dossier) => [reserved(found, dossier), requests(found, dossier), near(found, dossier)];

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-supply]");
    if (!pressed) return;
    kind = pressed.dataset.supply;
    page.beat();
  });

  cityhelm.supply = supply;
})();
