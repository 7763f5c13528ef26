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
