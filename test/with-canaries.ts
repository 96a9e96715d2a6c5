/** Requests that carry a credential where it does not belong. */
export const coded = (text: string) => [...text].map((one) => `%${one.charCodeAt(0).toString(16)}`).join('');
/** Its first letter only, so that nothing that looks for it finds it. */
export const half = (text: string) => `%${text.charCodeAt(0).toString(16)}${text.slice(1)}`;

/** Requests as bytes, with the secret in every place that takes a text; most come with the good token. */
export function requestsWith(secret: string, token: string): string[] {
  const line = (target: string, ...headers: string[]) =>
    `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${[`Authorization: Bearer ${token}`, ...headers].join('\r\n')}\r\n\r\n`;
  const body = (
    text: string,
    type = 'application/json',
    path = '/v1/chat/completions',
    ...headers: string[]
  ) =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n${headers.map((one) => `${one}\r\n`).join('')}Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  const part = (name: string, value: string, more = '') =>
    `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n--b--\r\n`;
  const form = (text: string) => body(text, 'multipart/form-data; boundary=b', '/v1/files');
  const json = (value: object) => body(JSON.stringify({ model: 'm', ...value }));
  const bare = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
  const spellings = [secret, coded(secret), half(secret), coded(coded(secret)), `x${half(half(secret))}`];
  return [
    ...spellings.flatMap((text) => [
      line(`/v1/files/${text}`),
      line(`/v1/${text}/x`),
      line(`/v1/models?x=${text}`),
      line(`/v1/models?${text}=1`),
      line(`//${text}`),
      line(`http://ada:${text}@host/v1/models`),
      line(`/v1/realtime?model=${text}`),
    ]),
    ...[
      'User-Agent',
      'X-Client-Request-Id',
      'X-Request-Id',
      'Idempotency-Key',
      'OpenAI-Beta',
      'Accept-Language',
    ].map((name) => line('/v1/models', `${name}: ${secret}`)),
    ...[
      'Host',
      'Content-Type',
      'Range',
      'X-Forwarded-For',
      'Expect',
      'Connection',
      'Upgrade',
      'DPoP',
      'Authorization',
      secret,
    ].map((name) => line('/v1/models', `${name}: ${secret}`)),
    ...[`Bearer ${secret}x`, `Basic ${secret}`, secret, `Bearer ${secret} ${secret}`, `DPoP ${secret}`].map(
      (text) => bare('GET /v1/models HTTP/1.1', 'Host: x', 'Connection: close', `Authorization: ${text}`),
    ),
    bare(
      'GET /v1/realtime?model=m HTTP/1.1',
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      `Sec-WebSocket-Protocol: realtime, x-${secret}, openai-insecure-api-key.${secret}x`,
    ),
    bare(secret),
    bare(`GET /v1/${secret} HTTP/9.9`, 'Host: x'),
    bare(`${secret} /v1/models HTTP/1.1`, 'Host: x'),
    bare(`CONNECT ${secret}:443 HTTP/1.1`, 'Host: x'),
    bare('GET /v1/models HTTP/1.1', 'Host: x', `${secret}`),
    bare(
      'POST /v1/chat/completions HTTP/1.1',
      'Host: x',
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
      '',
      `${secret}`,
    ),
    json({ file_id: secret }),
    json({ [secret]: { id: 'x' } }),
    json({ ['x'.repeat(100)]: { [secret]: { file_id: secret } } }),
    json({ model: secret }),
    json({ size: secret }),
    json({ n: secret }),
    json({ file_ids: [{ [secret]: [secret] }] }),
    body(`{"model":"m","x":${secret}`),
    body(`${secret}`),
    body(`{"model":"m","${secret}":1,"${secret}":2}`),
    body(`{"model":"m","${secret.toLowerCase()}":1,"${secret}":2}`),
    body('{"model":"m"}', secret),
    body('{"model":"m"}', `multipart/form-data; boundary=${secret}`),
    form(part(secret, 'x')),
    form(part('file_id', secret)),
    form(part(`video[${secret}][id]`, 'x')),
    form(part('file', 'x', `; filename="${secret}"`)),
    form(part('file', 'x', `; filename*=utf-8''${secret}`)),
    form(part('x', 'y', `; ${secret}="1"`)),
    form(`--b\r\n${secret}: x\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--`),
    form(`${part(secret, 'x').replace('--b--\r\n', '')}${part(secret, 'y')}`),
    line('/v1/models?limit=401'),
    line('/v1/models?limit=500'),
    line('/v1/models?limit=302'),
    line('/v1/files?limit=429'),
  ];
}
