// What the lesson does with the rest of the page: it marks what to press and sees that it was done.

const GAP = 3, EVERY_MS = 200, BADGE = 32;
const WORDED = 'button, label, select, input, canvas, img, p, li, dt, dd, h2, h3, summary, svg, text';
const CHECKED = ['input', 'change', 'click', 'toggle', 'pointermove', 'pointerup', 'keydown'];
const visible = part => part.getClientRects().length > 0;
const partsOf = selector => [...document.querySelectorAll(selector)].filter(visible);

// Whether a ring's number has a free place to the left of the ring; out of the window nobody can tell, nor see.
function roomBeside(left, {top, width}) {
  const there = [4, 24].map(y => document.elementFromPoint(left - BADGE / 2, top + y)).filter(Boolean);
  return there.length ? !there.some(part => part.closest(WORDED)) : width > 300;
}

// Rings lie over the page, so that nothing of it is changed and no redrawing removes them.
function makeRings() {
  const layer = document.createElement('div');
  layer.setAttribute('aria-hidden', 'true');
  document.body.append(layer);
  let wanted = [];
  const place = () => {
    const rings = wanted.flatMap(({selector, number, done}) => partsOf(selector).slice(0, 2).map(part => ({part, number, done})));
    while (layer.children.length > rings.length) layer.lastChild.remove();
    rings.forEach(({part, number, done}, i) => {
      const ring = layer.children[i] || layer.appendChild(Object.assign(document.createElement('div'), {innerHTML: '<b></b>'}));
      const box = part.getBoundingClientRect(), mark = done ? '\u2713' : String(number);
      ring.classList.add('mv-ring');
      ring.classList.toggle('mv-ringed-done', Boolean(done));
      if (ring.firstChild.textContent !== mark) ring.firstChild.textContent = mark;
      const side = box.width > 300 ? 2 * GAP : GAP; // clear of the markers of lists and folds
      const left = Math.max(2, box.left - side), right = Math.min(document.documentElement.clientWidth - 2, box.right + side);
      ring.classList.toggle('mv-beside', left > BADGE && roomBeside(left, box)); // so that no word is covered
      Object.assign(ring.style, {left: `${left + scrollX}px`, top: `${box.top - GAP + scrollY}px`,
        width: `${right - left}px`, height: `${box.height + 2 * GAP}px`});
    });
  };
  setInterval(() => { if (wanted.length || layer.children.length) place(); }, EVERY_MS);
  addEventListener('resize', place);
  return marks => { wanted = marks; place(); };
}

// The rectangle around boxes, in the window's coordinates.
const around = boxes => ({top: Math.min(...boxes.map(box => box.top)), bottom: Math.max(...boxes.map(box => box.bottom))});

// The height of the window that the card leaves free; on a narrow screen half of it, as the card may grow to the other.
function freeRoom(card) {
  const sheet = card.getBoundingClientRect();
  if (sheet.width <= innerWidth * .9) return innerHeight;
  return card.classList.contains('ls-folded') ? sheet.top : innerHeight / 2;
}

// What to press and what to watch come into the free room, together where it is large enough, else what to press.
// Returns null where there is nothing to press yet, else which of the other selectors will not be in view.
function bringIntoView({press, see = [], echo = []}, card, move = true) {
  const part = partsOf(press)[0];
  if (!part) return null;
  if (card.contains(part)) return [];
  const boxesOf = selectors => selectors.flatMap(one => partsOf(one).slice(0, 1)).map(one => one.getBoundingClientRect());
  const own = part.getBoundingClientRect(), all = around([own, ...boxesOf(see)]), room = freeRoom(card), edge = 26;
  const fits = all.bottom - all.top <= room - 2 * edge, {top, bottom} = fits ? all : own;
  const above = bottom - top < room - 2 * edge && fits ? (room - bottom + top) / 2 : 40;
  const inView = top >= edge && bottom <= room - edge && (fits || top < room / 3);
  const most = Math.max(0, document.documentElement.scrollHeight - innerHeight);
  const shift = move && !inView ? Math.min(most, Math.max(0, scrollY + top - above)) - scrollY : 0;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (shift) scrollTo({top: scrollY + shift, behavior: calm ? 'auto' : 'smooth'});
  return echo.filter(one => boxesOf([one]).some(box => box.top - shift < 0 || box.bottom - shift > room));
}

// Calls done(k) when the k-th task's check is met. A check: an event on a part, then, where named, that another part
// is redrawn and that the laboratory stands as asked. Without an event the laboratory's standing is enough, or that a
// part is there to be read (`there`), which counts once the tasks before are done.
function watchTasks(tasks, done, ticked) {
  const ended = new AbortController(), observers = [], pressed = tasks.map(({check}) => !check.event);
  const met = k => {
    const wanted = tasks[k].check.lab, now = wanted && (labState() || {});
    const {there} = tasks[k].check;
    if (there && !(partsOf(there).length && tasks.slice(0, k).every((_, i) => ticked(i)))) return;
    if (pressed[k] && (!wanted || Object.entries(wanted).every(([name, value]) => now[name] === value))) done(k);
  };
  const redrawn = (k, selector) => {
    const part = document.querySelector(selector);
    if (!part) return;
    const observer = new MutationObserver(records => {
      const waiting = '[data-testid=status-tracker]'; // gradio's own sign that an answer is on its way
      if (records.every(({target}) => (target.closest ? target : target.parentElement)?.closest(waiting))) return;
      observer.disconnect();
      pressed[k] = true;
      met(k);
    });
    observer.observe(part, {subtree: true, childList: true, characterData: true, attributeFilter: ['src', 'alt']});
    observers.push(observer);
  };
  const onEvent = event => tasks.forEach(({check}, k) => {
    if (!check.event || !check.event.split(' ').includes(event.type) || !event.target.closest) return;
    if (!event.target.closest(check.on)) return;
    if (check.then) return redrawn(k, check.then);
    pressed[k] = true;
    met(k);
  });
  for (const name of CHECKED) document.addEventListener(name, onEvent, {capture: true, signal: ended.signal});
  document.addEventListener('lab:drawn', () => tasks.forEach((_, k) => met(k)), {signal: ended.signal});
  const looking = setInterval(() => tasks.forEach(({check}, k) => { if (check.there) met(k); }), EVERY_MS);
  tasks.forEach((_, k) => { if (pressed[k]) met(k); });
  return () => { ended.abort(); clearInterval(looking); observers.forEach(one => one.disconnect()); };
}

const labState = () => { // see static/lab.js
  const bench = document.querySelector('#laboratory .lab');
  return bench && bench.parentNode.lab && bench.parentNode.lab.state;
};
