/* The night: between three and four in the morning, by the city's clock, a page that has been open for long is loaded anew, so that
   it runs today's scripts and whatever a browser gathers in weeks is gone. Only while nobody is at it, nothing is open and the
   server answers; every page at a moment of its own, so that a wall of them does not come at once. */
(() => {
  const { page } = cityhelm;
  const FROM_S = 3 * 3600;
  const UNTIL_S = 4 * 3600;
  const LAST_START_S = 3300; // the latest of the moments still leaves five minutes for nothing to be open
  const YOUNG_MS = 6 * 3600000;
  const ALONE_MS = 600000;
  const night = { share: Math.random(), openedAt: performance.now(), touchedAt: -Infinity };
  let isAsking = false;

  for (const name of ["pointerdown", "keydown", "wheel"]) addEventListener(name, () => (night.touchedAt = performance.now()), { passive: true, capture: true });

  /** Whether the time has come: `secondOfDay` on the city's clock, `share` (0 to 1) this page's place in the hour. */
  night.isTime = (secondOfDay, share) => secondOfDay >= FROM_S + share * LAST_START_S && secondOfDay < UNTIL_S;

  /** Whether somebody would lose something: what they look at, or type, or wait for. */
  night.isBusy = () =>
    cityhelm.operations.chosen !== null ||
    performance.now() - night.touchedAt < ALONE_MS ||
    document.activeElement?.matches("input, textarea, select, [contenteditable]") ||
    [...document.querySelectorAll("input, textarea")].some((field) => field.value !== "") ||
    document.querySelector("dialog[open], #toast:not([hidden])") !== null;

  /** Called every second. */
  night.look = async () => {
    const isDue = night.isTime(page.secondOfDay(page.now()), night.share) && performance.now() - night.openedAt > YOUNG_MS;
    if (!isDue || isAsking || cityhelm.stream.state !== "live" || night.isBusy()) return;
    isAsking = true;
    try {
      if ((await page.ask("/api/health", { cache: "no-store" })).ok && !night.isBusy()) location.reload();
    } catch {
      // the server is away: what is shown stays
    } finally {
      setTimeout(() => (isAsking = false), 10000);
    }
  };

  cityhelm.night = night;
})();
