/** No access token, password or upstream key stands in the log or goes upstream, wherever a caller puts it. */
import { expect, test } from 'vitest';
import { send } from '../with-attack.ts';
import { startGate, startUpstream } from '../with-gate.ts';

test('credentials in URLs are refused, and those in any header are not logged', async () => {
  const upstream = await startUpstream();
  const gate = await startGate(upstream.url);
  const token = await gate.tester('ada');
  const call = async (target: string, lines = '') => {
    const head = `GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${lines}\r\n`;
    return (await send(gate.url, head))[0]?.status;
  };
  for (const target of [
    `/v1/models/${token}`,
    `/v1/nothing/${token}`,
    `/v1/files/${token}`,
    `/v1/models?x=${token}`,
  ])
    expect([target, await call(target)]).toEqual([target, 400]);
  expect(await call(`/v1//${token}`)).toBe(400);
  expect(upstream.seen).toEqual([]);
  expect(await call('/v1/models', `User-Agent: ${token}\r\nX-Client-Request-Id: ${token}\r\n`)).toBe(200);
  expect(gate.rows()).toHaveLength(6);
  await gate.settled();
  const written = gate.onDisk();
  const secrets = [token, String(token.split('.')[2]), 'sk-upstream-canary-key'];
  expect(secrets.filter((secret) => written.includes(secret))).toEqual([]);
  await gate.close();
  await upstream.close();
});

test('credentials before the host of a target are refused, and not logged', async () => {
  const upstream = await startUpstream();
  const gate = await startGate(upstream.url);
  const token = await gate.tester('ada');
  for (const who of [`u:${token}`, 'ada:hunter2secret']) {
    const head = `GET http://${who}@host/v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    expect((await send(gate.url, head))[0]?.status).toBe(400);
  }
  expect(upstream.seen).toEqual([]);
  expect(gate.rows()).toHaveLength(2);
  const written = gate.onDisk();
  expect([token, 'hunter2secret'].filter((secret) => written.includes(secret))).toEqual([]);
  await gate.close();
  await upstream.close();
});

test('nor do they stand in the log when they are sent as anything else: ids, models, names of files, broken bodies', async () => {
  const upstream = await startUpstream();
  const gate = await startGate(upstream.url);
  const token = await gate.tester('ada');
  const post = async (path: string, body: string, type = 'application/json') => {
    const answer = await fetch(gate.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
      body,
    });
    return `${answer.status} ${await answer.text()}`;
  };
  const form = (name: string, value: string, file = '') =>
    `--b\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n--b--\r\n`;
  const told: string[] = [];
  for (const body of [
    { model: token, messages: [] },
    { model: 'm', file_id: token },
    { model: 'm', messages: [{ role: 'user', content: token }] },
    { model: 'm', [token]: 1 },
    { model: 'm', size: token, reference: token },
  ])
    told.push(await post('/v1/chat/completions', JSON.stringify(body)));
  told.push(await post('/v1/chat/completions', `{"model": "m", "x": ${token}`));
  told.push(await post('/v1/chat/completions', `{"model":"m","${token}":1,"${token}":2}`));
  told.push(
    await post('/v1/files', form('file', 'x', `; filename="${token}"`), 'multipart/form-data; boundary=b'),
  );
  told.push(await post('/v1/files', form(token, 'x'), 'multipart/form-data; boundary=b'));
  told.push(await post('/v1/chat/completions', '{}', token));
  await gate.admin('GET', `requests?tester=${token}`).catch((fault: Error) => told.push(fault.message));
  expect(told.some((text) => text.startsWith('404'))).toBe(true);
  await gate.settled();
  const exported = JSON.stringify(await gate.admin('GET', 'requests?limit=1000'));
  const written = gate.onDisk();
  for (const secret of [token, String(token.split('.')[2])])
    expect([told.join('\n'), exported, written].map((text) => text.includes(secret))).toEqual([
      false,
      false,
      false,
    ]);
  await gate.close();
  await upstream.close();
});
