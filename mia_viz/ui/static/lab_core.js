// The numbers of the frequency laboratory, in the browser: the same formulas as mia_viz/laboratory/sieve.py and
// reading.py, so that a drag needs no server. A browser test holds the two together. Nothing here draws.

const TINY = 1e-12;
const Z95 = 1.959963984540054;

// Base64 of little-endian float32 -> Float64Array (sums are taken in double precision, as on the server).
function decodeFloats(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return Float64Array.from(new Float32Array(bytes.buffer));
}

// ---- Fourier transforms -------------------------------------------------------------------------------------------

const turns = new Map(); // cosines and sines of the n-th parts of a turn, by n
function turnsOf(n) {
  if (!turns.has(n)) {
    const cos = new Float64Array(n), sin = new Float64Array(n);
    for (let i = 0; i < n; i++) { cos[i] = Math.cos(2 * Math.PI * i / n); sin[i] = Math.sin(2 * Math.PI * i / n); }
    turns.set(n, {cos, sin});
  }
  return turns.get(n);
}

// One transform of length n in place; sign -1 forward, +1 back (without 1/n). Powers of two by halving, else directly.
function transform(re, im, n, sign) {
  const {cos, sin} = turnsOf(n);
  if (n & (n - 1)) {
    const a = re.slice(0, n), b = im.slice(0, n);
    for (let k = 0; k < n; k++) {
      let x = 0, y = 0;
      for (let j = 0; j < n; j++) {
        const c = cos[k * j % n], s = sign * sin[k * j % n];
        x += a[j] * c - b[j] * s; y += a[j] * s + b[j] * c;
      }
      re[k] = x; im[k] = y;
    }
    return;
  }
  for (let i = 1, j = 0; i < n; i++) { // bit-reversed order
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) { [re[i], re[j]] = [re[j], re[i]]; [im[i], im[j]] = [im[j], im[i]]; }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const half = size >> 1, step = n / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < half; k++) {
        const c = cos[k * step], s = sign * sin[k * step], p = start + k, q = p + half;
        const x = re[q] * c - im[q] * s, y = re[q] * s + im[q] * c;
        re[q] = re[p] - x; im[q] = im[p] - y; re[p] += x; im[p] += y;
      }
    }
  }
}

// Two-dimensional transform of (h, w) in place; back includes the division by h * w.
function transform2(re, im, h, w, sign) {
  const a = new Float64Array(Math.max(h, w)), b = new Float64Array(Math.max(h, w));
  for (let y = 0; y < h; y++) {
    const row = re.subarray(y * w, (y + 1) * w), other = im.subarray(y * w, (y + 1) * w);
    transform(row, other, w, sign);
  }
  for (let x = 0; x < w; x++) {
    for (let y = 0; y < h; y++) { a[y] = re[y * w + x]; b[y] = im[y * w + x]; }
    transform(a, b, h, sign);
    for (let y = 0; y < h; y++) { re[y * w + x] = a[y]; im[y * w + x] = b[y]; }
  }
  if (sign > 0) for (let i = 0; i < h * w; i++) { re[i] /= h * w; im[i] /= h * w; }
}

// A picture {c, h, w, data} with its spectrum, computed once; every move then costs one transform back.
function analysed(part) {
  if (!part) return null;
  const {c, h, w} = part, data = decodeFloats(part.data);
  const re = data.slice(), im = new Float64Array(data.length);
  for (let k = 0; k < c; k++) {
    transform2(re.subarray(k * h * w, (k + 1) * h * w), im.subarray(k * h * w, (k + 1) * h * w), h, w, -1);
  }
  return {c, h, w, data, re, im, rho: shares(h, w)};
}

// The picture through a mask (h, w), as (c, h, w).
function filtered(picture, mask) {
  const {c, h, w} = picture, size = h * w, out = new Float64Array(c * size), im = new Float64Array(size);
  for (let k = 0; k < c; k++) {
    const re = out.subarray(k * size, (k + 1) * size);
    for (let i = 0; i < size; i++) { re[i] = picture.re[k * size + i] * mask[i]; im[i] = picture.im[k * size + i] * mask[i]; }
    transform2(re, im, h, w, 1);
  }
  return out;
}

// log10 power, averaged over channels, zero frequency in the middle, (h, w).
function logSpectrum(picture) {
  const {c, h, w} = picture, out = new Float64Array(h * w);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let power = 0;
      for (let k = 0; k < c; k++) power += picture.re[k * h * w + y * w + x] ** 2 + picture.im[k * h * w + y * w + x] ** 2;
      out[(y + (h >> 1)) % h * w + (x + (w >> 1)) % w] = Math.log10(Math.max(power / c / (h * w), 1e-12));
    }
  }
  return out;
}

// Power of a picture per ring of its own grid, in as many rings as the errors have: {edges, counts, power}.
function radialOf(part, bands) {
  const {c, h, w, re, im, rho} = part, last = rho.reduce((a, b) => Math.max(a, b), 0), power = new Float64Array(bands);
  const edges = Array.from({length: bands + 1}, (_, i) => (last + 1e-12) * i / bands), {index, counts} = rings(rho, edges);
  for (let i = 0; i < re.length; i++) power[index[i % (h * w)]] += (re[i] ** 2 + im[i] ** 2) / (h * w);
  return {edges, counts, power};
}

