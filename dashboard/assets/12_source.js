/* The source: the server's events, over one connection per browser. The page starts this same file once more as a SharedWorker,
   which holds the connection and hands every event to all pages that look; where a browser has none, a page holds its own.
   Browsers allow six connections to a server, and a stream takes one for as long as it is open. */
(() => {
  const RETRY_MS = 3000;
  const ATTEND_MS = 5000; // a page says this often that it is still there: nobody tells a worker when one is gone
  const GONE_MS = 20000;
  const ANSWER_MS = 10000;

  /** Listens to a channel: tell("open") whenever a connection is made, tell("frame", text) for each event. Returns how to stop. */
  const listen = (channel, tell) => {
    let source = null;
    let retry = null;
    const open = () => {
      source = new EventSource(`/api/stream?channel=${encodeURIComponent(channel)}`);
      source.onopen = () => tell("open");
      source.onmessage = ({ data }) => tell("frame", data);
      source.onerror = () => {
        if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
        retry = setTimeout(open, RETRY_MS); // a proxy answered in the server's place: after that the browser gives up, we do not
      };
    };
    open();
    return () => {
      clearTimeout(retry);
      source.close();
    };
  };

  /* in the worker: channels with the pages that listen to them */
  const serve = () => {
    const channels = new Map(); // name → {pages: port → when it last said that it is there, hasOpened, stop}
    const leave = (port) => {
      for (const [name, channel] of channels) {
        channel.pages.delete(port);
        if (channel.pages.size) continue;
        channel.stop();
        channels.delete(name);
      }
    };
    const join = (name, port) => {
      const channel = channels.get(name) ?? { pages: new Map(), hasOpened: false };
      if (!channels.has(name)) {
        channels.set(name, channel);
        channel.stop = listen(name, (what, text) => {
          channel.hasOpened = true;
          for (const page of channel.pages.keys()) page.postMessage([what, text]);
        });
      }
      const isNew = !channel.pages.has(port);
      channel.pages.set(port, performance.now());
      if (isNew) port.postMessage(["joined"]);
      if (isNew && channel.hasOpened) port.postMessage(["open"]);
    };
    self.onconnect = ({ ports: [port] }) => {
      port.onmessage = ({ data }) => (data === null ? leave(port) : join(data, port));
    };
    setInterval(() => {
      const lastHeard = performance.now() - GONE_MS;
      for (const { pages } of [...channels.values()]) for (const [port, heardAt] of [...pages]) if (heardAt < lastHeard) leave(port);
    }, ATTEND_MS);
  };

  if (typeof SharedWorkerGlobalScope !== "undefined") {
    serve();
    return;
  }

  const file = document.currentScript.src; // with its version: pages of another version have a worker of their own
  const source = { isShared: false };

  /** As `listen`, over the browser's one connection where that is possible. */
  source.follow = (channel, tell) => {
    let stop = null;
    let isAnswered = false;
    const alone = () => {
      stop?.();
      source.isShared = false;
      stop = listen(channel, tell);
    };
    try {
      const worker = new SharedWorker(file, { name: "cityhelm" });
      const attend = () => worker.port.postMessage(channel);
      const timers = [setInterval(attend, ATTEND_MS), setTimeout(() => isAnswered || alone(), ANSWER_MS)];
      const leave = () => worker.port.postMessage(null);
      stop = () => {
        timers.forEach(clearTimeout);
        removeEventListener("pagehide", leave);
        leave();
        worker.port.close();
      };
      worker.port.onmessage = ({ data: [what, text] }) => {
        isAnswered = source.isShared = true;
        if (what !== "joined") tell(what, text);
      };
      worker.onerror = alone;
      addEventListener("pagehide", leave);
      attend();
    } catch {
      alone();
    }
    return () => stop();
  };

  cityhelm.source = source;
})();
