/** The simulator's realtime API, with the SDKs' own clients. */
import { expect, test } from 'vitest';
import { conversation, dial, SDKS, userItem } from '../with-realtime.ts';
import { KEY, withDemo } from './with-demo.ts';

const demo = withDemo();
const origin = () => new URL(demo.baseURL()).origin;

test.each(SDKS)('%s gets a text answer word by word, with its usage', async (_, make) => {
  const events = await conversation(make(demo.baseURL(), KEY), '[[words=5 delay=1]]');
  expect(events.map(({ type }) => type)).toEqual([
    'session.created',
    'session.updated',
    'conversation.item.added',
    'conversation.item.created',
    'response.created',
    ...Array(5).fill('response.output_text.delta'),
    'response.output_text.done',
    'response.done',
  ]);
  const usage = { total_tokens: 11, input_tokens: 5, output_tokens: 6 };
  expect(events.at(-1)).toMatchObject({ response: { status: 'completed', usage } });
});

test.each([
  ['a wrong key', { token: 'sk-wrong' }, 401],
  ['no key', {}, 401],
  ['an unknown model', { token: KEY, path: '/v1/realtime?model=nonsense' }, 404],
  ['no model', { token: KEY, path: '/v1/realtime' }, 400],
  ['another path', { token: KEY, path: '/v1/models' }, 404],
])('%s is refused before the handshake', async (_, options, status) => {
  const { opened } = dial(origin(), options);
  expect((await opened).status).toBe(status);
});

test('an unknown event is answered with an error, binary frames and audio with nothing, a ping with a pong', async () => {
  const one = dial(origin(), { token: KEY });
  await one.heard('session.created');
  const pong = new Promise((resolve) => one.ws.once('pong', resolve));
  one.ws.ping();
  one.ws.send(Buffer.from('{"type":"response.create"}'));
  one.send({ type: 'input_audio_buffer.append', audio: 'AAAA' });
  one.send({ type: 'session.erase' });
  await pong;
  expect(await one.heard('error')).toMatchObject({ error: { code: 'invalid_value' } });
  expect(one.events.map(({ type }) => type)).toEqual(['session.created', 'error']);
  one.ws.close();
});

test('an answer that is cancelled is counted as far as it went, and two at a time are refused', async () => {
  const one = dial(origin(), { token: KEY });
  await one.heard('session.created');
  one.send({ type: 'conversation.item.create', item: userItem('[[words=1000 delay=20]]') });
  one.send({ type: 'response.create' });
  one.send({ type: 'response.create' });
  await one.heard('response.output_text.delta');
  one.send({ type: 'response.cancel' });
  expect(await one.heard('response.done')).toMatchObject({ response: { status: 'cancelled' } });
  expect(await one.heard('error')).toMatchObject({
    error: { code: 'conversation_already_has_active_response' },
  });
  one.ws.close();
});
