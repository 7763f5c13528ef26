// Links to a state of the page. Runs inside gradio's gr.HTML, which gives `element`, `props` and `watch`; the value is
// JSON made by mia_viz/ui/links.py. Goes with tabs.js and settings.js.

const said = element.querySelector('.lk-said');
const holder = document.querySelector('#links') || element;
const COPIED = 'The link is copied. It opens this view on any machine where MIA-Viz runs at the same address.';
const PARTLY = 'The link is copied.';
const FAILED = 'The browser does not let the page copy; take the link from the address bar.';
const LOST = { // what a link cannot carry of what is seen
  picture: 'Your own picture is never part of a link: an example opens in its place.',
  model: 'Your own model is never part of a link: an example opens in its place.',
  analyse: 'The answers are not part of a link: whoever opens it must press Analyse first.',
  ask: 'The answers are not part of a link: whoever opens it must press Ask first.',
  chosen: 'It opens the picture and model that are chosen, not the evidence named above.',
  caption: 'A caption other than the picture\u2019s own is never part of a link.',
  given: 'What was given or found out on this page is not part of a link.',
};
const EVIDENCE = ['restore', 'frequency', 'noise', 'structure', 'verdict'];
const NAMES = ['target', 'picture', 'step', 'attack', 'band', 'shape', 'left', 'right', 'age', ...SETTINGS, 'lesson', 'quiz'];

const mark = part => JSON.parse(document.querySelector(`${part} [data-mark]`)?.dataset.mark ?? '{}');
function state() { // what is chosen and what the evidence is about, as mia_viz/ui/link_marks.py writes it where it is shown
  const model = document.querySelector('#target input:checked')?.value ?? '';
  return {target: model && !model.startsWith('own:') ? model : null, ...mark('#chosen'), about: mark('#subject')};
}
Object.defineProperty(holder, 'mvState', {get: state, configurable: true});

let page = null, touched = false, arrivals = 0;

const bench = () => document.querySelector('#laboratory .lab')?.parentNode;
const places = number => String(Math.round(100 * number) / 100);
const sides = () => [...document.querySelectorAll('#compare-heads [data-side]')];
const part = () => (tabShown() === 'compare' && tabOpen('ages') ? 'ages' : tabShown());

function view() { // everything a link says, by name
  const step = tabShown(), now = state(), lab = bench()?.lab?.state;
  const {target, picture} = EVIDENCE.includes(step) ? now.about : now; // evidence is about what was asked
  const found = {step, target, picture, ...settingsOf(part())};
  if (lab && step === 'frequency') {
    const chosen = bench().querySelector('.lab-method').value; // its numbers may still be on their way
    Object.assign(found, {attack: chosen || lab.key, shape: lab.shape});
    found.band = lab.preset || [lab.lo, lab.hi, ...(lab.rest ? [lab.rest] : [])].map(places).join('-');
  }
  if (part() === 'compare' && sides().length === 2 && sides().every(({dataset}) => dataset.side)) {
    [found.left, found.right] = sides().map(({dataset}) => dataset.side);
  }
  if (page) found.lesson = page; // `page` itself is taken: gradio reads it as a page of the app
  if (step === 'quiz') found.quiz = document.querySelector('#quiz-form')?.dataset.ten;
  return found;
}

function lost() { // sentences about what is seen here and cannot be carried
  const step = tabShown(), now = state(), {about} = now, {target, picture} = EVIDENCE.includes(step) ? about : now;
  const typed = document.querySelector('#caption textarea, #caption input')?.value.trim() ?? '';
  const same = now.target === about.target && now.picture === about.picture;
  const found = [], say = (name, when) => { if (when && !found.includes(LOST[name])) found.push(LOST[name]); };
  if (['many', 'own'].includes(step)) say('given', true);
  if (part() === 'compare') {
    for (const own of ['picture', 'model']) say(own, sides().some(({dataset}) => dataset.own === own));
    say('ask', sides().some(({dataset}) => dataset.side && dataset.carried !== 'true'));
  }
  if (!['choose', 'methods', ...EVIDENCE].includes(step)) return found;
  say('model', !target);
  say('picture', target && !Number.isInteger(picture));
  if (!target || !Number.isInteger(picture)) return found;
  say('chosen', step === 'choose' && !same && !about.empty);
  say('analyse', !about.carried && (EVIDENCE.includes(step) || (step === 'choose' && same)));
  say('caption', EVIDENCE.includes(step) ? !about.told && !about.empty : typed !== now.caption);
  say('given', step === 'methods' && document.querySelector('#findings table'));
  return found;
}

