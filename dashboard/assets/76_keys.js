/* Keys of the warnings list: rows are walked and opened by the table's own keys; here are the acts on the row in focus, or on the
   chosen warning, and the help that names them all. */
(() => {
  const { page, city, parts, cards, clicks } = cityhelm;
  const { el, span } = parts;
  const keys = {};
  const ACTS = {
    a: { words: "keys.acknowledge", action: "warning.acknowledge", may: cards.isUnacknowledged },
    v: { words: "keys.verify", action: "warning.verify", may: ({ state }) => state === "candidate" },
    h: { words: "keys.handle", action: "warning.handle", may: ({ state }) => state !== "handling" },
  };
  const HELP = [[["↑", "↓", "Home", "End"], "keys.move"], [["Enter"], "keys.choose"], [["A"], "keys.acknowledge"], [["V"], "keys.verify"], [["H"], "keys.handle"], [["X"], "keys.pick"], [["M"], "keys.sound"], [["?", "Esc"], "keys.title"]];

  const panel = () => document.getElementById("keys");
  const isOpen = () => panel() !== null && !panel().hidden;
  const rows = () => [...document.querySelectorAll("#board-table tr[data-row='warnings']")];
  /** The warning that the keys are about: of the row in focus, else the one that is chosen. */
  const aimed = () => {
    const row = document.activeElement?.closest?.("#board-table tr[data-row='warnings']");
    const id = row ? JSON.parse(row.dataset.choose).id : cityhelm.operations.chosen?.kind === "warning" ? cityhelm.operations.chosen.id : null;
    return id === null ? null : city.warning(id);
  };

  keys.help = () => {
    const place = panel();
    if (!place) return;
    place.hidden = !place.hidden;
    if (place.hidden) return;
    parts.draw("keys", el("h2", {}, page.words("keys.title")),
      el("dl", { class: "keys-list" }, HELP.flatMap(([names, words]) => [el("dt", { key: `${words}/t` }, names.map((name) => el("kbd", { key: name }, name))), el("dd", { key: words }, page.words(words))])),
      el("button", { class: "button", "data-keys": "close" }, page.words("keys.close")));
  };

  document.addEventListener("keydown", (event) => {
    if (!document.getElementById("board") || !page.facts || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    const act = ACTS[key];
    const warning = aimed();
    if (event.key === "?" || (event.key === "Escape" && isOpen())) keys.help();
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.target.closest("tr[data-row], .map, canvas")) (rows().find((row) => row.getAttribute("aria-selected") === "true") ?? rows()[0])?.focus();
    else if (key === "m" && !event.repeat) cityhelm.chime.toggle();
    else if (key === "x" && warning) {
      document.querySelector(`input.pick[data-tick="${CSS.escape(warning.id)}"]`)?.click();
    } else if (act && warning && !event.repeat && page.may(act.action) && act.may(warning) && !clicks.isBusy(warning.id)) clicks.act({ action: act.action, request: { warning: warning.id }, about: warning.id });
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-keys]");
    if (pressed) keys.help();
  });

  keys.hint = () => el("button", { key: "keys", class: "link keys-hint", "data-keys": "open" }, span("", page.words("keys.help")));

  cityhelm.keys = keys;
})();
