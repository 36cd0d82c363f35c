/* The source: the server's events, over one connection for all the channels that a page follows. The page starts this same file once
   more as a SharedWorker, which holds the connection and hands every event to all pages that follow the same channels; where a browser
   has none, a page holds its own. Browsers allow six connections to a server, and a stream takes one for as long as it is open. */
(() => {
  const RETRY_MS = 3000;
  const ATTEND_MS = 5000; // a page says this often that it is still there: nobody tells a worker when one is gone
  const GONE_MS = 20000;
  const ANSWER_MS = 10000;

  /** Listens to channels: tell("open") whenever a connection is made, tell("frame", text) for each event. Returns {stop, renew}: how
      to stop, and how to try a new connection where nothing comes over this one. One that died while the machine slept, or that a
      firewall forgot, is silent for ever, and the browser does not notice. */
  const listen = (channels, tell) => {
    const address = `/api/stream?${channels.map((name) => `channel=${encodeURIComponent(name)}`).join("&")}`;
    let source = null;
    let retry = null;
    let openedAt = 0;
    const open = () => {
      stop();
      openedAt = performance.now();
      const own = (source = new EventSource(address));
      own.onopen = () => tell("open");
      own.onmessage = ({ data }) => tell("frame", data);
      own.onerror = () => {
        if (own !== source || own.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
        clearTimeout(retry);
        retry = setTimeout(open, RETRY_MS); // a proxy answered in the server's place: after that the browser gives up, we do not
      };
    };
    const stop = () => {
      clearTimeout(retry);
      source?.close();
    };
    open();
    return { stop, renew: () => performance.now() - openedAt > RETRY_MS && open() };
  };

  /* in the worker: connections with the pages that listen to them */
  const serve = () => {
    const connections = new Map(); // names of channels → {pages: port → when it last said that it is there, hasOpened, line}
    const leave = (port) => {
      for (const [key, connection] of connections) {
        connection.pages.delete(port);
        if (connection.pages.size) continue;
        connection.line.stop();
        connections.delete(key);
      }
    };
    const join = (channels, port) => {
      const key = channels.join();
      const connection = connections.get(key) ?? { pages: new Map(), hasOpened: false };
      if (!connections.has(key)) {
        connections.set(key, connection);
        connection.line = listen(channels, (what, text) => {
          connection.hasOpened = true;
          for (const page of connection.pages.keys()) page.postMessage([what, text]);
        });
      }
      const isNew = !connection.pages.has(port);
      connection.pages.set(port, performance.now());
      if (isNew) port.postMessage(["joined"]);
      if (isNew && connection.hasOpened) port.postMessage(["open"]);
      return connection;
    };
    self.onconnect = ({ ports: [port] }) => {
      port.onmessage = ({ data: [what, channels] }) => {
        if (what === "leave") return leave(port);
        const { line } = join(channels, port);
        if (what !== "renew") return;
        line.renew();
        port.postMessage(["joined"]);
      };
    };
    setInterval(() => {
      const lastHeard = performance.now() - GONE_MS;
      for (const { pages } of [...connections.values()]) for (const [port, heardAt] of [...pages]) if (heardAt < lastHeard) leave(port);
    }, ATTEND_MS);
  };

  if (typeof SharedWorkerGlobalScope !== "undefined") {
    serve();
    return;
  }

  const file = document.currentScript.src; // with its version: pages of another version have a worker of their own
  const source = { isShared: false };

  /** As `listen`, over a connection of the browser where that is possible. */
  source.follow = (channels, tell) => {
    let line = null;
    const alone = () => {
      line?.stop();
      source.isShared = false;
      line = listen(channels, tell);
    };
    const share = () => {
      const worker = new SharedWorker(file, { name: "cityhelm" });
      const say = (what) => worker.port.postMessage([what, channels]);
      const attending = setInterval(say, ATTEND_MS, "attend");
      let unanswered = null; // while something was said to the worker that it has not answered: it may be gone
      const ask = (what) => {
        unanswered ??= setTimeout(alone, ANSWER_MS);
        say(what);
      };
      const leave = () => say("leave");
      worker.port.onmessage = ({ data: [what, text] }) => {
        clearTimeout(unanswered);
        unanswered = null;
        source.isShared = true;
        if (what !== "joined") tell(what, text);
      };
      worker.onerror = alone;
      addEventListener("pagehide", leave);
      ask("attend");
      return {
        stop: () => {
          clearInterval(attending);
          clearTimeout(unanswered);
          removeEventListener("pagehide", leave);
          leave();
          worker.port.onmessage = null;
          worker.port.close();
        },
        renew: () => ask("renew"),
      };
    };
    try {
      line = share();
    } catch {
      alone();
    }
    return { stop: () => line.stop(), renew: () => line.renew() };
  };

  cityhelm.source = source;
})();
