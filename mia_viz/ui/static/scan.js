// A slice of a scan under a window that can be dragged. Runs inside gradio's gr.HTML; the value is JSON made by
// mia_viz/ui/scan.py. Window formulas: DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3, as in mia_viz/pictures/volume.py.

const find = name => element.querySelector('.scan-' + name);
const REST_MS = 250, FULL_DRAG = 300, SPAN = 2; // a drag of 300 pixels changes the window by the slice's whole range
let scan = null, stored = null, fixed = null, table = null;
let view = null;        // {level, width, function, name}; name null: chosen by hand
let asking = false, next = null, resting = 0, drag = null;

function bytes(text) { return Uint8Array.from(atob(text), c => c.charCodeAt(0)); }

function arrive() {
  let sent = null;
  try { sent = JSON.parse(props.value || 'null'); } catch { sent = null; }
  const another = !scan || !sent || sent.scan !== scan.scan;
  scan = sent; asking = false;
  if (!scan) { view = null; return; }
  fixed = scan.rgb ? bytes(scan.rgb) : null;
  table = scan.table ? bytes(scan.table) : null;
  stored = scan.values ? new Uint16Array(bytes(scan.values).buffer) : null;
  if (another) view = null;
  menu();
  draw();
  if (next) { const wish = next; next = null; ask(wish); } else rest();
}

const shown = () => view || {...scan.start, name: 'start'};

function menu() {
  const choice = find('axis');
  choice.replaceChildren(...scan.axes.map(name => new Option(name, name, false, name === scan.axis)));
  find('axis-row').hidden = scan.axes.length < 2;
  find('index-row').hidden = scan.count < 2;
  Object.assign(find('index'), {max: scan.count - 1, value: scan.index});
  element.querySelectorAll('.scan-window-row').forEach(row => { row.hidden = !stored; });
  const bar = find('presets');
  bar.hidden = !stored;
  bar.replaceChildren(...[{name: 'start', label: 'as the file suggests'}, ...scan.windows].map(preset => {
    const button = document.createElement('button');
    Object.assign(button, {type: 'button', textContent: preset.label});
    button.dataset.name = preset.name;
    button.onclick = () => { view = preset.name === 'start' ? null : {...preset}; draw(); rest(); };
    return button;
  }));
}

function brightness() { // of every stored step, 0 to 255
  const {level, width, function: form} = shown(), range = scan.high - scan.low, light = new Uint8ClampedArray(65536);
  const half = form === 'LINEAR' ? .5 : 0;
  for (let step = 0; step < 65536; step++) {
    const x = scan.low + range * step / 65535;
    let y;
    if (form === 'SIGMOID') y = 1 / (1 + Math.exp(Math.max(-80, Math.min(80, -4 * (x - level) / width))));
    else if (form === 'LINEAR' && width === 1) y = x > level - .5 ? 1 : 0;
    else y = (x - (level - half)) / (width - 2 * half) + .5;
    light[step] = 255 * (scan.inverted ? 1 - y : y);
  }
  return light;
}

function draw() {
  const canvas = find('slice'), [w, h] = scan.size;
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, {width: w, height: h});
  const pen = canvas.getContext('2d'), image = pen.createImageData(w, h), out = new Uint32Array(image.data.buffer);
  if (fixed) for (let i = 0; i < out.length; i++) out[i] = 0xff000000 | fixed[3 * i + 2] << 16 | fixed[3 * i + 1] << 8 | fixed[3 * i];
  else if (table && !view) for (let i = 0; i < out.length; i++) out[i] = 0xff000000 | (scan.inverted ? 255 - table[i] : table[i]) * 0x10101;
  else {
    const light = brightness();
    for (let i = 0; i < out.length; i++) out[i] = 0xff000000 | light[stored[i]] * 0x10101;
  }
  pen.putImageData(image, 0, 0);
  describe();
}

const short = number => String(Number(number.toPrecision(4)));

