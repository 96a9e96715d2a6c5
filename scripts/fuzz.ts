/**
 * Coverage-guided fuzzing of the two parsers that stand in front of everything: the token's text and the canonical path.
 * V8's block coverage guides it: an input that reaches something new is kept and mutated on. Properties, not only crashes,
 * are held: what is taken must be what every other reader would take.
 *
 *   npm run fuzz             a minute for each
 *   SECONDS=600 npm run fuzz
 */
import { Session } from 'node:inspector/promises';
import { isCanonicalPath } from '../src/gateway/guard.ts';
import { Refusal } from '../src/refusal.ts';
import { readToken } from '../src/token/text.ts';

const SECONDS = Number(process.env.SECONDS ?? 60);
const ROUND = 2_000;
const TOKENS = [
  '/',
  '.',
  '..',
  '%2e',
  '%2F',
  '%00',
  ';',
  '\\',
  '//',
  '=',
  ' ',
  '\n',
  '\u0000',
  'é',
  '"',
  '{}',
  'eyJ',
  '-',
  '_',
  '+',
];

interface Target {
  readonly name: string;
  readonly file: RegExp;
  readonly seeds: readonly string[];
  /** @throws Error when the guarantee does not hold */
  readonly run: (input: string) => void;
}

const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const TOKEN = `${b64({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k' })}.${b64({ iss: 'i', sub: 's', aud: 'a', exp: 2, iat: 1, jti: 'j', client_id: 'c' })}.${'A'.repeat(86)}`;

const TARGETS: readonly Target[] = [
  {
    name: 'path',
    file: /src\/gateway\/guard\.ts$/,
    seeds: [
      '/v1/models',
      '/v1/videos/video_1/content',
      '/v1/%2e%2e/admin',
      '/v1//x',
      '/a;b',
      '/v1/..%2f',
      '/',
    ],
    run(path) {
      if (!isCanonicalPath(path)) return;
      const url = new URL(`http://gate.test${path}`);
      if (url.pathname !== path || url.hash || url.search)
        throw new Error(`the URL parser reads ${url.href}`);
      if (decodeURIComponent(path) !== path) throw new Error('it decodes to another path');
      if (
        path
          .split('/')
          .slice(1)
          .some((part, i, all) => (part === '' && all.length > 1) || /^\.{1,2}$/.test(part) || i < 0)
      )
        throw new Error('it has an empty or a dot segment');
    },
  },
  {
    name: 'token',
    file: /src\/(?:token\/text|json)\.ts$/,
    seeds: [TOKEN, `${TOKEN}=`, TOKEN.replace('.', '..'), ` ${TOKEN}`, 'a.b.c'],
    run(text) {
      try {
        readToken(text);
      } catch (fault) {
        if (fault instanceof Refusal && fault.code === 'token_invalid') return;
        throw fault;
      }
      const parts = text.split('.');
      if (parts.length !== 3) throw new Error('it has not three parts');
      for (const part of parts)
        if (Buffer.from(part, 'base64url').toString('base64url') !== part)
          throw new Error('a part is not canonical');
      const [header, claims] = parts.map((part) => Buffer.from(part, 'base64url').toString());
      JSON.parse(header ?? '');
      JSON.parse(claims ?? '');
    },
  },
];

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
let failed = false;
for (const target of TARGETS) failed = !(await fuzz(target)) || failed;
process.exit(failed ? 1 : 0);

async function fuzz({ name, file, seeds, run }: Target): Promise<boolean> {
  const corpus = [...seeds];
  const seen = new Set<string>();
  const until = Date.now() + SECONDS * 1000;
  let runs = 0;
  while (Date.now() < until) {
    const batch = Array.from({ length: ROUND }, () => mutated(corpus));
    for (const input of batch) {
      runs++;
      try {
        run(input);
      } catch (fault) {
        console.error(`${name}: ${JSON.stringify(input)}\n  ${fault instanceof Error ? fault.stack : fault}`);
        return false;
      }
    }
    // Found to reach something new as a batch: its inputs are looked at one by one.
    if (await reachesNew(file, seen)) {
      for (const input of batch) {
        run(input);
        if (await reachesNew(file, seen)) corpus.push(input);
      }
      corpus.push(...batch.slice(0, 8));
    }
  }
  console.log(
    `${name}: ${runs.toLocaleString('en-GB')} inputs, ${corpus.length} kept, ${seen.size} blocks reached, nothing found`,
  );
  return true;
}

async function reachesNew(file: RegExp, seen: Set<string>): Promise<boolean> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const before = seen.size;
  for (const script of result.filter(({ url }) => file.test(url)))
    for (const { ranges } of script.functions)
      for (const { startOffset, endOffset, count } of ranges)
        if (count > 0)
          seen.add(
            `${script.url}:${startOffset}-${endOffset}:${Math.min(8, Math.ceil(Math.log2(count + 1)))}`,
          );
  return seen.size > before;
}

function mutated(corpus: readonly string[]): string {
  let text = pick(corpus);
  for (let n = 1 + Math.floor(Math.random() * 4); n > 0; n--) text = mutation(text, corpus);
  return text.slice(0, 2_048);
}

function mutation(text: string, corpus: readonly string[]): string {
  const at = Math.floor(Math.random() * (text.length + 1));
  switch (Math.floor(Math.random() * 6)) {
    case 0:
      return text.slice(0, at) + pick(TOKENS) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + Math.floor(Math.random() * 4));
    case 2:
      return text.slice(0, at) + String.fromCharCode(Math.floor(Math.random() * 256)) + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + pick(corpus).slice(Math.floor(Math.random() * 32));
    case 4:
      return text.slice(0, at) + text.slice(Math.max(0, at - 8), at) + text.slice(at);
    default:
      return text.toUpperCase() === text ? text.toLowerCase() : text;
  }
}

function pick(all: readonly string[]): string {
  return all[Math.floor(Math.random() * all.length)] ?? '';
}
