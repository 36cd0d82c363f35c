/* Clicks: one listener for everything that can be pressed. What was pressed becomes a store; callbacks do the rest. */
(() => {
  const { page } = cityhelm;
  const clicks = {};
  const BUSY_MS = 8000; // an answer comes well before; after that the button may be tried again
  const busy = new Map();

  const keyOf = ({ request, about }) => request.warning ?? request.order ?? (request.unit && request.incident ? `${request.incident}/${request.unit}` : request.incident ?? about);
  clicks.isBusy = (key) => (busy.get(key) ?? -Infinity) > performance.now() - BUSY_MS;
  clicks.isAnswered = (act) => busy.delete(keyOf(act));

  /** Asks for an act: {action, request, about: what its refusal is shown beside}. */
  clicks.act = (wanted) => {
    if (wanted.request.reason) wanted = { ...wanted, request: { because: wanted.request.reason, ...wanted.request } }; // for a second person
    busy.set(keyOf(wanted), performance.now());
    dash_clientside.set_props("act", { data: { ...wanted, pressed: page.now() } });
    page.beat();
  };

  /** Chooses an object ({kind, id}) or nothing; the address remembers it. */
  clicks.choose = (chosen) => {
    const hash = chosen ? `#${chosen.kind}/${encodeURIComponent(chosen.id)}` : " ";
    history.replaceState(history.state, "", hash.trim() || location.pathname + location.search);
    cityhelm.operations.chosen = chosen;
    dash_clientside.set_props("chosen", { data: chosen });
    cityhelm.map.draw();
  };

  /** What the address names: a page that is loaded again shows what it showed. */
  clicks.remembered = () => {
    const [, kind, id] = location.hash.match(/^#(sensor|unit|incident|warning|type|fleet)\/(.+)$/) ?? [];
    try {
      return kind ? { kind, id: decodeURIComponent(id) } : null;
    } catch {
      return null; // an address that was cut off
    }
  };

  /** What is filled into a form: its named fields, without those left empty; null when one that is required is, which is then
      asked for. */
  clicks.filled = (form) => {
    const filled = {};
    for (const field of form.querySelectorAll("[name]")) {
      const text = field.value.trim();
      if (text) filled[field.name] = text;
      else if (field.required) {
        field.focus();
        return null;
      }
    }
    return filled;
  };

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-act],[data-choose],[data-chart],[data-fly],[data-map],[data-layer],[data-text]");
    if (!pressed || pressed.disabled || event.target.closest("[data-tick]")) return; // a box in a row chooses nothing
    const { act, choose, chart, fly, map, layer, text } = pressed.dataset;
    if (act) {
      const wanted = JSON.parse(act);
      if (pressed.dataset.form) {
        const filled = clicks.filled(document.getElementById(pressed.dataset.form));
        if (!filled) return;
        wanted.request = { ...filled, ...wanted.request };
      }
      clicks.act(wanted);
    } else if (choose) clicks.choose(JSON.parse(choose));
    else if (chart) cityhelm.operations.chart(Number(chart));
    else if (fly) cityhelm.map.fly(JSON.parse(fly));
    else if (map) cityhelm.map.press(map);
    else if (layer) cityhelm.layers.toggle(layer);
    else if (text) page.setLargeText(!page.hasLargeText);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && cityhelm.operations?.chosen) clicks.choose(null);
  });

  cityhelm.clicks = clicks;
})();
