// How the laboratory looks: canvases drawn from plain numbers. Colours come from the server's one palette (`look`), text
// colours from the page, so that light, dark and print follow by themselves. Pixels of pictures are never smoothed.

const GRID = 'rgba(128,136,144,.28)';
const FONT = '"IBM Plex Sans", system-ui, sans-serif';

// Sizes and the text colour are asked of the page once, not on every move, because asking makes it lay itself out anew.
const sizes = new Map();
function sizeOf(canvas) {
  if (!sizes.has(canvas)) {
    const box = canvas.getBoundingClientRect(), ink = getComputedStyle(canvas).color;
    if (!box.width) return {w: 1, h: 1, ink};
    sizes.set(canvas, {w: Math.max(1, Math.round(box.width)), h: Math.max(1, Math.round(box.height)), ink});
  }
  return sizes.get(canvas);
}

// A canvas as large as it is shown, in sharp pixels; returns its pen and size in CSS pixels.
function pen(canvas) {
  const {w, h, ink} = sizeOf(canvas), ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio);
  }
  const p = canvas.getContext('2d');
  p.setTransform(ratio, 0, 0, ratio, 0, 0);
  p.clearRect(0, 0, w, h);
  Object.assign(p, {fillStyle: ink, strokeStyle: ink, lineWidth: 1, font: `13px ${FONT}`});
  return {p, w, h, ink};
}

const said = text => (window.miaVizSay ? window.miaVizSay(String(text)) : text); // see language.js

function words(p, text, x, y, align = 'left', base = 'alphabetic') {
  p.textAlign = align; p.textBaseline = base; p.fillText(said(text), x, y);
}

const power = t => '10' + [...String(t)].map(c => c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]).join('');

// ---- marks: members are circles, hold-outs squares, the picture in question a diamond ------------------------------

function mark(p, kind, x, y, r, hollow) {
  p.beginPath();
  if (kind === 'member') p.arc(x, y, r, 0, 2 * Math.PI);
  else if (kind === 'holdout') p.rect(x - r * .9, y - r * .9, 1.8 * r, 1.8 * r);
  else { p.moveTo(x, y - r); p.lineTo(x + r, y); p.lineTo(x, y + r); p.lineTo(x - r, y); p.closePath(); }
  if (hollow) p.stroke(); else p.fill();
}

// ---- pictures -----------------------------------------------------------------------------------------------------

function ramp(colours, place) {
  const at = Math.min(1, Math.max(0, place)) * (colours.length - 1), i = Math.min(colours.length - 2, Math.floor(at));
  return [0, 1, 2].map(k => colours[i][k] + (at - i) * (colours[i + 1][k] - colours[i][k]));
}

// A colour scale in 1024 steps, made once per scale: rgb of a place in [0, 1] starts at 3 * round(1023 * place).
const tables = new WeakMap();
function tableOf(colours) {
  if (!tables.has(colours)) {
    const table = new Uint8ClampedArray(3 * 1024);
    for (let i = 0; i < 1024; i++) table.set(ramp(colours, i / 1023), 3 * i);
    tables.set(colours, table);
  }
  return tables.get(colours);
}

function blank(canvas, h, w) {
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const p = canvas.getContext('2d');
  return {p, image: p.createImageData(w, h)};
}

// A map (h, w) through a colour scale; place(i) in [0, 1], cut at both ends.
function mapped(canvas, h, w, colours, place) {
  const {p, image} = blank(canvas, h, w), table = tableOf(colours), out = image.data;
  for (let i = 0; i < h * w; i++) {
    const at = 3 * Math.round(1023 * Math.min(1, Math.max(0, place(i))));
    out[4 * i] = table[at]; out[4 * i + 1] = table[at + 1]; out[4 * i + 2] = table[at + 2]; out[4 * i + 3] = 255;
  }
  p.putImageData(image, 0, 0);
}

// A picture (c, h, w) in [-1, 1] as it is, or with more contrast around mid-grey.
function greyPicture(canvas, {c, h, w}, data, contrast) {
  const {p, image} = blank(canvas, h, w), out = image.data, size = h * w;
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < 3; k++) out[4 * i + k] = 127.5 * (data[c === 3 ? k * size + i : i] * contrast + 1);
    out[4 * i + 3] = 255;
  }
  p.putImageData(image, 0, 0);
}

// A signed map averaged over channels, centred on zero.
function signedPicture(canvas, {c, h, w}, data, limit, look) {
  mapped(canvas, h, w, look.diverging, i => {
    let sum = 0;
    for (let k = 0; k < c; k++) sum += data[k * h * w + i];
    return (sum / c / limit + 1) / 2;
  });
}

