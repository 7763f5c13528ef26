// The server's part of the laboratory, as JSON of finished HTML by name. The folds themselves never change, so what a
// visitor has opened stays open while the band moves.
function fillIn() {
  const parts = JSON.parse(props.value || '{}');
  element.querySelector('.lab-more').hidden = !Object.keys(parts).length;
  for (const place of element.querySelectorAll('[data-part]')) {
    const html = parts[place.dataset.part] || '';
    place.parentElement.hidden = !html;
    if (place.innerHTML !== html) place.innerHTML = html;
  }
}
watch('value', fillIn);
fillIn();
