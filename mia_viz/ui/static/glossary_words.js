// Where the glossary's words stand on the page. Each becomes an element that hand and keyboard reach, the first time it
// occurs in a part of the page; what cannot hold one (labels, menus) gets a small "?" beside it. Goes with glossary.js.
//
// gradio compares the page with what arrives piece by piece and language.js takes marks away before it puts words in
// another language, so both may change a marked text; it is then marked anew.

const PROSE = 'p, li, dt, dd, figcaption, td, th, caption, h2, h3, h4';
const SKIPPED = 'a, button, code, pre, svg, canvas, input, select, textarea, label, summary, dialog, [role=tab], [role=status], ' +
  '[role=alert], [role=button], [aria-live], [popover], [translate=no], .mv-status, .js-plotly-plot, .mv-term, #learn, ' +
  '.lab-live, .lab-band, .lab-frequency, .lab-sentence, .lab-with-count, .lab-without-count';
const PANELS = '.html-container, .prose, .lab';
const CHOICES = '#steps [data-testid=block-info], #steps label:has(> select)';
const PLAIN = ['verdict', 'reference', 'score', 'member', 'training-set']; // too many labels hold these for a mark each
const MOST_MARKED = 3; // times one text is marked, in case another script keeps taking the marks away
const say = text => (window.miaVizSay ? window.miaVizSay(text) : text);

let anyWord = null, ids = [], spoken = null;
const markedBefore = new WeakMap();

const escaped = word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
function form(word) { // German words come in several cases
  if (spoken !== 'de') return escaped(word);
  const inflected = part => escaped(part.replace(/(en|er|es|em|e|n|s)$/, '')) + '(?:e|en|er|ern|es|em|n|s)?';
  return word.replace(/^(der|die|das) /, '').split(/([\s-]+)/).map(part => (/^\p{L}{4,}$/u.test(part) ? inflected(part) : escaped(part))).join('');
}

function prepare() { // anew in another language
  spoken = document.documentElement.lang;
  const words = terms.flatMap(({id, match, names = []}) => [...match.map(say), ...names].map(word => [word, id]));
  words.sort((a, b) => b[0].length - a[0].length);
  ids = words.map(([, id]) => id);
  anyWord = new RegExp(`(?<![\\p{L}\\p{N}-])(?:${words.map(([word]) => `(${form(word)})`).join('|')})(?![\\p{L}\\p{N}_=-])`, 'giu');
}

const idOf = match => ids[match.slice(1).findIndex(group => group !== undefined)];
const termsIn = text => [...new Set([...text.matchAll(anyWord)].map(idOf))];

function textsOf(panel) {
  const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT), found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (node.data.trim() && parent.closest(PROSE) && !parent.closest(SKIPPED)) found.push(node);
  }
  return found;
}

function wrap(word, id) {
  const made = Object.assign(document.createElement('span'), {className: 'mv-term', tabIndex: 0});
  made.setAttribute('role', 'button');
  made.setAttribute('aria-haspopup', 'dialog');
  made.dataset.term = id;
  word.replaceWith(made);
  made.append(word);
}

function markText(node, seen) {
  const parent = node.parentElement, text = node.data, before = markedBefore.get(parent);
  const times = before?.text === text ? before.times : 0;
  const fresh = [...text.matchAll(anyWord)].filter(match => !seen.has(idOf(match)) && seen.add(idOf(match)));
  if (!fresh.length || times >= MOST_MARKED || /flex|grid/.test(getComputedStyle(parent).display)) return;
  markedBefore.set(parent, {text, times: times + 1});
  let rest = node, cut = 0;
  for (const match of fresh) {
    const word = rest.splitText(match.index - cut);
    rest = word.splitText(match[0].length);
    cut = match.index + match[0].length;
    wrap(word, idOf(match));
  }
}

// ---- choices whose names are words of the field ---------------------------------------------------------------------

function optionsOf(anchor) { // [text, whether it is chosen]
  const menu = anchor.querySelector('select');
  if (menu) return [...menu.options].map(option => [option.text, option.selected]);
  const holder = anchor.closest('fieldset') || anchor;
  return [...holder.querySelectorAll('label:has(input)')].map(label => [label.textContent, label.querySelector('input').checked]);
}

function termsOf(anchor) { // what is chosen first
  const options = optionsOf(anchor), own = anchor.querySelector('select') ? anchor.firstChild.data : anchor.textContent;
  const chosen = options.filter(([, now]) => now).map(([text]) => text);
  return termsIn([...chosen, own, ...options.map(([text]) => text)].join(' | ')).filter(id => !PLAIN.includes(id));
}

function askBeside(anchor) {
  const found = termsOf(anchor), next = anchor.nextElementSibling, here = next?.matches('.mv-what') ? next : null;
  if (!found.length) { here?.remove(); return; }
  const button = here || Object.assign(document.createElement('button'), {type: 'button', className: 'mv-what', textContent: '?'});
  if (button.getAttribute('aria-label') !== say(words.what)) button.setAttribute('aria-label', say(words.what));
  button.setAttribute('aria-haspopup', 'dialog');
  button.terms = () => termsOf(anchor);
  if (!here) anchor.after(button);
}

// ---- marking --------------------------------------------------------------------------------------------------------

function mark() {
  if (spoken !== document.documentElement.lang) prepare();
  for (const panel of document.querySelectorAll(PANELS)) {
    if (panel.parentElement.closest(PANELS)) continue;
    const seen = new Set([...panel.querySelectorAll('.mv-term')].map(own => own.dataset.term));
    textsOf(panel).forEach(node => markText(node, seen));
  }
  document.querySelectorAll(CHOICES).forEach(askBeside);
}

let waiting = 0;
function later() { // at most every 300 ms, and when nothing else is to do
  const idle = window.requestIdleCallback || (work => setTimeout(work, 0));
  waiting = waiting || setTimeout(() => { waiting = 0; idle(mark, {timeout: 1000}); }, 300);
}

new MutationObserver(later).observe(document.body, {childList: true, subtree: true, characterData: true});
new MutationObserver(later).observe(document.documentElement, {attributes: true, attributeFilter: ['lang']});
