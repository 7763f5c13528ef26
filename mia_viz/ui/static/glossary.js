// The glossary: a list in a dialog, and a small popover behind words on the page. Runs inside gradio's gr.HTML, which
// gives `element` and `props`; the value is mia_viz/ui/glossary.json.
//
// Words of the walk are marked by CSS highlights over ranges of text: nothing on the page is changed, so neither Svelte
// nor a translation is disturbed. The lesson's own marks (.mv-term) are elements that the keyboard reaches; for all
// other words the keyboard has the list, which begins with the words on the page.

const {words, terms} = JSON.parse(props.value), byId = new Map(terms.map(term => [term.id, term]));
const find = name => element.querySelector('.gl-' + name);
const PROSE = 'p, li, dt, dd, figcaption';
const SKIPPED = 'a, button, code, pre, svg, canvas, input, select, textarea, label, h1, h2, h3, h4, summary, dialog, [role=tab], [role=status], [role=alert], [role=button], [popover], .mv-status, .js-plotly-plot, #learn';
const PANELS = '.html-container, .prose, .lab';
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const say = text => (window.miaVizSay ? window.miaVizSay(text) : text);

// ---- the words of the page ------------------------------------------------------------------------------------------

let anyWord = null, idOf = null, spoken = null, marks = [];

function prepare() { // anew in another language
  spoken = document.documentElement.lang;
  idOf = new Map(terms.flatMap(term => term.match.map(word => [say(word).toLowerCase(), term.id])));
  const escaped = [...idOf.keys()].sort((a, b) => b.length - a.length).map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  anyWord = new RegExp(`(?<![\\p{L}\\p{N}-])(${escaped.join('|')})(?![\\p{L}\\p{N}-])`, 'giu');
}

function wordsOf(panel) { // the first occurrence of every term in a panel
  const seen = new Set(), walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT), found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || !node.parentElement.closest(PROSE) || node.parentElement.closest(SKIPPED)) continue;
    for (const match of node.data.matchAll(anyWord)) {
      const id = idOf.get(match[0].toLowerCase());
      if (seen.has(id)) continue;
      seen.add(id);
      const range = new Range();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      found.push({id, range});
    }
  }
  return found;
}

function mark() {
  if (spoken !== document.documentElement.lang) prepare();
  const panels = [...document.querySelectorAll(PANELS)].filter(panel => !panel.parentElement.closest(PANELS));
  marks = panels.flatMap(wordsOf);
  if (CSS.highlights) CSS.highlights.set('mv-term', new Highlight(...marks.map(({range}) => range)));
}

let waiting = 0;
function later() { // at most every 300 ms, and when nothing else is to do
  const idle = window.requestIdleCallback || (work => setTimeout(work, 0));
  waiting = waiting || setTimeout(() => { waiting = 0; idle(mark, {timeout: 1000}); }, 300);
}

const inside = (box, x, y) => x >= box.left - 2 && x <= box.right + 2 && y >= box.top - 2 && y <= box.bottom + 2;
const boxAt = ({range}, x, y) => [...range.getClientRects()].find(box => inside(box, x, y));
function wordAt(event) {
  const over = event.target;
  if (!CSS.highlights || !over.closest || !over.closest(PROSE) || over.closest(SKIPPED)) return null;
  const near = marks.filter(({range}) => over.contains(range.startContainer));
  return near.find(word => boxAt(word, event.clientX, event.clientY));
}

// ---- what a word means ----------------------------------------------------------------------------------------------

const bubble = document.createElement('div');
Object.assign(bubble, {className: 'mv-popover', popover: 'auto',
  innerHTML: '<h2 tabindex="-1"></h2><p></p><p></p><p></p><button type="button" class="mv-quiet mv-close"></button>'});
bubble.setAttribute('role', 'dialog');
document.body.append(bubble);
let from = null;

function explain(id, at, back) {
  const {term, field, text, where} = byId.get(id), [title, ...lines] = bubble.children;
  title.textContent = term;
  [text, fill(words.field, {field}), fill(words.seen, {where})].forEach((line, i) => { lines[i].textContent = line; });
  bubble.setAttribute('aria-label', term);
  bubble.lastElementChild.textContent = words.close;
  from = back;
  bubble.showPopover();
  const {width, height} = bubble.getBoundingClientRect();
  const top = at.bottom + 8 + height < innerHeight ? at.bottom + 8 : Math.max(8, at.top - height - 8);
  Object.assign(bubble.style, {left: `${Math.max(12, Math.min(at.left, innerWidth - width - 12))}px`, top: `${top}px`});
  title.focus({preventScroll: true});
}

bubble.lastElementChild.onclick = () => bubble.hidePopover();
bubble.addEventListener('toggle', ({newState}) => {
  const lost = document.activeElement === document.body || bubble.contains(document.activeElement);
  if (newState === 'closed' && from && lost) from.focus({preventScroll: true});
});
bubble.addEventListener('keydown', event => { if (event.key === 'Escape') event.stopPropagation(); });
document.addEventListener('click', event => {
  const own = event.target.closest?.('.mv-term'), word = own ? null : wordAt(event);
  if (own) explain(own.dataset.term, own.getBoundingClientRect(), own);
  else if (word) explain(word.id, boxAt(word, event.clientX, event.clientY), null);
});
document.addEventListener('keydown', event => {
  if (!event.target.matches?.('.mv-term') || !['Enter', ' '].includes(event.key)) return;
  event.preventDefault();
  explain(event.target.dataset.term, event.target.getBoundingClientRect(), event.target);
});
document.addEventListener('mousemove', event => { document.body.classList.toggle('mv-over-term', Boolean(wordAt(event))); });

// ---- the list -------------------------------------------------------------------------------------------------------

function entries(chosen) {
  const made = (tag, text) => Object.assign(document.createElement(tag), {textContent: text});
  const sorted = [...chosen].sort((a, b) => say(a.term).localeCompare(say(b.term)));
  return sorted.flatMap(({term, text, field, where}) => {
    const meaning = made('dd', text);
    meaning.append(made('small', fill(words.field, {field})), made('small', fill(words.seen, {where})));
    return [made('dt', term), meaning];
  });
}

function openList() {
  mark();
  const shown = new Set(marks.filter(({range}) => range.getClientRects().length).map(({id}) => id));
  document.querySelectorAll('.mv-term').forEach(own => { if (own.getClientRects().length) shown.add(own.dataset.term); });
  find('shown').replaceChildren(...entries(terms.filter(({id}) => shown.has(id))));
  find('rest').replaceChildren(...entries(terms.filter(({id}) => !shown.has(id))));
  find('here').hidden = !shown.size;
  find('others').hidden = shown.size === terms.length;
  find('list').showModal();
  element.querySelector('h2').focus();
}

for (const name of ['open', 'close', 'lead', 'here', 'others']) find(name).textContent = words[name];
element.querySelector('h2').textContent = words.title;
find('open').onclick = openList;
find('close').onclick = () => find('list').close();
new MutationObserver(later).observe(document.body, {childList: true, subtree: true, characterData: true});
new MutationObserver(later).observe(document.documentElement, {attributes: true, attributeFilter: ['lang']});
later();
