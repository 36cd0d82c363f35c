/* Forms: acts that ask for words first. A row of openers stands below what the acts are about; the form of the one that is open is
   below them, in place. What has been typed stays while everything else is drawn again; once the act is done the form closes. */
(() => {
  const { page, parts, clicks } = cityhelm;
  const { el, div } = parts;
  const forms = {};
  const opened = new Map(); // place → {id: of what, name: of the form, action}

  /** A button that acts at once, or with what is filled into `form`. */
  forms.act = (about, action, request, text, look = "button", form = null) =>
    (page.may(action) ? el("button", { key: `${action}/${JSON.stringify(request)}`, class: look, "data-act": JSON.stringify({ action, request, about }), ...(form ? { "data-form": form } : {}), disabled: clicks.isBusy(about) }, text) : null);
  forms.field = (name, words, isRequired = false, more = {}) => el("input", { key: name, name, ...(isRequired ? { required: true } : {}), class: "input", type: "text", maxlength: 500, autocomplete: "off", placeholder: words, "aria-label": words, ...more });
  forms.text = (name, words, isRequired = false) => el("textarea", { key: name, name, ...(isRequired ? { required: true } : {}), class: "input", rows: 3, maxlength: 2000, placeholder: words, "aria-label": words });
  /** `options`: [value, text, is it the one that is set]. */
  forms.select = (name, words, options) => el("select", { key: name, name, required: true, class: "input", "aria-label": words }, options.map(([value, text, isOn]) => el("option", { key: value, value, ...(isOn ? { selected: true } : {}) }, text)));

  /** The row of openers and acts at a place (a word), and the form that is open there. `kinds`: name → {action, words, body, send}:
      `body` draws the fields, `send` (optional) the buttons, given the form's id. Null where nobody may do anything. */
  forms.draw = (place, id, acts, kinds) => {
    const open = opened.get(place)?.id === id ? opened.get(place) : null;
    const openers = Object.entries(kinds).filter(([, { action }]) => page.may(action)).map(([name, { action, words }]) =>
      el("button", { key: name, class: open?.name === name ? "button button-on" : "button button-plain", "data-opens": JSON.stringify({ place, id, name, action }), "aria-expanded": String(open?.name === name) }, words));
    const row = [...acts, ...openers].filter(Boolean);
    if (!row.length) return null;
    const kind = open ? kinds[open.name] : null;
    const key = `${place}-${open?.name}-form`;
    const send = kind && (kind.send ? kind.send(key) : [forms.act(id, kind.action, kind.request, page.words("forms.set"), "button button-first", key)]);
    return [div("steps-row", row), kind ? el("div", { key, class: "steps-form" }, el("div", { id: key, class: "steps-fields" }, kind.body()), div("closing-acts", send)) : null];
  };

  /** Closes the forms whose act is done, or waits for a second person. */
  forms.told = (answer) => {
    if (!["done", "waiting"].includes(answer?.outcome)) return;
    for (const [place, { action }] of opened) if (action === answer.act?.action) opened.delete(place);
  };

  document.addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-opens]");
    if (!pressed) return;
    const { place, ...wanted } = JSON.parse(pressed.dataset.opens);
    const open = opened.get(place);
    if (open?.name === wanted.name && open.id === wanted.id) opened.delete(place);
    else opened.set(place, wanted);
    page.beat();
  });

  cityhelm.forms = forms;
})();
