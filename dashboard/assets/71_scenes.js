/* Scenes: what the cockpit is about (all of the city, emergencies, services, traffic, environment), which cards that means, and how
   scenes follow one another. Pure: a state and the time in, a state out; times are milliseconds of performance.now(). */
(() => {
  const PERIOD_MS = 30000;
  const IDLE_MS = 120000; // a wall that was touched goes on by itself after this
  /** Cards left and right by importance: a usual screen has room for three a side, a wide wall for six; of three, one may hold a line
      for each district. Each scene has a paint of
      the map (a key of overview.districts[].metrics, or "score") and, where one belongs to it, a vital sign whose day is shown. */
  const scenes = {
    NAMES: ["overall", "emergency", "government", "traffic", "environment"],
    PERIOD_MS,
    IDLE_MS,
    CARDS: {
      overall: {
        paint: "score", vital: null,
        left: ["vitals", "forecast", "ranking", "requests", "incidents", "traffic"],
        right: ["warnings", "halls", "readiness", "hot", "out", "air"],
      },
      emergency: {
        paint: "incidents_24h", vital: null,
        left: ["incidents", "readiness", "incidents_24h", "vitals", "requests", "people"],
        right: ["warnings", "out", "rain", "hot", "halls", "forecast"],
      },
      government: {
        paint: "requests_24h", vital: null,
        left: ["halls", "items", "requests", "vitals", "forecast", "wait"],
        right: ["hot", "requests_24h", "warnings", "incidents", "readiness", "ranking"],
      },
      traffic: {
        paint: "traffic_index", vital: "traffic_index",
        left: ["course", "traffic", "incidents", "vitals", "out", "ranking"],
        right: ["warnings", "forecast", "people", "hot", "readiness", "online"],
      },
      environment: {
        paint: "aqi", vital: "aqi",
        left: ["course", "air", "vitals", "incidents", "forecast", "people"],
        right: ["warnings", "hot", "rain", "requests", "readiness", "online"],
      },
    },
  };

  /** The state at the start: `turns` while scenes follow one another. */
  scenes.begin = (now, scene = "overall") => ({ scene: scenes.NAMES.includes(scene) ? scene : "overall", since: now, turns: true, touchedAt: null });
  /** Somebody touched the page: it stays where it is. */
  scenes.touched = (state, now) => ({ ...state, turns: false, touchedAt: now });
  scenes.choose = (state, scene, now) => ({ ...state, scene, since: now });
  scenes.resume = (state, now) => ({ ...state, turns: true, since: now, touchedAt: null });
  scenes.after = (scene, steps = 1) => scenes.NAMES[(scenes.NAMES.indexOf(scene) + steps + scenes.NAMES.length) % scenes.NAMES.length];

  /** The state at `now`. While the page is held (an event, a place one went down to) the scene waits and has its whole time after. */
  scenes.step = (state, now, { isHeld, isWall }) => {
    if (!state.turns) return isWall && now - state.touchedAt >= IDLE_MS ? scenes.resume(state, now) : state;
    if (isHeld) return { ...state, since: now };
    return now - state.since >= PERIOD_MS ? scenes.choose(state, scenes.after(state.scene), now) : state;
  };

  /** How much of its time a scene has had, 0 to 1; nothing while it stays. */
  scenes.share = (state, now) => (state.turns ? Math.min(1, (now - state.since) / PERIOD_MS) : 0);

  cityhelm.scenes = scenes;
})();
