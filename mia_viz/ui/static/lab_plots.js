// The laboratory's plots on canvases: curves over fineness, the two groups, the map of all bands, who is misjudged.

// ---- curves from coarse to fine, with the band ----------------------------------------------------------------------

const CURVE = {left: 64, right: 14, top: 30, bottom: 44};
const CORNER = Math.SQRT2; // the end of the rings: stripes along a diagonal

// Axes of a curve over fineness, powers of ten upwards; returns where shares and values lie, with what the pen needs.
function curveAxes(canvas, lab, values, title) {
  const {p, w, h, ink} = pen(canvas), {left, right, top, bottom} = CURVE, last = lab.highest, narrow = w < 420;
  const logs = values.filter(v => v > 0).map(Math.log10);
  const low = logs.length ? Math.floor(Math.min(...logs)) : -1, high = logs.length ? Math.ceil(Math.max(...logs)) : 1;
  const X = share => left + share / last * (w - left - right);
  const Y = v => h - bottom - (Math.log10(Math.max(v, 1e-12)) - low) / (high - low || 1) * (h - top - bottom);
  for (let t = low; t <= high; t += Math.max(1, Math.ceil((high - low) / (h < 240 ? 4 : 6)))) {
    p.strokeStyle = GRID; p.beginPath(); p.moveTo(left, Y(10 ** t)); p.lineTo(w - right, Y(10 ** t)); p.stroke();
    words(p, power(t), left - 17, Y(10 ** t), 'right', 'middle'); // clear of the handle at the left end
  }
  words(p, title, 2, 12);
  for (const t of narrow ? [0, .5, 1] : [0, .25, .5, .75, 1]) words(p, `${100 * t} %`, X(t), h - bottom + 17, 'center');
  words(p, `${Math.round(100 * CORNER)} %`, X(CORNER) + 8, h - bottom + 17, 'right');
  words(p, narrow ? lab.words.axisShort : lab.words.axis, w - right + 6, h - 6, 'right');
  return {p, w, h, ink, X, Y};
}

// A line through the middles of rings; energies: one value per ring, `drawn` the rings that have a frequency.
function curveLine({p, X, Y}, edges, drawn, energies) {
  p.beginPath();
  drawn.forEach((r, i) => {
    const x = X((edges[r] + edges[r + 1]) / 2), y = Y(energies[r]);
    if (i) p.lineTo(x, y); else p.moveTo(x, y);
  });
}

// What does not pass lies under a veil, as deep as little passes.
function curveVeil({p, w, h}, band, last) {
  const {left, right, top, bottom} = CURVE;
  for (let x = left; x < w - right; x += 2) {
    const veil = .42 * (1 - gainAt((x - left) / (w - left - right) * last, band, last));
    if (veil < .004) continue;
    p.fillStyle = `rgba(128,136,144,${veil})`;
    p.fillRect(x, top, 2, h - top - bottom);
  }
}

// The judged error: both groups' quartiles (rings with no bin are left out) and the picture's own energies.
function curvePlot(canvas, lab, band) {
  const rows = lab.known ? [lab.known.quartiles.member, lab.known.quartiles.holdout].flat() : [];
  const axes = curveAxes(canvas, lab, [...rows, lab.query ? [...lab.query] : []].flat(), lab.words.errorAxis);
  const {p, ink, X, Y} = axes, all = lab.counts.map((_, i) => i).filter(ring => lab.counts[ring] > 0);
  const middle = ring => (lab.edges[ring] + lab.edges[ring + 1]) / 2;
  for (const [kind, colour] of lab.known ? [['member', lab.look.member], ['holdout', lab.look.holdout]] : []) {
    const [q1, q2, q3] = lab.known.quartiles[kind];
    p.fillStyle = p.strokeStyle = colour;
    p.globalAlpha = .18;
    curveLine(axes, lab.edges, all, q3);
    all.slice().reverse().forEach(r => p.lineTo(X(middle(r)), Y(q1[r])));
    p.fill(); p.globalAlpha = 1; p.lineWidth = 2;
    curveLine(axes, lab.edges, all, q2);
    p.stroke();
    all.forEach(r => mark(p, kind, X(middle(r)), Y(q2[r]), 3));
  }
  if (lab.query) {
    Object.assign(p, {fillStyle: ink, strokeStyle: ink, lineWidth: 1.5});
    p.setLineDash([2, 4]);
    curveLine(axes, lab.edges, all, lab.query);
    p.stroke(); p.setLineDash([]);
    all.forEach(r => mark(p, 'query', X(middle(r)), Y(lab.query[r]), 5));
  }
  curveVeil(axes, band, lab.highest);
}

