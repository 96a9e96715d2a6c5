/** What may pass over an open realtime socket, and what its frames tell. */

import { JsonFault, parseObject } from '../json.ts';
import { printable } from '../printable.ts';
import { Refusal, refusalBody } from '../refusal.ts';

type Event = Readonly<Record<string, unknown>>;

/** Where an event can name a model. Another one than was judged at the handshake would pass by the policy. */
const MODELS = ['model', 'session.model', 'response.model'];
const MAX_REASON_BYTES = 123;
const UTF8 = new TextDecoder();

/** The client's event in a frame. @throws Refusal when the frame must not go upstream */
export function judgeFrame(data: Uint8Array, model: string | null): Event {
  const event = readEvent(data);
  for (const path of MODELS) {
    const named = path.split('.').reduce<unknown>(member, event);
    if (named === undefined || named === model) continue;
    const shown = printable(JSON.stringify(named)).slice(0, 64);
    throw new Refusal('model_not_allowed', `${path}: ${shown}`, {
      message: `This connection is for "${model}"; "${path}" cannot change that.`,
      param: path,
    });
  }
  return event;
}

function readEvent(data: Uint8Array): Event {
  try {
    return parseObject(data);
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault;
    throw new Refusal(fault.ambiguous ? 'body_ambiguous' : 'body_malformed', fault.message, {
      message: 'Each frame is one JSON object.',
    });
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Event)[name] : undefined;
}

export interface Told {
  /** Tokens that upstream counted. */
  readonly tokens: number;
  /** Upstream refuses our key, and may quote it. */
  readonly refusesUs: boolean;
}

const NOTHING: Told = { tokens: 0, refusesUs: false };

/** What an event of upstream means to us. Only the few that can matter are parsed. */
export function told(data: Uint8Array): Told {
  const text = UTF8.decode(data);
  if (!text.includes('response.done') && !text.includes('invalid_api_key')) return NOTHING;
  try {
    const event: unknown = JSON.parse(text);
    const type = member(event, 'type');
    const tokens = ['response', 'usage', 'total_tokens'].reduce<unknown>(member, event);
    return {
      tokens: type === 'response.done' && typeof tokens === 'number' && tokens > 0 ? tokens : 0,
      refusesUs: type === 'error' && member(member(event, 'error'), 'code') === 'invalid_api_key',
    };
  } catch {
    return NOTHING;
  }
}

/** A refusal as an event, in the shape of upstream's own. */
export function errorFrame(refusal: Refusal, id: string): string {
  const { error } = JSON.parse(refusalBody(refusal, id)) as { error: object };
  return JSON.stringify({ type: 'error', event_id: `event_${id}`, error: { ...error, event_id: null } });
}

/** As much of a text as fits into a close frame (RFC 6455 section 5.5). */
export function closeReason(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_REASON_BYTES) return text;
  // What the cut left of a character is dropped.
  return UTF8.decode(bytes.subarray(0, MAX_REASON_BYTES)).replace(/\u{fffd}+$/u, '');
}

/** True for the codes that may stand in a close frame (RFC 6455 section 7.4). */
export function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
  );
}
