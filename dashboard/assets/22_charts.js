/* Charts: small pictures of numbers as pieces: lines and areas are SVG stretched to their place with strokes that do not stretch,
   letters are HTML at a percentage of it. So nothing is measured, nothing is drawn anew when a wall has another size, and a chart
   costs what its paths cost (docs/decisions/0007-visual-language.md has the figures beside plotly's).
   Series are as on the wire: {start (ms), step_s, values: [number or null]}. */
(() => {
  const { page, parts } = cityhelm;
  const { el, div, span } = parts;
  const W = 1000; // units of a drawing, both ways
  const short = (x) => Math.round(x * 10) / 10;
  const known = (values) => values.filter((value) => value !== null && value !== undefined);

  const drawing = (name, ...children) => el("svg", { class: name, viewBox: `0 0 ${W} ${W}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" }, ...children);
  const path = (d, name) => (d ? el("path", { class: name, d }) : null);

  /** A line through [x, y] points; null breaks it. */
  const lineOf = (points) => {
    let d = "";
    let isDown = false;
    for (const point of points) {
      if (point) d += `${isDown ? "L" : "M"}${short(point[0])} ${short(point[1])}`;
      isDown = point !== null;
    }
    return d;
  };

  /** Round numbers that enclose [low, high], about `n` steps apart: {from, to, step}. */
  const rounded = (low, high, n) => {
    const span = high - low || Math.abs(high) || 1;
    const power = 10 ** Math.floor(Math.log10(span / n));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => span / s <= n + 1e-9) ?? 10 * power;
    return { from: Math.floor(low / step + 1e-9) * step, to: Math.ceil(high / step - 1e-9) * step, step };
  };

  /** The last day of something, as a line over its ground; the newest value has a dot. */
  parts.sparkline = (values, { label = "" } = {}) => {
    const there = known(values);
    if (!there.length) return el("div", { class: "spark spark-none", role: "img", "aria-label": `${label} ${page.words("no_data")}` });
    const [low, high] = [Math.min(...there), Math.max(...there)];
    const y = (value) => (high === low ? W / 2 : W - 80 - ((value - low) / (high - low)) * (W - 160));
    const x = (k) => (values.length === 1 ? W / 2 : (k / (values.length - 1)) * W);
    const points = values.map((value, k) => (value === null || value === undefined ? null : [x(k), y(value)]));
    const last = points.findLastIndex(Boolean);
    const first = points.findIndex(Boolean);
    const ground = points.every(Boolean) ? `${lineOf(points)}L${W} ${W}L0 ${W}Z` : "";
    const lone = points.flatMap((point, k) => (point && !points[k - 1] && !points[k + 1] ? [[[point[0] - 4, point[1]], [point[0] + 4, point[1]]]] : [])); // a point without neighbours is a dash
    return el("div", { class: "spark", role: "img", "aria-label": `${label} ${page.measure(low)}–${page.measure(high)}` },
      drawing("spark-drawing", path(ground, "spark-ground"), path(lineOf(points) + (first === last ? "" : lone.map(lineOf).join("")), "spark-line")),
      el("i", { class: "spark-dot", style: `left:${short(points[last][0] / 10)}%;top:${short(points[last][1] / 10)}%` }));
  };

  /** Counts side by side, such as the hours of a day; `usual` is a line across each, `now` the index that is under way. */
  parts.columns = (values, { usual = null, now = null, label = "", ticks = [] } = {}) => {
    const high = Math.max(1e-9, ...known(values), ...known(usual ?? []));
    return el("div", { class: "columns", role: "img", "aria-label": label },
      div("columns-plot", values.map((value, k) =>
        el("span", { key: String(k), class: k === now ? "columns-place columns-now" : "columns-place" },
          value === null || value === undefined ? null : el("i", { class: "columns-bar", style: `height:${short((100 * value) / high)}%` }),
          usual?.[k] === null || usual?.[k] === undefined ? null : el("i", { class: "columns-usual", style: `bottom:${short((100 * usual[k]) / high)}%` })))),
      ticks.length ? div("columns-ticks", ticks.map(([share, text]) => el("span", { key: String(share), style: `left:${short(100 * share)}%` }, text))) : null);
  };

  /* the fan: what was measured, what is expected and how surely */

  const fans = new Map(); // id → what the hand or the keys read off; one for each fan on the page
  const MAX_FANS = 24;
  const HOUR_MS = 3600000;

  /** Where the numbers of a fan lie: times and values to shares of its plot. */
  const frameOf = ({ measured, forecast, target, isFromZero, earlier = null, rival = null }) => {
    const end = (series, n) => series.start + 1000 * series.step_s * (n - 1);
    const from = measured?.values.length ? measured.start : forecast.start;
    const to = Math.max(measured?.values.length ? end(measured, measured.values.length) : -Infinity, forecast ? end(forecast, forecast.q50.length) : -Infinity);
    const values = known([...(measured?.values ?? []), ...(forecast ? [...(forecast.q05 ?? forecast.q10), ...(forecast.q95 ?? forecast.q90), ...forecast.q50] : []), ...(earlier?.q50 ?? []), ...(rival ? [...rival.q10, ...rival.q50, ...rival.q90] : []), target ?? null]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const scale = rounded(isFromZero ?? (low >= 0 && low < 0.4 * high) ? Math.min(0, low) : low, high, 4);
    return { from, to: to === from ? from + HOUR_MS : to, scale, x: (t) => (t - from) / ((to - from) || HOUR_MS), y: (value) => 1 - (value - scale.from) / (scale.to - scale.from || 1) };
  };

  /** Full hours of the city's clock, so far apart that about `n` of them are written. */
  const hoursOf = (from, to, n) => {
    const hours = [1, 2, 3, 4, 6, 12, 24].find((h) => (to - from) / (h * HOUR_MS) <= n) ?? 48;
    const found = [];
    for (let t = Math.ceil(from / HOUR_MS) * HOUR_MS; t <= to && found.length < 3 * n; t += HOUR_MS) if (Math.round(page.secondOfDay(t) / 3600) % hours === 0) found.push(t);
    return found;
  };

  /** A fan chart. `measured` {start, step_s, values}, `forecast` {start, step_s, q10, q50, q90} or null, `now` (ms), `target` a level
      to stay below or null, `targetWords` its name where it is another. Where the forecast has q05 and q95 the wider band is drawn as well,
      `earlier` is the forecast of another time, `rival` one of the same times under other conditions, in grey with its band; `names` are the
      keys of the words for either: {median, rival}. `marks` [{key, time, label}] are moments on it. Values are read by pointing at it, or
      with the arrow keys: it speaks as a slider over time. */
  parts.fan = (id, { measured, forecast = null, now, unit = "", label = "", target = null, targetWords = null, digits = 1, isFromZero = undefined, state = "live", source = "", earlier = null, rival = null, names = {}, marks = [] }) => {
    const hasData = known([...(measured?.values ?? []), ...(forecast?.q50 ?? [])]).length > 0;
    if (parts.isFace(state) || !hasData) return parts.face(parts.isFace(state) ? state : "empty", { source });
    const frame = frameOf({ measured, forecast, target, isFromZero, earlier, rival });
    const { x, y, scale } = frame;
    if (fans.size > MAX_FANS) for (const other of [...fans.keys()]) if (!document.querySelector(`[data-fan="${CSS.escape(other)}"]`)) fans.delete(other);
    const model = { measured, forecast, rival, names, unit, digits, frame, at: fans.get(id)?.at ?? null };
    if (model.at !== null) model.at = nearestOf(model, model.at); // the hours moved on under whoever reads: the nearest one there still is
    fans.set(id, model);
    const points = (series, values) => values.map((value, k) => (value === null || value === undefined ? null : [W * x(series.start + 1000 * series.step_s * k), W * y(value)]));
    const between = (series, low, high) => (low && high ? `${lineOf(points(series, high))}${lineOf(points(series, low).reverse()).replace(/^M/, "L")}Z` : "");
    const [band, wide] = [between(forecast, forecast?.q10, forecast?.q90), between(forecast, forecast?.q05, forecast?.q95)];
    const isInside = (t) => t >= frame.from && t <= frame.to;
    const levels = [];
    for (let value = scale.from; value <= scale.to + scale.step / 1e6; value += scale.step) levels.push(value);
    const at = (share) => `${short(100 * share)}%`;
    const reading = readingAt(model, model.at ?? lastMeasured(model));
    const key = (name, words) => span("fan-key", el("i", { class: name, "aria-hidden": "true" }), page.words(words));
    return el("div", { class: `fan is-${state}` },
      div("fan-keys", measured ? key("key-measured", "chart.measured") : null, rival ? key("key-rival", names.rival) : null, forecast ? [key("key-median", names.median ?? "chart.median"), key("key-band", "chart.band"), wide ? key("key-wide", "outlook.band_90") : null] : span("fan-key", page.words("chart.no_forecast")), earlier ? key("key-earlier", "outlook.earlier") : null, marks.length ? key("key-mark", "outlook.odd_mark") : null, span("fan-unit", unit)),
      el("div", { class: "fan-plot", "data-fan": id, "data-lineage": source, tabindex: "0", role: "slider", "aria-label": label, "aria-valuemin": String(frame.from), "aria-valuemax": String(frame.to), "aria-valuenow": String(reading.time), "aria-valuetext": reading.spoken },
        levels.map((value, k) => el("span", { key: `y${k}`, class: "fan-level", style: `top:${at(y(value))}` }, el("b", {}, page.figure(value, scale.step < 1 ? 2 : 0)))),
        hoursOf(frame.from, frame.to, 6).map((t) => el("span", { key: `x${t}`, class: "fan-hour", style: `left:${at(x(t))}` }, el("b", {}, frame.to - frame.from > 36 * HOUR_MS && page.secondOfDay(t) < 1800 ? page.monthDay(t) : page.hour(t)))),
        drawing("fan-drawing", rival ? [path(between(rival, rival.q10, rival.q90), "fan-rival-band"), path(lineOf(points(rival, rival.q50)), "fan-rival")] : null, path(wide, "fan-wide"), path(band, "fan-band"), earlier ? path(lineOf(points(earlier, earlier.q50).filter((_, k) => isInside(earlier.start + 1000 * earlier.step_s * k))), "fan-earlier") : null, forecast ? path(lineOf(points(forecast, forecast.q50)), "fan-median") : null, measured ? path(lineOf(points(measured, measured.values)), "fan-measured") : null),
        target === null ? null : el("span", { key: "target", class: "fan-target", style: `top:${at(y(target))}` }, el("b", {}, targetWords ?? page.words("queue.target", { n: page.figure(target, digits) }))),
        now < frame.from || now > frame.to ? null : el("span", { key: "now", class: x(now) > 0.85 ? "fan-now fan-now-late" : "fan-now", style: `left:${at(x(now))}` }, el("b", {}, page.words("chart.now"))),
        marks.filter(({ time }) => isInside(time)).map((mark) => el("i", { key: mark.key, class: "fan-mark", style: `left:${at(x(mark.time))}`, title: mark.label })),
        el("i", { key: "cursor", class: "fan-cursor" })));
  };

  /** The times a fan knows values of, oldest first. */
  const timesOf = ({ measured, forecast }) => {
    const of = (series, n) => Array.from({ length: n }, (_, k) => series.start + 1000 * series.step_s * k);
    return [...new Set([...(measured ? of(measured, measured.values.length) : []), ...(forecast ? of(forecast, forecast.q50.length) : [])])].sort((a, b) => a - b);
  };
  const nearestOf = (model, time) => timesOf(model).reduce((best, t) => (Math.abs(t - time) < Math.abs(best - time) ? t : best));
  const lastMeasured = (model) => {
    const k = model.measured?.values.findLastIndex((value) => value !== null && value !== undefined) ?? -1;
    return k < 0 ? model.frame.from : model.measured.start + 1000 * model.measured.step_s * k;
  };
  const readingAt = ({ measured, forecast, rival, names, unit, digits }, time) => {
    const of = (series, values) => (series ? (values[Math.round((time - series.start) / 1000 / series.step_s)] ?? null) : null);
    const text = (value) => `${page.figure(value, digits)}${unit ? ` ${unit}` : ""}`;
    const rows = [
      ["chart.measured", of(measured, measured?.values), text],
      [names?.rival, rival ? of(rival, rival.q50) : null, text],
      [names?.median ?? "chart.median", of(forecast, forecast?.q50), text],
      ["chart.band", of(forecast, forecast?.q10), (low) => `${page.figure(low, digits)}–${text(of(forecast, forecast.q90))}`],
      ["outlook.band_90", forecast?.q05 ? of(forecast, forecast.q05) : null, (low) => `${page.figure(low, digits)}–${text(of(forecast, forecast.q95))}`],
    ].filter(([, value]) => value !== null).map(([key, value, say]) => [page.words(key), say(value)]);
    return { time, rows, spoken: [page.hour(time), ...rows.map((row) => row.join(" "))].join(" · ") };
  };

  const tip = document.createElement("div");
  tip.className = "fan-tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true"); // the slider says it

  const read = (plot, time) => {
    const model = fans.get(plot.dataset.fan);
    const nearest = nearestOf(model, time);
    const reading = readingAt(model, nearest);
    model.at = nearest;
    const share = Math.min(1, Math.max(0, model.frame.x(nearest)));
    plot.style.setProperty("--cursor", `${short(100 * share)}%`);
    plot.toggleAttribute("data-read", true);
    if (!tip.isConnected) document.body.append(tip);
    const [table, query] = plot.dataset.lineage.split(" · ");
    parts.fill(tip, span("fan-tip-time", page.hour(nearest)), reading.rows.map(([name, text]) => div("fan-tip-row", span("", name), el("b", { class: "num" }, text))), table ? span("fan-tip-source", query ? `${table} · ${query}` : table) : null);
    tip.hidden = false;
    const [place, own] = [plot.getBoundingClientRect(), tip.getBoundingClientRect()];
    const left = place.left + share * place.width;
    tip.style.left = `${Math.max(4, left + own.width + 16 < innerWidth ? left + 12 : left - own.width - 12)}px`;
    tip.style.top = `${Math.max(4, Math.min(place.top, innerHeight - own.height - 4))}px`;
    return reading;
  };
  const leave = (plot) => {
    tip.hidden = true;
    plot?.removeAttribute("data-read");
    const model = plot && fans.get(plot.dataset.fan);
    if (model) model.at = null;
  };

  document.addEventListener("pointermove", ({ target, clientX }) => {
    const plot = target.closest?.("[data-fan]");
    const open = document.querySelector("[data-fan][data-read]");
    if (open && open !== plot && open !== document.activeElement) leave(open);
    if (!plot) return;
    const { left, width } = plot.getBoundingClientRect();
    const { frame } = fans.get(plot.dataset.fan);
    read(plot, frame.from + ((clientX - left) / width) * (frame.to - frame.from));
  }, { passive: true });
  document.addEventListener("keydown", (event) => {
    const plot = event.target.closest?.("[data-fan]");
    if (!plot) return;
    const model = fans.get(plot.dataset.fan);
    const times = timesOf(model);
    const k = times.indexOf(model.at ?? lastMeasured(model));
    const to = { ArrowLeft: k - 1, ArrowRight: k + 1, ArrowDown: k - 1, ArrowUp: k + 1, PageDown: k - 6, PageUp: k + 6, Home: 0, End: times.length - 1 }[event.key];
    if (to === undefined) return;
    read(plot, times[Math.min(times.length - 1, Math.max(0, to))]);
    page.beat(); // the slider's words follow
    event.preventDefault();
  });
  document.addEventListener("focusout", ({ target }) => target.matches?.("[data-fan]") && leave(target));

  /** Hours as a strip with what happened on it. A mark is {key, time, label, choose} with the `level`
      of a warning or the look "incident" or "order". */
  parts.strip = ({ from, to, now, label, marks, columns = null }, source) => {
    const x = (t) => `${short((100 * (t - from)) / (to - from))}%`;
    return el("div", { class: "strip", role: "group", "aria-label": label },
      columns ? div("strip-columns", parts.columns(columns, { label })) : null,
      div("strip-line", now === undefined || now < from || now > to ? null : el("i", { key: "past", class: "strip-past", style: `width:${x(now)}` }),
        marks.filter(({ time }) => time >= from && time <= to).map((mark) => {
          const attributes = { key: mark.key, class: `strip-mark ${mark.level ? `level-${mark.level}` : `strip-${mark.look}`}`, style: `left:${x(mark.time)}`, title: `${page.hour(mark.time)} ${mark.label}`, "aria-label": `${page.hour(mark.time)} ${mark.label}` };
          const inside = mark.level ? el("i", { class: `shape shape-${page.facts.shapes[mark.level]}` }) : null;
          return mark.choose ? el("button", { ...attributes, "data-choose": JSON.stringify(mark.choose) }, inside) : el("span", { ...attributes, role: "img" }, inside);
        })),
      div("strip-hours", hoursOf(from, to, 8).map((t) => el("span", { key: String(t), style: `left:${x(t)}` }, page.hour(t)))),
      source ? el("span", { class: "unseen", "data-source": source.source }) : null);
  };
})();
