// The laboratory at work: handles, buttons and the one loop that redraws. Runs inside gradio's gr.HTML, which gives
// `element`, `props`, `trigger` and `watch`; the value is JSON made by mia_viz/ui/lab_data.py.

const find = name => element.querySelector('.lab-' + name);
const all = name => [...element.querySelectorAll('.lab-' + name)];
const STEP = .01, RELEASE_MS = 300;
let lab = null, plain = null, waiting = false, released = 0;
const state = {lo: 0, hi: 9, shape: 'ideal', rest: 0, preset: 'all'};
let wanted = null; // the method chosen here, kept when another picture arrives

// ---- what arrives from the server ----------------------------------------------------------------------------------

function arrive() {
  let data;
  try { data = JSON.parse(props.value || 'null'); } catch { data = null; }
  element.querySelector('.lab').hidden = !data;
  find('waiting').hidden = Boolean(data);
  if (!data) return;
  if (wanted && wanted !== data.key && data.methods.some(([key]) => key === wanted)) return trigger('select', {key: wanted});
  lab = {...data, known: prepareKnown(data.known, data.bands), query: data.query && decodeFloats(data.query)};
  lab.parts = {picture: analysed(data.picture), guess: analysed(data.guess), residual: analysed(data.residual)};
  for (const part of [lab.parts.picture, lab.parts.guess]) if (part) part.radial = radialOf(part, lab.bands);
  lab.gridRho = shares(...data.grid);
  lab.ring = rings(lab.gridRho, data.edges);
  lab.detailOrder = ordered(lab.known);
  plain = lab.known && readingOf(lab.known, new Float64Array(lab.bands).fill(1), lab.query);
  lab.papers = lab.known ? paperAucs() : {};
  menu();
  scales();
  room();
  sizes.clear();
  const again = lab.presets.find(preset => preset[0] === state.preset);
  if (again) Object.assign(state, {lo: again[2], hi: again[3], rest: again[4]});
  settle();
}

function ordered(known) {
  if (!known || !known.detail) return new Map();
  const tests = [...known.groups.testMember, ...known.groups.testHoldout];
  return new Map(tests.sort((a, b) => known.detail[a] - known.detail[b]).map((index, place) => [index, place]));
}

function menu() {
  const select = find('method');
  select.replaceChildren(...lab.methods.map(([key, title]) => new Option(title, key, false, key === lab.key)));
  const bar = find('presets');
  bar.replaceChildren(...lab.presets.map(([id, label, , , , hint]) => {
    const button = document.createElement('button');
    Object.assign(button, {type: 'button', textContent: label, title: hint, onclick: () => choose(id)});
    button.dataset.preset = id;
    return button;
  }));
  find('method-row').hidden = !lab.methods.length;
  all('known').forEach(part => { part.hidden = !lab.known; });
  find('unknown').hidden = Boolean(lab.known);
  find('difficulty').hidden = !(lab.known && lab.known.detail);
  find('note').textContent = lab.note;
  find('makes').textContent = fill(lab.words.makes, {method: (lab.methods.find(([key]) => key === lab.key) || ['', ''])[1]});
}

// The ends and colours of every scale beside the pictures.
function scales() {
  const stops = colours => `linear-gradient(90deg, ${colours.map(rgb => `rgb(${rgb.map(Math.round)})`)})`;
  const colours = {diverging: lab.look.diverging, sequential: lab.look.sequential, grey: [[0, 0, 0], [255, 255, 255]]};
  for (const [name, ramp] of Object.entries(colours)) element.querySelector('.lab').style.setProperty(`--${name}`, stops(ramp));
  const [low, high] = lab.look.spectrum;
  const ends = {error: [-lab.look.errorLimit, lab.look.errorLimit], judged: [-lab.residualLimit, lab.residualLimit],
    mask: [0, 1], spectrum: [power(low), power(high)]};
  for (const [name, pair] of Object.entries(ends)) scaleEnds(name, pair);
}

function scaleEnds(name, pair) {
  const signed = end => (typeof end === 'number' && pair[0] < 0 && end > 0 ? `+${end}` : String(end));
  for (const bar of element.querySelectorAll(`[data-scale=${name}]`)) {
    bar.firstElementChild.textContent = signed(pair[0]);
    bar.lastElementChild.textContent = signed(pair[1]);
  }
}

