/** As much of a browser as the admin API meets: it keeps the cookie, says where its page is from, and sends the token. */
import type { Admin } from './with-admin.ts';

export const ORIGIN = 'http://localhost';

export type Browser = ReturnType<typeof browserOf>;

export function browserOf(
  { app }: { readonly app: Pick<Admin['app'], 'request'> },
  cookie = '',
  origin = ORIGIN,
) {
  const jar = new Map<string, string>();
  if (cookie) jar.set(...(cookie.split('=', 2) as [string, string]));
  let csrf: string | undefined;
  const kept = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const keep = (answer: Response) => {
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /Max-Age=0/.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
  };
  async function send(
    method: string,
    path: string,
    json?: object,
    more: Record<string, string | undefined> = {},
  ): Promise<Response> {
    const given = { origin, cookie: kept(), 'x-csrf-token': csrf, ...more };
    const headers = Object.entries({ ...given, ...(json ? { 'content-type': 'application/json' } : {}) });
    const answer = await app.request(`${origin}${path}`, {
      method,
      headers: headers.filter((one): one is [string, string] => Boolean(one[1])),
      ...(json ? { body: JSON.stringify(json) } : {}),
    });
    keep(answer);
    return answer;
  }
  const browser = {
    get cookie() {
      return kept();
    },
    get csrf() {
      return csrf;
    },
    send,
    get: (path: string) => send('GET', path, undefined, { origin: undefined, 'x-csrf-token': undefined }),
    post: (path: string, json?: object, more?: Record<string, string | undefined>) =>
      send('POST', path, json, more),
    delete: (path: string) => send('DELETE', path),
    async signIn(link: string) {
      const answer = await send('POST', '/admin/sessions', { link });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      await browser.look();
    },
    /** What a page does after a sign-in. */
    async look() {
      csrf = (await (await browser.get('/admin/me')).json()).csrf;
    },
  };
  return browser;
}
