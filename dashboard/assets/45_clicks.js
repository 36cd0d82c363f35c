/* Clicks: one listener for everything that can be pressed. What was pressed becomes a store; callbacks do the rest. */
(() => {
  const { page } = cityhelm;
  const clicks = {};
  const BUSY_MS = 8000; // an answer comes well before; after that the button may be tried again
  const busy = new Map();

  const keyOf = (act) => act.warning ?? act.order ?? `${act.incident}/${act.unit}`;
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

  clicks.remembered = () => {
    const [, kind, id] = location.hash.match(/^#(sensor|unit|incident|warning|type)\/(.+)$/) ?? [];
    return kind ? { kind, id: decodeURIComponent(id) } : null;
  };

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-act],[data-choose],[data-chart],[data-fly],[data-map]");
    if (!pressed || pressed.disabled) return;
    const { act, choose, chart, fly, map } = pressed.dataset;
    if (act) {
      const request = JSON.parse(act);
      busy.set(keyOf(request), performance.now());
      dash_clientside.set_props("act", { data: { ...request, pressed: page.now() } });
      page.beat();
    } else if (choose) clicks.choose(JSON.parse(choose));
    else if (chart) cityhelm.operations.chart(Number(chart));
    else if (fly) cityhelm.map.fly(JSON.parse(fly));
    else if (map) cityhelm.map.press(map);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && cityhelm.operations?.chosen) clicks.choose(null);
  });

  cityhelm.clicks = clicks;
})();
