/** A file in a form comes through byte for byte, however it is cut up, and what is no whole form is refused. */
import { expect, test } from 'vitest';
import { openUpload } from '../../src/console/upload.ts';

const BOUNDARY = 'x-boundary';
const FIELD = 'Content-Disposition: form-data; name="csrf"\r\n\r\nabc';
const head = (name = 'clip.mp4') =>
  `Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: video/mp4\r\n\r\n`;
const formOf = (file: string, field = FIELD) =>
  `--${BOUNDARY}\r\n${field}\r\n--${BOUNDARY}\r\n${head()}${file}\r\n--${BOUNDARY}--\r\n`;

function requestOf(text: string, chunk: number, type = `multipart/form-data; boundary=${BOUNDARY}`): Request {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(to) {
      if (at >= bytes.length) return to.close();
      to.enqueue(bytes.slice(at, at + chunk));
      at += chunk;
    },
  });
  const init = { method: 'POST', headers: { 'content-type': type }, body, duplex: 'half' };
  return new Request('http://localhost/console/trace', init as RequestInit);
}

test.each([1, 2, 7, 64, 100_000])('the file is what was sent (%i bytes at a time)', async (chunk) => {
  for (const file of [
    '',
    'abc',
    '\r\n--x-bound',
    `\r\n--x-boundar\r\n\r\r\n--${BOUNDARY.slice(1)}\r`,
    'é\r\n'.repeat(5_000),
  ]) {
    const { fields, file: stream, fault } = await openUpload(requestOf(formOf(file), chunk));
    expect(fields.get('csrf')).toBe('abc');
    expect(await new Response(stream).text()).toBe(file);
    expect(fault()).toBe(null);
  }
});

test.each([
  ['another type', formOf('abc'), 'text/plain'],
  ['no boundary', formOf('abc'), 'multipart/form-data'],
  ['no file', `--${BOUNDARY}\r\n${FIELD}\r\n--${BOUNDARY}--\r\n`, undefined],
  ['a field twice', formOf('abc', `${FIELD}\r\n--${BOUNDARY}\r\n${FIELD}`), undefined],
  ['too much before the file', formOf('abc', FIELD + 'x'.repeat(40_000)), undefined],
  ['another beginning', `hello\r\n${formOf('abc')}`, undefined],
])('it is no whole form: %s', async (_, text, type) => {
  await expect(openUpload(requestOf(text, 64, type))).rejects.toMatchObject({ status: 400 });
});

test('a form that breaks off within the file is none, and nothing of it counts', async () => {
  const { file, fault } = await openUpload(requestOf(formOf('abc').slice(0, -14), 5));
  await expect(new Response(file).text()).rejects.toBeDefined();
  expect(fault()).toMatchObject({ status: 400 });
});
