/** A gate under a policy file, before an upstream that makes a clip of every call. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ON_WORKERS, startGate, startUpstream, type TestGate, type Upstream } from './with-gate.ts';

export interface PolicyGate {
  readonly gate: TestGate;
  readonly upstream: Upstream;
  readonly token: string;
  readonly file: string;
  /** Of the policy, as rows of calls name it. */
  readonly version: number;
  /** Through the front door, with the token of `ada`. */
  call(path: string, body?: object | FormData, token?: string): Promise<Answer>;
  load(text: string): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body: {
    readonly id?: string;
    readonly code?: string;
    readonly error?: { readonly code: string; readonly message: string; readonly rules?: readonly Broken[] };
    readonly rules?: readonly Broken[];
  };
}
interface Broken {
  readonly name: string;
  readonly message: string;
}

/** `{ rules }` below `artists`, who may do anything otherwise. */
export const artists = (rules: string, more = ''): string =>
  `cohorts:\n  artists:\n    allow: [{ operations: ["*"], models: ["*"] }]\n${more}    rules:\n${rules}`;
export const rule = (name: string, on: string, check: string, mode = 'enforce'): string =>
  `      - { name: ${name}, on: "${on}", check: ${JSON.stringify(check)}, message: "No: ${name}.", mode: ${mode} }\n`;

export async function startUnder(
  policy: string,
  more = '',
  secrets: Readonly<Record<string, string>> = {},
): Promise<PolicyGate> {
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-policy-'));
  const file = join(dir, 'policy.yaml');
  writeFileSync(file, policy);
  let made = 0;
  const upstream = await startUpstream((incoming, outgoing) => {
    const id = `video_${String(++made).padStart(8, '0')}`;
    const seconds = /extensions/.test(incoming.url ?? '') ? '12' : '8';
    outgoing
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ id, object: 'video', status: 'completed', seconds, created_at: made }));
  });
  const named = ON_WORKERS ? '' : `policy: ${file}\n`;
  const gate = await startGate(upstream.url, null, named + more, secrets);
  // There are no files on Workers: there it is loaded, as its second version.
  if (ON_WORKERS)
    await gate.admin('POST', 'policy', { text: policy }).catch(async (fault) => {
      await gate.close();
      throw fault;
    });
  const token = await gate.tester('ada');
  return {
    ...{ gate, upstream, token, file, version: ON_WORKERS ? 2 : 1 },
    async call(path, body, as = token) {
      const isForm = body instanceof FormData;
      const answer = await fetch(`${gate.url}/v1${path}`, {
        method: body ? 'POST' : 'GET',
        headers: {
          authorization: `Bearer ${as}`,
          ...(body && !isForm ? { 'content-type': 'application/json' } : {}),
        },
        body: isForm ? body : body ? JSON.stringify(body) : null,
      });
      return { status: answer.status, body: (await answer.json()) as Answer['body'] };
    },
    load: (text) => gate.admin('POST', 'policy', { text }),
    async close() {
      await gate.close();
      await upstream.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function form(fields: Readonly<Record<string, string | Blob>>): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
}
