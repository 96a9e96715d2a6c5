/** One attempt to deliver an alert, signed as Standard Webhooks are (standardwebhooks.com, version 1). */
import type { Target } from './events.ts';

const TIMEOUT_MS = 10_000;

/** @returns null when it was taken; otherwise why not, without what the target wrote */
export async function post(
  { url, secret }: Target,
  { message, body }: { readonly message: string; readonly body: string },
  nowMs: number,
  ended?: AbortSignal,
): Promise<string | null> {
  try {
    const timestamp = String(Math.floor(nowMs / 1000));
    const signed = secret && { 'webhook-signature': await sign(secret, `${message}.${timestamp}.${body}`) };
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'portcullis',
        'webhook-id': message,
        'webhook-timestamp': timestamp,
        ...signed,
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(ended ? [ended] : [])]),
    });
    // Nothing of the answer is read: a target that sends without end costs nothing.
    await answer.body?.cancel();
    return answer.ok ? null : `it answered ${answer.status}`;
  } catch (fault) {
    return faultText(fault);
  }
}

async function sign(secret: string, content: string): Promise<string> {
  const encoder = new TextEncoder();
  const raw = Uint8Array.from(atob(secret.replace(/^whsec_/, '')), (char) => char.charCodeAt(0));
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', raw, algorithm, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(content)));
  return `v1,${btoa(String.fromCharCode(...mac))}`;
}

/** The address may be a secret, so only the kind of the fault is told. */
function faultText(fault: unknown): string {
  if (!(fault instanceof Error)) return 'it failed';
  if (fault.name === 'AbortError') return 'broken off by a shutdown';
  if (fault.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { cause } = fault;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'the connection failed';
}