// How much of the picture there is at every fineness: its power per ring as a line, the guess's dashed.
function radialPlot(canvas, lab, band) {
  const {picture, guess} = lab.parts, parts = [picture, guess].filter(Boolean).map(part => part.radial);
  const axes = curveAxes(canvas, lab, parts.flatMap(({power}) => [...power]), lab.words.powerAxis), {p, ink} = axes;
  parts.forEach(({edges, counts, power}, i) => {
    Object.assign(p, {strokeStyle: ink, lineWidth: 2});
    p.setLineDash(i ? [3, 4] : []);
    curveLine(axes, edges, [...power.keys()].filter(ring => counts[ring] && power[ring] > 0), power);
    p.stroke();
  });
  p.setLineDash([]);
  curveVeil(axes, band, lab.highest);
}

// ---- two distributions ---------------------------------------------------------------------------------------------

const jitter = i => (i * .6180339887 % 1 - .5) * .62; // golden ratio: fixed, and neighbours keep apart

function stripPlot(canvas, lab, reading) {
  const {p, w, h, ink} = pen(canvas), left = 10, right = 10, top = 36, bottom = 44;
  const pool = [...reading.members, ...reading.holdouts, ...(reading.query === null ? [] : [reading.query])];
  let low = Math.min(...pool), high = Math.max(...pool);
  if (high - low < 1e-9) { low -= .5; high += .5; }
  const X = s => left + 8 + (s - low) / (high - low) * (w - left - right - 16);
  const row = (h - top - bottom) / 2;
  const rows = [['member', reading.members, top + row / 2, lab.look.member, lab.words.members],
    ['holdout', reading.holdouts, top + 1.5 * row + 8, lab.look.holdout, lab.words.holdouts]];
  for (const [kind, scores, y, colour] of rows) {
    p.fillStyle = colour;
    p.globalAlpha = .7;
    scores.forEach((s, i) => mark(p, kind, X(s), y + 6 + jitter(i) * (row - 20), 3.2));
    p.globalAlpha = 1;
  }
  p.strokeStyle = p.fillStyle = ink; p.setLineDash([5, 4]);
  p.beginPath(); p.moveTo(X(reading.bar), top - 21); p.lineTo(X(reading.bar), h - bottom); p.stroke(); p.setLineDash([]);
  const line = said(w < 420 ? lab.words.barShort : lab.words.bar), atRight = X(reading.bar) + p.measureText(line).width + 8 < w;
  words(p, line, X(reading.bar) + (atRight ? 5 : -5), top - 22, atRight ? 'left' : 'right');
  words(p, lab.words.scores, w - right, h - 5, 'right');
  p.strokeStyle = GRID; p.beginPath(); p.moveTo(left, h - bottom + 4); p.lineTo(w - right, h - bottom + 4); p.stroke();
  if (reading.query !== null) { // its diamond stands on the axis, below every name
    Object.assign(p, {fillStyle: ink, strokeStyle: ink, lineWidth: 2});
    p.beginPath(); p.moveTo(X(reading.query), top); p.lineTo(X(reading.query), h - bottom + 4); p.stroke();
    mark(p, 'query', X(reading.query), h - bottom + 4, 9);
  }
  rows.forEach(([kind, scores, y, colour, label]) => { // last, each on a place wiped clean of lines
    const text = said(`${label} (${scores.length})`), base = y - row / 2 + 2, width = p.measureText(text).width;
    p.clearRect(left - 2, base - 13, width + 20, 17);
    p.fillStyle = ink;
    words(p, text, left + 14, base);
    p.fillStyle = colour;
    mark(p, kind, left + 5, base - 4, 5);
  });
}

// ---- the map of all bands -------------------------------------------------------------------------------------------

const MAP = {left: 48, right: 10, top: 8, bottom: 44};

function mapPlaces(w, h, highest) {
  const {left, right, top, bottom} = MAP;
  return {X: s => left + s / highest * (w - left - right), Y: s => h - bottom - s / highest * (h - top - bottom),
    low: y => (h - bottom - y) / (h - top - bottom) * highest, high: x => (x - left) / (w - left - right) * highest};
}

// The coloured cells of the map, drawn once per method and size.
function mapCells(canvas, lab, w, h) {
  const drawn = document.createElement('canvas'), {X, Y} = mapPlaces(w, h, lab.highest), n = lab.known.bands, edges = lab.edges;
  Object.assign(drawn, {width: canvas.width, height: canvas.height});
  const p = drawn.getContext('2d');
  p.scale(canvas.width / w, canvas.height / h);
  for (let first = 0; first < n; first++) {
    for (let end = first + 1; end <= n; end++) {
      const auc = lab.known.map[first * (n + 1) + end];
      if (Number.isNaN(auc)) continue;
      const [r, g, b] = ramp(lab.look.auc, auc).map(Math.round);
      p.fillStyle = `rgb(${r},${g},${b})`;
      // A cell stands for the band that begins at its lower edge and ends at its right edge.
      p.fillRect(X(edges[end - 1]), Y(edges[first + 1]), X(edges[end]) - X(edges[end - 1]) + .6, Y(edges[first]) - Y(edges[first + 1]) + .6);
    }
  }
  return drawn;
}

