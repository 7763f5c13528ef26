// What the lesson does with the rest of the page: it marks what to press and sees that it was done.

const GAP = 6, EVERY_MS = 200;
const CHECKED = ['input', 'change', 'click', 'toggle', 'pointermove', 'pointerup', 'keydown'];
const visible = part => part.getClientRects().length > 0;
const partsOf = selector => [...document.querySelectorAll(selector)].filter(visible);

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
      ring.className = 'mv-ring' + (done ? ' mv-ringed-done' : '');
      if (ring.firstChild.textContent !== mark) ring.firstChild.textContent = mark;
      const left = Math.max(2, box.left - GAP), right = Math.min(document.documentElement.clientWidth - 2, box.right + GAP);
      Object.assign(ring.style, {left: `${left + scrollX}px`, top: `${box.top - GAP + scrollY}px`,
        width: `${right - left}px`, height: `${box.height + 2 * GAP}px`});
    });
  };
  setInterval(() => { if (wanted.length || layer.children.length) place(); }, EVERY_MS);
  addEventListener('resize', place);
  return marks => { wanted = marks; place(); };
}

// The first of the parts comes into the room that the card leaves free.
function bringIntoView(selector, card) {
  const part = partsOf(selector)[0];
  if (!part || card.contains(part)) return Boolean(part);
  const box = part.getBoundingClientRect(), sheet = card.getBoundingClientRect();
  const room = sheet.width > innerWidth * .9 ? sheet.top : innerHeight;
  const above = box.height < room - 60 ? (room - box.height) / 2 : 30;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  scrollTo({top: Math.max(0, scrollY + box.top - above), behavior: calm ? 'auto' : 'smooth'});
  return true;
}

// Calls done(k) when the k-th task's check is met. A check: an event on a part, then, where named, that another part
// is redrawn and that the laboratory stands as asked. Without an event the laboratory's standing is enough.
function watchTasks(tasks, done) {
  const ended = new AbortController(), observers = [], pressed = tasks.map(({check}) => !check.event);
  const met = k => {
    const wanted = tasks[k].check.lab, now = wanted && (labState() || {});
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
  tasks.forEach((_, k) => { if (pressed[k]) met(k); });
  return () => { ended.abort(); observers.forEach(one => one.disconnect()); };
}

const labState = () => { // see static/lab.js
  const bench = document.querySelector('#laboratory .lab');
  return bench && bench.parentNode.lab && bench.parentNode.lab.state;
};
