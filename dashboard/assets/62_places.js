/* Places: where marks and names stand beside one another, in pixels of the screen. Pure: positions in, positions out. */
(() => {
  const places = {};

  /** How wide a text is drawn at a size, near enough: a Chinese character is as wide as high, a letter a little more than half. */
  places.width = (text, size) => [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? 1 : 0.58), 0) * size;

  /** Things by the place they share: about a hundred metres. */
  places.spots = (things) => {
    const spots = new Map();
    for (const thing of things) {
      const spot = `${thing.lon.toFixed(3)},${thing.lat.toFixed(3)}`;
      if (spots.has(spot)) spots.get(spot).push(thing);
      else spots.set(spot, [thing]);
    }
    return [...spots.values()];
  };

  /** Where the k-th of n things that share a place is drawn, so that each can be seen and chosen. */
  places.aside = (k, n, radius) => (n > 1 ? [radius * Math.sin((2 * Math.PI * k) / n), -radius * Math.cos((2 * Math.PI * k) / n)] : [0, 0]);

  const overlaps = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];

  /** Names that fit beside one another, the first of `things` ({key, x, y, text, size, dx, dy, isUrgent}) first: key → "start" or
      "end", the side on which it is written. `kept` are boxes that only what is urgent may cover; one with a `key` is the mark of that
      thing, which its own name does touch. */
  places.beside = (things, kept, scale) => {
    const taken = [];
    const sides = new Map();
    for (const { key, x, y, text, size, dx, dy, isUrgent, isChosen } of things) {
      const width = (places.width(text, size) + size) * scale;
      const [near, far, top, bottom] = [14 * scale, dx * scale + width, y + (dy - 13) * scale, y + (dy + 13) * scale];
      const boxes = { start: [x - near, top, x + far, bottom], end: [x - far, top, x + near, bottom] };
      const isFree = (box) => !taken.some((other) => overlaps(box, other)) && (isUrgent || !kept.some((other) => other.key !== key && overlaps(box, other)));
      const side = Object.keys(boxes).find((name) => isFree(boxes[name])) ?? (isChosen ? "start" : null);
      if (side === null) continue;
      taken.push(boxes[side]);
      sides.set(key, side);
    }
    return sides;
  };

  const STEPS = [-0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75].flatMap((dx) => [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2].map((dy) => [dx, dy])) // farther away it would name another area
    .sort((a, b) => Math.hypot(2 * a[0], a[1]) - Math.hypot(2 * b[0], b[1]));
  const [OUTSIDE, TAKEN, FAR, MOVED] = [50, 100, 0.4, 1.2]; // what it costs to leave the frame, to cover another name, to go a step away, to leave where it was written
  /** Where names of areas ({x, y, text}) are written so that they cover as little of what is `there` ({box, weight}) as they can,
      inside the frame ([width, height]), near where they belong and where they were before (`before`: the answer for the same
      names): [{x, y, box, step}], null for a name that would cover another. A step is in lines up or down and in names
      to a side. */
  places.amongst = (names, there, size, [frameWidth, frameHeight], before = []) => {
    const taken = [];
    return names.map(({ x, y, text }, k) => {
      const [width, height] = [places.width(text, size) + 6, size * 1.25];
      const boxAt = ([dx, dy]) => [x + (dx - 0.5) * width, y + (dy - 0.5) * height, x + (dx + 0.5) * width, y + (dy + 0.5) * height];
      const near = there.filter((other) => overlaps([x - 1.25 * width, y - 2.5 * height, x + 1.25 * width, y + 2.5 * height], other.box));
      const cost = (step) => {
        const box = boxAt(step);
        const covered = near.reduce((sum, other) => sum + (overlaps(box, other.box) ? other.weight : 0), 0);
        const isOutside = box[0] < 0 || box[1] < 0 || box[2] > frameWidth || box[3] > frameHeight;
        return covered + (isOutside ? OUTSIDE : 0) + (taken.some((other) => overlaps(box, other)) ? TAKEN : 0) + FAR * Math.hypot(step[0] * 2, step[1]) + (before[k] && before[k].step !== step ? MOVED : 0);
      };
      const costs = STEPS.map(cost);
      const least = Math.min(...costs);
      if (least >= TAKEN) return null; // many small districts: nearer there is room
      const step = STEPS[costs.indexOf(least)];
      const box = boxAt(step);
      taken.push(box);
      return { x: x + step[0] * width, y: y + step[1] * height, box, step };
    });
  };

  const WORLD_PX = 512;
  /** A position in pixels of the whole world at a zoom, as the map counts them. */
  places.world = ([lon, lat], zoom) => {
    const size = WORLD_PX * 2 ** zoom;
    return [(lon / 360 + 0.5) * size, (0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI)) * size];
  };

  /** Things ({at}) that would lie over one another at a zoom, gathered: [{at, members, box}], `at` the mean of the members, `box` their
      west, south, east, north. What is gathered depends on zoom and things alone, so that nothing jumps while the map is moved. */
  places.clusters = (things, zoom, radius) => {
    const cells = new Map();
    for (const thing of things) {
      const [x, y] = places.world(thing.at, zoom);
      const key = `${Math.floor(x / radius)},${Math.floor(y / radius)}`;
      const cell = cells.get(key);
      if (cell) {
        cell.x += x;
        cell.y += y;
        cell.members.push(thing);
      } else cells.set(key, { key, x, y, members: [thing] });
    }
    const gathered = [];
    const gone = new Set();
    for (const cell of [...cells.values()].sort((a, b) => b.members.length - a.members.length)) {
      if (gone.has(cell.key)) continue;
      gone.add(cell.key);
      const [cx, cy] = cell.key.split(",").map(Number);
      for (let dx = -1; dx <= 1; dx += 1) {
        for (let dy = -1; dy <= 1; dy += 1) {
          const other = cells.get(`${cx + dx},${cy + dy}`);
          if (!other || gone.has(other.key)) continue;
          const [n, m] = [cell.members.length, other.members.length];
          if (Math.hypot(cell.x / n - other.x / m, cell.y / n - other.y / m) >= radius) continue;
          gone.add(other.key);
          cell.x += other.x;
          cell.y += other.y;
          cell.members.push(...other.members);
        }
      }
      gathered.push(cell.members);
    }
    return gathered.map((members) => {
      const [lons, lats] = [members.map(({ at }) => at[0]), members.map(({ at }) => at[1])];
      const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
      return { members, at: [mean(lons), mean(lats)], box: [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)] };
    });
  };

  /** Those of `things` ({at, weight}) that have room at a zoom, heavier ones first: none lies nearer than `apart` pixels to another. */
  places.thinned = (things, zoom, apart) => {
    const taken = new Map();
    const kept = [];
    for (const thing of [...things].sort((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1))) {
      const [x, y] = places.world(thing.at, zoom);
      const [cx, cy] = [Math.floor(x / apart), Math.floor(y / apart)];
      let isFree = true;
      for (let dx = -1; dx <= 1 && isFree; dx += 1) for (let dy = -1; dy <= 1 && isFree; dy += 1) isFree = !(taken.get(`${cx + dx},${cy + dy}`) ?? []).some(([ox, oy]) => Math.hypot(ox - x, oy - y) < apart);
      if (!isFree) continue;
      const key = `${cx},${cy}`;
      if (taken.has(key)) taken.get(key).push([x, y]);
      else taken.set(key, [[x, y]]);
      kept.push(thing);
    }
    return kept;
  };

  const EARTH_KM = 6371.0088; // mean radius (IUGG)
  const radians = (degrees) => (degrees * Math.PI) / 180;
  /** Great-circle distance of two positions, km. */
  places.distance = ([lonA, latA], [lonB, latB]) => {
    const a = Math.sin(radians(latB - latA) / 2) ** 2 + Math.cos(radians(latA)) * Math.cos(radians(latB)) * Math.sin(radians(lonB - lonA) / 2) ** 2;
    return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(a)));
  };
  places.length = (line) => line.slice(1).reduce((sum, at, k) => sum + places.distance(line[k], at), 0);
  /** The area of a ring of positions on the sphere, km² (R. G. Chamberlain and W. H. Duquette, JPL Publication 07-03, 2007). */
  places.area = (ring) => {
    const sum = ring.reduce((total, [lon], k) => {
      const [before, after] = [ring[(k + ring.length - 1) % ring.length], ring[(k + 1) % ring.length]];
      return total + radians(after[0] - before[0]) * Math.sin(radians(ring[k][1]));
    }, 0);
    return Math.abs((sum * EARTH_KM * EARTH_KM) / 2);
  };
  /** Whether a position lies inside a ring. */
  places.isInside = ([x, y], ring) => ring.reduce((inside, [ax, ay], k) => {
    const [bx, by] = ring[(k + ring.length - 1) % ring.length];
    return ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax ? !inside : inside;
  }, false);

  cityhelm.places = places;
})();
