// The lesson's card: pages, ticks, place. Runs inside gradio's gr.HTML, which gives `element`, `props` and `trigger`;
// the value is JSON made by mia_viz/ui/lesson.py. Goes with tabs.js and the lesson_*.js.

const find = name => element.querySelector('.ls-' + name);
const lesson = JSON.parse(props.value), {words, pages} = lesson, KEY = 'mia-viz-lesson';
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const card = find('card'), mark = makeRings(), echo = makeEcho(find('echo')), LINGER_MS = 2000, LATE_MS = [600, 1600, 3200];
const saved = (() => { try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch { return {}; } })();
const ticks = new Set(Array.isArray(saved.done) ? saved.done : []);
let page = Number.isInteger(saved.page) && pages[saved.page] ? saved.page : 0, open = false, stop = () => {};
let begun = Boolean(saved.begun), arriving = 0, steered = 0;
let at = 0; // the task spoken of: for a moment the one just done, then the next

const inside = selector => selector.startsWith('#lesson');
const name = (at, k) => `${pages[at].id}/${k}`;
const over = at => pages[at].tasks.every((_, k) => ticks.has(name(at, k)));
const upcoming = () => Math.max(0, pages[page].tasks.findIndex((_, k) => !ticks.has(name(page, k))));
const drawRates = makeRates(find('rates'), lesson.rates, words, fill);

function keep() {
  try { localStorage.setItem(KEY, JSON.stringify({page, done: [...ticks], begun})); } catch { /* a private window */ }
}

function label() {
  const finished = pages.every((_, at) => over(at));
  find('open').textContent = finished ? words.again : begun ? fill(words.resume, {page: page + 1}) : words.open;
  find('open').setAttribute('aria-expanded', open);
}

function tell() { // the address follows (links.js)
  document.dispatchEvent(new CustomEvent('mv:page', {detail: {page: open ? page + 1 : null}}));
}

function paragraph(line) { // [words](id) is a word of the glossary (glossary.js)
  const made = document.createElement('p');
  made.append(...line.split(/(\[[^\]]+\]\([a-z-]+\))/).map(part => {
    const [, text, id] = /^\[([^\]]+)\]\(([a-z-]+)\)$/.exec(part) || [];
    if (!id) return part;
    const mark = Object.assign(document.createElement('span'), {className: 'mv-term', textContent: text, tabIndex: 0});
    mark.setAttribute('role', 'button');
    mark.setAttribute('aria-haspopup', 'dialog');
    mark.dataset.term = id;
    return mark;
  }));
  return made;
}

function turn(to, focus = true) {
  page = Math.max(0, Math.min(pages.length - 1, to));
  begun = true;
  keep();
  const {title, text, tasks, step, figure} = pages[page];
  find('place').textContent = fill(words.place, {page: page + 1, pages: pages.length});
  find('title').textContent = title;
  find('text').replaceChildren(...text.map(paragraph));
  find('tasks').replaceChildren(...tasks.map(task => {
    const line = document.createElement('li');
    line.append(document.createElement('b'), Object.assign(document.createElement('span'), {textContent: task.text}));
    return line;
  }));
  find('noising').hidden = figure !== 'noising';
  find('rates').hidden = figure !== 'rates';
  card.classList.toggle('ls-tall', tasks.every(({press}) => inside(press))); // nothing to press beside the card
  find('back').disabled = page === 0;
  find('next').textContent = page === pages.length - 1 ? words.finish : words.next;
  find('body').scrollTop = 0;
  stop();
  echo([]);
  at = upcoming();
  stop = watchTasks(tasks, tick, k => ticks.has(name(page, k)));
  at = upcoming(); // some are met on arrival
  show();
  if (figure === 'rates') drawRates();
  openTab(step);
  stage();
  if (focus) find('title').focus({preventScroll: true});
  tell();
  lookFor();
}

function lookFor(tries = 100, mine = ++arriving) { // the tab's content may take a moment to be there
  setTimeout(() => {
    if (mine !== arriving || !open) return;
    if (!attend() && tries) return lookFor(tries - 1, mine);
    const hand = steered; // what is drawn late moves the rest, but a hand that scrolls has the last word
    for (const wait of LATE_MS) setTimeout(() => { if (mine === arriving && open) attend(hand === steered); }, wait);
  }, EVERY_MS);
}

function attend(move = true) { // bring what the task is about into view; what has no room there is copied into the card
  const apart = bringIntoView(pages[page].tasks[at], card, move);
  if (apart) echo(apart);
  return Boolean(apart);
}

function say() { // the task where its list is out of view
  const {tasks} = pages[page], {text} = tasks[at], done = ticks.has(name(page, at));
  const form = over(page) ? words.all : done ? words.done : words.now;
  find('now').textContent = fill(form, {task: text, number: at + 1, count: tasks.length});
}

