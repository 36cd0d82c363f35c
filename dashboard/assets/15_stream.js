/* The stream: what the hub says, in order, over every channel that the page follows. The first of them is the page's own: by it the
   page is live or not, and its clock is set. A gap in the numbering of the map, a new server or a new connection means: ask for the
   whole. Of the other channels the newest frame stands under the channel's name. */
(() => {
  const stream = { state: "connecting", since: null, hub: null, seq: null, channel: null, overview: null, halls: null, system: null };
  const SILENCE_MS = { map: 6000, system: 6000, overview: 21000, halls: 21000 }; // the hub speaks as often as it reads, and every second once the database has been away for three readings
  const WHOLE_EVERY_MS = 300000; // what frames do not carry (a moved device) is caught up with
  const stops = []; // of the source, while there is one
  const heardAt = new Map(); // channel → when it last spoke
  const awaySince = new Map(); // channel → since when the hub has no frames for it
  let channels = [];
  let wholeAt = 0;
  let isAsking = false;
  let waiting = []; // frames that came while the whole was under way

  stream.open = (followed) => {
    channels = followed;
    stream.channel = channels[0];
    connect();
    document.addEventListener("visibilitychange", () => {
      listen(); // a page in the background asks for nothing; its silence is not the server's
      if (document.hidden) close();
      else connect();
    });
  };

  const listen = () => channels.forEach((channel) => heardAt.set(channel, performance.now()));
  const connect = () => {
    if (stops.length || document.hidden) return;
    listen();
    channels.forEach((channel) =>
      stops.push(cityhelm.source.follow(channel, (what, text) => {
        if (what === "frame") hear(channel, JSON.parse(text));
        else if (channel === "map") askWhole();
      })));
  };
  const close = () => stops.splice(0).forEach((stop) => stop());

  const hear = (channel, frame) => {
    heardAt.set(channel, performance.now());
    const isOwn = channel === stream.channel;
    if (isOwn) cityhelm.page.offsetMs = frame.t - Date.now();
    if (frame.state === "database_away") {
      awaySince.set(channel, frame.since);
      if (isOwn) set("database_away", frame.since);
      return;
    }
    awaySince.delete(channel);
    if (isOwn) set("live", null);
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
  const isSilent = (channel) => !document.hidden && performance.now() - (heardAt.get(channel) ?? -Infinity) > SILENCE_MS[channel];

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
    try {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1500 - (performance.now() - wholeAt)) * Math.sign(wholeAt)));
      wholeAt = performance.now();
      const response = await fetch("/api/map");
      if (!response.ok) throw new Error(String(response.status));
      const whole = await response.json();
      [stream.hub, stream.seq] = [whole.hub, whole.seq];
      cityhelm.city.replace(whole);
    } catch {
      setTimeout(askWhole, 2000); // the database or the server is away; the header says so
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
    stream.state = state;
    stream.since = since;
  };

  /** The state of the stream, in the header; called every second. */
  stream.show = () => {
    if (isSilent(stream.channel) && stream.state !== "server_away") set("server_away", cityhelm.page.now() - (performance.now() - heardAt.get(stream.channel)));
    const element = document.getElementById("live");
    const look = { live: "live live-on", connecting: "live" }[stream.state] ?? "live live-away";
    const text = cityhelm.page.words(`live.${stream.state}`, { time: stream.since === null ? "" : cityhelm.page.clock(stream.since) });
    if (element.className !== look) element.className = look;
    if (element.textContent !== text) element.textContent = text;
  };

  cityhelm.stream = stream;
})();
