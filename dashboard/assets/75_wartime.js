/* Wartime: whether something is so grave that the cockpit turns to it, and to what. Pure: what is open in, an event or nothing out.
   Grave are open red and orange warnings, incidents of grade Ⅰ, and those of grade Ⅱ for which a response Ⅰ or Ⅱ was activated: of
   grade Ⅱ alone a large city has several a day, and a mark that is always there says nothing. Exercises and tests are not grave. */
(() => {
  const URGENCY = { "warning/red": 0, "incident/I": 1, "warning/orange": 2, "incident/II": 3 };
  const wartime = {};

  /** Grave events, gravest first, of one gravity the newest first: {key, kind, id, urgency, at, since}. */
  wartime.events = ({ warnings, incidents }) => {
    const all = [
      ...warnings.filter((w) => w.mode === "actual" && !w.exercise).map((w) => ({ kind: "warning", id: w.id, grade: w.level, since: w.raised, thing: w })),
      ...incidents.filter((i) => !i.exercise && (i.grade === "I" || ["I", "II"].includes(i.response))).map((i) => ({ kind: "incident", id: i.id, grade: i.grade, since: i.reported, thing: i })),
    ];
    return all
      .map(({ thing, grade, ...event }) => ({ ...event, key: `${event.kind}/${event.id}`, urgency: URGENCY[`${event.kind}/${grade}`], at: typeof thing.lon === "number" ? [thing.lon, thing.lat] : null }))
      .filter((event) => event.urgency !== undefined)
      .sort((a, b) => a.urgency - b.urgency || b.since - a.since || a.key.localeCompare(b.key));
  };

  /** The event the page turns to: the one it shows as long as nothing graver comes, else the gravest that nobody has stepped out
      of. `left` holds the keys of those; who steps out leaves everything that is open then. */
  wartime.choose = (shown, events, left) => {
    const open = events.filter((event) => !left.has(event.key));
    const same = open.find((event) => event.key === shown);
    return same && same.urgency <= open[0].urgency ? same : (open[0] ?? null);
  };

  cityhelm.wartime = wartime;
})();
