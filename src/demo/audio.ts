/** Speech as a gentle WAV melody, and transcripts that describe the upload they were made from. */
import { type Body, readBody, readJson, requiredText, text } from './body.ts';
import { missing } from './errors.ts';
import { modelOf } from './models.ts';
import type { Routes } from './state.ts';
import { hashOf } from './text.ts';

const SAMPLES_PER_SECOND = 24_000;
const NOTE_SECONDS = 0.22;
const MOST_NOTES = 60;
/** A pentatonic scale, in which no order of notes sounds wrong. */
const SCALE_HZ = [261.6, 293.7, 329.6, 392, 440, 523.3];

export const audioRoutes: Routes = (app) => {
  app.post('/v1/audio/speech', async (c) => {
    const fields = await readJson(c.req.raw);
    modelOf(fields);
    requiredText(fields, 'voice');
    const samples = melody(requiredText(fields, 'input'));
    const raw = text(fields, 'response_format') === 'pcm';
    return c.body(raw ? samples : wav(samples), 200, { 'content-type': raw ? 'audio/pcm' : 'audio/wav' });
  });
  for (const [path, task] of [
    ['transcriptions', 'Transcript'],
    ['translations', 'Translation'],
  ] as const) {
    app.post(`/v1/audio/${path}`, async (c) => {
      const body = await readBody(c.req.raw);
      modelOf(body.fields);
      const words = describe(task, body);
      const format = text(body.fields, 'response_format') ?? 'json';
      if (format === 'text') return c.text(`${words}\n`);
      const verbose = { task: task.toLowerCase(), language: 'english', duration: 1, segments: [] };
      const usage = { type: 'duration', seconds: 1 };
      return c.json({ ...(format === 'verbose_json' ? verbose : {}), text: words, usage });
    });
  }
};

function describe(task: string, { files }: Body): string {
  const upload = files.find((file) => file.name === 'file');
  if (!upload) throw missing('file');
  return `${task} of ${upload.filename}, ${upload.bytes.length} bytes, by the demo upstream.`;
}

/** One note a word. */
function melody(input: string): Uint8Array<ArrayBuffer> {
  const words = input.trim().split(/\s+/).slice(0, MOST_NOTES);
  const noteSamples = Math.round(SAMPLES_PER_SECOND * NOTE_SECONDS);
  const samples = new Int16Array(words.length * noteSamples);
  for (const [index, word] of words.entries()) {
    const frequency = SCALE_HZ[hashOf(word) % SCALE_HZ.length] ?? 440;
    for (let at = 0; at < noteSamples; at++) {
      const loudness = Math.sin((Math.PI * at) / noteSamples) ** 0.7 * 0.3;
      const phase = (2 * Math.PI * frequency * at) / SAMPLES_PER_SECOND;
      samples[index * noteSamples + at] =
        32_767 * loudness * (0.8 * Math.sin(phase) + 0.2 * Math.sin(2 * phase));
    }
  }
  return new Uint8Array(samples.buffer);
}

function wav(samples: Uint8Array): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLES_PER_SECOND, 24);
  header.writeUInt32LE(SAMPLES_PER_SECOND * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(samples.length, 40);
  return new Uint8Array(Buffer.concat([header, samples]));
}
