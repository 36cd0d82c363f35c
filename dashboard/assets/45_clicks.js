/* Clicks: one listener for everything that can be pressed. What was pressed becomes a store; callbacks do the rest. */
(() => {
  const { page } = cityhelm;
  const clicks = {};
  const BUSY_MS = 8000; // an answer comes well before; after that the button may be tried again
  const busy = new Map();

  const keyOf = ({ request }) => request.warning ?? request.order ?? (request.unit ? `${request.incident}/${request.unit}` : request.incident);
  clicks.isBusy = (key) => (busy.get(key) ?? -Infinity) > performance.now() - BUSY_MS;
  clicks.isAnswered = (act) => busy.delete(keyOf(act));

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

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-act],[data-choose],[data-chart],[data-fly],[data-map],[data-layer],[data-text]");
    if (!pressed || pressed.disabled) return;
    const { act, choose, chart, fly, map, layer, text } = pressed.dataset;
    if (act) {
      const wanted = JSON.parse(act); // {action, request, about: the incident beside whose buttons a refusal is shown}
      if (pressed.dataset.reason) {
        const field = document.getElementById(pressed.dataset.reason);
        wanted.request.reason = field.value.trim();
        if (!wanted.request.reason) {
          field.focus(); // what ends something says why
          return;
        }
      }
      busy.set(keyOf(wanted), performance.now());
      dash_clientside.set_props("act", { data: { ...wanted, pressed: page.now() } });
      page.beat();
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
