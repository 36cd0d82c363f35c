/* Operations: the clientside callbacks of the operations screen. */
(() => {
  const { page, city, parts, cards, object, clicks } = cityhelm;
  const operations = { chosen: null, charted: null };
  const CHART_AGAIN_MS = 60000;
  const ASK_AGAIN_MS = 5000;
  const TOAST_MS = 8000;

  /** Draws the cards and the chosen object again, where the page has a place for them. */
  operations.draw = (beat, chosen, candidates, answer) => {
    if (!page.facts || !city.isLoaded) return;
    cityhelm.layers.draw();
    if (!document.getElementById("object")) return;
    const counts = cards.countFreshness();
    parts.draw("kpis", cards.kpis(counts));
    parts.draw("currency", cards.currency(counts));
    parts.draw("warnings", cards.warnings(chosen));
    parts.draw("warnings-sub", cards.sub("warnings.open", city.warnings.length, parts.sources.warnings));
    parts.draw("incidents", cards.incidents(chosen));
    parts.draw("incidents-sub", cards.sub("incidents.open", city.incidents.length, parts.sources.incidents));
    parts.draw("object", object.draw(chosen, candidates, answer));
  };

  /** The datastream that belongs to what is chosen, if any. */
  const streamOf = (chosen) => {
    if (chosen?.kind === "sensor") {
      const streams = city.devices.get(chosen.id)?.streams ?? [];
      return (streams.find((stream) => stream.id === operations.charted) ?? streams[0])?.id ?? null;
    }
    if (chosen?.kind === "warning") return city.streams.get(Number(city.warning(chosen.id)?.object))?.id ?? null;
    return null;
  };

  /** What is asked of the server for what is chosen: a chart (again every minute), the units that can go (every 5 s). */
  operations.follow = (beat, chosen, charted, asked) => {
    const same = dash_clientside.no_update;
    if (!page.facts || !city.isLoaded || page.facts.channel !== "map" || !cityhelm.stream.isLive()) return [same, same]; // nobody is there to be asked
    const now = performance.now();
    const chartCard = document.getElementById("chart-card"); // a page without one asks for no chart
    const stream = chartCard ? streamOf(chosen) : null;
    operations.charted = stream;
    if (chartCard) chartCard.hidden = stream === null;
    const isDue = stream !== null && (charted?.datastream !== stream || charted.scale !== page.scale() || now - charted.at > CHART_AGAIN_MS);
    const incident = chosen?.kind === "incident" && city.incident(chosen.id) ? chosen.id : null;
    const isHeld = document.querySelector(".candidates:hover") !== null; // nothing moves away under a hand
    const isAsked = incident !== null && !cityhelm.plan.isKnown() && (asked?.incident !== incident || (now - asked.at > ASK_AGAIN_MS && !isHeld));
    return [
      isDue ? { datastream: stream, scale: page.scale(), at: now } : stream === null && charted ? null : same,
      isAsked ? { incident, at: now } : incident === null && asked ? null : same,
    ];
  };

  operations.chart = (stream) => {
    operations.charted = stream;
    page.beat();
  };

  let told = null;
  let toldAt = 0;
  /** Says what became of an act; a refusal of an order stands beside its button and is not said twice. */
  operations.tell = (answer) => {
    const toast = document.getElementById("toast");
    if (!toast || !answer) return;
    if (told !== answer) {
      [told, toldAt] = [answer, performance.now()];
      clicks.isAnswered(answer.act);
      page.beat();
    }
    const isInPlace = !["done", "waiting"].includes(answer.outcome) && answer.act.about && operations.chosen?.id === answer.act.about;
    toast.hidden = isInPlace || performance.now() - toldAt > TOAST_MS;
    toast.className = answer.outcome === "done" ? "toast toast-done" : "toast";
    parts.draw("toast", page.facts.lang === "zh" ? answer.zh : answer.en);
  };

  cityhelm.operations = operations;
  const { draw, follow, tell } = operations;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { operations: { draw, follow, tell } });
})();
