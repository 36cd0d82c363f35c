/* Dossiers: what a page asks of the server beyond its frames: one incident, one warning, the log, the last hours. Each is asked for
   by a name; of one name only the newest answer is kept. While the stream is not live nothing is asked, and what is kept grows old. */
(() => {
  const { page } = cityhelm;
  const dossiers = {};
  const kept = new Map(); // name → {url, data, stamp, isGone, askedAt, isAsking, fault}: as many as there are names
  const AGAIN_MS = 700; // what changes several times a second is asked for this often

  const empty = (url) => ({ url, data: null, stamp: null, isGone: false, fault: false, askedAt: -Infinity, isAsking: false });

  /** What is known under `name` from `url` (null: nothing is wanted): {data, isGone: the server does not know it, fault}. Asked for
      again after `everyMs`, and as soon as `stamp`, a text that tells when something of it has changed, is another. */
  dossiers.follow = (name, url, everyMs, stamp = "") => {
    if (kept.get(name)?.url !== url) kept.set(name, empty(url));
    const row = kept.get(name);
    if (url === null || row.isAsking || row.isGone || cityhelm.stream.state !== "live") return row;
    const age = performance.now() - row.askedAt;
    if (age > everyMs || (row.stamp !== stamp && age > AGAIN_MS)) ask(row, stamp);
    return row;
  };

  /** What is known of an incident that is followed under `name`; null when another one is, or nothing yet. */
  dossiers.kept = (name, id) => {
    const data = kept.get(name)?.data;
    return data?.incident?.id === id ? data : null;
  };

  /** Asks for everything again at the next opportunity: somebody has acted. */
  dossiers.refresh = () => {
    for (const row of kept.values()) row.askedAt = -Infinity;
  };

  const ask = async (row, stamp) => {
    [row.isAsking, row.askedAt] = [true, performance.now()];
    try {
      const response = await page.ask(row.url);
      row.isGone = response.status === 404;
      row.fault = !response.ok && !row.isGone;
      if (response.ok) [row.data, row.stamp] = [await response.json(), stamp];
    } catch {
      row.fault = true;
    } finally {
      row.isAsking = false;
      page.beat();
    }
  };

  cityhelm.dossiers = dossiers;
})();
