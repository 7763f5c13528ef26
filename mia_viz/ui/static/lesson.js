// The lesson's card: pages, ticks, place. Runs inside gradio's gr.HTML, which gives `element`, `props` and `trigger`;
// the value is JSON made by mia_viz/ui/lesson.py. Goes with tabs.js, lesson_page.js and lesson_rates.js.

const find = name => element.querySelector('.ls-' + name);
const lesson = JSON.parse(props.value), {words, pages} = lesson, KEY = 'mia-viz-lesson';
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const card = find('card'), mark = makeRings();
const saved = (() => { try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch { return {}; } })();
const ticks = new Set(Array.isArray(saved.done) ? saved.done : []);
let page = Number.isInteger(saved.page) && pages[saved.page] ? saved.page : 0, open = false, stop = () => {};
let begun = Boolean(saved.begun), arriving = 0;

const inside = selector => selector.startsWith('#lesson');
const name = (at, k) => `${pages[at].id}/${k}`;
const over = at => pages[at].tasks.every((_, k) => ticks.has(name(at, k)));
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
  stop = watchTasks(tasks, tick);
  show();
  if (figure === 'rates') drawRates();
  openTab(step);
  stage();
  if (focus) find('title').focus({preventScroll: true});
  tell();
  const mine = ++arriving; // the tab's content may take a moment to be there
  const look = tries => {
    if (mine !== arriving || !open) return;
    if (bringIntoView(tasks.find((_, k) => !ticks.has(name(page, k)))?.press || tasks[0].press, card) || !tries) return;
    setTimeout(() => look(tries - 1), EVERY_MS);
  };
  setTimeout(() => look(100), EVERY_MS);
}

function show() { // ticks, dots and rings
  pages[page].tasks.forEach((task, k) => {
    const line = find('tasks').children[k], done = ticks.has(name(page, k));
    line.className = done ? 'ls-ticked' : '';
    line.firstChild.textContent = done ? '\u2713' : k + 1;
    line.firstChild.setAttribute('role', 'img');
    line.firstChild.setAttribute('aria-label', done ? fill(words.done, {task: ''}).replace(/: ?$/, '') : fill(words.mark, {number: k + 1}));
  });
  const next = pages[page].tasks.find((_, k) => !ticks.has(name(page, k))); // said where the list is out of view
  find('now').textContent = next ? fill(words.now, {task: next.text}) : words.all;
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
  show();
  find('said').textContent = fill(words.done, {task: pages[page].tasks[k].text}) + (over(page) ? ' ' + words.all : '');
  const next = pages[page].tasks.find((_, i) => !ticks.has(name(page, i)));
  if (next) bringIntoView(next.press, card);
}

function stage() { // the texts speak of an example; say so when the page shows something else
  const now = document.querySelector('#links')?.mvState;
  const other = now && !(now.finished && now.asked === lesson.example.target);
  find('stage').hidden = !other || pages[page].id === 'own';
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
  find('stage').firstChild.textContent = words.stage;
  find('restage').textContent = words.restage;
  const strip = find('noising').firstElementChild;
  strip.setAttribute('aria-label', words.noisingAlt);
  strip.replaceChildren(...lesson.noising.map(src => Object.assign(new Image(), {src, alt: ''})));
  find('noising').lastElementChild.textContent = words.noising;
  find('open').onclick = () => open ? find('title').focus() : enter(pages.every((_, at) => over(at)) ? 0 : page);
  find('leave').onclick = leave;
  find('fold').onclick = () => fold(!card.classList.contains('ls-folded'));
  find('back').onclick = () => turn(page - 1);
  find('next').onclick = () => page === pages.length - 1 ? leave() : turn(page + 1);
  find('restage').onclick = () => trigger('select', {});
  card.addEventListener('keydown', event => { if (event.key === 'Escape') { event.stopPropagation(); leave(); } });
  document.addEventListener('mv:state', () => { if (open) stage(); });
  document.addEventListener('mv:lesson', ({detail}) => enter(detail.page - 1, false));
  addEventListener('resize', () => { if (open && !find('rates').hidden) drawRates(); });
  label();
}

wire();
