// Links to a state of the page. Runs inside gradio's gr.HTML, which gives `element`, `props` and `watch`; the value is
// JSON made by mia_viz/ui/links.py. Goes with tabs.js.

const said = element.querySelector('.lk-said');
const holder = document.querySelector('#links') || element;
const COPIED = 'The link is copied. It opens this view on any machine where MIA-Viz runs at the same address.';
const OWN = 'The link is copied, without your own picture: pictures of one\u2019s own are never part of a link.';
const FAILED = 'The browser does not let the page copy; take the link from the address bar.';
const NAMES = ['target', 'picture', 'step', 'attack', 'band', 'shape', 'lesson', 'quiz'];
let page = null, touched = false;

const bench = () => document.querySelector('#laboratory .lab')?.parentNode;
const places = number => String(Math.round(100 * number) / 100);

function view() { // everything a link says, by name
  const found = {step: tabShown()}, now = holder.mvState || {}, lab = bench()?.lab?.state;
  if (now.target) found.target = now.target;
  if (Number.isInteger(now.picture)) found.picture = now.picture;
  if (lab && found.step === 'frequency') {
    Object.assign(found, {attack: lab.key, shape: lab.shape});
    found.band = lab.preset || `${places(lab.lo)}-${places(lab.hi)}`;
  }
  if (page) found.lesson = page; // `page` itself is taken: gradio reads it as a page of the app
  if (found.step === 'quiz') found.quiz = document.querySelector('#quiz-form')?.dataset.seed;
  return found;
}

function address() {
  const url = new URL(location.href), now = view();
  NAMES.forEach(name => url.searchParams.delete(name));
  NAMES.filter(name => now[name]  !== undefined && now[name] !== null).forEach(name => url.searchParams.set(name, now[name]));
  return url;
}

let waiting = 0;
function follow() { // the address follows what is on the page, once something was touched
  if (!touched) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => history.replaceState(history.state, '', address()), 250);
}

async function copy() {
  const url = address().href;
  touched = true;
  follow();
  try { await navigator.clipboard.writeText(url); } catch { said.textContent = FAILED; return; }
  said.textContent = Number.isInteger(holder.mvState?.picture) ? COPIED : OWN;
}

function steer(wanted, tries = 200) { // the laboratory is there once its tab was opened
  const lab = bench();
  if (lab?.steer) return lab.steer(wanted);
  if (tries) setTimeout(() => steer(wanted, tries - 1), 100);
}

function go({step, attack, preset, lo, hi, shape, lesson: to}) {
  const laboratory = attack || preset || shape || hi !== null;
  touched = true;
  if (to) document.dispatchEvent(new CustomEvent('mv:lesson', {detail: {page: to}}));
  if (step) openTab(step); else if (laboratory && !to) openTab('frequency');
  if (laboratory) steer({key: attack, preset, lo, hi, shape});
}

function arrive() {
  let data;
  try { data = JSON.parse(props.value || '{}'); } catch { return; }
  if (data.state) {
    holder.mvState = data.state;
    document.dispatchEvent(new CustomEvent('mv:state'));
  }
  if (data.open) {
    said.textContent = data.wrong;
    go(data.open);
  }
  follow();
}

element.querySelector('.lk-copy').onclick = copy;
for (const name of ['click', 'input', 'keydown']) {
  document.addEventListener(name, event => { if (event.isTrusted) touched = true; }, {capture: true});
}
document.addEventListener('click', event => { if (event.target.closest('[role=tab], .qz-next')) setTimeout(follow, 50); });
document.addEventListener('lab:drawn', follow);
document.addEventListener('mv:page', ({detail}) => { page = detail.page; follow(); });
watch('value', arrive);
arrive();
const asked = Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => NAMES.includes(name)));
if (Object.keys(asked).length) trigger('select', {query: asked});
