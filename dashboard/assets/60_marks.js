/* Marks: the pictures of the map's objects, drawn once into one atlas, from the same shapes and letters as the lists use. */
(() => {
  const { page } = cityhelm;
  const CELL = 96; // pixels of a picture; shown at a third of it, so that it stays sharp on dense screens
  const COLUMNS = 16;
  const FRESHNESS = {
    fresh: { ring: "#35c8ff", ground: "#0c3a63", ink: "#e8f3ff", glow: "rgba(53,200,255,.55)" },
    late: { ring: "#6d93b8", ground: "#12304f", ink: "#b7cfe8", glow: null },
    stale: { ring: "#5b6b80", ground: "#1a2433", ink: "#8494a9", glow: null },
    never: { ring: "#46556b", ground: "#131c2b", ink: "#5d6b80", glow: null, dash: [7, 6] },
  };
  const LEVELS = { red: "#ff4d4f", orange: "#ff922b", yellow: "#ffd43b", blue: "#4dabf7" };
  const SHAPES = { red: "hexagon", orange: "triangle", yellow: "square", blue: "circle" };
  const NUMERALS = { red: "Ⅰ", orange: "Ⅱ", yellow: "Ⅲ", blue: "Ⅳ" };
  const ON_LEVEL = "#1a0d00";
  const GRADES = {
    I: { ground: "#ffffff", ink: "#06182f", edge: "#04122b", size: 33, numeral: "Ⅰ" },
    II: { ground: "#ffffff", ink: "#06182f", edge: "#04122b", size: 30, numeral: "Ⅱ" },
    III: { ground: "#b9d6f5", ink: "#06182f", edge: "#04122b", size: 27, numeral: "Ⅲ" },
    IV: { ground: "#0a2347", ink: "#e8f3ff", edge: "#cfe4fb", size: 25, numeral: "Ⅳ" },
  };

  const disc = (g, radius, ground, ring, width, dash = []) => {
    g.beginPath();
    g.arc(0, 0, radius, 0, 2 * Math.PI);
    g.fillStyle = ground;
    g.fill();
    g.setLineDash(dash);
    g.lineWidth = width;
    g.strokeStyle = ring;
    g.stroke();
    g.setLineDash([]);
  };
  const letter = (g, text, size, colour) => {
    g.font = `700 ${size}px "Noto Sans SC", "Noto Sans CJK SC", sans-serif`;
    g.textAlign = "center";
    g.textBaseline = "alphabetic";
    const { actualBoundingBoxAscent: up, actualBoundingBoxDescent: down } = g.measureText(text);
    g.fillStyle = colour;
    g.fillText(text, 0, (up - down) / 2);
  };
  const polygon = (g, corners) => {
    g.beginPath();
    corners.forEach(([x, y], k) => (k ? g.lineTo(x, y) : g.moveTo(x, y)));
    g.closePath();
  };

  const sensor = (picture, look) => (g) => {
    if (look.glow) {
      const glow = g.createRadialGradient(0, 0, 24, 0, 0, 46);
      glow.addColorStop(0, look.glow);
      glow.addColorStop(1, "rgba(53,200,255,0)");
      g.fillStyle = glow;
      g.fillRect(-48, -48, 96, 96);
    }
    disc(g, 29, look.ground, look.ring, 5, look.dash);
    const tinted = new OffscreenCanvas(CELL, CELL);
    const t = tinted.getContext("2d");
    t.drawImage(picture, 0, 0, CELL, CELL);
    t.globalCompositeOperation = "source-in";
    t.fillStyle = look.ink;
    t.fillRect(0, 0, CELL, CELL);
    g.drawImage(tinted, -20, -20, 40, 40);
  };

  const unit = (mark, look) => (g) => {
    if (look === "moving") {
      disc(g, 31, "#35c8ff", "#04122b", 4);
      letter(g, mark, 36, "#03182c");
    } else if (look === "working") {
      disc(g, 30, "#ffffff", "#35c8ff", 7);
      letter(g, mark, 34, "#06182f");
    } else if (look === "out") {
      disc(g, 27, "#1a2433", "#6b7c93", 4);
      letter(g, mark, 32, "#8fa0b6");
      g.beginPath();
      g.moveTo(-27, 27);
      g.lineTo(27, -27);
      g.lineWidth = 4;
      g.strokeStyle = "#8fa0b6";
      g.stroke();
    } else {
      disc(g, 29, "#0a2347", "#35c8ff", 5);
      letter(g, mark, 34, "#e8f3ff");
    }
  };
  /** The pointer of a unit under way: a tail on the side it is heading for (drawn north, turned on the map). */
  const pointer = (g) => {
    polygon(g, [[0, -46], [15, -24], [-15, -24]]);
    g.fillStyle = "#35c8ff";
    g.fill();
    g.lineWidth = 3;
    g.strokeStyle = "#04122b";
    g.stroke();
  };

  const incident = ({ ground, ink, edge, size, numeral }) => (g) => {
    polygon(g, [[0, -size * 1.3], [size * 1.3, 0], [0, size * 1.3], [-size * 1.3, 0]]);
    g.lineJoin = "round";
    g.fillStyle = ground;
    g.fill();
    g.lineWidth = 5;
    g.strokeStyle = edge;
    g.stroke();
    letter(g, numeral, size * 1.15, ink);
  };

  const warning = (level) => (g) => {
    const corners = {
      hexagon: [0, 1, 2, 3, 4, 5].map((k) => [38 * Math.sin((k * Math.PI) / 3), -38 * Math.cos((k * Math.PI) / 3)]),
      triangle: [[0, -38], [42, 34], [-42, 34]],
      square: [[-32, -32], [32, -32], [32, 32], [-32, 32]],
    }[SHAPES[level]];
    g.lineJoin = "round";
    g.lineWidth = 6;
    g.strokeStyle = ON_LEVEL;
    g.fillStyle = LEVELS[level];
    if (corners) polygon(g, corners);
    else {
      g.beginPath();
      g.arc(0, 0, 35, 0, 2 * Math.PI);
    }
    g.stroke();
    g.fill();
    g.save();
    if (SHAPES[level] === "triangle") g.translate(0, 10);
    letter(g, NUMERALS[level], 34, ON_LEVEL);
    g.restore();
  };

  /** A place: a square, so that it is never taken for a unit. */
  const place = (mark) => (g) => {
    g.beginPath();
    g.roundRect(-27, -27, 54, 54, 12);
    g.fillStyle = "#123a68";
    g.fill();
    g.lineWidth = 4;
    g.strokeStyle = "#9dc3ee";
    g.stroke();
    letter(g, mark, 34, "#e8f3ff");
  };
  /** Several idle units of different kinds, from afar; their number is written into it. */
  const mixed = (g) => {
    disc(g, 33, "#0a2347", "rgba(53,200,255,.5)", 4);
    disc(g, 26, "#0a2347", "#35c8ff", 4);
  };
  /** A road that cannot be used: a white bar across a dark disc. */
  const closure = (g) => {
    disc(g, 31, "#06182f", "#e8f3ff", 6);
    g.lineWidth = 9;
    g.lineCap = "round";
    g.strokeStyle = "#e8f3ff";
    for (const side of [-1, 1]) {
      g.beginPath();
      g.moveTo(-12 * side, -12);
      g.lineTo(12 * side, 12);
      g.stroke();
    }
  };

  const load = (name) =>
    new Promise((resolve, reject) => {
      const picture = new Image();
      picture.onload = () => resolve(picture);
      picture.onerror = () => reject(new Error(`marks/${name}.svg`));
      picture.src = `/assets/marks/${name}.svg`;
    });

  /** The name of a sensor's mark: one picture for all kinds that have none of their own, one look for stale and silent. */
  const ofSensor = (type, freshness) => `sensor/${page.facts.pictures.includes(type) ? type : "Unknown"}/${freshness === "silent" ? "stale" : freshness}`;
  const ofUnit = (kind, look) => `unit/${kind in page.facts.labels.unit_mark ? kind : "unknown"}/${look}`;

  /** The letter of a kind of places, or null for one that is not marked; its name. */
  const placeMark = (kind) => page.facts.words[`place_mark.${kind}`] ?? null;
  const placeKind = (kind) => page.facts.words[`place.${kind}`] ?? kind;
  const placeKinds = () => Object.keys(page.facts.words).flatMap((key) => (key.startsWith("place_mark.") ? [key.slice(11)] : []));

  /** {atlas: canvas, mapping}: names are sensor/KIND/FRESHNESS, unit/KIND/LOOK, unit/mixed, place/KIND, pointer, closure, incident/GRADE,
      warning/LEVEL. */
  const draw = async () => {
    const kinds = page.facts.pictures;
    const letters = Object.entries({ ...page.facts.labels.unit_mark, unknown: page.words("mark.unknown") });
    const [pictures] = await Promise.all([
      Promise.all(kinds.map(load)),
      document.fonts.load('700 32px "Noto Sans SC"', letters.map(([, mark]) => mark).join("") + placeKinds().map(placeMark).join("") + "ⅠⅡⅢⅣIV"),
    ]);
    const cells = [["pointer", pointer], ["closure", closure], ["unit/mixed", mixed]];
    for (const kind of placeKinds()) cells.push([`place/${kind}`, place(placeMark(kind))]);
    kinds.forEach((kind, k) => Object.entries(FRESHNESS).forEach(([name, look]) => cells.push([`sensor/${kind}/${name}`, sensor(pictures[k], look)])));
    for (const [kind, mark] of letters) for (const look of ["available", "moving", "working", "out"]) cells.push([`unit/${kind}/${look}`, unit(mark, look)]);
    for (const [grade, look] of Object.entries(GRADES)) cells.push([`incident/${grade}`, incident(look)]);
    for (const level of Object.keys(LEVELS)) cells.push([`warning/${level}`, warning(level)]);
    const atlas = document.createElement("canvas");
    [atlas.width, atlas.height] = [CELL * COLUMNS, CELL * Math.ceil(cells.length / COLUMNS)];
    const g = atlas.getContext("2d");
    const mapping = {};
    cells.forEach(([name, paint], k) => {
      const [x, y] = [CELL * (k % COLUMNS), CELL * Math.floor(k / COLUMNS)];
      g.save();
      g.translate(x + CELL / 2, y + CELL / 2);
      paint(g);
      g.restore();
      mapping[name] = { x, y, width: CELL, height: CELL };
    });
    return { atlas: await createImageBitmap(atlas), mapping };
  };

  cityhelm.marks = { draw, ofSensor, ofUnit, placeMark, placeKind };
})();