// A map of frequencies (a small canvas), zero in the middle, with the band's edges as circles.
function spectrumPicture(canvas, small, band) {
  const side = 256, w = small.width;
  if (canvas.width !== side) { canvas.width = side; canvas.height = Math.round(side * small.height / w); }
  const p = canvas.getContext('2d');
  p.imageSmoothingEnabled = false;
  p.drawImage(small, 0, 0, canvas.width, canvas.height);
  for (const edge of [band.lo, band.hi]) {
    if (edge <= 0 || edge > 1.415) continue;
    for (const [style, width] of [['#000', 4], ['#fff', 2]]) {
      Object.assign(p, {strokeStyle: style, lineWidth: width});
      p.beginPath();
      p.ellipse(canvas.width / 2 + side / w / 2, canvas.height / 2 + side / w / 2, edge * canvas.width / 2,
        edge * canvas.height / 2, 0, 0, 2 * Math.PI);
      p.stroke();
    }
  }
}

// ---- the error from coarse to fine, with the band ------------------------------------------------------------------

const CURVE = {left: 46, right: 12, top: 12, bottom: 44};

// Both groups' quartiles (rings with no bin are null), the picture's own energies, and what passes as shading.
function curvePlot(canvas, lab, band, mask) {
  const {p, w, h, ink} = pen(canvas), {left, right, top, bottom} = CURVE, last = lab.highest;
  const rows = lab.known ? [lab.known.quartiles.member, lab.known.quartiles.holdout].flat() : [];
  const values = [...rows, lab.query || []].flat().filter(v => v > 0).map(Math.log10);
  const low = values.length ? Math.floor(Math.min(...values)) : -1, high = values.length ? Math.ceil(Math.max(...values)) : 1;
  const X = share => left + share / last * (w - left - right);
  const Y = v => h - bottom - (Math.log10(Math.max(v, 1e-12)) - low) / (high - low || 1) * (h - top - bottom);
  for (let t = low; t <= high; t += Math.max(1, Math.ceil((high - low) / 6))) {
    p.strokeStyle = GRID; p.beginPath(); p.moveTo(left, Y(10 ** t)); p.lineTo(w - right, Y(10 ** t)); p.stroke();
    words(p, power(t), left - 6, Y(10 ** t), 'right', 'middle');
  }
  const narrow = w < 420;
  for (const t of narrow ? [0, .5, 1] : [0, .25, .5, .75, 1]) words(p, `${100 * t} %`, X(t), h - bottom + 17, 'center');
  words(p, narrow ? lab.words.axisShort : lab.words.axis, left, h - 6);
  const drawn = ring => lab.counts[ring] > 0;
  const middle = ring => (lab.edges[ring] + lab.edges[ring + 1]) / 2;
  const all = lab.counts.map((_, i) => i).filter(drawn);
  for (const [kind, colour] of [['member', lab.look.member], ['holdout', lab.look.holdout]]) {
    if (!lab.known) continue;
    const [q1, q2, q3] = lab.known.quartiles[kind];
    p.fillStyle = p.strokeStyle = colour;
    p.globalAlpha = .18; p.beginPath();
    all.forEach((r, i) => i ? p.lineTo(X(middle(r)), Y(q3[r])) : p.moveTo(X(middle(r)), Y(q3[r])));
    all.slice().reverse().forEach(r => p.lineTo(X(middle(r)), Y(q1[r])));
    p.fill(); p.globalAlpha = 1; p.lineWidth = 2; p.beginPath();
    all.forEach((r, i) => i ? p.lineTo(X(middle(r)), Y(q2[r])) : p.moveTo(X(middle(r)), Y(q2[r])));
    p.stroke();
    all.forEach(r => mark(p, kind, X(middle(r)), Y(q2[r]), 3));
  }
  if (lab.query) {
    Object.assign(p, {fillStyle: ink, strokeStyle: ink, lineWidth: 1.5});
    p.setLineDash([2, 4]); p.beginPath();
    all.forEach((r, i) => i ? p.lineTo(X(middle(r)), Y(lab.query[r])) : p.moveTo(X(middle(r)), Y(lab.query[r])));
    p.stroke(); p.setLineDash([]);
    all.forEach(r => mark(p, 'query', X(middle(r)), Y(lab.query[r]), 5));
  }
  // What does not pass lies under a veil, as deep as little passes.
  for (let x = left; x < w - right; x += 2) {
    const veil = .42 * (1 - gainAt((x - left) / (w - left - right) * last, band, last));
    if (veil < .004) continue;
    p.fillStyle = `rgba(128,136,144,${veil})`;
    p.fillRect(x, top, 2, h - top - bottom);
  }
}

