/** Where the control listener is, which credential to show it, and what its answers mean for a command. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientResponse } from 'hono/client';
import { type AdminClient, createClient } from '../admin/client.ts';
import { Fault, Refused, Unreachable } from './exit.ts';

const TIMEOUT_MS = 15_000;

export function connect(env: NodeJS.ProcessEnv): AdminClient {
  const url = controlUrl(env);
  return createClient({
    url,
    credential: credentialOf(env),
    fetch: (input, init) => reach(url, input, init),
  });
}

/** The body of a good answer. @throws Refused Fault Unreachable */
export async function done<T>(call: Promise<ClientResponse<T, number, 'json'>>): Promise<T> {
  const response = await call;
  if (response.ok) return response.json();
  const message = await problemText(response);
  throw response.status < 500 ? new Refused(message) : new Fault(message);
}

/** An answer that is read as it comes, however long that takes. @throws as `done` does */
export async function download(env: NodeJS.ProcessEnv, path: string): Promise<Response> {
  const url = controlUrl(env);
  const headers = { authorization: `Bearer ${credentialOf(env)}` };
  const response = await fetch(`${url}${path}`, { headers, redirect: 'error' }).catch((fault: unknown) => {
    throw unreachable(url, fault);
  });
  if (response.ok) return response;
  const message = await problemText(response);
  throw response.status < 500 ? new Refused(message) : new Fault(message);
}

/** JSON lines of an answer, as they come. @throws as `done` does; Fault when it breaks off within a line */
export async function* postLines(
  env: NodeJS.ProcessEnv,
  path: string,
  body: object,
): AsyncGenerator<unknown> {
  const url = controlUrl(env);
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credentialOf(env)}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    redirect: 'error',
  }).catch((fault: unknown) => {
    throw unreachable(url, fault);
  });
  if (!response.ok) {
    const message = await problemText(response);
    throw response.status < 500 ? new Refused(message) : new Fault(message);
  }
  let rest = '';
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
  if (rest !== '') throw new Fault('the answer broke off');
}

/** A file as the body, read as it goes. @throws as `done` does */
export async function upload(env: NodeJS.ProcessEnv, path: string, body: ReadableStream): Promise<Response> {
  const url = controlUrl(env);
  const headers = {
    authorization: `Bearer ${credentialOf(env)}`,
    'content-type': 'application/octet-stream',
  };
  const init = { method: 'POST', headers, body, redirect: 'error', duplex: 'half' } as const;
  const response = await fetch(`${url}${path}`, init).catch((fault: unknown) => {
    throw unreachable(url, fault);
  });
  if (response.ok) return response;
  const message = await problemText(response);
  throw response.status < 500 ? new Refused(message) : new Fault(message);
}

export function dataDir(env: NodeJS.ProcessEnv): string {
  return env.PORTCULLIS_DATA_DIR || './data';
}

export function controlUrl(env: NodeJS.ProcessEnv): string {
  if (env.PORTCULLIS_CONTROL_URL) return env.PORTCULLIS_CONTROL_URL.replace(/\/+$/, '');
  const listen = env.PORTCULLIS_CONTROL_LISTEN || '127.0.0.1:8788';
  // A wildcard is an address to listen on, not one to call.
  return `http://${listen.replace(/^(?:0\.0\.0\.0|\*|(?=:\d+$))/, '127.0.0.1').replace('[::]', '[::1]')}`;
}

function credentialOf(env: NodeJS.ProcessEnv): string {
  if (env.PORTCULLIS_OPERATOR_TOKEN) return env.PORTCULLIS_OPERATOR_TOKEN.trim();
  const file = join(dataDir(env), 'operator-credential');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (fault) {
    const cause = fault instanceof Error && 'code' in fault ? fault.code : fault;
    throw new Unreachable(
      `no operator credential: cannot read ${file} (${cause}).\n` +
        '  Set PORTCULLIS_OPERATOR_TOKEN, or PORTCULLIS_DATA_DIR to the data directory of the server.\n' +
        '  The server writes the file when it first starts: portcullis serve',
    );
  }
}

async function reach(url: string, input: string | URL | Request, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(input, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
  } catch (fault) {
    throw unreachable(url, fault);
  }
}

function unreachable(url: string, fault: unknown): Unreachable {
  return new Unreachable(
    `cannot reach the control listener at ${url} (${causeOf(fault)}).\n` +
      '  Start it with "portcullis serve", or set PORTCULLIS_CONTROL_URL to where it is.',
  );
}

function causeOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  if (fault.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { cause } = fault;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return cause instanceof Error ? cause.message : fault.message;
}

async function problemText(response: { status: number; text(): Promise<string> }): Promise<string> {
  const text = await response.text();
  try {
    const { title, detail } = JSON.parse(text);
    if (typeof title === 'string') return `${title}: ${detail}`;
  } catch {
    // Not ours, or not whole: the status has to do.
  }
  return `the server answered ${response.status}, and not as the admin API does; is this the control listener?`;
}