// A method and a band from outside: a link's. Before anything has arrived they are kept for then.
element.steer = ({key, preset, lo, hi, rest, shape}) => {
  if (key) wanted = key;
  if (hi) Object.assign(state, {lo, hi, rest, preset: ''});
  if (preset) state.preset = preset;
  if (shape) state.shape = shape;
  if (lab) arrive();
};

// ---- moving the band ------------------------------------------------------------------------------------------------

function choose(id) {
  const [, , lo, hi, rest] = lab.presets.find(preset => preset[0] === id);
  Object.assign(state, {lo, hi, rest, preset: id});
  if (rest > 0) state.shape = 'ideal';
  settle();
}

function move(which, value) {
  const last = lab.highest, near = v => Math.round(v / STEP) * STEP;
  if (which === 'lo') state.lo = Math.min(Math.max(0, near(value)), near(Math.min(state.hi, last)) - STEP);
  else state.hi = Math.max(Math.min(last, near(value)), state.lo + STEP);
  state.preset = '';
  settle();
}

function redraw() { // at most once per frame
  if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); }
}

function settle() { // redraw now, and ask the server for its own figures when the hand rests
  redraw();
  clearTimeout(released);
  released = setTimeout(release, RELEASE_MS);
}

function release() {
  const {lo, hi, shape, rest} = state;
  find('said').textContent = summary();
  trigger('release', {key: lab.key, lo, hi: Math.min(hi, lab.highest), shape, rest});
}

function wireHandle(handle) {
  const which = handle.dataset.edge, track = find('curve');
  const at = event => {
    const box = track.getBoundingClientRect();
    return (event.clientX - box.left - CURVE.left) / (box.width - CURVE.left - CURVE.right) * lab.highest;
  };
  handle.onpointerdown = event => {
    if (!event.isPrimary) return;
    handle.setPointerCapture(event.pointerId);
    handle.dataset.held = '1';
    handle.focus({preventScroll: true});
    event.preventDefault();
  };
  handle.onpointermove = event => { if (handle.dataset.held) move(which, at(event)); };
  handle.onpointerup = handle.onpointercancel = () => { delete handle.dataset.held; };
  handle.onkeydown = event => {
    const now = Math.min(state[which], lab.highest);
    const to = {ArrowLeft: now - STEP, ArrowDown: now - STEP, ArrowRight: now + STEP, ArrowUp: now + STEP,
      PageDown: now - 5 * STEP, PageUp: now + 5 * STEP, Home: 0, End: lab.highest}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(which, to);
  };
}

function wire() {
  all('handle').forEach(wireHandle);
  find('method').onchange = event => { wanted = event.target.value; trigger('select', {key: wanted}); };
  find('shape').onchange = event => {
    if (state.rest) state.preset = ''; // FreMIA's own edge is sharp; what passes outside stays
    state.shape = event.target.value;
    settle();
  };
  find('map').onpointerdown = event => {
    const box = event.target.getBoundingClientRect(), {low, high} = mapPlaces(box.width, box.height, lab.highest);
    const lo = low(event.clientY - box.top), hi = high(event.clientX - box.left);
    if (lo < 0 || hi <= lo) return;
    Object.assign(state, {lo: 0, rest: 0}); // the map's bands let nothing else through
    move('hi', hi); move('lo', lo);
  };
  const anew = () => { sizes.clear(); if (lab) { requestAnimationFrame(room); redraw(); } };
  new ResizeObserver(anew).observe(element.querySelector('.lab'));
  addEventListener('resize', anew); // another language (language.js) draws its words anew
  new MutationObserver(anew).observe(document.body, {attributes: true, attributeFilter: ['class']}); // light or dark
  matchMedia('print').addEventListener('change', () => { sizes.clear(); if (lab) draw(); });
}

// ---- showing --------------------------------------------------------------------------------------------------------

const percent = share => `${Math.round(100 * share)} %`;
const edgeName = hi => hi >= lab.highest ? lab.words.open : percent(hi);

function draw() {
  if (!lab || !element.isConnected) return;
  const start = performance.now();
  const band = {...state}, weights = ringWeights(maskOf(lab.gridRho, band, lab.highest), lab.ring);
  const reading = lab.known && readingOf(lab.known, weights, lab.query);
  controls(band);
  pictures(band);
  curvePlot(find('curve'), lab, band);
  radialPlot(find('radial'), lab, band);
  find('curve').setAttribute('aria-label', fill(lab.words.curveAlt, {lo: percent(state.lo), hi: edgeName(state.hi)}));
  if (reading) shown(reading, band);
  find('live').textContent = reading ? fill(lab.words.live, {auc: twoPlaces(reading.calibration), test: twoPlaces(reading.test)}) : '';
  element.lab = {state: {...band, key: lab.key}, weights, reading, filtered: lab.filtered, papers: lab.papers,
    radial: lab.parts.picture.radial, milliseconds: performance.now() - start};
  element.dispatchEvent(new CustomEvent('lab:drawn', {detail: element.lab.milliseconds, bubbles: true}));
}

