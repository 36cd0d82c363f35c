/* The stream: what the hub says, in order. A gap in the numbering, a new server or a new connection means: ask for the whole. */
(() => {
  const stream = { state: "connecting", since: null, hub: null, seq: null, system: null };
  const SILENCE_MS = 6000; // the hub speaks at least once a second, also to say that the database is away
  const WHOLE_EVERY_MS = 300000; // what frames do not carry (a moved device) is caught up with
  let stop = null; // of the source, while there is one
  let heardAt = performance.now();
  let wholeAt = 0;
  let isAsking = false;
  let waiting = []; // frames that came while the whole was under way

  stream.open = (channel) => {
    stream.channel = channel;
    connect();
    document.addEventListener("visibilitychange", () => {
      heardAt = performance.now(); // a page in the background asks for nothing; its silence is not the server's
      if (document.hidden) close();
      else connect();
    });
  };

  const connect = () => {
    if (stop || document.hidden) return;
    stop = cityhelm.source.follow(stream.channel, (what, text) => {
      if (what === "frame") hear(JSON.parse(text));
      else if (stream.channel === "map") askWhole();
    });
  };
  const close = () => {
    stop?.();
    stop = null;
  };

  const hear = (frame) => {
    heardAt = performance.now();
    cityhelm.page.offsetMs = frame.t - Date.now();
    if (frame.state === "database_away") {
      set("database_away", frame.since);
      return;
    }
    set("live", null);
    if (stream.channel === "system") {
      stream.system = frame;
    } else if (isAsking || !cityhelm.city.isLoaded) {
      waiting = [...waiting.slice(-199), frame];
    } else {
      take(frame);
    }
    cityhelm.page.beat();
  };

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
    if (!document.hidden && performance.now() - heardAt > SILENCE_MS && stream.state !== "server_away") set("server_away", cityhelm.page.now() - (performance.now() - heardAt));
    const element = document.getElementById("live");
    const look = { live: "live live-on", connecting: "live" }[stream.state] ?? "live live-away";
    const text = cityhelm.page.words(`live.${stream.state}`, { time: stream.since === null ? "" : cityhelm.page.clock(stream.since) });
    if (element.className !== look) element.className = look;
    if (element.textContent !== text) element.textContent = text;
  };

  cityhelm.stream = stream;
})();
