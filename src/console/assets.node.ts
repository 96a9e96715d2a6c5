/** The console's own files, read once: nothing that a page loads comes from anywhere else. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Asset } from './assets.ts';

const OWN = ['icon.svg', 'console.js', 'passkey.js', 'trace.js'] as const;
/** One sheet of them, in this order. */
const STYLES = ['frame', 'panels', 'charts', 'tables', 'forms', 'gallery', 'releases', 'narrow'] as const;
const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

export function readAssets(): ReadonlyMap<string, Asset> {
  const read = (name: string) => readFileSync(new URL(`assets/${name}`, import.meta.url), 'utf8');
  const main = createRequire(import.meta.url).resolve('@simplewebauthn/browser');
  const webauthn = readFileSync(join(dirname(main), '../dist/bundle/index.umd.min.js'), 'utf8');
  const style = STYLES.map((name) => read(`${name}.css`)).join('\n');
  const files = [
    ...OWN.map((name) => [name, read(name)] as const),
    ['console.css', style],
    ['webauthn.js', webauthn],
  ] as const;
  return new Map(files.map(([name, body]) => [name, assetOf(name, body)]));
}

function assetOf(name: string, body: string): Asset {
  const version = createHash('sha256').update(body).digest('hex').slice(0, 12);
  return { type: TYPES[name.split('.').at(-1) ?? ''] ?? '', body, version };
}