// ---- filters ------------------------------------------------------------------------------------------------------

// Distance of every FFT bin to zero frequency as a share of Nyquist, (h, w), unshifted.
function shares(h, w) {
  const out = new Float64Array(h * w);
  const along = (i, n) => (i < (n + 1) / 2 ? i : i - n) / n * 2;
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) out[y * w + x] = Math.hypot(along(y, h), along(x, w));
  return out;
}

function flank(rho, edge, shape) {
  if (edge <= 0) return 0;
  const ratio = rho / edge;
  return shape === 'gaussian' ? 2 ** -(ratio * ratio) : 1 / (1 + ratio ** 8);
}

// Gain at one distance; band: {lo, hi, shape, rest}, highest: where a band has no upper edge any more.
function gainAt(rho, band, highest) {
  const open = band.hi >= highest;
  const inside = band.shape === 'ideal'
    ? Number(rho >= band.lo && (open || rho < band.hi))
    : (open ? 1 : flank(rho, band.hi, band.shape)) * (1 - flank(rho, band.lo, band.shape));
  return band.rest + (1 - band.rest) * inside;
}

const maskOf = (rho, band, highest) => rho.map(r => gainAt(r, band, highest));

// Ring of every bin of a grid, and bins per ring.
function rings(rho, edges) {
  const index = new Uint16Array(rho.length), counts = new Float64Array(edges.length - 1);
  for (let i = 0; i < rho.length; i++) {
    let ring = 0;
    while (ring < counts.length - 1 && rho[i] >= edges[ring + 1]) ring++;
    index[i] = ring; counts[ring]++;
  }
  return {index, counts};
}

// Mean squared gain per ring.
function ringWeights(mask, ring) {
  const out = new Float64Array(ring.counts.length);
  for (let i = 0; i < mask.length; i++) out[ring.index[i]] += mask[i] * mask[i];
  return out.map((sum, i) => sum / Math.max(ring.counts[i], 1));
}

// ---- scores and what they achieve ---------------------------------------------------------------------------------

function scoreOf(energy, offset, weights) {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += energy[offset + i] * weights[i];
  return -Math.log10(Math.max(sum, TINY));
}

function countBelow(sorted, value, alsoEqual) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value || (alsoEqual && sorted[middle] === value)) low = middle + 1; else high = middle;
  }
  return low;
}

// Share of the others that each value exceeds, ties counting one half.
const placements = (values, sorted) =>
  values.map(v => (countBelow(sorted, v, false) + countBelow(sorted, v, true)) / (2 * sorted.length));

// AUC with its 95 % interval (DeLong et al. 1988).
function aucOf(members, holdouts) {
  if (!members.length || !holdouts.length) return null;
  const inside = placements(members, holdouts.slice().sort());
  const outside = placements(holdouts, members.slice().sort());
  const mean = part => part.reduce((a, b) => a + b, 0) / part.length;
  const spread = part => {
    const centre = mean(part);
    return part.length > 1 ? part.reduce((a, b) => a + (b - centre) ** 2, 0) / (part.length - 1) / part.length : 0;
  };
  const value = mean(inside), half = Z95 * Math.sqrt(spread(inside) + spread(outside));
  return {value, low: Math.max(0, value - half), high: Math.min(1, value + half)};
}

// Everything a method says under ring weights; known: see `prepareKnown`, query: ring energies or null.
function readingOf(known, weights, query) {
  const scores = new Float64Array(known.count);
  for (let i = 0; i < known.count; i++) scores[i] = scoreOf(known.energy, i * known.bands, weights);
  const pick = name => Float64Array.from(known.groups[name], i => scores[i]);
  const [members, holdouts, testMembers, testHoldouts] = ['member', 'holdout', 'testMember', 'testHoldout'].map(pick);
  const ordered = holdouts.slice().sort();
  const allowed = Math.floor(known.falseAlarms * ordered.length + 1e-9);
  // A picture is called a member when it scores above this one: at most `allowed` hold-outs do.
  const bar = ordered[ordered.length - 1 - allowed];
  const over = part => part.length ? part.reduce((n, s) => n + (s > bar), 0) / part.length : null;
  const reading = {
    scores, bar, members, holdouts,
    calibration: aucOf(members, holdouts), test: aucOf(testMembers, testHoldouts),
    found: over(members), testFound: over(testMembers), testAccused: over(testHoldouts),
    query: null, atLeast: null, p: null,
  };
  if (query) {
    reading.query = scoreOf(query, 0, weights);
    reading.atLeast = holdouts.reduce((n, s) => n + (s >= reading.query), 0);
    reading.p = (1 + reading.atLeast) / (holdouts.length + 1);
  }
  return reading;
}

// The known pictures as sent by the server, with their indices by group.
function prepareKnown(known, bands) {
  if (!known) return null;
  const groups = {member: [], holdout: [], testMember: [], testHoldout: []};
  for (let i = 0; i < known.member.length; i++) {
    const inside = known.member[i] === '1', test = known.test[i] === '1';
    groups[test ? (inside ? 'testMember' : 'testHoldout') : (inside ? 'member' : 'holdout')].push(i);
  }
  return {
    ...known, bands, groups, count: known.member.length, energy: decodeFloats(known.energy),
    detail: known.detail ? decodeFloats(known.detail) : null, map: decodeFloats(known.map),
  };
}
