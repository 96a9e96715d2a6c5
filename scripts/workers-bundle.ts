/**
 * The Worker as one module, the same for wrangler (its custom build, with `no_bundle`) and for the tests: this script writes
 * dist/worker.js, and the console's files to dist/assets. What of our libraries is never reached is left out, and throws where it is reached all the same.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';
import * as zod from 'zod';
import { readAssets } from '../src/console/assets.node.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(ROOT, 'dist/worker.js');
const ASSETS_OUT = join(ROOT, 'dist/assets');
const library = (path: string) => join(ROOT, 'node_modules', path);
const passkeys = (path: string) => library(`@simplewebauthn/server/esm/${path}`);

/** Packages that come whole, of which we name a part. */
const SLIM: Readonly<Record<string, () => string>> = {
  // Required by an older package, where only an import can be.
  util: () => `export * from 'node:util'; export { default } from 'node:util';`,
  zod: () => `import * as z from 'zod-we-use'; export { z };`,
  'zod-we-use': () => `export { ${namesOfZod()} } from '${library('zod/v4/classic/external.js')}';`,
  '@simplewebauthn/server': () =>
    ['authentication/generateAuthenticationOptions', 'authentication/verifyAuthenticationResponse']
      .concat(['registration/generateRegistrationOptions', 'registration/verifyRegistrationResponse'])
      .map((file) => `export * from '${passkeys(`${file}.js`)}';`)
      .join('\n'),
};

/** Files of libraries that nothing of ours reaches. */
const LEFT_OUT: readonly RegExp[] = [
  // JSON Schema: our OpenAPI document is not made from it.
  /\/zod\/v4\/core\/(?:to-json-schema|json-schema-processors)\.js$/,
  // Attestation: we ask for none, so the statement is `none` and holds no certificate; every other form of it is refused.
  /\/@simplewebauthn\/server\/esm\/registration\/verifications\/(?:tpm\/)?verifyAttestation\w+\.js$/,
  /\/@simplewebauthn\/server\/esm\/helpers\/(?:convertX509PublicKeyToCOSE|getCertificateInfo|isCertRevoked|validateCertificatePath)\.js$/,
  /\/@simplewebauthn\/server\/esm\/(?:metadata\/(?:parseJWT|verify\w+)|services\/defaultRootCerts\/[\w-]+)\.js$/,
  // YAML is read, and never written.
  /\/yaml\/browser\/dist\/stringify\/\w+\.js$/,
  // Queries over relations; we declare none.
  /\/drizzle-orm\/(?:relations|sqlite-core\/query-builders\/query)\.js$/,
];

/** Files in the place of which there is another of ours. */
const REPLACED: Readonly<Record<string, string>> = {
  [join(ROOT, 'src/turn.ts')]: 'src/turn.worker.ts',
  [join(ROOT, 'src/log/parquet.ts')]: 'src/log/parquet.worker.ts',
  [library('lru-cache/dist/esm/browser/index.min.js')]: 'src/token/lru-cache.worker.ts',
  // With a reader of all ASN.1, for two numbers.
  [passkeys('helpers/iso/isoCrypto/unwrapEC2Signature.js')]: 'src/admin/ecdsa-signature.worker.ts',
};

/** Every rule of the above. */
export const DIET: readonly RegExp[] = [
  ...LEFT_OUT,
  ...Object.keys(REPLACED).map((path) => new RegExp(`^${RegExp.escape(path)}$`)),
  ...Object.keys(SLIM).map((name) => new RegExp(`^\0${RegExp.escape(name)}$`)),
];

/** @param changed hears of each file that is not in it as it came */
const diet = (changed: (id: string) => void): Plugin => ({
  name: 'diet',
  resolveId(id) {
    if (Object.hasOwn(SLIM, id)) return `\0${id}`;
    return id.endsWith(WHOLE) ? id : null;
  },
  load(id) {
    if (id.endsWith(WHOLE)) return readFileSync(id.slice(0, -WHOLE.length), 'utf8');
    const text = changedText(id);
    if (text !== null) changed(id);
    return text;
  },
});

