/** Which headers of an answer reach the tester: an allow-list, and never to be stored. */
import type { AnswerHeaders } from '../deps.ts';

const PASS_BACK = [
  'accept-ranges',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'retry-after-ms',
  'vary',
  'x-should-retry',
] as const;

/** What does not hold of a body that we have changed. */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'etag',
  'last-modified',
]);

/** @param reframed true when we may add to the body, or have written it anew */
export function answerHeaders(headers: AnswerHeaders, reframed: boolean): string[] {
  const out = ['cache-control', 'no-store', 'x-content-type-options', 'nosniff'];
  // RFC 9110 section 7.6.1: what Connection names was meant for this hop only.
  const hop = headers.connection === undefined ? '' : String(headers.connection).toLowerCase();
  for (const name of PASS_BACK) {
    const value = headers[name];
    if (value === undefined || (reframed && OF_THE_BODY.has(name))) continue;
    if (hop !== '' && hop.split(',').some((named) => named.trim() === name)) continue;
    out.push(name, first(value) ?? '');
  }
  return out;
}

export function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
