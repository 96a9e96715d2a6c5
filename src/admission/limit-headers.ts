/** Tells the tester where the limits stand: draft-ietf-httpapi-ratelimit-headers and OpenAI's own headers. */
import type { WindowState } from './limits.ts';

/** Headers, name and value in turn. The IETF fields are structured fields (RFC 9651) of a draft: experimental. */
export function limitHeaders(windows: readonly WindowState[]): string[] {
  if (windows.length === 0) return [];
  let policy = '';
  let state = '';
  for (const { name, quota, windowSeconds, remaining, resetMs } of windows) {
    const comma = policy === '' ? '' : ', ';
    policy += `${comma}"${name}";q=${quota};w=${windowSeconds}`;
    state += `${comma}"${name}";r=${Math.max(0, remaining)};t=${Math.ceil(Math.max(0, resetMs) / 1000)}`;
  }
  const shown = windows.find((w) => w.name === 'minute') ?? windows[0];
  return [
    'ratelimit-policy',
    policy,
    'ratelimit',
    state,
    'x-ratelimit-limit-requests',
    String(shown?.quota ?? 0),
    'x-ratelimit-remaining-requests',
    String(Math.max(0, shown?.remaining ?? 0)),
    'x-ratelimit-reset-requests',
    `${Math.ceil((shown?.resetMs ?? 0) / 1000)}s`,
  ];
}
