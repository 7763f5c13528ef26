// Another language for all on the page, from one catalogue of whole sentences, by the rules of mia_viz/language.py.
//
// A unit is a run of text with the inline marks in it, such as "About <>8</> of 1,000 pictures." Its text nodes keep
// their places and only their text changes, so whoever holds on to them (Svelte, Plotly, the laboratory) still can.
// In the catalogue # stands for any number, {a} for any words, which are looked up in their turn, and {A} for words
// that stay as they are, such as names of files. What is not found as a whole is looked up sentence by sentence.

const INLINE = new Set(['B', 'I', 'EM', 'STRONG', 'CODE', 'SUB', 'SUP', 'A', 'SPAN', 'SMALL', 'ABBR', 'TSPAN', 'DFN', 'BR']);
const QUIET = new Set(['SCRIPT', 'STYLE', 'TEXTAREA', 'PRE', 'NOSCRIPT']);
const ATTRIBUTES = ['placeholder', 'aria-label', 'title', 'alt', 'aria-valuetext'];
const NUMBER = /\d+(?:[.,]\d+)*/g;
const WORDS = /\p{L}{2}/u;
const MARK = /<\/?>/, TERM = 'mv-term'; // what the glossary puts around a word
const SENTENCE = /[^]+?[.!?](?:<\/>|["”)])*(?=\s|$)|[^]+$/g;
const KEPT = 'mia-viz-language', MOST = 20000;

const nodes = new WeakMap(), attributes = new WeakMap(), found = new Map(), spoken = new Set(), origins = new Map();
const kinds = new Map(), missing = new Set();
let language = 'en', exact = new Map(), patterns = [], marks = {',': ',', '.': '.'};

// ---- the catalogue ---------------------------------------------------------------------------------------------------

const tidy = text => text.replace(/\s+/g, ' ').trim();
const unmarked = text => text.replace(/<\/?>/g, '');
const escaped = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function load(catalogue, wanted) {
  const bare = [];
  exact = new Map(); patterns = [];
  for (const [source, text] of Object.entries(catalogue)) {
    if (!/\{\w\}/.test(source)) { exact.set(source, text); bare.push([unmarked(source), unmarked(text)]); continue; }
    const order = [];
    const body = source.split(/(\{\w\}|#)/).map(part => {
      if (part === '#') { order.push('#'); return '(\\d+(?:[.,]\\d+)*)'; }
      if (/^\{\w\}$/.test(part)) { order.push(part[1]); return '([^<>]+?)'; }
      return escaped(part);
    });
    patterns.push([new RegExp(`^${body.join('')}$`), order, text, source.replace(/\{\w\}/g, '').length]);
  }
  patterns.sort((a, b) => b[3] - a[3]); // the most particular first
  for (const [source, text] of bare) if (!exact.has(source)) exact.set(source, text); // the glossary's marks come and go
  const sample = Object.fromEntries(new Intl.NumberFormat(wanted).formatToParts(12345.6).map(part => [part.type, part.value]));
  marks = {',': sample.group || '', '.': sample.decimal};
}

const numeral = digits => (/\..*\./.test(digits) ? digits : digits.replace(/[.,]/g, mark => marks[mark])); // not versions
const apart = text => (marks['.'] === ',' ? text.replace(/(\d\.\d+), (?=[-+\d])/g, '$1; ') : text);
const figures = text => apart(text).replace(NUMBER, numeral);

function written(text, numbers) { // the numbers in their order; #2 is the second, and # after it the third
  let next = 0;
  return text.replace(/#(\d)?/g, (_, place) => {
    next = place ? Number(place) : next + 1;
    return numeral(numbers[next - 1] ?? '');
  });
}

function fitting(text) { // the forms of a text's kind: what differs in its numbers only is not tried against all of them again
  const kind = text.replace(NUMBER, '#');
  if (!kinds.has(kind)) kinds.set(kind, patterns.filter(([form]) => form.test(text)));
  return kinds.get(kind);
}

function whole(text) { // {text, gaps} of an entry, or null
  if (spoken.has(text)) return {text, gaps: []};
  const direct = exact.get(text);
  if (direct !== undefined) return {text: direct, gaps: []};
  const numbers = text.match(NUMBER) || [];
  const plain = numbers.length ? exact.get(text.replace(NUMBER, '#')) : undefined;
  if (plain !== undefined) return {text: written(plain, numbers), gaps: []};
  const [, open, inner, close] = /^(<>)?([^<>]*?)([.:]?(?:<\/>)?)$/.exec(text) || []; // a title that is set off or ends in a full stop
  if (inner && inner !== text && !open === !close?.endsWith('>') && exact.has(inner)) return {text: (open || '') + exact.get(inner) + close, gaps: []};
  let best = null;
  for (const [form, order, target] of fitting(text)) {
    const match = form.exec(text);
    if (!match) continue;
    const words = {}, digits = [], gaps = [];
    order.forEach((name, i) => { if (name === '#') digits.push(match[i + 1]); else words[name] = match[i + 1]; });
    const filled = written(target, digits).replace(/\{(\w)\}/g, (_, name) => {
      if (name < 'a') return words[name];
      const inner = answer(words[name]);
      gaps.push(...inner.gaps);
      return inner.text;
    });
    if (!gaps.length) return {text: filled, gaps};
    if (!best && gaps.join('').length < text.length / 2) best = {text: filled, gaps};
  }
  return best;
}

function sentences(text) { // cut after full stops, but never between a mark and its end
  const parts = [];
  let open = '';
  for (const part of text.match(SENTENCE) || []) {
    open += part;
    if (open.split('<>').length === open.split('</>').length) { parts.push(open.trim()); open = ''; }
  }
  return open ? [...parts, open.trim()] : parts;
}

function piecewise(text) { // the longest runs of sentences that are known
  const parts = sentences(text), gaps = [], said = [];
  let known = 0;
  for (let i = 0; i < parts.length;) {
    let j = parts.length, entry = null;
    for (; j > i && !entry; j--) {
      const run = parts.slice(i, j).join(' ');
      entry = WORDS.test(run) ? whole(run) : {text: figures(run), gaps: []};
    }
    if (entry) known++; else gaps.push(parts[i]);
    said.push(entry ? entry.text : parts[i]);
    if (entry) gaps.push(...entry.gaps);
    i = entry ? j + 1 : i + 1;
  }
  return parts.length > 1 && known ? {text: said.join(' '), gaps} : {text, gaps: [text]};
}

function remember(text, source) {
  for (const form of [tidy, text => tidy(unmarked(text))]) { spoken.add(form(text)); origins.set(form(text), form(source)); }
}

function answer(text) { // {text, gaps}: the text in the language in use, and what of it is in no catalogue
  const source = tidy(text), framed = other => text.replace(/^(\s*)[^]*?(\s*)$/, (_, before, after) => before + other + after);
  if (language === 'en') return {text, gaps: []};
  if (!WORDS.test(source)) return {text: figures(text), gaps: []};
  if (!found.has(source)) {
    if (found.size > MOST) { [found, spoken, origins, kinds].forEach(kept => kept.clear()); }
    const entry = whole(source) || piecewise(source);
    found.set(source, entry);
    if (!entry.gaps.length && entry.text !== source) remember(entry.text, source);
  }
  const entry = found.get(source);
  return {text: framed(entry.text), gaps: entry.gaps};
}

const note = gaps => gaps.forEach(text => missing.add(text));

function said(text) {
  const entry = answer(text);
  note(entry.gaps);
  return entry.text;
}

// ---- units of the page -----------------------------------------------------------------------------------------------

const light = element => [...element.children].every(child => INLINE.has(child.tagName.toUpperCase()) && light(child));

function unitOf(node) { // the largest run of inline text around a text node: an element, or the node alone
  let unit = node.parentElement;
  if (!unit || !light(unit)) return node;
  while (INLINE.has(unit.tagName.toUpperCase()) && unit.parentElement && light(unit.parentElement)) unit = unit.parentElement;
  return unit;
}

const source = node => { const kept = nodes.get(node); return kept && node.data === kept.shown ? kept.source : node.data; };

function write(node, text) {
  nodes.set(node, {source: source(node), shown: text});
  if (node.data !== text) node.data = text;
}

function segments(unit, terms = false) { // [[text nodes], ...] between marks, and the marks themselves
  const runs = [[]], between = [];
  (function walk(element) {
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) runs[runs.length - 1].push(child);
      else if (child.nodeType === Node.ELEMENT_NODE && !terms && child.classList.contains(TERM)) walk(child);
      else if (child.nodeType === Node.ELEMENT_NODE) {
        between.push('<>'); runs.push([]);
        walk(child);
        between.push('</>'); runs.push([]);
      }
    }
  })(unit);
  return [runs, between];
}

