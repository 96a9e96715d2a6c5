/** An upstream for the stop: streams that never end, short calls that are counted with the time of their arrival. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const EVERY_MS = 50;
const EVENT = `data: ${JSON.stringify({ choices: [{ delta: { content: 'word ' } }] })}\n\n`;
const arrivals: number[] = [];
const streams = new Set<{ write(text: string): unknown }>();
setInterval(() => {
  for (const stream of streams) stream.write(EVENT);
}, EVERY_MS);

const server = createServer((incoming, outgoing) => {
  if (incoming.url === '/arrivals') {
    outgoing.end(JSON.stringify(arrivals.splice(0)));
    return;
  }
  incoming.resume();
  incoming.on('end', () => {
    if (incoming.url === '/v1/models') {
      // Of the machine's own clock, which every process here reads.
      arrivals.push(performance.timeOrigin + performance.now());
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"list","data":[]}');
      return;
    }
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    streams.add(outgoing);
    outgoing.on('close', () => streams.delete(outgoing));
  });
});
server.listen(0, '127.0.0.1', () =>
  console.log(`upstream http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
