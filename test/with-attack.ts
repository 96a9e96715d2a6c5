/** Attacks over a bare socket: what was answered, what upstream saw, and the rows. */
import { connect } from 'node:net';
import { expect } from 'vitest';
import { type Row, sleep, type TestGate, type Upstream } from './with-gate.ts';

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Sends the bytes as they are; resolves as soon as so many whole answers have come, or the connection ends. */
export function send(url: string, text: string, answers = 1, limitMs = 5_000): Promise<Answer[]> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let bytes = '';
    const socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parse(bytes, text.startsWith('HEAD')));
    };
    const timer = setTimeout(done, limitMs);
    socket.on('data', (chunk) => {
      bytes += chunk.toString('latin1');
      const whole = parse(bytes, text.startsWith('HEAD')).filter(({ status }) => status >= 200);
      if (whole.length >= answers) done();
    });
    socket.on('error', () => {});
    socket.on('close', done);
  });
}

/** The whole answers at the beginning of what came; hints (1xx) count as answers without a body. */
function parse(bytes: string, headOnly: boolean): Answer[] {
  const answers: Answer[] = [];
  for (let rest = bytes; ; ) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return answers;
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers = new Map(
      lines.map((line) => [line.split(':', 1)[0]?.toLowerCase() ?? '', line.replace(/^[^:]*: */, '')]),
    );
    const status = Number(first.split(' ')[1]);
    const isChunked = !headOnly && headers.get('transfer-encoding') === 'chunked';
    const length = headOnly || status < 200 ? 0 : Number(headers.get('content-length') ?? 0);
    const wire = rest.slice(end + 4);
    const body = isChunked ? dechunked(wire) : { text: wire.slice(0, length), length };
    if (body === null || wire.length < body.length) return answers;
    answers.push({ status, headers, body: body.text });
    rest = wire.slice(body.length);
  }
}

/** A chunked body without extensions; null when its end has not come. */
function dechunked(wire: string): { text: string; length: number } | null {
  let text = '';
  for (let at = 0; ; ) {
    const line = wire.indexOf('\r\n', at);
    if (line < 0) return null;
    const size = Number.parseInt(wire.slice(at, line), 16);
    if (size === 0) return { text, length: line + 4 };
    text += wire.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
  }
}

export interface Expected {
  readonly status: number;
  readonly outcome: string;
  readonly detail?: unknown;
}

export interface Attacks {
  /** One request that is refused: the answer, nothing upstream, and its one row with the true reason. */
  refused(text: string, expected: Expected): Promise<Row>;
  /** One request that passes, and the bytes that upstream saw. */
  passed(text: string, status?: number): Promise<Upstream['seen'][number]>;
  /** That nothing else has left a row meanwhile. */
  settle(): Promise<void>;
}

export function attacks(gate: () => TestGate, upstream: () => Upstream): Attacks {
  let counted: number | null = null;
  const seenAndRows = () => {
    const rows = gate().rows();
    counted ??= rows.length;
    return [upstream().seen.length, rows.length] as const;
  };
  return {
    async refused(text, { status, outcome, detail }) {
      const [seen, before] = seenAndRows();
      const [answer] = await send(gate().url, text);
      expect(answer?.status).toBe(status);
      expect(upstream().seen.length).toBe(seen);
      const rows = gate().rows().slice(before);
      expect(rows).toMatchObject([{ outcome, status, ...(detail === undefined ? {} : { detail }) }]);
      counted = (counted ?? 0) + 1;
      if (!text.startsWith('HEAD')) expect(JSON.parse(answer?.body ?? '')).toMatchObject({ status });
      expect(answer?.headers.get('x-request-id')).toBe(rows[0]?.id);
      return rows[0] as Row;
    },
    async passed(text, status = 200) {
      const [seen, before] = seenAndRows();
      const [answer] = (await send(gate().url, text)).filter((one) => one.status >= 200);
      expect(answer?.status).toBe(status);
      await gate().settled();
      expect(gate().rows().slice(before)).toMatchObject([{ outcome: 'complete', status }]);
      counted = (counted ?? 0) + 1;
      expect(upstream().seen.length).toBe(seen + 1);
      return upstream().seen.at(-1) as Upstream['seen'][number];
    },
    async settle() {
      await sleep(200);
      expect(gate().rows().length).toBe(counted);
    },
  };
}