function place(run, text) { // a run's words go into its first node
  run.forEach((node, i) => write(node, i ? '' : text));
}

const standing = unit => segments(unit)[0].map(run => tidy(run.map(node => node.data).join(''))) // already in the language
  .every(text => !WORDS.test(text) || spoken.has(text) || answer(text).text === text);
function turn(unit) {
  const terms = language !== 'en' && unit.querySelector?.(`.${TERM}`);
  if (terms && (standing(unit) || turnWith(unit, segments(unit, true), true))) return;
  if (terms) unmark(unit);
  turnWith(unit, unit.nodeType === Node.TEXT_NODE ? [[[unit]], []] : segments(unit));
}

function turnWith(unit, [runs, between], wholly = false) { // false where it can be put wholly in the language or not at all, and cannot
  let texts = runs.map(run => run.map(source).join(''));
  const text = texts.map((part, i) => part + (between[i] || '')).join(''), origin = origins.get(tidy(text));
  if (origin) texts = origin.split(MARK); // its nodes were replaced by others, as the glossary does
  if (language === 'en' && origin) return runs.forEach((run, i) => place(run, texts[i]));
  if (language === 'en') return runs.flat().forEach(node => write(node, source(node)));
  const entry = answer(origin || text), parts = entry.text.split(MARK);
  const fits = parts.length === runs.length && runs.every((run, i) => run.length || !parts[i].trim());
  if (wholly && (!fits || entry.gaps.length)) return false;
  const alone = between.length ? texts.map(answer) : [entry], gaps = alone.flatMap(part => part.gaps);
  const apart = !fits || gaps.join('').length < entry.gaps.join('').length;
  runs.forEach((run, i) => place(run, apart ? alone[i].text : parts[i]));
  note(apart ? gaps : entry.gaps);
  return true;
}

