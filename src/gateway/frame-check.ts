/** What an event of a socket names beyond its own session: objects, and models for transcripts. */
import type { Permit } from '../admission/admission.ts';
import type { Refusal } from '../refusal.ts';
import { isFields } from './answer.ts';
import { referencesInEvent } from './references.ts';

/** Where an event can name a model that transcribes what is heard. */
const TRANSCRIBERS = ['session.input_audio_transcription.model', 'session.audio.input.transcription.model'];
const TRANSCRIBING = 'audio.transcriptions.create';

/** The refusal of an event that names what this tester may not reach. */
export function checkEvent(event: unknown, permit: Permit): Refusal | null {
  if (!isFields(event)) return null;
  for (const path of TRANSCRIBERS) {
    const model = path
      .split('.')
      .reduce<unknown>((value, name) => (isFields(value) ? value[name] : null), event);
    const refusal = typeof model === 'string' ? permit.judge(TRANSCRIBING, model) : null;
    if (refusal) return refusal;
  }
  return permit.reach(referencesInEvent(event));
}
