// The settings of a tab that a link carries: radios by the place of their option from 1, sliders by their value, ages
// by their number of passes. Goes with tabs.js and links.js.

const CONTROLS = {
  restore: {task: '#which'},
  noise: {level: '#scrub', view: '#view', counting: '#noise-counting', known: '#noise-which', strength: '#noise-strength',
    answers: '#noise-count'},
  structure: {level: '#structure-level'},
  compare: {task: '#compare-task', detail: '#compare-band', level: '#compare-level'},
  ages: {age: '#ages-age', task: '#ages-task', method: '#ages-method'},
};
const USUAL = {view: 1, counting: 1, known: 1, strength: 2, answers: 5, detail: 1, method: 1}; // not worth a word in a link
const SETTINGS = [...new Set(Object.values(CONTROLS).flatMap(Object.keys))].filter(name => name !== 'age');
const HELD_MS = 20000, TRIES = 8;

const slider = part => part.querySelector('input[type=range]');
const options = part => [...part.querySelectorAll('input[type=radio]')];
const control = selector => {
  const found = document.querySelector(selector);
  return found?.getClientRects().length && (slider(found) || options(found).length) ? found : null;
};
const passes = option => Number(option.closest('label').textContent.replace(/\D/g, ''));

function valueOf(name, part) {
  if (slider(part)) return Number(slider(part).value);
  const place = options(part).findIndex(option => option.checked);
  return place < 0 ? null : name === 'age' ? passes(options(part)[place]) : place + 1;
}

function settingsOf(tab) { // by name, for a link
  const found = {};
  for (const [name, selector] of Object.entries(CONTROLS[tab] || {})) {
    const part = control(selector), value = part && valueOf(name, part);
    if (value !== null && value !== USUAL[name]) found[name] = value;
  }
  return found;
}

function set(name, part, value) { // as a hand would
  if (!slider(part)) {
    const option = name === 'age' ? options(part).find(one => passes(one) === value) : options(part)[value - 1];
    return option?.click();
  }
  slider(part).value = value;
  for (const kind of ['input', 'change', 'pointerup']) slider(part).dispatchEvent(new Event(kind, {bubbles: true}));
}

// Sets the controls of a tab and sets them again where what the server sends for the opened tab turns them back; until
// the visitor takes over. lacking() is called where a control cannot be had so.
function hold(tab, wanted, lacking) {
  const mine = arrivals, end = Date.now() + HELD_MS, tried = {};
  const look = () => {
    if (mine !== arrivals) return;
    const controls = CONTROLS[tab()] || {}, left = Object.keys(wanted).filter(name => !done(name, controls[name]));
    if (Date.now() < end) setTimeout(look, 200);
    else if (left.length) lacking();
  };
  const done = (name, selector) => {
    const part = selector && control(selector);
    if (!part || valueOf(name, part) === wanted[name]) return Boolean(part);
    tried[name] = (tried[name] || 0) + 1;
    if (tried[name] <= TRIES) set(name, part, wanted[name]);
    if (tried[name] === TRIES + 1) lacking();
    return false;
  };
  look();
}
