/* Cockpit: which of its faces the leaders' page shows (an event, the place one went down to, or a scene), what of it the map follows, and
   where the cards stand. The wall is the same page for looking only. What the cards say is in 77_city_cards.js. */
(() => {
  const { page, city, parts } = cityhelm;
  const { el, div, span } = parts;
  const EVENT_ZOOM = 13.6; // a district of the city around it
  const cockpit = { scenes: null, event: null, left: new Set(), events: [], isHeldOff: false, view: "" };
  const wide = matchMedia("(min-aspect-ratio: 28/10)"); // room for two columns of cards a side
  wide.addEventListener("change", () => page.facts && page.beat());

  const place = () => document.getElementById("cockpit");
  cockpit.isHere = () => place() !== null;
  cockpit.isWall = () => place()?.dataset.kiosk === "wall";

  /** The frames the page follows, as far as they have come. */
  cockpit.overview = () => cityhelm.stream.overview ?? null;
  cockpit.halls = () => cityhelm.stream.halls ?? null;

  /* what the page is about */

  /** "war", "area" or "scene". */
  cockpit.mode = () => (cockpit.event ? "war" : cityhelm.drill.path.length ? "area" : "scene");

  const turnToEvents = () => {
    if (!city.isLoaded) return;
    cockpit.events = cityhelm.wartime.events(city);
    const open = new Set(cockpit.events.map((event) => event.key));
    for (const key of cockpit.left) if (!open.has(key)) cockpit.left.delete(key);
    const before = cockpit.event?.key;
    cockpit.event = cityhelm.wartime.choose(before, cockpit.events, cockpit.left);
    if (cockpit.event?.key === before) return;
    if (cockpit.event) {
      cityhelm.drill.go([]);
      if (cityhelm.operations.chosen) cityhelm.clicks.choose(null);
      askAround(cockpit.event);
    }
    say();
  };

  /** Steps out of what is open now; something new brings the page back. */
  cockpit.leaveWar = () => {
    for (const event of cockpit.events) cockpit.left.add(event.key);
    page.beat();
  };
  cockpit.returnToWar = (key = null) => {
    cockpit.left.clear();
    if (key) cockpit.event = cockpit.events.find((event) => event.key === key) ?? cockpit.event;
    cityhelm.drill.go([]);
    page.beat();
  };

  /* the ground around the event: asked for once for each, and once more where the answer did not come */
  cockpit.around = { key: null, state: "empty", ground: null };
  const AROUND_AGAIN_MS = 10000;
  const askAround = async (event) => {
    if (!event.at) {
      cockpit.around = { key: event.key, state: "empty", ground: null };
      return;
    }
    cockpit.around = { key: event.key, state: "loading", ground: null };
    const tell = (state, ground = null) => {
      if (cockpit.around.key === event.key) cockpit.around = { key: event.key, state, ground };
      page.beat();
    };
    try {
      const response = await page.ask(`/api/surroundings?lon=${event.at[0]}&lat=${event.at[1]}`);
      if (response.status === 404) tell("empty");
      else if (response.ok) tell("live", await response.json());
      else throw new Error(String(response.status));
    } catch {
      tell("failed");
      setTimeout(() => cockpit.event?.key === event.key && askAround(cockpit.event), AROUND_AGAIN_MS);
    }
  };

  /** Tells those who do not see it that the page has turned. */
  const say = () => parts.draw("war-said", cockpit.event ? `${page.words("war.mark")} · ${cityhelm.cityCards.eventName(cockpit.event)}` : "");

  /** Moves the map where the page has turned to, once for each turn: what the viewer does with it afterwards is theirs. */
  const turnMap = () => {
    const mode = cockpit.mode();
    const { scene } = cockpit.scenes;
    const view = mode === "war" ? `war/${cockpit.event.key}` : mode === "area" ? "area" : `scene/${scene}`;
    if (view === cockpit.view) return;
    const before = cockpit.view;
    cockpit.view = view;
    cityhelm.layers.use(mode === "war" ? "emergency" : scene);
    cityhelm.map.paintDistricts(mode === "scene" ? cityhelm.scenes.CARDS[scene].paint : null); // near by, a painted ground hides the streets
    if (mode === "war" && cockpit.event.at) cityhelm.map.fly(cockpit.event.at, EVENT_ZOOM);
    else if (mode === "scene" && before.startsWith("war/")) cityhelm.map.showCity();
  };

  /* touching and going on */

  const touch = () => {
    if (cockpit.scenes) cockpit.scenes = cityhelm.scenes.touched(cockpit.scenes, performance.now());
  };
  const step = () => {
    const now = performance.now();
    const isHeld = cockpit.mode() !== "scene" || cityhelm.operations.chosen !== null;
    const before = cockpit.scenes;
    cockpit.scenes = cityhelm.scenes.step(before, now, { isHeld, isWall: cockpit.isWall() });
    if (cockpit.isWall() && !before.turns && cockpit.scenes.turns) {
      // nobody has been at the wall for a while: it shows the city again
      if (cityhelm.operations.chosen) cityhelm.clicks.choose(null);
      cityhelm.drill.go([]);
      cityhelm.map.showCity();
      cockpit.left.clear();
    }
  };

  const start = () => {
    if (cockpit.scenes) return;
    cockpit.scenes = cityhelm.scenes.begin(performance.now(), new URLSearchParams(location.search).get("scene") ?? "overall");
    for (const name of ["pointerdown", "keydown", "wheel"]) addEventListener(name, touch, { passive: true, capture: true });
    addEventListener("popstate", cityhelm.drill.follow);
    cityhelm.map.onChoose?.(follow);
    cityhelm.drill.follow();
  };

  /** What is pressed on the map: a district is gone down to, the rest is shown beside it. */
  const follow = (chosen) => {
    if (chosen?.kind === "district") cityhelm.drill.go([chosen.id]);
  };

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-scene],[data-go],[data-war],[data-formula],[data-choose]");
    if (!pressed || !cockpit.isHere()) return;
    const { scene, go, war, formula, choose } = pressed.dataset;
    const area = choose?.startsWith('{"kind":"area"') ? JSON.parse(choose).id : go;
    if (choose && area === undefined) return; // a sensor, a unit, an incident, a warning: 45_clicks.js
    if (choose) event.stopPropagation();
    if (scene === "resume") cockpit.scenes = cityhelm.scenes.resume(cockpit.scenes, performance.now());
    else if (scene === "pause") touch();
    else if (scene) goTo(scene);
    else if (war === "leave") cockpit.leaveWar();
    else if (war) cockpit.returnToWar(war === "return" ? null : war);
    else if (formula) cityhelm.cityCards.toggleFormula();
    else if (area !== undefined) {
      if (cockpit.event) cockpit.leaveWar();
      cockpit.event = null;
      cityhelm.drill.go(cityhelm.drill.read(`#at/${area}`) ?? []);
    }
    page.beat();
  }, true);

  /** Shows a scene, from wherever one is. */
  const goTo = (scene) => {
    if (cockpit.event) cockpit.leaveWar();
    cityhelm.drill.go([]);
    cockpit.scenes = cityhelm.scenes.choose(cockpit.scenes, scene, performance.now());
  };

  document.addEventListener("keydown", (event) => {
    if (!cockpit.isHere() || !cockpit.scenes || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    const scene = cityhelm.scenes.NAMES[Number(event.key) - 1];
    if (scene && !cockpit.isWall()) goTo(scene);
    else if (event.key === "Escape" && !cityhelm.operations.chosen && cityhelm.drill.path.length) cityhelm.drill.up();
    else return;
    page.beat();
  });

  /* drawing */

  const sceneBar = () => {
    const { scene, turns } = cockpit.scenes;
    const names = cityhelm.scenes.NAMES;
    const mode = cockpit.mode();
    const share = cityhelm.scenes.share(cockpit.scenes, performance.now());
    const left = Math.ceil((cityhelm.scenes.PERIOD_MS * (1 - share)) / 1000);
    const state = !turns ? page.words("scene.stopped") : mode === "scene" ? page.words("scene.turning", { s: left }) : page.words("scene.held");
    const bar = cockpit.isWall()
      ? el("ol", { key: "names", class: "segments scene-names", "aria-label": page.words("scene.label") }, names.map((name) =>
          el("li", { key: name, class: name === scene && mode === "scene" ? "segment segment-on" : "segment", "aria-current": name === scene && mode === "scene" ? "true" : null }, page.words(`scene.${name}`))))
      : parts.segments(page.words("scene.label"), names.map((name, k) => ({ value: name, label: page.words(`scene.${name}`), attributes: { "data-scene": name, title: page.words("scene.key", { scene: page.words(`scene.${name}`), n: k + 1 }) } })), mode === "scene" ? scene : null);
    return [
      div("scene-choice", bar, div("scene-share", parts.progress(share, state)),
        cockpit.isWall() ? null : el("button", { key: "turn", class: "scene-turn", "data-scene": turns ? "pause" : "resume", title: `${page.words(turns ? "scene.pause" : "scene.resume")} · ${state}`, "aria-label": page.words(turns ? "scene.pause" : "scene.resume") }, parts.icon(turns ? "pause" : "play"))),
      mode === "area" ? trail() : null,
      warMark(),
    ];
  };

  const trail = () => {
    const steps = cityhelm.drill.steps();
    const up = steps.at(-2)?.path ?? [];
    return div("scene-trail", el("button", { key: "up", class: "scene-turn", "data-go": up.map(encodeURIComponent).join("/"), title: page.words("trail.up"), "aria-label": page.words("trail.up") }, "‹"),
      parts.trail(page.words("trail.label"), steps.map(({ path, name }) => ({ key: path.join("/"), name, attributes: { "data-go": path.map(encodeURIComponent).join("/") } }))));
  };

  /** The mark of wartime, with the way out; while one has stepped out, the way back. */
  const warMark = () => {
    const others = cockpit.events.length;
    if (!others) return null;
    const level = cityhelm.cityCards.eventBadge(cockpit.event ?? cockpit.events[0]);
    if (!cockpit.event) return cockpit.isWall() ? null : el("button", { key: "war-back", class: "war-back", "data-war": "return" }, level, page.words("war.return"));
    return div("war-mark", span("war-word", page.words("war.mark")), level, span("war-name ellipsis", cityhelm.cityCards.eventName(cockpit.event)),
      others > 1 ? span("war-more", parts.sentence(page.words("war.others", { n: others - 1 }), { source: parts.sources.warnings, asOf: city.t })) : null,
      cockpit.isWall() ? null : el("button", { key: "leave", class: "button button-plain", "data-war": "leave" }, page.words("war.leave")));
  };

  /** Cards of one side in columns: the most important stand beside the map. */
  const PER_COLUMN = 3;
  const columns = (names, isLeft) => {
    const n = wide.matches ? 2 : 1;
    const groups = Array.from({ length: n }, (_, k) => names.slice(PER_COLUMN * k, PER_COLUMN * (k + 1))).filter((group) => group.length);
    if (isLeft) groups.reverse();
    return groups.map((group, k) => el("div", { key: `column-${isLeft ? groups.length - k : k}`, class: "side-column" }, group.map((name) => cityhelm.cityCards.draw(name, cockpit.scenes.scene))));
  };

  /** Draws the page again. */
  cockpit.draw = (beat, chosen) => {
    if (!page.facts || !cockpit.isHere() || !cityhelm.operations) return;
    start();
    turnToEvents();
    step();
    turnMap();
    cityhelm.drill.keep();
    const mode = cockpit.mode();
    const cards = mode === "war" ? cityhelm.cityCards.WAR : mode === "area" ? cityhelm.cityCards.AREA[cityhelm.drill.path.length - 1] : cityhelm.scenes.CARDS[cockpit.scenes.scene];
    const main = place();
    main.dataset.mode = mode;
    main.classList.toggle("is-wide", wide.matches);
    const isChosen = !cockpit.isWall() && Boolean(chosen ?? cityhelm.operations.chosen);
    document.getElementById("chosen-side").hidden = !isChosen;
    document.getElementById("cards-right").hidden = isChosen && !wide.matches;
    parts.draw("headline", cityhelm.cityCards.headline());
    parts.draw("weather", cityhelm.cityCards.weather());
    parts.draw("scene-bar", ...sceneBar());
    parts.draw("cards-left", columns(cards.left, true));
    parts.draw("cards-right", columns(isChosen && wide.matches ? cards.right.slice(0, PER_COLUMN) : cards.right, false));
    parts.draw("ticker", cityhelm.cityCards.ticker());
  };

  cityhelm.cockpit = cockpit;
  const { draw } = cockpit;
  window.dash_clientside = Object.assign({}, window.dash_clientside, { cockpit: { draw } });
})();