function address() {
  const url = new URL(location.href), now = view();
  NAMES.forEach(name => url.searchParams.delete(name));
  NAMES.filter(name => now[name] !== undefined && now[name] !== null).forEach(name => url.searchParams.set(name, now[name]));
  return url;
}

function follow() { // the address follows what is on the page, once something was touched
  const {href} = address();
  if (touched && href !== location.href) history.replaceState(history.state, '', href);
}

async function copy() {
  touched = true;
  follow();
  const missing = lost();
  let first = missing.length ? PARTLY : COPIED;
  try { await navigator.clipboard.writeText(address().href); } catch { first = FAILED; }
  said.textContent = [first, ...missing].join(' ');
}

// ---- opening a link -------------------------------------------------------------------------------------------------

function steer(wanted, tries = 200) { // the laboratory is there once its tab was opened
  const lab = bench();
  if (lab?.steer) return lab.steer(wanted);
  if (tries) setTimeout(() => steer(wanted, tries - 1), 100);
}

function turnTo(names, then, tries = 200) { // tabs one in another; a family's own tabs come a moment after its news
  const mine = arrivals, [name, ...inner] = names;
  if (!name) return then();
  if (tabOpen(name)) return turnTo(inner, then);
  openTab(name);
  if (tries) setTimeout(() => { if (mine === arrivals) turnTo(names, then, tries - 1); }, 100);
}

function go({step, attack, preset, lo, hi, rest, shape, age, settings, lesson: to}, lacking) {
  const laboratory = attack || preset || shape || hi !== null;
  const tab = step || (laboratory && !to ? 'frequency' : null);
  touched = true;
  arrivals += 1;
  if (to) document.dispatchEvent(new CustomEvent('mv:lesson', {detail: {page: to}}));
  const wanted = {...settings, ...(age ? {age} : {})};
  if (tab) turnTo(age && tab === 'compare' ? ['compare', 'ages'] : [tab], () => hold(part, wanted, () => add(lacking)));
  if (laboratory) steer({key: attack, preset, lo, hi, rest, shape});
}

function add(sentence) {
  if (!said.textContent.includes(sentence)) said.textContent = [said.textContent, sentence].filter(Boolean).join(' ');
}

function arrive() {
  let data;
  try { data = JSON.parse(props.value || '{}'); } catch { return; }
  if (data.open) {
    said.textContent = data.wrong;
    go(data.open, data.lacking);
  }
}

element.querySelector('.lk-copy').onclick = copy;
for (const name of ['pointerdown', 'click', 'input', 'keydown']) {
  document.addEventListener(name, event => {
    if (!event.isTrusted) return;
    touched = true;
    const reading = ['Tab', 'Shift'].includes(event.key) || !['pointerdown', 'keydown'].includes(name);
    if (!reading) arrivals += 1; // the visitor has taken over
  }, {capture: true});
}
document.addEventListener('mv:page', ({detail}) => { page = detail.page; });
const tellOfCases = () => { // the lesson speaks of its example and says so where the evidence is about another picture
  const subject = document.querySelector('#subject');
  if (!subject) return setTimeout(tellOfCases, 200);
  const tell = () => document.dispatchEvent(new CustomEvent('mv:state'));
  new MutationObserver(tell).observe(subject, {subtree: true, childList: true, attributeFilter: ['data-mark']});
};
tellOfCases();
setInterval(follow, 400);
watch('value', arrive);
arrive();
const asked = Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => NAMES.includes(name)));
if (Object.keys(asked).length) trigger('select', {query: asked});
