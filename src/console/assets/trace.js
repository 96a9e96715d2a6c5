/** Sends a chosen or dropped clip as it lies on the disk, and shows what the server found. Without it the form does the same. */

const form = document.querySelector('form#trace');
const place = document.getElementById('traced');

/** @param {HTMLFormElement} from @param {HTMLElement} to */
function begin(from, to) {
  const input = from.elements.namedItem('file');
  const csrf = from.elements.namedItem('csrf');
  if (!(input instanceof HTMLInputElement) || !(csrf instanceof HTMLInputElement)) return;
  from.addEventListener('submit', (event) => {
    const file = input.files?.[0];
    if (!file) return;
    event.preventDefault();
    send(from, to, file, csrf.value);
  });
  /** @param {Event} event */
  const over = (event) => {
    event.preventDefault();
    from.classList.toggle('over', event.type === 'dragover');
  };
  for (const type of ['dragover', 'dragleave', 'drop']) from.addEventListener(type, over);
  from.addEventListener('drop', (event) => {
    if (!event.dataTransfer?.files.length) return;
    input.files = event.dataTransfer.files;
    from.requestSubmit();
  });
}

/** @param {HTMLFormElement} from @param {HTMLElement} to @param {File} file @param {string} csrf */
async function send(from, to, file, csrf) {
  const button = from.querySelector('button');
  if (button) button.disabled = true;
  to.replaceChildren(note('It is being looked at …', 'quiet'));
  const headers = { 'content-type': 'application/octet-stream', 'x-csrf-token': csrf };
  const answer = await fetch(from.action, { method: 'POST', headers, body: file }).catch(() => null);
  if (button) button.disabled = false;
  if (answer?.status === 401 || answer?.redirected) return location.reload();
  if (!answer) return to.replaceChildren(note('The server does not answer. Try once more.', 'fault'));
  const template = document.createElement('template');
  // What the server made and escaped; scripts in it do not run.
  template.innerHTML = await answer.text();
  to.replaceChildren(template.content);
  to.dispatchEvent(new CustomEvent('part', { bubbles: true }));
}

/** @param {string} text @param {string} name */
function note(text, name) {
  const element = document.createElement('p');
  element.className = name;
  element.textContent = text;
  return element;
}

if (form instanceof HTMLFormElement && place) begin(form, place);
