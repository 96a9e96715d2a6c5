/** What the gate says of itself to clients that look for a token (RFC 9728). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const JWK = '{ kty: OKP, crv: Ed25519, alg: EdDSA, x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }';
let gate: TestGate;
let bare: TestGate;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
  bare = await startGate(upstream.url);
  gate = await startGate(
    upstream.url,
    undefined,
    `publicUrl: "https://gate.example/films/"
issuers:
  - { issuer: "https://idp.example", audience: a, jwks: { keys: [${JWK}] }, scope: "films:make" }
  - { issuer: "urn:tool", audience: a, jwks: { keys: [${JWK}] } }`,
  );
});
afterAll(async () => {
  await Promise.all([gate.close(), bare.close()]);
  await upstream.close();
});

test('it names the resource by the configured URL, whatever Host says, and who issues tokens', async () => {
  for (const path of [WELL_KNOWN, `${WELL_KNOWN}/films`]) {
    const answer = await fetch(`${gate.url}${path}`, { headers: { host: 'evil.example' } });
    expect(await answer.json()).toEqual({
      resource: 'https://gate.example/films/',
      resource_name: 'Portcullis',
      authorization_servers: ['https://idp.example'],
      jwks_uri: 'https://gate.example/films/.well-known/jwks.json',
      scopes_supported: ['api', 'films:make'],
      bearer_methods_supported: ['header'],
    });
  }
});

test('a challenge says where to find it', async () => {
  const answer = await fetch(`${gate.url}/v1/models`);
  expect(answer.headers.get('www-authenticate')).toBe(
    `Bearer realm="https://gate.example/films/", resource_metadata="https://gate.example${WELL_KNOWN}/films"`,
  );
});

test('without a configured URL there is none', async () => {
  expect((await fetch(`${bare.url}${WELL_KNOWN}`)).status).toBe(404);
  const answer = await fetch(`${bare.url}/v1/models`);
  expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="portcullis"');
});
