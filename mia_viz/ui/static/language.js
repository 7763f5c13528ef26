// Another language for everything on the page, from one catalogue of whole sentences (mia_viz/ui/words/*.json).
//
// A unit is a run of text with the inline marks in it, such as "About <>8</> of 1,000 pictures." Its text nodes keep
// their places and only their text changes, so whoever holds on to them (Svelte, Plotly, the laboratory) still can.
// In the catalogue # stands for any number and {a} for any words, which are looked up in their turn.

const INLINE = new Set(['B', 'I', 'EM', 'STRONG', 'CODE', 'SUB', 'SUP', 'A', 'SPAN', 'SMALL', 'ABBR', 'TSPAN', 'DFN', 'BR']);
const QUIET = new Set(['SCRIPT', 'STYLE', 'TEXTAREA', 'PRE', 'NOSCRIPT']);
const ATTRIBUTES = ['placeholder', 'aria-label', 'title', 'alt', 'aria-valuetext'];
const NUMBER = /\d+(?:[.,]\d+)*/g;
const KEPT = 'mia-viz-language';

const nodes = new WeakMap(), attributes = new WeakMap(), found = new Map();
const missing = new Set();
let language = 'en', exact = new Map(), patterns = [];

// ---- the catalogue ---------------------------------------------------------------------------------------------------

const tidy = text => text.replace(/\s+/g, ' ').trim();
const escaped = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function load(catalogue) {
  exact = new Map(); patterns = []; found.clear(); missing.clear();
  for (const [source, text] of Object.entries(catalogue)) {
    if (!/\{\w\}/.test(source)) { exact.set(source, text); continue; }
    const order = [];
    const body = source.split(/(\{\w\}|#)/).map(part => {
      if (part === '#') { order.push('#'); return '(\\d+(?:[.,]\\d+)*)'; }
      if (/^\{\w\}$/.test(part)) { order.push(part[1]); return '([^]+?)'; }
      return escaped(part);
    });
    patterns.push([new RegExp(`^${body.join('')}$`), order, text, source.replace(/\{\w\}/g, '').length]);
  }
  patterns.sort((a, b) => b[3] - a[3]); // the most particular first
}

const numeral = digits => digits.replace(/[.,]/g, mark => (mark === '.' ? ',' : '.'));

function written(text, numbers) { // the numbers in their order, or #2 for the second
  let next = 0;
  return text.replace(/#(\d)?/g, (_, place) => numeral(numbers[place ? place - 1 : next++] ?? ''));
}

function look(text) {
  const direct = exact.get(text);
  if (direct !== undefined) return direct;
  const numbers = text.match(NUMBER) || [];
  const plain = numbers.length ? exact.get(text.replace(NUMBER, '#')) : undefined;
  if (plain !== undefined) return written(plain, numbers);
  for (const [form, order, target] of patterns) {
    const match = form.exec(text);
    if (!match) continue;
    const words = {}, digits = [];
    order.forEach((name, i) => { if (name === '#') digits.push(match[i + 1]); else words[name] = match[i + 1]; });
    return written(target, digits).replace(/\{(\w)\}/g, (_, name) => said(words[name]));
  }
  return null;
}

function said(text) { // the text in the language in use, or itself
  const source = tidy(text);
  if (language === 'en' || !/\p{L}{2}/u.test(source)) return text;
  if (!found.has(source)) found.set(source, look(source));
  const other = found.get(source);
  if (other === null) { missing.add(source); return text; }
  return text.replace(/^(\s*)[^]*?(\s*)$/, (_, before, after) => before + other + after);
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

function segments(unit) { // [[text nodes], ...] between marks, and the marks themselves
  const runs = [[]], marks = [];
  (function walk(element) {
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) runs[runs.length - 1].push(child);
      else if (child.nodeType === Node.ELEMENT_NODE) {
        marks.push('<>'); runs.push([]);
        walk(child);
        marks.push('</>'); runs.push([]);
      }
    }
  })(unit);
  return [runs, marks];
}

function place(run, text) { // a run's words go into its first node
  run.forEach((node, i) => write(node, i ? '' : text));
}

function turn(unit) {
  if (unit.nodeType === Node.TEXT_NODE) return write(unit, said(source(unit)));
  const [runs, marks] = segments(unit);
  const texts = runs.map(run => run.map(source).join(''));
  if (language === 'en') return runs.flat().forEach(node => write(node, source(node)));
  const whole = texts.map((text, i) => text + (marks[i] || '')).join('');
  const before = missing.size, other = marks.length ? said(whole) : null, parts = other && other.split(/<\/?>/);
  if (parts && other !== whole && parts.length === runs.length) return runs.forEach((run, i) => place(run, parts[i]));
  const halves = texts.map(said);
  if (marks.length && missing.size > before && texts.every((t, i) => halves[i] !== t || !/\p{L}{2}/u.test(t))) missing.delete(tidy(whole));
  else if (marks.length && missing.size > before) texts.forEach(text => missing.delete(tidy(text)));
  runs.forEach((run, i) => { if (run.length) place(run, halves[i]); });
}

const silent = element => !element || element.closest('[translate=no], [contenteditable=true]') || QUIET.has(element.tagName);

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
  if (root.nodeType !== Node.ELEMENT_NODE || silent(root)) return;
  const units = new Set();
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, {
    acceptNode: node => (node.nodeType === Node.ELEMENT_NODE && silent(node) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT),
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
  found.clear(); missing.clear();
  for (const button of element.querySelectorAll('button')) button.setAttribute('aria-pressed', String(button.lang === wanted));
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
  load(sent.words);
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
