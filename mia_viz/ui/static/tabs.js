// The app's tabs by their names in a link: the tab `frequency` has the element id `tab-frequency`.

const tabButton = name => document.getElementById(`tab-${name}-button`);
const tabOpen = name => tabButton(name)?.getAttribute('aria-selected') === 'true';
const tabShown = () => {
  const button = document.querySelector('#steps [role=tab][aria-selected=true]');
  return button && button.id.replace(/^tab-|-button$/g, '');
};
function openTab(name) {
  const button = tabButton(name);
  if (button && !tabOpen(name)) button.click();
  return Boolean(button);
}