function mapPlot(canvas, lab, band, presets) {
  const {p, w, h, ink} = pen(canvas), {X, Y} = mapPlaces(w, h, lab.highest);
  const key = `${w} ${h} ${canvas.width}`;
  if (lab.mapCells?.key !== key) lab.mapCells = {key, drawn: mapCells(canvas, lab, w, h)};
  p.drawImage(lab.mapCells.drawn, 0, 0, w, h);
  p.fillStyle = ink;
  for (const t of [0, .5, 1]) {
    words(p, `${100 * t} %`, X(t), MAP.top + h - MAP.bottom - MAP.top + 16, 'center', 'alphabetic');
    words(p, `${100 * t} %`, MAP.left - 6, Y(t), 'right', 'middle');
  }
  words(p, lab.words.mapHigh, w - MAP.right, h - 8, 'right');
  words(p, lab.words.mapLow, MAP.left + 6, MAP.top + 14);
  const within = value => Math.min(value, lab.highest);
  Object.assign(p, {lineJoin: 'round', lineCap: 'round'});
  for (const [style, radius] of [['#fff', 8], ['#000', 6]]) {
    p.fillStyle = style; mark(p, 'query', X(within(band.hi)), Y(band.lo), radius);
  }
  for (const [id, name, lo, hi] of presets) { // each with the AUC of its own filter, which no sharp band need have
    const label = `${said(name)} ${lab.papers[id].toFixed(2)}`;
    const x = X(within(hi)), y = Y(lo), flip = x > w * .72;
    for (const [style, extra] of [['#fff', 4], ['#000', 0]]) { // black with a white rim reads on every colour
      Object.assign(p, {strokeStyle: style, fillStyle: style, lineWidth: 2 + extra});
      p.beginPath(); p.moveTo(x - 5, y - 5); p.lineTo(x + 5, y + 5); p.moveTo(x - 5, y + 5); p.lineTo(x + 5, y - 5); p.stroke();
      Object.assign(p, {textAlign: flip ? 'right' : 'left', textBaseline: 'alphabetic', lineWidth: extra});
      if (extra) p.strokeText(label, x + (flip ? -9 : 9), y - 8); else p.fillText(label, x + (flip ? -9 : 9), y - 8);
    }
  }
}

// ---- difficulty ------------------------------------------------------------------------------------------------------

// Test pictures from simple to detailed against their score; wrong ones stand out, right ones fade.
function difficultyPlot(canvas, lab, reading) {
  const {p, w, h, ink} = pen(canvas), left = 12, right = 12, top = 14, bottom = 34, {groups} = lab.known;
  const both = [['holdout', groups.testHoldout, lab.look.holdout], ['member', groups.testMember, lab.look.member]];
  const order = lab.detailOrder, scores = [...groups.testMember, ...groups.testHoldout].map(i => reading.scores[i]);
  let low = Math.min(...scores, reading.bar), high = Math.max(...scores, reading.bar);
  if (high - low < 1e-9) { low -= .5; high += .5; }
  const X = i => left + 6 + order.get(i) / Math.max(1, order.size - 1) * (w - left - right - 12);
  const Y = s => h - bottom - 6 - (s - low) / (high - low) * (h - top - bottom - 12);
  for (const [kind, indices, colour] of both) {
    p.strokeStyle = p.fillStyle = colour;
    for (const i of indices) {
      const over = reading.scores[i] > reading.bar, wrong = over !== (kind === 'member');
      p.globalAlpha = wrong ? 1 : document.body.classList.contains('dark') ? .65 : .3; p.lineWidth = 2;
      mark(p, kind, X(i), Y(reading.scores[i]), wrong ? 5 : 3, wrong && kind === 'member');
    }
  }
  p.globalAlpha = 1;
  Object.assign(p, {strokeStyle: ink, fillStyle: ink, lineWidth: 1});
  p.setLineDash([5, 4]); p.beginPath(); p.moveTo(left, Y(reading.bar)); p.lineTo(w - right, Y(reading.bar)); p.stroke(); p.setLineDash([]);
  words(p, lab.words.simple, left, h - 10);
  words(p, lab.words.detailed, w - right, h - 10, 'right');
}
