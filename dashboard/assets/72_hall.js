/* One hall: which one is looked at in which view, how it is named, and what was asked of the server about it. The parts of the page
   (72_hall_*.js) each draw their own cards from this; 72_halls.js holds them together.
   Times in ms, spans in seconds; what is not known is null and has the face of missing data. */
(() => {
  const { page, parts } = cityhelm;
    const hall = { chosen: null, view: null, whole: null, isFailed: false };
  const OF_A_MINUTE = 60;
  const MOST_NAMED = 3;
  const FORECAST_EVERY_S = 300; // what is foreseen is worked out anew this often
  const AHEAD_MS = 15000;
  const WINDOWS_MS = 5000;

  hall.TARGET = "config/city.toml · hall.target_p90_min";
  hall.SOURCES = {
    events: "hall_event · storage.halls.list_hall_events",
    snapshots: "latest, datastream · storage.halls.list_queue_values",
    usual: "hall_event · storage.halls.count_arrivals",
    openings: "hall_event · storage.halls.list_openings",
    ahead: "wait_forecast · storage.waits",
    scores: "wait_score · storage.waits",
    proposals: "window_proposal · storage.window_plans",
    steps: "window_step · storage.window_plans",
    what_if: "hall_event, hall_profile · staffing.what_if",
    rosters: "roster · storage.rosters",
    clerks: "hall_clerk · storage.rosters",
    absences: "clerk_absence · storage.rosters",
    ratings: "hall_event · storage.ratings",
    follow_ups: "rating_follow_up · storage.ratings",
    city: "hall_event, wait_forecast · staffing.city_view",
    surges: "hall_event, forecast · staffing.surges",
    cross: "hall_event, rollup · staffing.cross_effects",
  };

  hall.frame = () => cityhelm.stream.halls ?? null;
  hall.find = (id) => hall.frame()?.halls.find((other) => other.id === id) ?? null;
  hall.current = () => (hall.chosen ? hall.find(hall.chosen) : null);
  hall.name = (one) => (page.facts.lang === "zh" ? one.name_zh : one.name_en) || one.name || one.id;
  hall.nameOf = (id) => (hall.find(id) ? hall.name(hall.find(id)) : id);
  hall.item = (item) => (item ? page.label("service_item", item) : page.words("halls.item_unknown"));
  /** Services in words: all of them, or the first few and how many there are. */
  hall.items = (items) => {
    const offered = hall.current()?.items.length ?? 0;
    if (offered > MOST_NAMED && items.length >= offered) return page.words("halls.all_items");
    const named = items.slice(0, MOST_NAMED).map(hall.item).join(page.words("halls.and"));
    return items.length > MOST_NAMED + 1 ? page.words("halls.items_more", { items: named, n: items.length }) : items.map(hall.item).join(page.words("halls.and"));
  };
  hall.minutes = (s) => (s === null || s === undefined ? null : s / OF_A_MINUTE < 9.95 ? (s / OF_A_MINUTE).toFixed(1) : page.figure(s / OF_A_MINUTE));
  hall.percent = (share, digits = 0) => (share === null || share === undefined ? null : page.figure(100 * share, digits));
  hall.isStale = (one) => !cityhelm.stream.isLive() || one.freshness === "silent" || one.freshness === "stale";
  hall.fromOf = (one, made = null) => ({ source: hall.SOURCES[one.source], measured: one.measured, asOf: hall.frame().t, made, isStale: hall.isStale(one) });
  /** A sentence that the server says in both languages. */
  hall.say = (pair) => (pair ? pair[page.facts.lang] || pair.zh : "");

  /** What the server says under an address of the chosen hall: {data, fault, isGone}. */
  hall.follow = (name, everyMs, more = "") => cityhelm.dossiers.follow(`hall ${name}`, hall.chosen ? `/api/hall/${name}?hall=${encodeURIComponent(hall.chosen)}${more}` : null, everyMs);
  hall.ahead = () => hall.follow("ahead", AHEAD_MS);
  hall.windows = () => hall.follow("windows", WINDOWS_MS);

  /** The state of what is worked out every few minutes, by its age. */
  hall.stateOf = (told, at) => parts.stateOf({ value: told.data, measured: at, everyS: FORECAST_EVERY_S, fault: told.fault && !told.data });
  /** What a part says that has nothing to draw yet. */
  hall.face = (told, source, reason = "") => (told.fault || told.isGone ? parts.face("failed", { source, reason: page.words("halls.unread") }) : told.data ? parts.face("empty", { source, reason }) : parts.face("loading"));
  /** A head's remark: what it is about, and how old it is once that is no longer to be overlooked. */
  hall.sub = (id, state, measured, from, ...words) => parts.draw(`hall-${id}-sub`, ["late", "stale"].includes(state) ? parts.freshness(state, measured, from) : null, ...words);

  cityhelm.hall = hall;
})();
