/* The dead letters of the data screen: why, how many, which; one of them with its topic and payload in an editor, to be tried and
   replayed. What is done here is answered with a sentence, and everything on the page is asked for again. */
(() => {
  const { page, parts, dossiers, data } = cityhelm;
  const { el, div, span, number } = parts;
  const EVERY_MS = 10000;
  const FROM = { list: "dead_letter · storage.deadletters.list_dead_letters", one: "dead_letter, audit_entry · storage.deadletters.find_dead_letter" };
  const letters = { filter: { code: "", device: "", state: "open", before: null } };
  let version = 0; // of the editor: what was typed stays until another letter is chosen or it is undone
  let verdict = null; // {about, outcome, zh, en}: what became of the last deed
  let heard = null;
  let workingSince = null; // on the browser's clock
  const BUSY_MS = 60000; // an answer comes well before; after that the button may be tried again
  const isWorking = () => workingSince !== null && performance.now() - workingSince < BUSY_MS;
  const behind = new Map(); // code → where the next bundle goes on

  const codes = (told) => [...new Set(told.letters.reasons.map(({ code }) => code))];
  const said = (answer) => (page.facts.lang === "zh" ? answer.zh : answer.en);
  const sentence = (about) => (verdict?.about === about ? el("p", { class: verdict.outcome === "done" ? "letters-verdict letters-verdict-done" : "letters-verdict", role: "status" }, parts.icon(verdict.outcome === "done" ? "check" : "failed"), span("", said(verdict))) : null);
  const deed = (key, asked, { isFirst = false } = {}) => el("button", { key, class: isFirst ? "button button-first" : "button", "data-deed": JSON.stringify(asked), disabled: isWorking() }, page.words(key));

  /* by reason */

  const reasons = (told) => {
    const { reasons: rows, per_device, per_day } = told.letters;
    const from = { source: data.FROM.letters, asOf: told.t };
    if (!rows.length) return [parts.face("empty", { source: data.FROM.letters, isSmall: true }), bounds(told, per_device, per_day)];
    const may = page.may("data.replay");
    const columns = [
      { key: "reason", title: page.words("letters.reason"), cell: (r) => span("letters-reason", el("button", { class: letters.filter.code === r.code ? "link letters-on" : "link", "data-letters": JSON.stringify({ code: letters.filter.code === r.code ? "" : r.code, before: null }) }, page.label("rejection", r.code)), el("small", { class: "ellipsis", title: r.said?.[page.facts.lang] ?? r.reason }, span("", r.said?.[page.facts.lang] ?? r.reason))), order: (r) => page.label("rejection", r.code) },
      { key: "trend", title: page.words("letters.trend"), cell: (r) => div("letters-trend", parts.columns(r.trend, { label: `${page.label("rejection", r.code)} ${page.words("letters.trend")}` })) },
      { key: "n", title: page.words("letters.n"), isRight: true, cell: (r) => number(page.figure(r.n), from), order: (r) => r.n },
      { key: "open", title: page.words("letters.waiting"), isRight: true, cell: (r) => number(page.figure(r.open), from), order: (r) => r.open },
    ];
    const code = letters.filter.code;
    const more = behind.get(code);
    return [
      code && may ? div("letters-bulk", span("chip chip-on", page.label("rejection", code)), deed("letters.try_all", { action: "data.replay_many", trial: true, about: `all/${code}`, request: { code } }), deed("letters.replay_all", { action: "data.replay_many", trial: false, about: `all/${code}`, request: more ? { code, after: more } : { code } })) : null,
      code ? sentence(`all/${code}`) : null,
      code && more ? div("quiet", page.words("letters.more")) : null,
      parts.table("letters-reasons", columns, rows.map((r) => ({ ...r, key: `${r.code}/${r.reason}` })), { label: page.words("letters.reasons"), start: { column: "n", isDown: true } }),
      bounds(told, per_device, per_day),
    ];
  };
  const bounds = (told, device, day) => div("letters-bounds quiet", parts.sentence(page.words("letters.bounds", { device: page.figure(device), day: page.figure(day) }), { source: data.FROM.kept, asOf: told.t }));

  /* the list */

  const filters = (told) => {
    const option = (value, label) => el("option", { key: value, value, selected: letters.filter.code === value }, label);
    return div("board-filters letters-filters",
      el("select", { key: "code", class: "letters-select", "data-letters-field": "code", "aria-label": page.words("letters.reason") }, option("", page.words("letters.all_codes")), codes(told).map((code) => option(code, page.label("rejection", code)))),
      el("input", { key: "device", class: "letters-input", type: "search", "data-letters-field": "device", placeholder: page.words("letters.device"), "aria-label": page.words("letters.device"), autocomplete: "off", spellcheck: "false" }),
      parts.segments(page.words("letters.state"), [["open", "letters.open"], ["all", "letters.all"]].map(([value, key]) => ({ value, label: page.words(key), attributes: { "data-letters": JSON.stringify({ state: value, before: null }) } })), letters.filter.state));
  };

  const stateOf = (letter) => (letter.replayed !== null ? page.words("letters.state_replayed") : letter.whole ? page.words("letters.state_open") : page.words("letters.state_counted", { n: page.figure(letter.n) }));

  const list = (told) => {
    const { code, device, state, before } = letters.filter;
    const asked = new URLSearchParams({ state, ...(code && { code }), ...(device && { device }), ...(before && { before }) });
    const found = dossiers.follow("letters", `/api/letters?${asked}`, EVERY_MS);
    const rows = (found.data ?? []).map((letter) => ({ ...letter, key: letter.id, choose: { kind: "letter", id: letter.id } }));
    const from = (letter) => ({ source: FROM.list, received: letter.received });
    const columns = [
      { key: "time", title: page.words("letters.time"), cell: (l) => number(page.moment(l.received), from(l)) },
      { key: "reason", title: page.words("letters.said"), cell: (l) => span("letters-said", span("", page.label("rejection", l.code), " ", el("small", {}, stateOf(l))), el("small", { class: "ellipsis", title: l.sentence[page.facts.lang] }, span("", l.sentence[page.facts.lang])), el("small", { class: "topic ellipsis", title: l.topic }, span("", l.topic))) },
    ];
    const face = found.fault ? parts.face("failed", { source: FROM.list }) : parts.face("loading", { source: FROM.list });
    return [filters(told), found.data ? (rows.length ? parts.table("letters", columns, rows, { label: page.words("letters.list"), chosen: data.letter }) : parts.empty("letters.none")) : face,
      div("letters-pages", before ? el("button", { key: "newer", class: "link", "data-letters": JSON.stringify({ before: null }) }, page.words("letters.newer")) : null, rows.length >= 100 ? el("button", { key: "older", class: "link", "data-letters": JSON.stringify({ before: String(rows.at(-1).id) }) }, page.words("letters.older")) : null)];
  };

  /* one of them */

  const cure = (letter) => (page.facts.words[`cure.${letter.code}`] ? div("letters-cure", span("quiet", page.words("letters.cure")), " ", page.words(`cure.${letter.code}`)) : null);
  const field = (id, label, piece) => el("label", { class: "letters-field", for: id }, span("quiet", label), piece);

  const one = () => {
    if (data.letter === null) return div("hint", page.words("letters.choose"));
    const { data: letter, fault, isGone } = dossiers.follow("letter", `/api/letters/${data.letter}`, 60000);
    if (!letter || letter.id !== data.letter) return isGone ? parts.empty("letters.none") : parts.face(fault ? "failed" : "loading", { source: FROM.one });
    const about = `letter/${letter.id}`;
    const key = `${letter.id}/${version}`;
    const asked = { action: "data.replay", about, letter: letter.id };
    const isEditable = letter.open && letter.payload !== null;
    const rows = letter.payload && letter.payload.said.length > 400 ? "7" : "5";
    return [
      div("letters-why", parts.sentence(letter.sentence[page.facts.lang], { source: FROM.one, received: letter.received })), cure(letter),
      letter.replayed === null ? null : div("letters-done", parts.icon("check"), parts.sentence(page.words("letters.by", { time: page.moment(letter.replayed), by: letter.by ?? "?" }), { source: FROM.one, asOf: letter.replayed })),
      field("letter-topic", page.words("letters.topic"), el("input", { key: `t${key}`, id: "letter-topic", class: "letters-input", type: "text", value: letter.topic, readonly: !isEditable, autocomplete: "off", spellcheck: "false", maxlength: "500" })),
      letter.payload === null ? div("quiet", page.words(letter.whole ? "letters.hidden" : "letters.not_kept"))
        : field("letter-payload", page.words(letter.payload.encoding === "hex" ? "letters.hex" : "letters.payload", { n: page.figure(letter.bytes) }), el("textarea", { key: `p${key}`, id: "letter-payload", class: "letters-payload", rows, readonly: !isEditable, spellcheck: "false", dir: "ltr", "data-encoding": letter.payload.encoding }, letter.payload.said)),
      isEditable ? div("letters-deeds", deed("letters.try", { ...asked, trial: true }), deed("letters.replay", { ...asked, trial: false }, { isFirst: true }), el("button", { key: "undo", class: "button button-plain", "data-letters-undo": "" }, page.words("letters.undo")), isWorking() ? span("quiet", page.words("letters.working")) : null) : null,
      sentence(about),
    ];
  };

  letters.draw = (told, fault) => {
    const waiting = parts.face(fault ? "failed" : "loading", { source: data.FROM.letters });
    parts.draw("data-reasons", told ? reasons(told) : waiting);
    parts.draw("data-reasons-sub", page.words("letters.reasons_sub"));
    parts.draw("data-letters", told ? list(told) : waiting);
    parts.draw("data-letter-title", data.letter === null ? page.words("letters.one_title") : page.words("letters.one", { id: data.letter }));
    parts.draw("data-letter", told ? one() : waiting);
  };

  /* deeds */

  /** What is in the editor, where it is not what came: only what was changed is sent. */
  const edited = () => {
    const [topic, payload] = ["letter-topic", "letter-payload"].map((id) => document.getElementById(id));
    const isHex = payload.dataset.encoding === "hex";
    const came = payload.defaultValue.replace(/\r\n?/g, "\n"); // as the editor shows it
    return {
      ...(topic.value !== topic.defaultValue && { topic: topic.value }),
      ...(payload.value !== came && { payload: payload.value, ...(isHex && { encoding: "hex" }) }),
    };
  };

  /** Has the server do or try something; its answer comes as the page's verdict. */
  const perform = ({ action, trial, about, request, letter }) => {
    [verdict, workingSince] = [null, performance.now()];
    dash_clientside.set_props("deed", { data: { action, trial, about, request: request ?? { letter: String(letter), ...edited() }, pressed: page.now() } });
    page.beat();
  };

  letters.hear = (answer) => {
    if (!answer || answer === heard) return;
    const { about, trial, request } = answer.deed;
    [heard, verdict, workingSince] = [answer, { about, ...answer }, null];
    if (trial) return;
    dossiers.refresh();
    if (!request.code || answer.outcome !== "done") return;
    if (answer.object_id === null) behind.delete(request.code);
    else behind.set(request.code, answer.object_id);
  };

  let typing = null;
  const amend = (change) => {
    letters.filter = { ...letters.filter, ...change };
    page.beat();
  };
  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-deed],[data-letters],[data-letters-undo]");
    if (!pressed || pressed.disabled) return;
    if (pressed.dataset.deed) perform(JSON.parse(pressed.dataset.deed));
    else if (pressed.dataset.letters) {
      amend(JSON.parse(pressed.dataset.letters));
      const select = document.querySelector("[data-letters-field=code]");
      if (select) select.value = letters.filter.code; // a select keeps what was chosen by hand
    } else {
      version += 1;
      verdict = null;
      page.beat();
    }
  });
  document.addEventListener("change", ({ target }) => target.dataset?.lettersField === "code" && amend({ code: target.value, before: null }));
  document.addEventListener("input", ({ target }) => {
    if (target.dataset?.lettersField !== "device") return;
    clearTimeout(typing);
    typing = setTimeout(() => amend({ device: target.value.trim(), before: null }), 400);
  });

  cityhelm.letters = letters;
})();
