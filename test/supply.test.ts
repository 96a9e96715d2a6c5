/** The look at what we are built of finds what does not belong there. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

type Members = Record<string, unknown>;
interface Built {
  readonly manifest: Members & { dependencies: Members };
  readonly lock: { packages: Record<string, Members> };
  /** The entry of one package. */
  readonly hono: Members;
}

const SCRIPT = fileURLToPath(new URL('../scripts/supply.ts', import.meta.url));
const read = (file: string) => JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));

/** What the script says of the project, changed like that. */
function look(change: (built: Built) => void): Promise<{ failed: boolean; said: string }> {
  const lock = read('package-lock.json') as Built['lock'];
  const built = { manifest: read('package.json'), lock, hono: lock.packages['node_modules/hono'] ?? {} };
  change(built);
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-supply-'));
  writeFileSync(join(dir, 'package.json'), JSON.stringify(built.manifest));
  writeFileSync(join(dir, 'package-lock.json'), JSON.stringify(built.lock));
  return new Promise((resolve) =>
    execFile(process.execPath, [SCRIPT], { cwd: dir }, (fault, _, said) => {
      rmSync(dir, { recursive: true });
      resolve({ failed: fault !== null, said });
    }),
  );
}

test('what we are built of has no faults, with the addresses of the registry as well', async () => {
  expect(await look(() => {})).toEqual({ failed: false, said: '' });
  const address = (hono: Members) => `https://registry.npmjs.org/hono/-/hono-${hono.version}.tgz`;
  expect(await look(({ hono }) => Object.assign(hono, { resolved: address(hono) }))).toMatchObject({
    failed: false,
  });
});

const REGISTRY = 'does not come from the npm registry';
test.each<[string, (built: Built) => void, string]>([
  ['git', ({ hono }) => Object.assign(hono, { resolved: 'git+ssh://git@example.com/x.git#1' }), REGISTRY],
  [
    'a host that only begins so',
    ({ hono }) => Object.assign(hono, { resolved: 'https://registry.npmjs.org.example.com/hono.tgz' }),
    REGISTRY,
  ],
  [
    "another package's address",
    ({ hono }) => Object.assign(hono, { resolved: 'https://registry.npmjs.org/evil/-/evil-4.13.19.tgz' }),
    REGISTRY,
  ],
  ['a folder', ({ hono }) => Object.assign(hono, { link: true }), REGISTRY],
  ['a version that is none', ({ hono }) => Object.assign(hono, { version: 'file:../x' }), REGISTRY],
  ['SHA-1', ({ hono }) => Object.assign(hono, { integrity: 'sha1-AAAA' }), 'no SHA-512'],
  ['an empty hash', ({ hono }) => Object.assign(hono, { integrity: 'sha512-' }), 'no SHA-512'],
  ['a licence that we may not use', ({ hono }) => Object.assign(hono, { license: 'GPL-3.0' }), 'GPL-3.0'],
  [
    'what only a tool may be under, in something else',
    ({ hono }) => Object.assign(hono, { license: 'LGPL-3.0-or-later', dev: true }),
    'LGPL-3.0-or-later',
  ],
  [
    'that tool, shipped',
    ({ lock }) => delete lock.packages['node_modules/@img/sharp-libvips-linux-x64']?.dev,
    'LGPL-3.0-or-later',
  ],
  [
    'that tool, under a third licence',
    ({ lock }) =>
      Object.assign(lock.packages['node_modules/@img/sharp-libvips-linux-x64'] ?? {}, {
        license: 'LGPL-3.0-or-later AND GPL-3.0',
      }),
    'GPL-3.0',
  ],
  ['no licence', ({ hono }) => Object.assign(hono, { license: undefined }), 'licence'],
  ['a script', ({ hono }) => Object.assign(hono, { hasInstallScript: true }), 'runs a script'],
  ['another package under its name', ({ hono }) => Object.assign(hono, { name: 'evil' }), 'evil'],
  [
    'another package under its name, deep inside',
    ({ lock, hono }) =>
      Object.assign(lock.packages, { 'node_modules/ws/node_modules/hono': { ...hono, name: 'evil' } }),
    'evil',
  ],
  ['a range', ({ manifest }) => Object.assign(manifest.dependencies, { hono: '^4.0.0' }), 'exactly'],
  ['another version locked', ({ hono }) => Object.assign(hono, { version: '4.0.0' }), 'not locked as'],
  ['overrides', ({ manifest }) => Object.assign(manifest, { overrides: { ws: '1.0.0' } }), 'overrides'],
])('%s is found', async (_, change, said) => {
  const found = await look(change);
  expect(found.failed).toBe(true);
  expect(found.said).toContain(said);
});
