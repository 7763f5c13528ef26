// "Open it again", wherever a sentence says that a visitor's model was let go: turns to the page Your model, where it
// can be followed, and presses the button there.

document.addEventListener('click', event => {
  if (!event.target.closest?.('.mv-again')) return;
  document.getElementById('tab-own-button')?.click();
  setTimeout(() => document.querySelector('#own-again')?.click(), 100);
});