function show() { // ticks, dots and rings
  pages[page].tasks.forEach((task, k) => {
    const line = find('tasks').children[k], done = ticks.has(name(page, k));
    line.className = done ? 'ls-ticked' : '';
    line.firstChild.textContent = done ? '\u2713' : k + 1;
    line.firstChild.setAttribute('role', 'img');
    line.firstChild.setAttribute('aria-label', done ? fill(words.done, {task: ''}).replace(/: ?$/, '') : fill(words.mark, {number: k + 1}));
  });
  say();
  find('restart').hidden = !ticks.size;
  find('places').replaceChildren(...pages.map(({title}, at) => {
    const dot = Object.assign(document.createElement('button'), {type: 'button', onclick: () => turn(at)});
    dot.setAttribute('aria-label', fill(over(at) ? words.dotDone : words.dot, {page: at + 1, title}));
    dot.classList.toggle('ls-over', over(at));
    if (at === page) dot.setAttribute('aria-current', 'step');
    return dot;
  }));
  mark(open ? pages[page].tasks.flatMap(({press}, k) => inside(press) ? [] : [{selector: press, number: k + 1, done: ticks.has(name(page, k))}]) : []);
  label();
}

function tick(k) {
  if (ticks.has(name(page, k))) return;
  ticks.add(name(page, k));
  keep();
  if (at !== k) { at = k; attend(false); }
  show();
  find('said').textContent = fill(words.done, {task: pages[page].tasks[k].text}) + (over(page) ? ' ' + words.all : '');
  const mine = ++arriving, hand = steered; // what was done is looked at for a moment before the next task is
  setTimeout(() => { if (mine === arriving && open && at === k) attend(hand === steered); }, LATE_MS[0]);
  setTimeout(() => {
    if (mine !== arriving || !open || over(page)) return;
    at = upcoming();
    say();
    lookFor();
  }, LINGER_MS);
}

function restart() {
  ticks.clear();
  enter(0);
}

function stage() { // the texts speak of an example; say so when the page shows something else
  const now = document.querySelector('#links')?.mvState;
  const other = now && !(now.about.finished && now.about.asked === lesson.example.target);
  find('stage').hidden = !other || ['own', 'end'].includes(pages[page].id);
}

function fold(folded) {
  card.classList.toggle('ls-folded', folded);
  document.body.classList.toggle('mv-lesson-folded', folded);
  find('fold').textContent = folded ? words.unfold : words.fold;
  find('fold').setAttribute('aria-expanded', !folded);
}

function enter(to, focus = true) {
  open = true;
  card.hidden = false;
  document.body.classList.add('mv-lesson');
  fold(false);
  turn(to, focus);
}

function leave() {
  open = false;
  stop();
  echo([]);
  card.hidden = true;
  document.body.classList.remove('mv-lesson', 'mv-lesson-folded');
  show();
  tell();
  find('open').focus();
}

function wire() {
  card.setAttribute('aria-label', words.region);
  find('body').setAttribute('aria-label', words.region);
  find('leave').textContent = words.leave;
  find('back').textContent = words.back;
  find('todo').textContent = words.todo;
  find('restart').textContent = words.restart;
  find('restart').onclick = restart;
  find('echo').firstElementChild.textContent = words.copy;
  find('stage').firstChild.textContent = words.stage;
  find('restage').textContent = words.restage;
  const strip = find('noising').firstElementChild;
  strip.setAttribute('aria-label', words.noisingAlt);
  strip.replaceChildren(...lesson.noising.map(src => Object.assign(new Image(), {src, alt: ''})));
  find('noising').lastElementChild.textContent = words.noising;
  find('open').onclick = () => open ? find('title').focus() : pages.every((_, at) => over(at)) ? restart() : enter(page);
  find('leave').onclick = leave;
  find('fold').onclick = () => fold(!card.classList.contains('ls-folded'));
  find('back').onclick = () => turn(page - 1);
  find('next').onclick = () => page === pages.length - 1 ? leave() : turn(page + 1);
  find('restage').onclick = () => trigger('select', {});
  card.addEventListener('keydown', event => { if (event.key === 'Escape') { event.stopPropagation(); leave(); } });
  document.addEventListener('mv:state', () => { if (open) stage(); });
  document.addEventListener('mv:lesson', ({detail}) => enter(detail.page - 1, false));
  for (const hand of ['wheel', 'touchmove', 'keydown', 'pointerdown']) addEventListener(hand, () => { steered++; }, {passive: true});
  addEventListener('resize', () => { if (open && !find('rates').hidden) drawRates(); });
  setInterval(() => { if (open) attend(false); }, 1000); // a copy comes and goes with what it shows
  label();
}

wire();