const twoPlaces = auc => auc ? auc.value.toFixed(2) : lab.words.none;

function controls(band) {
  const span = sizeOf(find('curve')).w - CURVE.left - CURVE.right;
  for (const handle of all('handle')) {
    const value = Math.min(band[handle.dataset.edge], lab.highest);
    handle.style.left = `${CURVE.left + value / lab.highest * span}px`;
    handle.setAttribute('aria-valuemax', Math.round(100 * lab.highest));
    handle.setAttribute('aria-valuenow', Math.round(100 * value));
    handle.setAttribute('aria-valuetext', handle.dataset.edge === 'hi' ? edgeName(value) : percent(value));
  }
  for (const button of find('presets').children) button.setAttribute('aria-pressed', button.dataset.preset === state.preset);
  find('shape').value = state.shape;
  const rest = band.rest ? fill(lab.words.rest, {rest: percent(band.rest)}) : '';
  find('band').textContent = fill(lab.words.band, {lo: percent(band.lo), hi: edgeName(band.hi)}) + rest;
  find('enlarged').textContent = emptied(band);
  find('enlarged').hidden = !emptied(band);
}

function emptied(band) { // enlarging by g leaves nothing true above 1 / g (mia_viz/pictures/resampling.py)
  const end = 1 / lab.stretch, near = 1e-9;
  if (lab.stretch <= 1 || band.hi <= end + near) return '';
  const words = band.lo >= end - near ? lab.words.emptied : lab.words.partly;
  return fill(words, {times: Number(lab.stretch.toPrecision(3)), end: percent(end)});
}

function pictures(band) {
  const {picture: whole, guess, residual} = lab.parts, mask = maskOf(whole.rho, band, lab.highest), contrast = mask[0] > .5 ? 1 : 2;
  lab.filtered = {picture: filtered(whole, mask), guess: guess && filtered(guess, mask)};
  greyPicture(find('picture'), whole, lab.filtered.picture, contrast);
  find('contrast').textContent = contrast > 1 ? lab.words.contrast : '';
  scaleEnds('grey', [-1 / contrast, 1 / contrast]);
  if (guess) {
    greyPicture(find('guess'), guess, lab.filtered.guess, contrast);
    const difference = lab.filtered.guess.map((v, i) => v - lab.filtered.picture[i]);
    signedPicture(find('difference'), guess, difference, lab.look.errorLimit, lab.look);
  }
  all('guessed').forEach(tile => { tile.hidden = !guess; });
  all('judged').forEach(tile => { tile.hidden = !residual; });
  const {h, w} = whole, centred = i => mask[(Math.floor(i / w) + h - (h >> 1)) % h * w + (i % w + w - (w >> 1)) % w];
  lab.maskDrawn = lab.maskDrawn || document.createElement('canvas');
  mapped(lab.maskDrawn, h, w, lab.look.sequential, centred);
  spectrumPicture(find('mask'), lab.maskDrawn, band);
  for (const [name, part] of [['spectrum', whole], ['guess-spectrum', guess], ['residual-spectrum', residual]]) {
    if (!part) continue;
    part.drawn = part.drawn || spectrumDrawn(part);
    spectrumPicture(find(name), part.drawn, band);
  }
  if (!residual) return;
  lab.filtered.residual = filtered(residual, maskOf(residual.rho, band, lab.highest));
  signedPicture(find('residual'), residual, lab.filtered.residual, lab.residualLimit, lab.look);
}

function spectrumDrawn(part) { // once per picture: its spectrum does not depend on the band
  const drawn = document.createElement('canvas'), log = logSpectrum(part), [low, high] = lab.look.spectrum;
  mapped(drawn, part.h, part.w, lab.look.sequential, i => (log[i] - low) / (high - low));
  return drawn;
}

function summary() {
  const reading = element.lab && element.lab.reading;
  const band = [find('band').textContent, find('enlarged').textContent].filter(Boolean).join(' ');
  return reading ? `${band} AUC ${reading.calibration.value.toFixed(2)}. ${find('sentence').textContent}` : band;
}

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

wire();
watch('value', arrive);
arrive();
