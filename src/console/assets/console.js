/** What the console's pages do beyond HTML: times in the viewer's zone, live parts, copying, following. Nothing that acts needs it. */

const ZONED = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const SHORT = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** @param {ParentNode} root */
function localise(root) {
  const today = new Date().toDateString();
  for (const element of root.querySelectorAll('time[datetime]')) {
    const at = new Date(element.getAttribute('datetime') ?? '');
    if (Number.isNaN(at.getTime())) continue;
    const isMinute = element instanceof HTMLElement && element.dataset.form === 'minute';
    element.textContent = (isMinute ? MINUTE : at.toDateString() === today ? SHORT : ZONED).format(at);
  }
}

/** @param {string} text @returns {DocumentFragment} what the server made and escaped; scripts in it do not run */
function partOf(text) {
  const template = document.createElement('template');
  template.innerHTML = text;
  localise(template.content);
  return template.content;
}

/** @param {string} address */
function goLive(address) {
  const events = new EventSource(address);
  events.addEventListener('part', (event) => {
    const { id, html } = JSON.parse(event.data);
    const place = document.getElementById(id);
    // What somebody is pointing at, or working in, is left until the next time.
    if (!place || place.contains(document.activeElement)) return;
    place.replaceChildren(partOf(html));
  });
}

/** @param {HTMLElement} button */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy ?? '');
  if (!source) return;
  await navigator.clipboard.writeText(source.textContent ?? '');
  const label = button.textContent;
  button.textContent = 'Copied';
  setTimeout(() => {
    button.textContent = label;
  }, 2_000);
}

const FOLLOW_MS = 1_500;
const MOST_ROWS = 500;

/** @param {HTMLElement} body rows of a table, the newest first; `data-follow` is where newer ones come from */
async function follow(body) {
  const newest = body.querySelector('tr')?.dataset.id ?? '';
  const address = new URL(body.dataset.follow ?? '', location.href);
  if (newest) address.searchParams.set('after', newest);
  const answer = await fetch(address).catch(() => null);
  if (answer?.ok) {
    const rows = partOf(await answer.text());
    if (rows.firstElementChild) body.prepend(rows);
    for (const old of [...body.children].slice(MOST_ROWS)) old.remove();
  }
  if (!answer || answer.status < 400 || answer.status >= 500) setTimeout(follow, FOLLOW_MS, body);
}

localise(document);
document.addEventListener('part', (event) => {
  if (event.target instanceof HTMLElement) localise(event.target);
});
// On narrow screens the row of pages is longer than the screen.
document.querySelector('.side [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
document.documentElement.dataset.script = 'on';
const live = document.querySelector('[data-live]');
if (live instanceof HTMLElement) goLive(live.dataset.live ?? '');
const rows = document.querySelector('[data-follow]');
if (rows instanceof HTMLElement) follow(rows);
for (const button of document.querySelectorAll('button[data-copy]'))
  if (button instanceof HTMLElement) {
    button.hidden = false;
    button.addEventListener('click', () => copy(button));
  }
