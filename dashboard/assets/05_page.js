/* The page: what it was told at its start (language, zone, words), the server's clock, and when it is ready.
   One namespace, `cityhelm`; each file adds its noun. No text is written here: every word comes from the catalogue. */
window.cityhelm = window.cityhelm || {};

(() => {
  const page = { facts: null, offsetMs: null, tick: 0 };
  let becomeReady;
  cityhelm.ready = new Promise((resolve) => (becomeReady = resolve));
  page.becomeReady = () => becomeReady(true);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  page.isCalm = calm.matches;
  calm.addEventListener("change", () => (page.isCalm = calm.matches));

  /** What this browser remembers between visits; a browser that keeps nothing forgets it. */
  page.recall = (name) => {
    try {
      return localStorage.getItem(`cityhelm.${name}`);
    } catch {
      return null;
    }
  };
  page.remember = (name, text) => {
    try {
      localStorage.setItem(`cityhelm.${name}`, text);
    } catch {
      // nothing is kept here: the choice lasts as long as the page
    }
  };

  /** The catalogue's words for `key`, its {placeholders} filled. */
  page.words = (key, fillings = {}) => {
    const text = page.facts.words[key];
    if (text === undefined) throw new Error(`words: ${key} is not in the catalogue`);
    return text.replace(/\{(\w+)\}/g, (_, name) => fillings[name]);
  };

  /** The label of a stored value; a value this version does not know is shown as it is. */
  page.label = (enumeration, value) => page.facts.labels[enumeration]?.[value] ?? value ?? "";

  /** Whether whoever looks has the right to an act at all; where, the act itself says. */
  page.may = (action) => page.facts.acts.includes(action);
  page.reads = (action) => page.facts.reads.includes(action);

  /** Who acted, by name where the catalogue knows one; people are known by their account. */
  page.actor = (id) => page.facts.words[`actor.${id}`] ?? id;

  /** Milliseconds now, by the server's clock. */
  page.now = () => Date.now() + (page.offsetMs ?? 0);

  /** Hears the server's time from what left it at `sentMs`; `isFirst`: on a new connection, in which nothing old can wait. Of what
      comes, the least delayed is nearest to the truth; because clocks drift, that is forgotten by a millisecond each time. Returns
      how late it came, in ms. */
  page.hearTime = (sentMs, isFirst) => {
    const offset = sentMs - Date.now();
    page.offsetMs = isFirst || page.offsetMs === null ? offset : Math.max(offset, page.offsetMs - 1);
    return page.now() - sentMs;
  };

  const ANSWER_MS = 20000;
  /** `fetch` that gives up: a connection that died while the machine slept is never answered, and nobody says so. */
  page.ask = (url, options = {}) => fetch(url, { ...options, signal: AbortSignal.timeout(ANSWER_MS) });

  /** Pixels per pixel of the 1920 × 1080 design. */
  page.scale = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 10;

  /** Large text: everything a quarter larger, remembered by the browser. Set before the first word is drawn. */
  page.hasLargeText = page.recall("text") === "large";
  page.setLargeText = (isLarge) => {
    page.hasLargeText = isLarge;
    document.documentElement.classList.toggle("large-text", isLarge);
    document.getElementById("large-text")?.setAttribute("aria-pressed", String(isLarge));
    if (!page.facts) return;
    page.remember("text", isLarge ? "large" : "usual");
    cityhelm.map.refresh();
    page.beat();
  };
  page.setLargeText(page.hasLargeText);

  /** The whole screen for this page, or no longer: a button in the header, and the key F. */
  page.toggleFullScreen = () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => {}); // a browser that may not stays as it is
  document.addEventListener("click", ({ target }) => target.closest("[data-screen]") && page.toggleFullScreen());
  document.addEventListener("keydown", ({ key, target, repeat, ctrlKey, metaKey, altKey }) => {
    const isTyping = target.closest?.("input, textarea, select, [contenteditable]");
    if (key.toLowerCase() === "f" && !repeat && !ctrlKey && !metaKey && !altKey && !isTyping) page.toggleFullScreen();
  });

  /** Draws everything that depends on data or time again, at most four times a second. */
  let wanted = false;
  let drawnAt = 0;
  page.beat = () => {
    if (wanted) return;
    wanted = true;
    setTimeout(() => {
      wanted = false;
      drawnAt = performance.now();
      page.tick = (page.tick + 1) % 1e9;
      dash_clientside.set_props("beat", { data: page.tick });
    }, Math.max(0, 250 - (performance.now() - drawnAt)));
  };

  const formats = {};
  const format = (name, options) =>
    (formats[name] ??= new Intl.DateTimeFormat(page.facts.lang === "zh" ? "zh-CN" : "en-GB", { timeZone: page.facts.zone, hourCycle: "h23", ...options }));
  page.clock = (ms) => format("clock", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
  page.hour = (ms) => format("hour", { hour: "2-digit", minute: "2-digit" }).format(ms);
  page.date = (ms) => format("date", { year: "numeric", month: "long", day: "numeric", weekday: "long" }).format(ms);
  page.instant = (ms) =>
    format("instant", { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
  page.monthDay = (ms) => format("month_day", { month: "2-digit", day: "2-digit" }).format(ms);
  /** A time of day, with its date when that is not today. */
  page.moment = (ms) => {
    const day = format("day", { year: "numeric", month: "2-digit", day: "2-digit" });
    return day.format(ms) === day.format(page.now()) ? page.clock(ms) : page.instant(ms);
  };

  /** Seconds since midnight on the city's clock. */
  page.secondOfDay = (ms) => {
    const [h, m, s] = page.clock(ms).split(":").map(Number);
    return 3600 * h + 60 * m + s;
  };

  /** [number, key of its words] of a span of seconds, in its largest fitting unit. */
  const span = (seconds) => {
    const s = Math.max(0, Math.round(seconds));
    if (s < 100) return [{ n: s }, "seconds"];
    if (s < 6000) return [{ n: Math.round(s / 60) }, "minutes"];
    if (s < 172800) return [{ n: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) }, "hours"];
    return [{ n: Math.floor(s / 86400), m: Math.floor((s % 86400) / 3600) }, "days"];
  };
  page.age = (ms) => {
    const [numbers, unit] = span((page.now() - ms) / 1000);
    return page.words(`age.${unit}`, numbers);
  };
  page.duration = (seconds) => {
    const [numbers, unit] = span(seconds);
    return page.words(numbers.m === 0 ? `duration.whole_${unit}` : `duration.${unit}`, numbers);
  };

  /** A number as people read it: at most `digits` decimals, thousands apart. */
  const decimals = {};
  page.figure = (value, digits = 0) =>
    (decimals[digits] ??= new Intl.NumberFormat("en-US", { maximumFractionDigits: digits })).format(value);
  /** The same with all its decimals, so that a number that lives keeps its width. */
  const fixed = {};
  page.fixed = (value, digits = 0) => (fixed[digits] ??= new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })).format(value);
  /** A measured value: three significant decimals at most, none for large ones. */
  page.measure = (value) => page.figure(value, Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 100 ? 1 : 2);

  const showClock = () => {
    const now = page.now();
    setTimeout(showClock, 1000 - (now % 1000));
    const isKnown = page.offsetMs !== null; // until the server has said what time it is, nobody knows
    document.getElementById("clock").textContent = isKnown ? page.clock(now) : "--:--:--";
    document.getElementById("date").textContent = isKnown ? page.date(now) : "";
    cityhelm.stream.show();
    cityhelm.night.look();
    page.beat();
  };

  /** Called once, when the page's facts are there. */
  page.start = (facts) => {
    if (!facts || page.facts) return page.tick;
    page.facts = facts;
    page.setLargeText(page.hasLargeText);
    cityhelm.stream.open(facts.channels.length ? facts.channels : [facts.channel]);
    // numbers first: the map's libraries keep the browser busy for a while
    if (document.getElementById("map")) Promise.race([cityhelm.city.loaded(), new Promise((resolve) => setTimeout(resolve, 2000))]).then(() => setTimeout(cityhelm.map.open, 300));
    const chosen = cityhelm.clicks.remembered();
    if (chosen) cityhelm.city.loaded().then(() => cityhelm.clicks.choose(chosen));
    showClock();
    return page.tick;
  };

  cityhelm.page = page;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { page: { start: page.start } });
})();
