/** Passkeys: signing in with one, and making one. The only part of the console that cannot do without script. */

/** @type {{ startAuthentication(o: object): Promise<object>, startRegistration(o: object): Promise<object> }} */
const webauthn = Reflect.get(globalThis, 'SimpleWebAuthnBrowser');

/** @param {string} path @param {object} [body] */
async function post(path, body) {
  const csrf = document.querySelector('[data-csrf]')?.getAttribute('data-csrf');
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(csrf ? { 'x-csrf-token': csrf } : {}) },
    body: JSON.stringify(body ?? {}),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail ?? told.title);
  return told;
}

/** @param {HTMLElement} button */
async function signIn(button) {
  const optionsJSON = await post('/admin/sessions/passkey/options');
  const response = await webauthn.startAuthentication({ optionsJSON });
  await post('/admin/sessions/passkey', { response });
  location.assign(button.dataset.next ?? '/console');
}

/** @param {HTMLElement} button */
async function make(button) {
  const name = document.getElementById('passkey-name');
  const optionsJSON = await post('/admin/passkeys/options');
  const response = await webauthn.startRegistration({ optionsJSON });
  const label = name instanceof HTMLInputElement ? name.value : '';
  await post('/admin/passkeys', { label, response });
  location.assign(button.dataset.next ?? '/console');
}

/** @param {string} id @param {(button: HTMLElement) => Promise<void>} act */
function offer(id, act) {
  const button = document.getElementById(id);
  if (!button) return;
  button.hidden = false;
  button.addEventListener('click', () =>
    act(button).catch((fault) => {
      const place = document.getElementById('passkey-fault');
      if (place) [place.textContent, place.hidden] = [fault.message, false];
    }),
  );
}

offer('passkey-sign-in', signIn);
offer('passkey-make', make);

// The secret of a one-time link stands behind its "#", so that it reaches no log; here it leaves the address, too.
const link = document.getElementById('link');
if (link instanceof HTMLInputElement && location.hash.length > 1) {
  link.value = location.hash.slice(1);
  history.replaceState(null, '', location.pathname + location.search);
  document.getElementById('link-sign-in')?.focus();
}