function changedText(id: string): string | null {
  if (id.startsWith('\0') && Object.hasOwn(SLIM, id.slice(1))) return SLIM[id.slice(1)]?.() ?? null;
  const ours = REPLACED[id];
  if (ours !== undefined) return `export * from '${join(ROOT, ours)}';`;
  return LEFT_OUT.some((file) => file.test(id)) ? leftOut(id) : null;
}

/** Of what is left out what is reached after all; it comes from the whole file, under another name. */
const KEPT = /^aggregateChecks$/;
const WHOLE = '?whole';
const DECLARED = /^export (?:async )?(?:function\*?|const|class) (\w+)/gm;
const LISTED = /^export \{([^}]*)\};/gm;

function leftOut(path: string): string {
  const text = readFileSync(path, 'utf8');
  const listed = [...text.matchAll(LISTED)].flatMap(([, list = '']) => list.split(','));
  const names = [...text.matchAll(DECLARED)].map(([, name = '']) => name).concat(listed);
  const exported = names.map((name) => name.trim().split(' as ').at(-1) ?? '');
  const kept = exported
    .filter((name) => KEPT.test(name))
    .map((name) => `export { ${name} } from '${path}${WHOLE}';`);
  const others = exported.filter((name) => !KEPT.test(name)).map((name) => `leftOut as ${name}`);
  const what = path.slice(library('').length);
  return `${kept.join('')} function leftOut() { throw new Error('${what} is left out on Workers'); } export { ${others.join(', ')} };`;
}

function namesOfZod(): string {
  const texts = globSync('src/**/*.ts', { cwd: ROOT }).map((file) => readFileSync(join(ROOT, file), 'utf8'));
  const used = texts.flatMap((text) => [...text.matchAll(/\bz\s*\.\s*(\w+)/g)].map(([, name = '']) => name));
  return [...new Set(used)].filter((name) => name !== 'core' && Object.hasOwn(zod.z, name)).join(', ');
}

export interface Bundle {
  readonly text: string;
  /** Files that are not in it as they came. */
  readonly changed: readonly string[];
  readonly inputs: readonly string[];
  readonly externals: readonly string[];
}

export async function bundleWorker(entry = 'src/worker.ts'): Promise<Bundle> {
  const changed: string[] = [];
  const bundle = await rolldown({
    ...{
      cwd: ROOT,
      input: join(ROOT, entry),
      platform: 'neutral',
      plugins: [diet((id) => changed.push(id))],
    },
    resolve: { mainFields: ['module', 'main'], conditionNames: ['workerd', 'worker', 'browser', 'import'] },
    external: [/^node:/, /^cloudflare:/],
    transform: {
      define: { MIGRATIONS: JSON.stringify(migrations()), ASSETS: JSON.stringify(addressed()) },
    },
    onLog(_, { message }) {
      throw new Error(message);
    },
  });
  const { output } = await bundle.generate({
    format: 'esm',
    minify: true,
    comments: false,
    codeSplitting: false,
  });
  const [{ code, modules, imports }] = output;
  return { text: code, changed, inputs: Object.keys(modules), externals: [...imports].sort() };
}

/** The console's files without what is in them: that is served by the binding. */
function addressed() {
  return [...readAssets()].map(([name, asset]) => [name, { ...asset, body: '' }]);
}

export function migrations(): { tag: string; sql: string }[] {
  const read = (file: string) => readFileSync(join(ROOT, 'migrations', file), 'utf8');
  const { entries } = JSON.parse(read('meta/_journal.json')) as { entries: { tag: string }[] };
  return entries.map(({ tag }) => ({ tag, sql: read(`${tag}.sql`) }));
}

if (import.meta.main) {
  const { text } = await bundleWorker();
  rmSync(ASSETS_OUT, { recursive: true, force: true });
  mkdirSync(ASSETS_OUT, { recursive: true });
  writeFileSync(OUT, text);
  for (const [name, { body }] of readAssets()) writeFileSync(join(ASSETS_OUT, name), body);
}
