/** Between judge and admission: an outside service looks at the words of a call. Whatever goes wrong there refuses. */
import type { Ask } from '../admission/admission.ts';
import type { ModerationSaid } from '../admission/moderated.ts';
import { parseObject } from '../json.ts';
import { isFields } from './answer.ts';
import type { Call } from './describe.ts';

/** An OpenAI-compatible service. */
export interface ModerationService {
  /** Of `/moderations` itself. */
  readonly url: string;
  readonly key: string;
  readonly model: string | null;
  readonly timeoutMs: number;
}

export type Moderator = (text: string) => Promise<ModerationSaid>;

const MOST_BYTES = 1_048_576;
/** More wait for the service than it would ever answer in time. */
const MOST_AT_ONCE = 256;
/** Limits count admitted calls; these are none yet. */
const MOST_OF_ONE = 8;

interface Gate {
  readonly admission: { needsModeration(ask: Ask): boolean };
  readonly moderator: Moderator | null;
  /** Calls that are being looked at, by tester. */
  readonly moderated: Map<string, number>;
}

/** Null: it need not be asked. Synchronous from the look at the switches to the question. */
export async function moderate(ask: Ask, gate: Gate): Promise<ModerationSaid | null> {
  if (gate.moderator === null || !gate.admission.needsModeration(ask)) return null;
  const { tester } = ask.who;
  const { moderated } = gate;
  const own = moderated.get(tester) ?? 0;
  const all = [...moderated.values()].reduce((sum, n) => sum + n, 0);
  if (own >= MOST_OF_ONE || all >= MOST_AT_ONCE) return fault('too many calls are being looked at');
  moderated.set(tester, own + 1);
  try {
    return await saidOf(ask.call, gate.moderator);
  } finally {
    const left = (moderated.get(tester) ?? 1) - 1;
    if (left > 0) moderated.set(tester, left);
    else moderated.delete(tester);
  }
}

async function saidOf(call: Call, moderator: Moderator): Promise<ModerationSaid> {
  if (call.socket) return fault('the frames of a WebSocket cannot be looked at in time');
  const { text, isWhole } = call.words();
  if (!isWhole) return fault('its words could not be read');
  return text === null ? { is: 'wordless' } : moderator(text);
}

export function moderatorOf({ url, key, model, timeoutMs }: ModerationService): Moderator {
  return async (input) => {
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          accept: 'application/json',
        },
        body: JSON.stringify(model === null ? { input } : { model, input }),
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (answer.status !== 200) {
        await answer.body?.cancel();
        return fault(`the service answered ${answer.status}`);
      }
      return readVerdict(parseObject(await bounded(answer)));
    } catch (cause) {
      return fault(cause instanceof Error ? cause.name : 'unknown');
    }
  };
}

/** Every result counts, and each must say what it says in full. */
function readVerdict({ results }: Readonly<Record<string, unknown>>): ModerationSaid {
  if (!Array.isArray(results) || results.length === 0) return fault('its answer has no results');
  const categories: Record<string, boolean> = Object.create(null);
  let flagged = false;
  for (const one of results) {
    if (!isFields(one) || typeof one.flagged !== 'boolean' || !isFields(one.categories))
      return fault('its answer cannot be read');
    flagged ||= one.flagged;
    for (const [name, value] of Object.entries(one.categories)) {
      if (typeof value !== 'boolean') return fault('its answer cannot be read');
      categories[name] = categories[name] === true || value;
    }
  }
  return { is: 'verdict', flagged, categories };
}

async function bounded(answer: Response): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new RangeError('too long');
    chunks.push(chunk as Uint8Array<ArrayBuffer>);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function fault(detail: string): ModerationSaid {
  return { is: 'fault', detail };
}