// ---- two distributions ---------------------------------------------------------------------------------------------

const jitter = i => (i * .6180339887 % 1 - .5) * .62; // golden ratio: fixed, and neighbours keep apart

function stripPlot(canvas, lab, reading) {
  const {p, w, h, ink} = pen(canvas), left = 10, right = 10, top = 22, bottom = 38;
  const pool = [...reading.members, ...reading.holdouts, ...(reading.query === null ? [] : [reading.query])];
  let low = Math.min(...pool), high = Math.max(...pool);
  if (high - low < 1e-9) { low -= .5; high += .5; }
  const X = s => left + 8 + (s - low) / (high - low) * (w - left - right - 16);
  const row = (h - top - bottom) / 2;
  const rows = [['member', reading.members, top + row / 2, lab.look.member, lab.words.members],
    ['holdout', reading.holdouts, top + 1.5 * row + 8, lab.look.holdout, lab.words.holdouts]];
  for (const [kind, scores, y, colour, label] of rows) {
    p.fillStyle = ink;
    words(p, `${label} (${scores.length})`, left + 14, y - row / 2 + 2);
    p.fillStyle = colour;
    mark(p, kind, left + 5, y - row / 2 - 2, 5);
    p.globalAlpha = .7;
    scores.forEach((s, i) => mark(p, kind, X(s), y + 6 + jitter(i) * (row - 20), 3.2));
    p.globalAlpha = 1;
  }
  p.strokeStyle = p.fillStyle = ink; p.setLineDash([5, 4]);
  p.beginPath(); p.moveTo(X(reading.bar), top - 8); p.lineTo(X(reading.bar), h - bottom); p.stroke(); p.setLineDash([]);
  const line = said(w < 420 ? lab.words.barShort : lab.words.bar), atRight = X(reading.bar) + p.measureText(line).width + 8 < w;
  words(p, line, X(reading.bar) + (atRight ? 5 : -5), top - 9, atRight ? 'left' : 'right');
  words(p, lab.words.scores, w - right, h - 8, 'right');
  p.strokeStyle = GRID; p.beginPath(); p.moveTo(left, h - bottom + 4); p.lineTo(w - right, h - bottom + 4); p.stroke();
  if (reading.query === null) return;
  Object.assign(p, {fillStyle: ink, strokeStyle: ink, lineWidth: 2});
  p.beginPath(); p.moveTo(X(reading.query), top); p.lineTo(X(reading.query), h - bottom + 4); p.stroke();
  mark(p, 'query', X(reading.query), top + row + 3, 9);
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
  for (const [, label, lo, hi] of presets) {
    const x = X(within(hi)), y = Y(lo), flip = x > w * .72;
    for (const [style, extra] of [['#fff', 4], ['#000', 0]]) { // black with a white rim reads on every colour
      Object.assign(p, {strokeStyle: style, fillStyle: style, lineWidth: 2 + extra});
      p.beginPath(); p.moveTo(x - 5, y - 5); p.lineTo(x + 5, y + 5); p.moveTo(x - 5, y + 5); p.lineTo(x + 5, y - 5); p.stroke();
      Object.assign(p, {textAlign: flip ? 'right' : 'left', textBaseline: 'alphabetic', lineWidth: extra});
      if (extra) p.strokeText(said(label), x + (flip ? -9 : 9), y - 8); else p.fillText(said(label), x + (flip ? -9 : 9), y - 8);
    }
  }
  for (const [style, radius] of [['#fff', 8], ['#000', 6]]) {
    p.fillStyle = style; mark(p, 'query', X(within(band.hi)), Y(band.lo), radius);
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
      p.globalAlpha = wrong ? 1 : .3; p.lineWidth = 2;
      mark(p, kind, X(i), Y(reading.scores[i]), wrong ? 5 : 3, wrong && kind === 'member');
    }
  }
  p.globalAlpha = 1;
  Object.assign(p, {strokeStyle: ink, fillStyle: ink, lineWidth: 1});
  p.setLineDash([5, 4]); p.beginPath(); p.moveTo(left, Y(reading.bar)); p.lineTo(w - right, Y(reading.bar)); p.stroke(); p.setLineDash([]);
  words(p, lab.words.simple, left, h - 10);
  words(p, lab.words.detailed, w - right, h - 10, 'right');
}
