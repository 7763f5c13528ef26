// What a sheet of paper needs that a style sheet cannot give: the light look, charts drawn anew at the sheet's width
// and the caveats open. Runs inside gradio's gr.HTML; everything is as before when the sheet is done.

const SHEET = 680; // CSS pixels between the margins of A4 (print.css)
const CAVEATS = '#answer details:not([open])';
let onPaper = null;

const charts = () => [...document.querySelectorAll('.js-plotly-plot')].filter(part => part._fullLayout && part.getClientRects().length);
const sized = (part, size) => { if (window.Plotly) window.Plotly.relayout(part, size); };

// A modal dialog lies above the page and is cut at the foot of the first sheet; a plain one is part of the page.
function shownAs(list, show) { list.close(); list[show](); }

function toPaper() { // told of a print twice, by the event and by the medium
  if (onPaper) return;
  onPaper = {dark: document.body.classList.contains('dark'), list: document.querySelector('dialog:modal'),
    opened: [...document.querySelectorAll(CAVEATS)], drawn: charts()};
  document.body.classList.remove('dark');
  if (onPaper.list) shownAs(onPaper.list, 'show');
  onPaper.opened.forEach(part => { part.open = true; });
  onPaper.drawn.forEach(part => sized(part, {width: SHEET, autosize: false}));
}

function toScreen() {
  if (!onPaper) return;
  const {dark, opened, drawn, list} = onPaper;
  onPaper = null;
  document.body.classList.toggle('dark', dark);
  opened.forEach(part => { part.open = false; });
  if (list && list.open) shownAs(list, 'showModal');
  drawn.filter(part => part.isConnected).forEach(part => sized(part, {width: null, autosize: true}));
}

addEventListener('beforeprint', toPaper);
addEventListener('afterprint', toScreen);
matchMedia('print').addEventListener('change', ({matches}) => (matches ? toPaper() : toScreen()));
