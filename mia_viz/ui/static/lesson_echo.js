// A small live copy, in the lesson's card, of what a task asks to watch where the room beside the card is too small.

const echoHeight = () => Math.min(130, innerHeight * .13); // on a low screen the text keeps its room

function echoCanvas(copy, from) { // the same pixels
  if (!from.width) return;
  Object.assign(copy, {width: from.width, height: from.height});
  copy.getContext('2d').drawImage(from, 0, 0);
}

function echoPlot(copy, from) { // the drawing without its legend
  const drawing = from.querySelector('.svg-container'), inner = drawing?.querySelector('.nsewdrag');
  if (!inner || drawing.innerHTML === copy.drawn) return;
  copy.drawn = drawing.innerHTML;
  const all = drawing.getBoundingClientRect(), box = inner.getBoundingClientRect(), by = echoHeight() / box.height;
  const made = drawing.cloneNode(true);
  for (const part of made.querySelectorAll('[id], [clip-path]')) { part.removeAttribute('id'); part.removeAttribute('clip-path'); }
  for (const part of made.querySelectorAll('.infolayer, .modebar-container')) part.remove();
  Object.assign(made.style, {transformOrigin: '0 0', position: 'absolute',
    transform: `scale(${by}) translate(${all.left - box.left}px, ${all.top - box.top}px)`});
  Object.assign(copy.style, {width: `${box.width * by}px`, height: `${box.height * by}px`});
  copy.className = 'ls-plot js-plotly-plot';
  copy.replaceChildren(made);
}

const ECHOES = { // by the tag of what is copied: the copy's own tag and how it follows
  CANVAS: ['canvas', echoCanvas],
  IMG: ['img', (copy, from) => { if (copy.src !== from.src) Object.assign(copy, {src: from.src, alt: ''}); }],
  DIV: ['div', echoPlot],
};
const ECHO_TEXT = ['p', (copy, from) => { if (copy.textContent !== from.textContent) copy.textContent = from.textContent; }];

// Fills `place` with live copies of the named parts until others are named; parts that are redrawn are found again.
function makeEcho(place) {
  let copies = [], named = '';
  const draw = () => {
    for (const {selector, copy, follow} of copies) {
      const from = partsOf(selector).find(part => !place.contains(part));
      if (from) follow(copy, from);
    }
  };
  setInterval(draw, EVERY_MS);
  document.addEventListener('lab:drawn', draw);
  return selectors => {
    const found = selectors.filter(selector => partsOf(selector).length);
    if (found.join() === named) return;
    named = found.join();
    copies = found.map(selector => {
      const [tag, follow] = ECHOES[partsOf(selector)[0].tagName] || ECHO_TEXT;
      return {selector, follow, copy: document.createElement(tag)};
    });
    place.hidden = !copies.length;
    place.lastElementChild.replaceChildren(...copies.map(({copy}) => copy));
    draw();
  };
}
