// The glossary: a list in a dialog, and a small popover behind words on the page. Runs inside gradio's gr.HTML, which
// gives `element` and `props`; the value is mia_viz/ui/glossary.json. Goes with glossary_words.js.

const {words, terms} = JSON.parse(props.value), byId = new Map(terms.map(term => [term.id, term]));
const find = name => element.querySelector('.gl-' + name);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const made = (tag, text, more = {}) => Object.assign(document.createElement(tag), {textContent: text, ...more});

// ---- what a word means ----------------------------------------------------------------------------------------------

const bubble = document.createElement('div');
Object.assign(bubble, {className: 'mv-popover', popover: 'auto', innerHTML: '<h2 tabindex="-1"></h2><p></p><p></p><p></p>' +
  '<p class="mv-also"></p><button type="button" class="mv-quiet mv-close"></button>'});
bubble.setAttribute('role', 'dialog');
document.body.append(bubble);
let from = null;

function explain([id, ...others], at, back) {
  const {term, field, text, where} = byId.get(id), [title, ...lines] = bubble.children;
  title.textContent = term;
  [text, fill(words.field, {field}), fill(words.seen, {where})].forEach((line, i) => { lines[i].textContent = line; });
  const turn = other => () => explain([other, id, ...others.filter(one => one !== other)], at, back);
  lines[3].hidden = !others.length;
  lines[3].replaceChildren(made('b', words.also), ...others.map(other =>
    made('button', byId.get(other).term, {type: 'button', className: 'mv-quiet', onclick: turn(other)})));
  bubble.setAttribute('aria-label', term);
  bubble.lastElementChild.textContent = words.close;
  from = back;
  bubble.showPopover();
  const {width, height} = bubble.getBoundingClientRect();
  const top = at.bottom + 8 + height < innerHeight ? at.bottom + 8 : Math.max(8, at.top - height - 8);
  Object.assign(bubble.style, {left: `${Math.max(12, Math.min(at.left, innerWidth - width - 12))}px`, top: `${top}px`});
  title.focus({preventScroll: true});
}

function open(own) {
  explain(own.terms ? own.terms() : [own.dataset.term], own.getBoundingClientRect(), own);
}

bubble.lastElementChild.onclick = () => bubble.hidePopover();
bubble.addEventListener('toggle', ({newState}) => {
  const lost = document.activeElement === document.body || bubble.contains(document.activeElement);
  if (newState === 'closed' && from && lost) from.focus({preventScroll: true});
});
bubble.addEventListener('keydown', event => { if (event.key === 'Escape') event.stopPropagation(); });
document.addEventListener('click', event => {
  const own = event.target.closest?.('.mv-term, .mv-what');
  if (own) open(own);
});
document.addEventListener('keydown', event => {
  if (!event.target.matches?.('.mv-term') || !['Enter', ' '].includes(event.key)) return;
  event.preventDefault();
  open(event.target);
});

// ---- the list -------------------------------------------------------------------------------------------------------

function entries(chosen) {
  const sorted = [...chosen].sort((a, b) => say(a.term).localeCompare(say(b.term)));
  return sorted.flatMap(({term, text, field, where}) => {
    const meaning = made('dd', text);
    meaning.append(made('small', fill(words.field, {field})), made('small', fill(words.seen, {where})));
    return [made('dt', term), meaning];
  });
}

function openList() {
  mark();
  const seen = [...document.querySelectorAll('.mv-term, .mv-what')].filter(own => own.getClientRects().length);
  const shown = new Set(seen.flatMap(own => (own.terms ? own.terms() : [own.dataset.term])));
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
later();
