/* Operations: the clientside callbacks of the operations screen. */
(() => {
  const { page, city, parts, cards, object, clicks } = cityhelm;
  const operations = { chosen: null, charted: null };
  const CHART_AGAIN_MS = 60000;
  const ASK_AGAIN_MS = 5000;
  const TOAST_MS = 8000;

  operations.draw = (beat, chosen, candidates, answer) => {
    if (!page.facts || !city.isLoaded) return Array(7).fill(dash_clientside.no_update);
    const counts = cards.countFreshness();
    return parts.onlyChanged("operations", [
      cards.kpis(counts), cards.currency(counts),
      cards.warnings(chosen), cards.sub("warnings.open", city.warnings.length, parts.sources.warnings),
      cards.incidents(chosen), cards.sub("incidents.open", city.incidents.length, parts.sources.incidents),
      object.draw(chosen, candidates, answer),
    ]);
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
    if (!city.isLoaded) return [same, same, same];
    const now = performance.now();
    const stream = streamOf(chosen);
    operations.charted = stream;
    const isDue = stream !== null && (charted?.datastream !== stream || now - charted.at > CHART_AGAIN_MS);
    const incident = chosen?.kind === "incident" && city.incident(chosen.id) ? chosen.id : null;
    const isAsked = incident !== null && (asked?.incident !== incident || now - asked.at > ASK_AGAIN_MS);
    return [
      isDue ? { datastream: stream, scale: page.scale(), at: now } : stream === null && charted ? null : same,
      isAsked ? { incident, at: now } : incident === null && asked ? null : same,
      stream === null,
    ];
  };

  operations.chart = (stream) => {
    operations.charted = stream;
    page.beat();
  };

  let told = null;
  let toldAt = 0;
  operations.tell = (answer) => {
    if (!answer) return ["", true, "toast"];
    if (told !== answer) {
      [told, toldAt] = [answer, performance.now()];
      clicks.isAnswered(answer.act);
      page.beat();
    }
    // a refusal stands beside the button that was pressed; here it is said when that place is not on the screen
    const isInPlace = answer.outcome !== "done" && answer.act.incident && operations.chosen?.id === answer.act.incident;
    const isOver = isInPlace || performance.now() - toldAt > TOAST_MS;
    return [page.facts.lang === "zh" ? answer.zh : answer.en, isOver, answer.outcome === "done" ? "toast toast-done" : "toast"];
  };

  cityhelm.operations = operations;
  const { draw, follow, tell } = operations;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { operations: { draw, follow, tell } });
})();
