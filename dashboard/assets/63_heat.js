/* Heat: how densely things happened, as an estimate with a Gaussian kernel of a stated standard deviation in metres. Pure: points
   in (Float32: lon, lat, weight), a field of figures per square kilometre out, then pixels. What it costs depends on the size of the
   field, hardly on the number of points. */
(() => {
  const heat = {};
  const SIDE = 320; // cells each way; blurred when drawn, so that more of them would not be seen
  const EARTH_M = 40075016.7; // around the equator (WGS-84)

  /** Kinds of heat: the hours that are counted unless somebody chooses others. */
  heat.KINDS = { requests: { hours: 24 }, calls: { hours: 168 }, halls: { hours: 1 } };
  heat.WINDOWS = [1, 6, 24, 72, 168];
  heat.SIDE = SIDE;

  /** The kernel's standard deviation (m) at a zoom of the desk: a quarter of an inch on the glass, in round figures. */
  heat.sigma = (zoom) => [[10.9, 500], [12, 300], [13.2, 150]].find(([below]) => zoom < below)?.[1] ?? 80;

  const mercatorY = (lat) => 0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI);
  heat.mercatorY = mercatorY;

  /** Weights per km² over a box ([west, south, east, north]) in SIDE × SIDE cells, rows from north to south; `box` lies in Mercator's
      projection like the map. Three passes of a box filter stand for the Gaussian (variance equal, tails a little shorter). */
  heat.field = (points, box, sigmaM, side = SIDE) => {
    const [west, south, east, north] = box;
    const [top, bottom] = [mercatorY(north), mercatorY(south)];
    const metres = EARTH_M * Math.cos((((south + north) / 2) * Math.PI) / 180); // of the unit square, here
    const cellW = (((east - west) / 360) * metres) / side;
    const cellH = ((bottom - top) * metres) / side;
    let cells = new Float32Array(side * side);
    const [kx, ky] = [side / (east - west), side / (bottom - top)];
    for (let k = 0; k < points.length; k += 3) {
      const x = Math.floor((points[k] - west) * kx);
      if (x < 0 || x >= side) continue;
      const y = Math.floor((mercatorY(points[k + 1]) - top) * ky);
      if (y >= 0 && y < side) cells[y * side + x] += points[k + 2];
    }
    let other = new Float32Array(side * side);
    for (const radius of boxes(sigmaM / cellW)) {
      blur(cells, other, side, radius, 1, side);
      [cells, other] = [other, cells];
    }
    for (const radius of boxes(sigmaM / cellH)) {
      blur(cells, other, side, radius, side, 1);
      [cells, other] = [other, cells];
    }
    const areaKm2 = (cellW * cellH) / 1e6;
    for (let k = 0; k < cells.length; k += 1) cells[k] /= areaKm2;
    return cells;
  };

  /** Radii of three box filters whose variances add up to sigma² (cells): widths are odd, m of them the smaller one. */
  const boxes = (sigma) => {
    const ideal = Math.sqrt(4 * sigma * sigma + 1);
    const small = Math.max(1, Math.floor(ideal) - (Math.floor(ideal) % 2 ? 0 : 1));
    const m = Math.round((12 * sigma * sigma - 3 * small * small - 12 * small - 9) / (-4 * small - 4));
    return [0, 1, 2].map((k) => ((k < m ? small : small + 2) - 1) / 2);
  };
  heat.boxes = boxes;

  /** A running mean along one axis: `step` from cell to cell, `stride` from line to line. Beyond the edge there is nothing. */
  const blur = (from, to, side, radius, step, stride) => {
    const share = 1 / (2 * radius + 1);
    for (let line = 0; line < side; line += 1) {
      const start = line * stride;
      let sum = 0;
      for (let k = 0; k < Math.min(radius, side); k += 1) sum += from[start + k * step];
      for (let k = 0; k < side; k += 1) {
        if (k + radius < side) sum += from[start + (k + radius) * step];
        to[start + k * step] = sum * share;
        if (k - radius >= 0) sum -= from[start + (k - radius) * step];
      }
    }
  };

  /** The round figure (1, 1.5, 2, 3, 5 or 7.5 times a power of ten) at which the scale ends: the next above the densest place. */
  heat.top = (field) => {
    let most = 0;
    for (let k = 0; k < field.length; k += 1) if (field[k] > most) most = field[k];
    if (most <= 0) return 0;
    const power = 10 ** Math.floor(Math.log10(most));
    return [1, 1.5, 2, 3, 5, 7.5, 10].map((n) => n * power).find((n) => n >= most * 0.999);
  };

  /** Amber, from nothing (below a sixth of the top, so that the ground keeps its own colour) to almost white: [share of the top, red,
      green, blue, opacity]. */
  heat.RAMP = [[0, 190, 104, 12, 0], [0.16, 190, 104, 12, 0], [0.34, 206, 122, 20, 0.42], [0.56, 240, 160, 40, 0.66], [0.78, 255, 198, 92, 0.8], [1, 255, 238, 190, 0.92]];
  const TABLE = (() => {
    const table = new Uint8ClampedArray(256 * 4);
    for (let k = 0; k < 256; k += 1) {
      const share = k / 255;
      const n = Math.max(1, heat.RAMP.findIndex(([at]) => at >= share));
      const [low, high] = [heat.RAMP[n - 1], heat.RAMP[n]];
      const part = (share - low[0]) / (high[0] - low[0]);
      for (let c = 0; c < 4; c += 1) table[4 * k + c] = (low[c + 1] + part * (high[c + 1] - low[c + 1])) * (c === 3 ? 255 : 1);
    }
    return table;
  })();

  /** The field as pixels (RGBA), the top of its scale fully amber. */
  heat.paint = (field, top, pixels) => {
    const factor = top > 0 ? 255 / top : 0;
    for (let k = 0; k < field.length; k += 1) {
      const row = 4 * Math.min(255, Math.round(field[k] * factor));
      for (let c = 0; c < 4; c += 1) pixels[4 * k + c] = TABLE[row + c];
    }
  };

  cityhelm.heat = heat;
})();
