/* The chime: new red and orange warnings are heard, where the header has its switch (the cockpit and the warnings). Two tones for
   orange, three for red; made by the browser itself. The switch is remembered. A browser lets nothing be heard before somebody has
   touched the page; until then the switch says so. */
(() => {
  const { page, city } = cityhelm;
  const chime = { isMuted: page.recall("sound") === "muted", rung: 0 };
  const LOUD = ["orange", "red"]; // in the order of gravity
  const TONES_HZ = { orange: [660, 880], red: [880, 660, 880] };
  const TONE_S = 0.22;
  const LOUDNESS = 0.25;
  const LOOK_MS = 500;
  let heard = null; // id → level that was heard, from the first look on
  let audio = null;

  const button = () => document.getElementById("sound");

  /** The gravest level among what is new or graver since the last look, and what is known from now on. Shelved ones are silent.
      Pure. */
  chime.news = (warnings, known) => {
    const now = new Map(warnings.filter(({ level, shelved }) => LOUD.includes(level) && !shelved).map(({ id, level }) => [id, level]));
    if (known === null) return { level: null, now };
    const fresh = [...now].filter(([id, level]) => LOUD.indexOf(level) > LOUD.indexOf(known.get(id))).map(([, level]) => LOUD.indexOf(level));
    return { level: fresh.length ? LOUD[Math.max(...fresh)] : null, now };
  };

  const ring = (level) => {
    chime.rung += 1;
    if (audio?.state !== "running") return;
    TONES_HZ[level].forEach((hz, k) => {
      const [tone, gain, at] = [audio.createOscillator(), audio.createGain(), audio.currentTime + k * TONE_S];
      tone.frequency.value = hz;
      gain.gain.setValueAtTime(LOUDNESS, at);
      gain.gain.exponentialRampToValueAtTime(0.001, at + 0.9 * TONE_S);
      tone.connect(gain).connect(audio.destination);
      tone.start(at);
      tone.stop(at + TONE_S);
    });
  };

  const wake = () => {
    if (!button() || chime.isMuted) return;
    audio ??= new AudioContext();
    if (audio.state === "suspended") audio.resume().catch(() => {}); // the browser still says no: the switch goes on telling so
  };

  const show = () => {
    const place = button();
    if (!place || !page.facts) return;
    const words = page.words(chime.isMuted ? "sound.off" : audio?.state === "running" ? "sound.on" : "sound.asleep");
    place.setAttribute("aria-pressed", String(!chime.isMuted));
    if (place.title !== words) for (const name of ["title", "aria-label"]) place.setAttribute(name, words);
  };

  chime.toggle = () => {
    chime.isMuted = !chime.isMuted;
    page.remember("sound", chime.isMuted ? "muted" : "on");
    wake();
    show();
  };

  const look = () => {
    show();
    if (!button() || !city.isLoaded || !Array.isArray(city.warnings)) return;
    const { level, now } = chime.news(city.warnings, heard);
    heard = now;
    if (level && !chime.isMuted) ring(level);
  };

  document.addEventListener("click", ({ target }) => target.closest("#sound") && chime.toggle());
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, wake, { passive: true, capture: true });
  setInterval(look, LOOK_MS);

  cityhelm.chime = chime;
})();
