/** A real OpenID provider on this machine, and a person who signs in at it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export interface Person {
  readonly sub: string;
  readonly preferred_username: string;
  readonly roles: readonly string[] | string;
}

export const CLIENT = { id: 'portcullis', secret: 'the secret of the client, long enough' } as const;

export async function startProvider(redirectUri: string) {
  const people = new Map<string, Person>();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirectUri] }],
    claims: { openid: ['sub'], profile: ['preferred_username', 'roles'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['of this test only'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, ...people.get(id) }),
    }),
  });
  provider.on('server_error', (_, fault) => console.error(fault));
  const handle = provider.callback();
  server.on('request', (incoming, outgoing) => void handle(incoming, outgoing));
  return {
    issuer,
    people,
    /** Follows the provider's pages from the address that we sent the browser to. @returns where it sends it back */
    async signIn(url: string, sub: string): Promise<URL> {
      const jar = new Map<string, string>();
      const visit = async (target: URL, form?: Record<string, string>) => {
        const answer = await fetch(target, {
          redirect: 'manual',
          headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
          ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
        });
        for (const line of answer.headers.getSetCookie()) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          jar.set(name, value);
        }
        return answer;
      };
      let at = new URL(url);
      for (let hops = 0; hops < 12; hops++) {
        const page = await visit(at);
        const onwards = page.headers.get('location');
        if (onwards !== null) {
          at = new URL(onwards, at);
          if (at.href.startsWith(redirectUri)) return at;
          continue;
        }
        const html = await page.text();
        const prompt = /name="prompt" value="(\w+)"/.exec(html)?.[1];
        if (!prompt) throw new Error(`no form: ${page.status} ${html.slice(0, 300)}`);
        const answer = await visit(at, { prompt, login: sub, password: 'any' });
        at = new URL(answer.headers.get('location') ?? '', at);
      }
      throw new Error('the provider goes round in circles');
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
