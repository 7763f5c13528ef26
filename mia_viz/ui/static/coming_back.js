// Asks whether a visitor's picture was let go: when the page was left alone for that long, when it is touched after
// some minutes of rest, and when the server has refused something for that reason. Runs inside gradio's gr.HTML.

{
  const kept = 1000 * KEPT_SECONDS, rest = Math.min(kept / 3, 300000);
  let last = Date.now(), asked = 0;
  const alone = () => Date.now() - last;
  const ask = touched => {
    if (Date.now() - asked < 1000) return;
    asked = Date.now();
    trigger('select', {touched});
  };
  new PerformanceObserver(list => {
    for (const {name, responseStatus} of list.getEntries()) {
      if (!name.includes('/queue/join')) continue;
      last = Date.now();
      if (responseStatus === 409) ask(false);
    }
  }).observe({type: 'resource'});
  for (const kind of ['pointerdown', 'keydown', 'wheel', 'dragenter']) {
    document.addEventListener(kind, () => { if (alone() > rest) ask(true); }, {capture: true, passive: true});
  }
  setInterval(() => { if (alone() > kept) ask(false); }, Math.min(kept / 8, 10000)); // a sleeping machine asks when it wakes
}
