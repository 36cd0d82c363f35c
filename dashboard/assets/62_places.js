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
      "end", the side on which it is written. `kept` are boxes that only what is urgent may cover. */
  places.beside = (things, kept, scale) => {
    const taken = [];
    const sides = new Map();
    for (const { key, x, y, text, size, dx, dy, isUrgent, isChosen } of things) {
      const width = (places.width(text, size) + size) * scale;
      const [near, far, top, bottom] = [14 * scale, dx * scale + width, y + (dy - 13) * scale, y + (dy + 13) * scale];
      const boxes = { start: [x - near, top, x + far, bottom], end: [x - far, top, x + near, bottom] };
      const isFree = (box) => ![...taken, ...(isUrgent ? [] : kept)].some((other) => overlaps(box, other));
      const side = Object.keys(boxes).find((name) => isFree(boxes[name])) ?? (isChosen ? "start" : null);
      if (side === null) continue;
      taken.push(boxes[side]);
      sides.set(key, side);
    }
    return sides;
  };

  const STEPS = [[0, 0], [0, -1], [0, 1], [0, -2], [0, 2], [-0.5, 0], [0.5, 0], [-0.5, -1], [0.5, -1], [-0.5, 1], [0.5, 1]];
  const [OUTSIDE, TAKEN, FAR] = [50, 100, 0.4]; // what it costs to leave the frame, to cover another name, to go a step away
  /** Where names of areas ({x, y, text}) are written so that they cover as little of what is `there` ({box, weight}) as they can,
      inside the frame ([width, height]), near where they belong: [{x, y, box}], null for a name that would cover another. A step
      is a line up or down, or half a name to a side. */
  places.amongst = (names, there, size, [frameWidth, frameHeight]) => {
    const taken = [];
    return names.map(({ x, y, text }) => {
      const [width, height] = [places.width(text, size) + 6, size * 1.25];
      const boxAt = ([dx, dy]) => [x + (dx - 0.5) * width, y + (dy - 0.5) * height, x + (dx + 0.5) * width, y + (dy + 0.5) * height];
      const cost = (step) => {
        const box = boxAt(step);
        const covered = there.reduce((sum, other) => sum + (overlaps(box, other.box) ? other.weight : 0), 0);
        const isOutside = box[0] < 0 || box[1] < 0 || box[2] > frameWidth || box[3] > frameHeight;
        return covered + (isOutside ? OUTSIDE : 0) + (taken.some((other) => overlaps(box, other)) ? TAKEN : 0) + FAR * Math.hypot(step[0] * 2, step[1]);
      };
      const costs = STEPS.map(cost);
      const least = Math.min(...costs);
      if (least >= TAKEN) return null; // many small districts: nearer there is room
      const step = STEPS[costs.indexOf(least)];
      const box = boxAt(step);
      taken.push(box);
      return { x: x + step[0] * width, y: y + step[1] * height, box };
    });
  };

  cityhelm.places = places;
})();
