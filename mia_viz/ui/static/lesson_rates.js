// The page on base rates: of 1000 pictures some were used; at how many does a method point, and how many of them rightly?

const PICTURES = 1000, COLUMNS = 50, BLUE = '#0072B2', ORANGE = '#D55E00';

// Counts among 1000 pictures for a method's measured rates, rounded to whole pictures.
function countsOf(rates, used) {
  const found = Math.round(used * rates.found / rates.members);
  const wrong = Math.round((PICTURES - used) * rates.accused / rates.holdouts);
  return {used, found, wrong, pointed: found + wrong, missed: used - found, quiet: PICTURES - used - wrong};
}

function drawDots(canvas, counts) {
  const box = canvas.getBoundingClientRect(), scale = devicePixelRatio || 1;
  if (!box.width) return;
  Object.assign(canvas, {width: box.width * scale, height: box.height * scale});
  const pen = canvas.getContext('2d'), cell = canvas.width / COLUMNS, size = cell * .62;
  pen.lineWidth = Math.max(1, scale);
  const kinds = [[counts.found, true, true], [counts.missed, true, false], [counts.wrong, false, true], [counts.quiet, false, false]];
  let place = 0;
  for (const [count, member, pointed] of kinds) {
    pen.fillStyle = pen.strokeStyle = member ? BLUE : ORANGE;
    for (let i = 0; i < count; i++, place++) {
      const x = (place % COLUMNS + .5) * cell, y = (Math.floor(place / COLUMNS) + .5) * cell;
      pen.beginPath();
      if (member) pen.arc(x, y, size / 2, 0, 2 * Math.PI); else pen.rect(x - size / 2, y - size / 2, size, size);
      if (pointed) pen.fill(); else { pen.globalAlpha = member ? 1 : document.body.classList.contains('dark') ? .75 : .45; pen.stroke(); pen.globalAlpha = 1; }
    }
  }
}

function makeRates(part, methods, words, fill) {
  const find = name => part.querySelector('.ls-' + name), used = find('used'), method = find('method');
  find('method-name').textContent = words.method;
  find('used-name').textContent = words.used;
  method.replaceChildren(...methods.map(({title}, i) => new Option(title, i)));
  const marks = [['legendUsed', BLUE, true, true], ['legendMissed', BLUE, true, false], ['legendWrong', ORANGE, false, true], ['legendQuiet', ORANGE, false, false]];
  find('legend').replaceChildren(...marks.map(([word, colour, round, full]) => {
    const line = document.createElement('li'), mark = document.createElement('i');
    Object.assign(mark.style, {border: `2px solid ${colour}`, background: full ? colour : 'none', borderRadius: round ? '50%' : '0'});
    line.append(mark, words[word]);
    return line;
  }));
  const draw = () => {
    const rates = methods[method.value], counts = countsOf(rates, Number(used.value));
    find('count').textContent = counts.used;
    const sentence = fill(words.counted, counts);
    const share = counts.pointed ? fill(words.share, {share: Math.round(100 * counts.found / counts.pointed)}) : words.nobody;
    find('sum').textContent = `${sentence} ${share}`;
    find('measured').textContent = fill(words.measured, {...rates, hits: rates.found});
    find('dots').setAttribute('aria-label', sentence);
    drawDots(find('dots'), counts);
  };
  used.oninput = method.onchange = draw;
  return draw;
}
