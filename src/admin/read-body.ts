/** Bodies of the admin API: bounded, and JSON that every reader reads alike. */
import type { MiddlewareHandler } from 'hono';
import { JsonFault, parseObject } from '../json.ts';
import { TAKES_BYTES } from './guard.ts';
import { Problem } from './problem.ts';

/** Routes whose bodies may be larger. */
export interface Large {
  readonly paths: readonly string[];
  readonly limitBytes: number;
}

/** Hands on what was read: the routes read no bytes of their own. */
export function readBody(usualBytes: number, large: Large): MiddlewareHandler {
  return async (c, next) => {
    // Its route reads it as it comes, and bounds it.
    if (c.req.path === TAKES_BYTES) return next();
    const limitBytes = large.paths.includes(c.req.path) ? large.limitBytes : usualBytes;
    if (Number(c.req.header('content-length') ?? 0) > limitBytes) throw tooLarge(limitBytes);
    const { body } = c.req.raw;
    if (body) {
      const bytes = await bounded(body, limitBytes);
      if (bytes.length > 0) checkJson(bytes);
      const { method, url } = c.req;
      c.req.raw = new Request(url, { method, headers: c.req.header(), body: bytes });
    }
    await next();
  };
}

async function bounded(body: ReadableStream<Uint8Array>, limitBytes: number) {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > limitBytes) throw tooLarge(limitBytes);
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

function checkJson(bytes: Uint8Array): void {
  try {
    parseObject(bytes);
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault;
    throw new Problem('request_invalid', `Send one JSON object: ${fault.message}.`);
  }
}

function tooLarge(limitBytes: number): Problem {
  return new Problem('body_too_large', `Send at most ${limitBytes / 1024} KiB.`);
}
