/* The door: who are you, password, role, second factor, signing out. A page of its own without the screens' code; what it shows
   follows from how far the session has come (/api/session). Words come from the catalogue in data-facts. */
(() => {
  const door = document.getElementById("door");
  const facts = JSON.parse(door.dataset.facts);
  const words = (key, fillings = {}) => facts.words[`door.${key}`].replace(/\{(\w+)\}/g, (_, name) => fillings[name]);
  const head = [...door.children].filter((child) => child.localName !== "noscript");
  const said = (answer) => answer?.[facts.lang] ?? words("failed");

  const el = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (typeof value === "function") made.addEventListener(name, value); else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
  };
  const show = (...pieces) => door.replaceChildren(...head, ...pieces.flat().filter(Boolean), el("p", { id: "said", class: "said", role: "alert" }));
  const tell = (text) => (document.getElementById("said").textContent = text);

  const ask = async (path, body = null) => {
    const options = body === null ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(`/api/session${path}`, { ...options, signal: AbortSignal.timeout(20000) });
    return [response.status, await response.json()];
  };
  /** Asks, and shows what comes next; a refusal is said where one is. */
  const go = async (path, body) => {
    try {
      const [status, answer] = await ask(path, body);
      if (status === 200) return step(answer, true);
      tell(said(answer));
    } catch {
      tell(words("failed"));
    }
    return null;
  };

  const next = (answer) => {
    const wanted = new URLSearchParams(location.search).get("next");
    const isOurs = wanted && /^\/[a-z-]*$/.test(wanted);
    return isOurs && wanted !== "/" ? wanted : (answer.home ?? "/");
  };
  const form = (title, note, fields, submit, send) =>
    el("form", { class: "panel", submit: (event) => { event.preventDefault(); send(Object.fromEntries(new FormData(event.target))); } },
      el("h2", {}, title), note ? el("p", { class: "note" }, note) : null,
      fields.map(([name, label, attributes]) => el("label", {}, label, el("input", { name, required: true, ...attributes }))),
      el("button", { class: "first", type: "submit" }, submit));

  const where = (grant) => [
    grant.halls?.length ? words("halls", { names: grant.halls.join(" ") }) : null,
    grant.districts?.length ? words("districts", { names: grant.districts.join(" ") }) : null, grant.department,
  ].filter(Boolean).join(" · ") || words("everywhere");

  const signIn = () => show(
    facts.people.length
      ? el("section", { class: "panel" }, el("h2", {}, words("who")), el("p", { class: "note" }, words("who_note")),
        el("div", { class: "people" }, facts.people.map((person) =>
          el("button", { type: "button", "data-person": person.name, click: () => go("/demonstration", { name: person.name }) }, el("b", {}, facts.roles[person.role]), el("span", {}, person.name), person.halls.length ? el("span", {}, words("halls", { names: person.halls.join(" ") })) : null))))
      : form(words("title"), null, [["name", words("name"), { autocomplete: "username", autocapitalize: "none", autofocus: true }], ["password", words("password"), { type: "password", autocomplete: "current-password" }]], words("enter"), (given) => go("", given)),
    facts.provider && !facts.people.length ? el("a", { class: "other", href: "/sign-in/provider" }, words("provider")) : null);

  const roles = (answer) => el("section", { class: "panel" }, el("h2", {}, words("role")), el("p", { class: "note" }, words("role_note")),
    el("div", { class: "people" }, answer.grants.map((grant) =>
      el("button", { type: "button", "data-grant": grant.grant, disabled: grant.is_taken, click: () => go("/role", { grant: String(grant.grant) }) }, el("b", {}, facts.roles[grant.role]), el("span", {}, where(grant)), grant.is_taken ? el("span", {}, words("taken")) : null))));

  const password = (answer) => form(words("change"), answer.must_change ? words("must_change") : null,
    [["present", words("present"), { type: "password", autocomplete: "current-password" }], ["new", words("new"), { type: "password", autocomplete: "new-password", minlength: "12" }], ["again", words("again"), { type: "password", autocomplete: "new-password" }]], words("confirm"),
    ({ again, ...given }) => (again === given.new ? go("/password", given) : tell(words("differs"))));

  const code = (title, note, more = null) => {
    const made = form(title, note, [["code", words("factor"), { inputmode: "numeric", autocomplete: "one-time-code", maxlength: "7", pattern: "[0-9 ]*", autofocus: true }]], words("confirm"), (given) => go("/factor", given));
    if (more) made.insertBefore(more, made.querySelector("label"));
    return made;
  };
  const drawn = ({ size, path }) => {
    const [square, dark] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    for (const [name, value] of Object.entries({ class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": words("qr") })) square.setAttribute(name, value);
    dark.setAttribute("d", path);
    square.append(dark);
    return square;
  };
  const enrol = async () => {
    const [, { secret, address, picture }] = await ask("/factor");
    const key = el("div", { class: "enrol" }, drawn(picture), el("a", { class: "secret", href: address }, secret.match(/.{1,4}/g).join(" ")));
    show(code(words("enrol"), words("enrol_note"), key), leaving());
  };

  const leaving = () => el("p", { class: "leaving" },
    el("button", { type: "button", click: () => go("/end", {}) }, words("leave")), el("button", { type: "button", click: () => go("/end", { everywhere: "yes" }) }, words("leave_everywhere")));

  const inside = (answer) => show(
    el("p", { class: "note" }, words("signed_in", { name: answer.name }), " · ", facts.roles[answer.role]), el("a", { class: "first", href: next(answer) }, words("go")),
    answer.grants.length > 1 ? roles(answer) : null, answer.has_password ? password(answer) : null, leaving());

  /** Shows what is to be done at this stage; whoever has just come in goes straight on. */
  const step = (answer, isNew = false) => {
    if (answer.stage === "none") return signIn();
    if (answer.stage === "password") return show(password(answer), leaving());
    if (answer.stage === "role") return show(roles(answer), leaving());
    if (answer.stage === "enrol") return enrol();
    if (answer.stage === "factor") return show(code(words("factor"), words("factor_note")), leaving());
    if (isNew) return location.assign(next(answer));
    return inside(answer);
  };

  ask("").then(([, answer]) => step(answer)).catch(() => { signIn(); tell(words("failed")); });
})();
