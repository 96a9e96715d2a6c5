/** Every fault of the configuration is named with its key, and the gate does not start with one. */
import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';

function faults(env: Record<string, string>, yaml: string | null = null): readonly string[] {
  try {
    readConfig(env, yaml);
  } catch (fault) {
    if (fault instanceof ConfigError) return fault.faults;
    throw fault;
  }
  return [];
}

test('without anything the demo is configured', () => {
  expect(readConfig({}, null)).toMatchObject({
    listen: '127.0.0.1:8787',
    controlListen: '127.0.0.1:8788',
    upstreamKey: null,
  });
});

test('the environment goes before the file', () => {
  expect(readConfig({ PORTCULLIS_LISTEN: '127.0.0.1:1' }, 'listen: 127.0.0.1:2').listen).toBe('127.0.0.1:1');
});

test('each fault is named with its key and its line', () => {
  const found = faults(
    {},
    'listen: nowhere\ncohorts:\n  artists:\n    allow: []\n    caps: { secnds: 10 }\n',
  );
  expect(found).toHaveLength(2);
  expect(found[0]).toMatch(/^listen \[PORTCULLIS_LISTEN\] \(line 1\): write HOST:PORT/);
  expect(found[1]).toMatch(/^cohorts\.artists\.caps\.secnds: no such key \(line 5\)/);
});

test('an unknown variable is a fault, not a silence', () => {
  expect(faults({ PORTCULLIS_LISTN: 'x' })[0]).toMatch(/^PORTCULLIS_LISTN: no such variable/);
});

test('an upstream without its key is a fault, and a key never stands in one', () => {
  expect(faults({ PORTCULLIS_UPSTREAM_URL: 'https://api.example.com' })[0]).toContain(
    'PORTCULLIS_UPSTREAM_KEY',
  );
  const key = 'bad key with spaces';
  expect(
    faults({ PORTCULLIS_UPSTREAM_URL: 'https://api.example.com', PORTCULLIS_UPSTREAM_KEY: key }).join(),
  ).not.toContain(key);
});

test('an issuer that stands twice, and a secret key in a configured set, are faults', () => {
  const issuer = (key: string) => `{ issuer: "https://idp.example", audience: a, jwks: { keys: [${key}] } }`;
  const good = issuer('{ kty: EC, alg: ES256 }');
  expect(faults({}, `issuers: [${good}]`)).toEqual([]);
  expect(faults({}, `issuers:\n  - ${good}\n  - ${good}`)[0]).toMatch(
    /^issuers\.1\.issuer \(line 3\): .*stands twice; keep one/,
  );
  expect(faults({}, `issuers: [${issuer('{ kty: EC, alg: ES256, d: c2VjcmV0 }')}]`)[0]).toMatch(
    /^issuers\.0\.jwks\.keys\.0 .*public half/,
  );
});
