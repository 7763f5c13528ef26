// Gradio calls every picture of the gallery "Thumbnail 1 of 18"; without that its name is the picture's own.

const bare = () => document.querySelectorAll('#gallery button[aria-label]').forEach(button => {
  if (button.querySelector('img[alt]:not([alt=""])')) button.removeAttribute('aria-label');
});
const rewatch = () => {
  const gallery = document.querySelector('#gallery');
  if (!gallery) return setTimeout(rewatch, 200);
  new MutationObserver(bare).observe(gallery, {subtree: true, childList: true, attributeFilter: ['aria-label', 'alt']});
  bare();
};
rewatch();
