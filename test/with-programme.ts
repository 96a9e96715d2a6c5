/** A whole programme: the gate under a policy file before the demo, people at the command line, testers' SDKs, and a browser. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { type BrowserContext, chromium } from 'playwright-core';
import { startDemo } from '../src/demo/server.ts';
import { type Outcome, run } from './cli/with-cli.ts';
import { startGate, startUpstream, type TestGate, type Upstream } from './with-gate.ts';

export interface Programme {
  readonly gate: TestGate;
  /** For files of the test. */
  readonly dir: string;
  readonly context: BrowserContext;
  /** X-Request-Id of each answer that an SDK, a player or the follower of a link got. */
  readonly answered: Set<string>;
  /** Of what this context is answered, too. */
  note(context: BrowserContext): void;
  /** While it is set, upstream sends half of a clip, and keeps the rest. */
  holdsBack: boolean;
  /** @param credential of an operator; that of the data directory when it is left out */
  cli(args: readonly string[], credential?: string): Promise<Outcome>;
  /** What a command that succeeds prints with `--json`. */
  json<T>(args: readonly string[], credential?: string): Promise<T>;
  sdk(token: string): OpenAI;
  fetch: typeof fetch;
  close(): Promise<void>;
}

const KEY = 'sk-upstream-canary-key';

/** @param policy path of the policy file */
export async function startProgramme(policy: string, more: string): Promise<Programme> {
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-programme-'));
  const demo = await startDemo({ key: KEY });
  const upstream: Upstream = await startUpstream((incoming, outgoing) => {
    const body = upstream.seen.at(-1)?.body ?? '';
    void passOn(demo.url, incoming, body, outgoing, () => programme.holdsBack);
  });
  const gate = await startGate(upstream.url, null, `policy: ${policy}\ntrace: { clips: true }\n${more}`);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const context = await browser.newContext({ baseURL: gate.url });
  const answered = new Set<string>();
  const note = (by: BrowserContext) =>
    void by.on('response', (answer) => {
      const id = answer.headers()['x-request-id'];
      if (id) answered.add(id);
    });
  note(context);
  const noting: typeof fetch = async (...asked) => {
    const answer = await fetch(...asked);
    // The SDK tries out what "fetch" can do with addresses that are nobody's.
    if (answer.url.startsWith(gate.url)) answered.add(answer.headers.get('x-request-id') ?? 'none');
    return answer;
  };
  const programme: Programme = {
    ...{ gate, dir, context, answered, note, holdsBack: false, fetch: noting },
    cli: (args, credential) =>
      run(args, {
        ...{ PORTCULLIS_CONTROL_URL: gate.control, PORTCULLIS_DATA_DIR: gate.dir },
        ...(credential === undefined ? {} : { PORTCULLIS_OPERATOR_TOKEN: credential }),
      }),
    async json(args, credential) {
      const { code, stdout, stderr } = await programme.cli([...args, '--json'], credential);
      if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stderr}`);
      return JSON.parse(stdout);
    },
    sdk: (token) => new OpenAI({ baseURL: `${gate.url}/v1`, apiKey: token, fetch: noting }),
    async close() {
      await browser.close();
      await gate.close();
      await upstream.close();
      await demo.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return programme;
}

/** To the demo and back; half of it only while a clip is held back. */
async function passOn(
  demo: string,
  { method = 'GET', url = '', headers }: IncomingMessage,
  body: string,
  outgoing: ServerResponse,
  holdsBack: () => boolean,
): Promise<void> {
  const sent = new Headers();
  for (const name of ['authorization', 'content-type', 'range'] as const)
    if (headers[name]) sent.set(name, headers[name]);
  const asked = { method, headers: sent, body: body ? Buffer.from(body, 'latin1') : null };
  const answer = await fetch(demo + url, asked);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const told = [...answer.headers].filter(([name]) =>
    /^(?:content-(?:type|range)|accept-ranges)$/.test(name),
  );
  outgoing.writeHead(answer.status, { ...Object.fromEntries(told), 'content-length': bytes.length });
  if (holdsBack() && url.includes('/content')) outgoing.write(bytes.subarray(0, bytes.length / 2));
  else outgoing.end(bytes);
}

/** A clip as somebody might show it elsewhere. The event loop goes on meanwhile. */
export async function changedByFfmpeg(clip: Uint8Array, dir: string, filters: string): Promise<string> {
  const [from, to] = [join(dir, 'own.mp4'), join(dir, 'found.mp4')];
  writeFileSync(from, clip);
  const args = [
    '-v',
    'error',
    '-y',
    '-i',
    from,
    '-vf',
    filters,
    '-crf',
    '34',
    '-pix_fmt',
    'yuv420p',
    '-an',
    to,
  ];
  await promisify(execFile)('ffmpeg', args);
  return to;
}
