/** Links to released outputs: an id and our signature over it (HMAC-SHA256), so that guessing asks the store nothing. */

/** What tells a link from other texts, for whoever finds one. */
const PREFIX = 'psl_';
const FORM = /^psl_([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;
const ID_BYTES = 16;
const ABOUT = 'portcullis link v1\n';

export interface LinkSigner {
  newId(): string;
  /** The last part of the link's path. */
  sign(id: string): Promise<string>;
  /** The id of a link that we signed; null for any other text. */
  verify(link: string): Promise<string | null>;
}

/** @param key 32 random bytes in base64url */
export async function linkSigner(key: string): Promise<LinkSigner> {
  const bytes = fromBase64url(key);
  if (bytes.length !== 32)
    throw new Error('The file link-key in the data directory is damaged; remove it to make a new one.');
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const secret = await crypto.subtle.importKey('raw', bytes, hmac, false, ['sign', 'verify']);
  const said = (id: string) => new TextEncoder().encode(ABOUT + id);
  return {
    newId: () => base64url(crypto.getRandomValues(new Uint8Array(ID_BYTES))),
    async sign(id) {
      return `${PREFIX}${id}.${base64url(new Uint8Array(await crypto.subtle.sign('HMAC', secret, said(id))))}`;
    },
    async verify(link) {
      const [, id = '', mac = ''] = FORM.exec(link) ?? [];
      if (id === '') return null;
      // In constant time.
      const isOurs = await crypto.subtle.verify('HMAC', secret, fromBase64url(mac), said(id));
      // The last character of either carries bits that decode to nothing: one link has one spelling.
      return isOurs && base64url(fromBase64url(mac)) === mac ? id : null;
    },
  };
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}