function describe() {
  const place = scan.count > 1 ? `Slice ${scan.index} of 0 to ${scan.count - 1}. ` : '';
  let words = place;
  if (stored) {
    const {level, width} = shown(), unit = scan.unit, range = scan.high - scan.low || 1;
    words += `Black up to ${short(level - width / 2)}${unit}, white from ${short(level + width / 2)}${unit}.`;
    find('level').value = 1000 * (level - scan.low + range * (SPAN - 1) / 2) / (range * SPAN);
    find('width').value = 1000 * Math.min(1, width / (range * SPAN));
  }
  find('words').textContent = words;
  find('slice').setAttribute('aria-label', 'One slice of the scan. ' + words);
  for (const button of find('presets').children) {
    const pressed = view ? button.dataset.name === view.name : button.dataset.name === 'start';
    button.setAttribute('aria-pressed', String(pressed));
  }
}

function chosen(level, width) { // the function is that of Volume.chosen_function
  const wide = Math.max((scan.high - scan.low || 1) / 1000, width);
  view = {level, width: wide, function: wide < 1 ? 'LINEAR_EXACT' : scan.chosen, name: null};
  requestAnimationFrame(draw);
  rest();
}

function windowText() { // as the command line names it; nothing where the file decides
  if (!view) return null;
  return view.name || `${Number(view.level.toPrecision(6))},${Number(view.width.toPrecision(6))}`;
}

function rest() {
  clearTimeout(resting);
  resting = setTimeout(() => { if (scan) trigger('release', {axis: scan.axis, index: scan.index, window: windowText()}); }, REST_MS);
}

function ask(wish) { // one question at a time; of those that come meanwhile only the last
  if (asking) { next = wish; return; }
  asking = true;
  trigger('select', wish);
}

function turn(index) {
  const to = Math.max(0, Math.min(scan.count - 1, index));
  if (to !== (next ? next.index : scan.index)) ask({axis: scan.axis, index: to});
}

const place = () => (next ? next.index : scan.index);
const canvas = find('slice');
canvas.addEventListener('wheel', event => { if (scan && scan.count > 1) { event.preventDefault(); turn(place() + Math.sign(event.deltaY)); } }, {passive: false});
canvas.addEventListener('keydown', event => {
  if (!scan) return;
  const slice = {ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10}[event.key];
  const range = (scan.high - scan.low) / 50, {level, width} = stored ? shown() : {};
  if (slice && !event.shiftKey) turn(place() + slice);
  else if (stored && event.key === 'ArrowLeft') chosen(level, width - range);
  else if (stored && event.key === 'ArrowRight') chosen(level, width + range);
  else if (stored && event.shiftKey && slice) chosen(level - Math.sign(slice) * range, width);
  else return;
  event.preventDefault();
});
canvas.addEventListener('pointerdown', event => {
  if (!scan || !stored || !event.isPrimary) return;
  canvas.setPointerCapture(event.pointerId);
  drag = {x: event.clientX, y: event.clientY, ...shown()};
});
canvas.addEventListener('pointermove', event => {
  if (!drag || !event.isPrimary) return;
  const range = (scan.high - scan.low) / FULL_DRAG;
  chosen(drag.level + (event.clientY - drag.y) * range, drag.width + (event.clientX - drag.x) * range);
});
canvas.addEventListener('pointerup', () => { drag = null; });
canvas.addEventListener('pointercancel', () => { drag = null; });
find('index').addEventListener('input', event => turn(Number(event.target.value)));
find('axis').addEventListener('change', event => ask({axis: event.target.value, index: -1}));
find('level').addEventListener('input', event => {
  const range = scan.high - scan.low || 1;
  chosen(event.target.value / 1000 * range * SPAN + scan.low - range * (SPAN - 1) / 2, shown().width);
});
find('width').addEventListener('input', event => chosen(shown().level, event.target.value / 1000 * (scan.high - scan.low || 1) * SPAN));

watch('value', arrive);
arrive();
