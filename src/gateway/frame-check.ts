/** What an event of a socket names beyond its own session: objects, and models for transcripts. */
import type { Answer, Permit } from '../admission/admission.ts';
import { isFields } from './answer.ts';
import { wordsIn } from './prompt.ts';
import { referencesInEvent } from './references.ts';

/** Where an event can name a model that transcribes what is heard. */
const TRANSCRIBERS = ['session.input_audio_transcription.model', 'session.audio.input.transcription.model'];
const TRANSCRIBING = 'audio.transcriptions.create';
const CONNECT = 'realtime.connect';

/** The refusal of an event that a rule forbids, or that names what this tester may not reach. @param model the judged one */
export function checkEvent(event: unknown, model: string | null, permit: Permit): Answer {
  if (!isFields(event)) return null;
  const words = wordsIn(event);
  for (const path of TRANSCRIBERS) {
    const transcriber = path
      .split('.')
      .reduce<unknown>((value, name) => (isFields(value) ? value[name] : null), event);
    const refusal =
      typeof transcriber === 'string'
        ? permit.judge({ operation: TRANSCRIBING, model: transcriber, words })
        : null;
    if (refusal) return refusal;
  }
  return permit.judge({ operation: CONNECT, model, words }) ?? permit.reach(referencesInEvent(event));
}
