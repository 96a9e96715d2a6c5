/**
 * The testers of the benchmark of the stop, in a process of their own. On stdin a line of JSON each: open streams, flood,
 * or tell. On stdout the answers. Times are Unix milliseconds with fractions.
 */
import { Agent, type ClientRequest, request } from 'node:http';
import { createInterface } from 'node:readline';

interface Order {
  readonly open?: { readonly urls: string[]; readonly streams: number };
  readonly flood?: { readonly urls: string[]; readonly perSecond: number } | null;
  readonly tell?: true;
  readonly token?: string;
}

const now = () => performance.timeOrigin + performance.now();
const agent = new Agent({ keepAlive: true, maxSockets: 4_000 });
let token = '';
let flooding: ReturnType<typeof setInterval> | undefined;
let lastByteAt = 0;
let open = 0;
let told = 0;
const refused = { sent: 0, passed: 0, refused: 0, failed: 0 };

function stream(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ model: 'gpt-4o-mini', stream: true, messages: [] });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const one: ClientRequest = request(`${url}/v1/chat/completions`, { method: 'POST', headers, agent });
    one.on('error', reject);
    one.on('response', (answer) => {
      if (answer.statusCode !== 200) {
        reject(new Error(`a stream got ${answer.statusCode}`));
        return;
      }
      open++;
      answer.once('data', () => resolve());
      answer.on('data', (chunk: Buffer) => {
        lastByteAt = now();
        if (chunk.includes('event: error')) told++;
      });
      answer.on('error', () => {});
      answer.on('close', () => open--);
    });
    one.end(body);
  });
}

/** Open loop: as many as the rate says, whatever becomes of the ones before. */
function flood(urls: readonly string[], perSecond: number): void {
  const began = now();
  refused.sent = 0;
  flooding = setInterval(() => {
    for (const due = ((now() - began) * perSecond) / 1_000; refused.sent < due; refused.sent++)
      short(urls[refused.sent % urls.length] ?? '');
  }, 5);
}

function short(url: string): void {
  const one = request(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}` }, agent });
  one.on('error', () => refused.failed++);
  one.on('response', (answer) => {
    if (answer.statusCode === 200) refused.passed++;
    else refused.refused++;
    answer.resume();
  });
  one.end();
}

async function obey(order: Order): Promise<object> {
  if (order.token) token = order.token;
  if (order.open) {
    const { urls, streams } = order.open;
    for (let i = 0; i < streams; i += 50)
      await Promise.all(
        Array.from({ length: Math.min(50, streams - i) }, (_, j) => stream(urls[j % urls.length] ?? '')),
      );
    told = 0;
  }
  if (order.flood) flood(order.flood.urls, order.flood.perSecond);
  if (order.flood === null) clearInterval(flooding);
  return { open, told, lastByteAt, ...refused };
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await obey(JSON.parse(line) as Order)));
process.exit(0);
