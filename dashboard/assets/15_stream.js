/* The stream: what the hub says, in order, of every channel that the page follows. The first of them is the page's own: by it the
   page is live or not. A gap in the numbering of the map, a new server or a new connection means: ask for the whole. Of the other
   channels the newest frame stands under the channel's name.
   Live is only what was heard just now and made just now. Silence, whatever its cause, is said and answered with a new connection;
   so is what comes late: it waited somewhere while the machine slept, or the viewer's clock was set. */
(() => {
  const stream = { state: null, since: null, hub: null, seq: null, channel: null, overview: null, halls: null, system: null };
  const SILENT_MS = 6000; // the hub says something every two seconds over every channel (dashboard.hub.STILL_EVERY_S)
  const OLD_MS = { map: 6000, system: 10000, overview: 21000, halls: 21000 }; // frames are made every 0.5, 2, 5 and 5 s
  const WHOLE_EVERY_MS = 300000; // what frames do not carry (a moved device) is caught up with
  let line = null; // how the source is stopped and renewed, while there is one
  const heard = new Map(); // channel → when it last spoke: {at, date} by the browser's clocks, {t} by the server's
  const opened = new Set(); // channels that have not said anything yet over a new connection
  const awaySince = new Map(); // channel → since when the hub has no frames for it
  let channels = [];
  let wholeAt = 0;
  let hasWhole = false; // since the connection was made
  let isAsking = false;
  let again = null;
  let waiting = []; // frames that came while the whole was under way

  stream.open = (followed) => {
    channels = followed;
    stream.channel = channels[0];
    connect();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) close();
      else connect();
    });
  };

  const connect = () => {
    if (line || document.hidden) return;
    for (const channel of channels) note(channel, heard.get(channel)?.t ?? null);
    line = cityhelm.source.follow(channels, (what, text) => {
      if (what === "open") isOpen();
      else {
        const frame = JSON.parse(text);
        hear(frame.channel, frame);
      }
    });
  };
  /* a page in the background asks for nothing, and what it shows is not live when it comes back */
  const close = () => {
    line?.stop();
    line = null;
    set("connecting", null);
  };
  const isOpen = () => {
    for (const channel of channels) opened.add(channel);
    if (stream.state === "live") set("connecting", null); // what was missed is not known yet
    if (!channels.includes("map")) return;
    hasWhole = false;
    askWhole();
  };

  const note = (channel, t) => heard.set(channel, { at: performance.now(), date: Date.now(), t });
  /** How long a channel has said nothing, by that of the browser's clocks that went further: one stands while the machine sleeps, the
      other can be set. */
  const silence = ({ at, date }) => Math.max(performance.now() - at, Math.abs(Date.now() - date));
  const isSilent = (channel) => !document.hidden && (!heard.has(channel) || silence(heard.get(channel)) > SILENT_MS);

  const hear = (channel, frame) => {
    const isOwn = channel === stream.channel;
    if (cityhelm.page.hearTime(frame.now, opened.delete(channel)) > SILENT_MS) {
      heard.set(channel, { at: -Infinity, date: 0, t: heard.get(channel)?.t ?? frame.now });
      stream.show();
      return;
    }
    note(channel, frame.now);
    if (frame.state === "still") return;
    if (frame.state === "database_away") {
      awaySince.set(channel, frame.since);
      if (isOwn) set("database_away", frame.since);
      return;
    }
    if (frame.now - frame.t < OLD_MS[channel]) {
      awaySince.delete(channel);
      if (isOwn && (hasWhole || channel !== "map")) set("live", null);
    }
    if (channel !== "map") stream[channel] = frame;
    else if (isAsking || !cityhelm.city.isLoaded) waiting = [...waiting.slice(-199), frame];
    else take(frame);
    cityhelm.page.beat();
  };

  /** How a channel stands, followed or not: "live", "connecting" before its first frame, or what keeps its frames away. */
  stream.stateOf = (channel) => {
    if (channel === stream.channel) return stream.state;
    if (awaySince.has(channel)) return "database_away";
    if (channel !== "map" && !stream[channel]) return "connecting";
    return isSilent(channel) ? "server_away" : "live";
  };
  /** Whether nothing is amiss with where a frame of `channel` came from: what it says is then as new as it can be. */
  stream.isLive = (channel = stream.channel) => stream.state === "live" && stream.stateOf(channel) === "live";

  const take = (frame) => {
    const isNext = frame.hub === stream.hub && frame.seq === stream.seq + 1;
    const isOld = frame.hub === stream.hub && frame.seq <= stream.seq;
    if (isOld) return;
    [stream.hub, stream.seq] = [frame.hub, frame.seq];
    const isComplete = cityhelm.city.apply(frame);
    if (!isNext || !isComplete || performance.now() - wholeAt > WHOLE_EVERY_MS) askWhole();
    cityhelm.map.draw();
  };

  const askWhole = async () => {
    if (isAsking) return;
    isAsking = true;
    clearTimeout(again);
    try {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1500 - (performance.now() - wholeAt)) * Math.sign(wholeAt)));
      wholeAt = performance.now();
      const response = await cityhelm.page.ask("/api/map");
      if (!response.ok) throw new Error(String(response.status));
      const whole = await response.json();
      [stream.hub, stream.seq] = [whole.hub, whole.seq];
      if (cityhelm.page.offsetMs === null) cityhelm.page.hearTime(whole.t, true);
      cityhelm.city.replace(whole);
      hasWhole = true;
    } catch {
      again = setTimeout(askWhole, 2000); // the database or the server is away; the header says so
    } finally {
      isAsking = false;
    }
    const late = waiting;
    waiting = [];
    if (cityhelm.city.isLoaded) late.forEach(take);
    cityhelm.map.draw();
    cityhelm.page.beat();
  };

  const set = (state, since) => {
    stream.since = since;
    if (stream.state === state) return;
    stream.state = state;
    document.documentElement.dataset.stream = state; // 41_away.css: what is not live has no colour
  };
  set("connecting", null);

  /** The state of the stream, in the header; called every second. */
  stream.show = () => {
    if (line && channels.some(isSilent)) line.renew();
    const last = heard.get(stream.channel)?.t ?? null;
    if (isSilent(stream.channel) && stream.state !== "server_away" && last !== null) set("server_away", stream.state === "database_away" ? stream.since : last);
    const element = document.getElementById("live");
    const look = { live: "live live-on", connecting: "live" }[stream.state] ?? "live live-away";
    const text = cityhelm.page.words(`live.${stream.state}`, { time: stream.since === null ? "" : cityhelm.page.moment(stream.since) });
    if (element.className !== look) element.className = look;
    if (element.textContent !== text) element.textContent = text;
  };

  cityhelm.stream = stream;
})();
