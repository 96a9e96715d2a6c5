/** A running simulator and one client of each SDK generation, for the tests of a file. */
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { afterAll, beforeAll } from 'vitest';
import { type RunningDemo, startDemo } from '../../src/demo/server.ts';

export const KEY = 'sk-demo-test-key-123456';

/** Getters, because the simulator's port is known only once the tests begin. */
export function withDemo() {
  let demo: RunningDemo | undefined;
  beforeAll(async () => {
    demo = await startDemo({ key: KEY });
  });
  afterAll(() => demo?.close());
  const baseURL = () => `${demo?.url}/v1`;
  return {
    baseURL,
    client: (apiKey = KEY) => new OpenAI({ apiKey, baseURL: baseURL(), maxRetries: 0 }),
    client6: (apiKey = KEY) => new OpenAI6({ apiKey, baseURL: baseURL(), maxRetries: 0 }),
    fetch: (path: string, init: RequestInit = {}) =>
      fetch(baseURL() + path, { ...init, headers: { authorization: `Bearer ${KEY}`, ...init.headers } }),
  };
}

export function isPng(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 8)).toString('latin1') === '\x89PNG\r\n\x1a\n';
}

/** Width and height out of a PNG's header. */
export function pngSize(bytes: Uint8Array): [number, number] {
  const header = Buffer.from(bytes);
  return [header.readUInt32BE(16), header.readUInt32BE(20)];
}
