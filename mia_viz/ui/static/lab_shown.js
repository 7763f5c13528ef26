// What the laboratory says of the method under a band: the answer about the picture, its AUC, who is misjudged.
// Goes with lab.js, whose `lab` and `find` it uses.

const PAPERS = ['fremia', 'fcre'];

function shown(reading, band) {
  stripPlot(find('scores'), lab, reading);
  mapPlot(find('map'), lab, band, lab.presets.filter(([id]) => PAPERS.includes(id)));
  const auc = a => a ? `${a.value.toFixed(3)}` : lab.words.none, from = a => a ? fill(lab.words.interval, {low: a.low.toFixed(3), high: a.high.toFixed(3)}) : '';
  set('auc', auc(reading.calibration), from(reading.calibration));
  set('auc-test', auc(reading.test), from(reading.test));
  set('tpr', percent(reading.found), reading.testFound === null ? '' : fill(lab.words.kept, {found: percent(reading.testFound), accused: percent(reading.testAccused)}));
  const {zone, sentence, beside} = answerOf(reading);
  find('verdict').dataset.zone = zone;
  find('sentence').textContent = sentence;
  find('frequency').textContent = beside;
  find('scores').setAttribute('aria-label', fill(lab.words.scoresAlt, {auc: auc(reading.calibration)}));
  find('map').setAttribute('aria-label', fill(lab.words.mapAlt, {lo: percent(band.lo), hi: edgeName(band.hi), auc: auc(reading.calibration)}));
  if (lab.known.detail) difficulty(reading);
}

// What may be said of the picture: nothing where the method does not tell the two groups apart under this band.
function answerOf(reading) {
  if (reading.p === null) return {zone: '', sentence: lab.words.unasked, beside: ''};
  const {value, low, high} = reading.calibration;
  if (low <= .5) {
    const numbers = {auc: value.toFixed(2), low: low.toFixed(2), high: high.toFixed(2)};
    return {zone: '', sentence: high < .5 ? lab.words.wrongWay : lab.words.guessing, beside: fill(lab.words.because, numbers)};
  }
  return {zone: zoneOf(reading), sentence: lab.known.zones[zoneOf(reading)], beside: rankSentence(reading)};
}

const rankSentence = ({atLeast, holdouts}) => lab.known.frequencies[atLeast] || fill(lab.words.rank, {k: atLeast, n: holdouts.length});

// Room for the longest that the box can say at its width, so that nothing below it jumps while the band moves.
function room() {
  const box = find('verdict');
  if (!lab.known || !box.clientWidth) return;
  const ghost = box.cloneNode(true), [sentence, beside] = ghost.children, {words, known} = lab;
  Object.assign(ghost.style, {position: 'absolute', visibility: 'hidden', minHeight: 0, width: `${box.getBoundingClientRect().width}px`});
  ghost.setAttribute('translate', 'no');
  box.after(ghost);
  const rank = rankSentence({atLeast: known.groups.holdout.length >> 1, holdouts: known.groups.holdout});
  const numbers = {auc: '0.50', low: '0.40', high: '0.60'};
  const pairs = [...Object.values(known.zones).map(text => [text, rank]), ...[words.wrongWay, words.guessing].map(text => [text, fill(words.because, numbers)])];
  const heights = pairs.map(texts => {
    [sentence.textContent, beside.textContent] = texts.map(said);
    return ghost.offsetHeight;
  });
  ghost.remove();
  box.style.minHeight = `${Math.max(...heights)}px`;
}

// AUC of the papers' own filters on the calibration pictures, by preset.
function paperAucs() {
  const papers = lab.presets.filter(([id]) => PAPERS.includes(id));
  return Object.fromEntries(papers.map(([id, , lo, hi, rest]) => {
    const weights = ringWeights(maskOf(lab.gridRho, {lo, hi, rest, shape: 'ideal'}, lab.highest), lab.ring);
    return [id, readingOf(lab.known, weights, null).calibration.value];
  }));
}

// The zones of mia_viz.verdict: by rank p-value, but never "ordinary" for a score above all others.
function zoneOf({p, atLeast}) {
  if (p <= lab.known.standsOut) return 'stands out';
  return p > lab.known.ordinary && atLeast > 0 ? 'ordinary' : 'inconclusive';
}

function set(name, value, beside) {
  find(name).textContent = value;
  find(name + '-more').textContent = beside;
}

function difficulty(reading) {
  const {w, h, ink} = sizeOf(find('without')), key = `${w} ${h} ${ink}`;
  if (lab.withoutKey !== key) difficultyPlot(find('without'), lab, plain);
  lab.withoutKey = key;
  difficultyPlot(find('with'), lab, reading);
  const {testMember, testHoldout} = lab.known.groups, tally = r => ({
    missed: testMember.filter(i => !(r.scores[i] > r.bar)).length, accused: testHoldout.filter(i => r.scores[i] > r.bar).length});
  for (const [name, r] of [['without', plain], ['with', reading]]) {
    const text = fill(lab.words.mistakes, {...tally(r), members: testMember.length, holdouts: testHoldout.length});
    find(name + '-count').textContent = text;
    find(name).setAttribute('aria-label', text);
  }
}
