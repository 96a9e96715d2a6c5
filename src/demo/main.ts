/** The simulator as its own process: settings from the environment, one line of JSON when ready. */
import { startDemo } from './server.ts';

const key = process.env.DEMO_UPSTREAM_KEY;
if (!key) fail('DEMO_UPSTREAM_KEY must be set to the key that callers of the demo upstream present.');

const demo = await startDemo({
  key,
  ...listenAddress(process.env.DEMO_UPSTREAM_LISTEN ?? '127.0.0.1:0'),
}).catch((error: Error) => fail(`The demo upstream could not start: ${error.message}`));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
if (process.env.DEMO_UPSTREAM_WATCH_STDIN === '1') {
  // The parent's end of the pipe closes however the parent dies.
  process.stdin.on('end', stop).on('error', stop).resume();
}
// Last, so that whoever reads this line may already signal.
process.stdout.write(`${JSON.stringify({ listening: demo.url })}\n`);

function listenAddress(value: string): { host: string; port: number } {
  const [, host, port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(value) ?? [];
  if (!host || !port || Number(port) > 65_535)
    fail(`DEMO_UPSTREAM_LISTEN must be host:port, not "${value}".`);
  return { host, port: Number(port) };
}

function stop(): void {
  demo.close().finally(() => process.exit(0));
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