const silent = element => !element || element.closest('[translate=no], [contenteditable=true]') || QUIET.has(element.tagName);

function unmark(root) { // the glossary marks words after they were put in another language, so its marks go before that
  for (const mark of root.querySelectorAll(`.${TERM}`)) {
    const parent = mark.parentNode;
    mark.replaceWith(...mark.childNodes);
    parent.normalize();
  }
}

function turnAttributes(element) {
  for (const name of ATTRIBUTES) {
    const now = element.getAttribute(name);
    if (!now) continue;
    const all = attributes.get(element) || {}, kept = all[name];
    const text = kept && now === kept.shown ? kept.source : now, shown = said(text);
    attributes.set(element, {...all, [name]: {source: text, shown}});
    if (shown !== now) element.setAttribute(name, shown);
  }
}

function turnTree(root) {
  if (root.nodeType === Node.TEXT_NODE) { if (!silent(root.parentElement)) turn(unitOf(root)); return; }
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  if (silent(root)) { if (root.tagName === 'TEXTAREA') turnAttributes(root); return; }
  const units = new Set();
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, {
    acceptNode: node => {
      if (node.nodeType !== Node.ELEMENT_NODE || !silent(node)) return NodeFilter.FILTER_ACCEPT;
      if (node.tagName === 'TEXTAREA') turnAttributes(node); // its placeholder, but never what was typed
      return NodeFilter.FILTER_REJECT;
    },
  });
  for (let node = walker.currentNode; node; node = walker.nextNode()) {
    if (node.nodeType === Node.ELEMENT_NODE) turnAttributes(node);
    else if (node.data.trim() || nodes.has(node)) units.add(unitOf(node));
  }
  units.forEach(turn);
}

// ---- following the page and the visitor ------------------------------------------------------------------------------

const observer = new MutationObserver(records => {
  if (language === 'en') return;
  const touched = new Set();
  for (const record of records) {
    if (record.type === 'characterData') {
      const kept = nodes.get(record.target);
      if (!kept || kept.shown !== record.target.data) touched.add(record.target);
    } else if (record.type === 'attributes') { if (!silent(record.target)) turnAttributes(record.target); }
    else record.addedNodes.forEach(node => touched.add(node));
  }
  touched.forEach(node => { if (node.isConnected) turnTree(node); });
});

function speak(wanted) {
  language = wanted;
  document.documentElement.lang = wanted;
  [found, spoken, kinds, missing].forEach(kept => kept.clear());
  for (const button of element.querySelectorAll('button')) button.setAttribute('aria-pressed', String(button.lang === wanted));
  unmark(document.body);
  turnTree(document.body);
  window.dispatchEvent(new Event('resize')); // what is drawn on a canvas is drawn again
}

function choose(wanted) {
  try { localStorage.setItem(KEPT, wanted); } catch { /* no storage: for this page only */ }
  if (wanted === 'en' || JSON.parse(props.value || '{}').language === wanted) speak(wanted);
  else trigger('select', {language: wanted});
}

function arrive() {
  const sent = JSON.parse(props.value || '{}');
  if (!sent.language) return;
  load(sent.words, sent.language);
  speak(sent.language);
}

function first() {
  const known = [...element.querySelectorAll('button')].map(button => button.lang);
  let kept = null;
  try { kept = localStorage.getItem(KEPT); } catch { /* no storage */ }
  const wishes = [new URLSearchParams(location.search).get('lang'), kept, (navigator.language || '').slice(0, 2)];
  const wanted = wishes.find(name => known.includes(name)) || 'en';
  if (wanted !== 'en') choose(wanted);
}

window.miaVizSay = said;
window.miaVizMissing = () => [...missing];
element.addEventListener('click', event => { const button = event.target.closest('button'); if (button) choose(button.lang); });
observer.observe(document.body, {childList: true, characterData: true, subtree: true, attributes: true, attributeFilter: ATTRIBUTES});
watch('value', arrive);
first();
