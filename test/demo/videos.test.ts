/** Guarantees of video jobs and of what they can be downloaded as. */
import { createFile, type ISOFile, type Movie, MP4BoxBuffer } from 'mp4box';
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { describe, expect, test } from 'vitest';
import { isPng, pngSize, withDemo } from './with-demo.ts';

const demo = withDemo();

function parseMp4(bytes: ArrayBuffer): Promise<Movie> {
  return new Promise((resolve, reject) => {
    const file: ISOFile = createFile();
    file.onReady = resolve;
    file.onError = (_module: string, message: string) => reject(new Error(message));
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(bytes, 0));
    file.flush();
  });
}

async function finished(client: OpenAI, id: string) {
  for (;;) {
    const video = await client.videos.retrieve(id);
    if (video.status === 'completed' || video.status === 'failed') return video;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const SMALL = { model: 'sora-2', size: '320x240', seconds: '4' } as unknown as { model: 'sora-2' };

describe('a video job', () => {
  test('is queued, makes progress, and downloads as an MP4 of the size and length asked for', async () => {
    const client = demo.client();
    const created = await client.videos.create({
      model: 'sora-2',
      prompt: 'A heron waits by the lock gate',
      seconds: '4',
      size: '1280x720',
    });
    expect(created).toMatchObject({ object: 'video', status: 'queued', progress: 0, completed_at: null });
    await new Promise((resolve) => setTimeout(resolve, 600));
    const midway = await client.videos.retrieve(created.id);
    expect(midway.status).toBe('in_progress');
    expect(midway.progress).toBeGreaterThan(0);
    const done = await finished(client, created.id);
    expect(done).toMatchObject({ status: 'completed', progress: 100, seconds: '4', size: '1280x720' });
    const movie = await parseMp4(await (await client.videos.downloadContent(created.id)).arrayBuffer());
    expect(movie.duration / movie.timescale).toBeCloseTo(4, 1);
    expect(movie.videoTracks[0]?.video).toEqual({ width: 1280, height: 720 });
    expect(movie.videoTracks[0]?.codec).toMatch(/^avc1/);
    expect(movie.isProgressive).toBe(true);
    // When it was encoded is not in it, so its bytes are the same whenever they are asked for.
    expect([movie.created, movie.modified].map((at) => at.getUTCFullYear())).toEqual([1904, 1904]);
  });

  test('refuses its content until it is done, and fails when the prompt asks it to', async () => {
    const client = demo.client6();
    const created = await client.videos.create({ ...SMALL, prompt: 'Please [[fail]]' });
    await expect(client.videos.downloadContent(created.id)).rejects.toMatchObject({ status: 400 });
    const done = await finished(demo.client(), created.id);
    expect(done.status).toBe('failed');
    expect(done.error?.code).toBe('video_generation_failed');
  });

  test('serves byte ranges, HEAD, an ETag, a thumbnail and a sprite sheet', async () => {
    const client = demo.client();
    const { id } = await client.videos.create({ ...SMALL, prompt: 'Rain on slate' });
    await finished(client, id);
    const path = `/videos/${id}/content`;
    const whole = await demo.fetch(path);
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(whole.headers.get('accept-ranges')).toBe('bytes');
    const part = await demo.fetch(path, { headers: { range: 'bytes=4-11' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 4-11/${bytes.length}`]);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(4, 12));
    const tail = await demo.fetch(path, { headers: { range: 'bytes=-5' } });
    expect(Buffer.from(await tail.arrayBuffer())).toEqual(bytes.subarray(-5));
    const beyond = await demo.fetch(path, { headers: { range: 'bytes=99999999-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`]);
    const head = await demo.fetch(path, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(bytes.length));
    expect(head.headers.get('etag')).toBe(whole.headers.get('etag'));
    const thumbnail = await client.videos.downloadContent(id, { variant: 'thumbnail' });
    expect(pngSize(new Uint8Array(await thumbnail.arrayBuffer()))).toEqual([320, 240]);
    const sheet = await client.videos.downloadContent(id, { variant: 'spritesheet' });
    expect(isPng(new Uint8Array(await sheet.arrayBuffer()))).toBe(true);
  });

  test('can be remixed, edited, extended and cast with a character', async () => {
    const client = demo.client();
    const source = await client.videos.create({ ...SMALL, prompt: 'A mill wheel turns' });
    await finished(client, source.id);
    const remix = await client.videos.remix(source.id, { prompt: 'At night' });
    expect(remix).toMatchObject({ remixed_from_video_id: source.id, size: '320x240', prompt: 'At night' });
    const edit = await client.videos.edit({ video: { id: source.id }, prompt: 'In snow' });
    expect(edit).toMatchObject({ size: '320x240', prompt: 'In snow' });
    const longer = await client.videos.extend({ video: { id: source.id }, prompt: 'Goes on', seconds: '8' });
    expect(longer.seconds).toBe('12');
    const video = await toFile(Buffer.from('not looked into'), 'me.mp4', { type: 'video/mp4' });
    const uploaded = await client.videos.edit({ video, prompt: 'From a file' });
    expect(uploaded.status).toBe('queued');
    const character = await client.videos.createCharacter({ name: 'Mossy', video });
    expect(await client.videos.getCharacter(character.id ?? '')).toEqual(character);
  });
});

describe('the list of videos', () => {
  test('pages through everything with the SDKs own paging, newest first, and forgets what was deleted', async () => {
    const client = demo.client();
    const made: string[] = [];
    for (let index = 0; index < 5; index++) {
      made.push((await client.videos.create({ ...SMALL, prompt: `Number ${index}` })).id);
    }
    await client.videos.delete(made[2] ?? '');
    const expected = [made[4], made[3], made[1], made[0]];
    for (const sdk of [client, demo.client6()]) {
      const listed: string[] = [];
      for await (const video of sdk.videos.list({ limit: 2 })) listed.push(video.id);
      expect(listed.slice(0, 4)).toEqual(expected);
    }
    await expect(client.videos.retrieve(made[2] ?? '')).rejects.toMatchObject({ status: 404 });
  });

  test('takes a reference picture by upload or by the id of a file that exists', async () => {
    const client = demo.client();
    const picture = await toFile(Buffer.from('png'), 'a.png', { type: 'image/png' });
    await client.videos.create({ ...SMALL, prompt: 'From a picture', input_reference: picture });
    const body = { ...SMALL, prompt: 'From a file', input_reference: { file_id: 'file-none' } };
    await expect(client.videos.create(body)).rejects.toMatchObject({ status: 404 });
  });
});
