// The quiz's form: collects ten answers. Runs inside gradio's gr.HTML, which gives `element`, `trigger` and `watch`.

const form = () => element.querySelector('form');
const picked = () => [...Array(10)].map((_, i) => form().querySelector(`[name=quiz-${i + 1}]:checked`));
const ten = () => ({seed: Number(form().dataset.seed), family: form().dataset.family});

element.addEventListener('submit', event => {
  event.preventDefault();
  const given = picked(), missing = given.filter(one => !one).length;
  const said = element.querySelector('.qz-said');
  said.textContent = missing ? `${missing} of 10 pictures have no guess yet.` : '';
  if (missing) return form().querySelector(`[name=quiz-${given.findIndex(one => !one) + 1}]`).focus();
  trigger('submit', {...ten(), answers: given.map(one => one.value).join('')});
});
element.addEventListener('click', event => {
  if (event.target.closest('.qz-next')) trigger('select', ten());
});
element.addEventListener('change', event => {
  if (event.target.matches('.qz-show')) form().classList.toggle('qz-hinted', event.target.checked);
});
watch('value', () => { // the page is patched in place, so answers to the ten before would stay pressed
  form().reset();
  form().classList.remove('qz-hinted');
  element.querySelector('.qz-said').textContent = '';
  element.scrollIntoView({block: 'start'});
});
