/** The entry of one of several processes: starts as its parent says, and does what it is told. */
import type { Totals } from '../control.ts';
import { start } from '../node.ts';
import { giveUp } from './from-config.node.ts';
import type { Birth, ToChild, ToParent } from './parent.node.ts';

/** How often the parent learns what this process has done: so much of it is forgotten in a crash. */
const TOTALS_MS = 1_000;

const born = Promise.withResolvers<Birth>();
const sums = new Map<number, (totals: Totals) => void>();
let asked = 0;
let closing = false;
process.on('message', hear);
// The parent hears of it as well, and says when to close.
process.on('SIGINT', () => {});
process.on('SIGTERM', close);
process.on('SIGHUP', reload);
process.on('SIGUSR2', () => void stop('SIGUSR2 to the process.').catch(console.error));
tell({ kind: 'born' });

const { config, isFirst, takesPolicy, orders, listening, demo } = await born.promise;
let banner = '';
const hearBanner = (text: string) => {
  banner = text;
};
const running = start(process.env, hearBanner, {
  ...{ config, isFirst, takesPolicy, orders, listening },
  demo: async () => {
    if (!demo) throw new Error('There is no demo upstream.');
    return { ...demo, stop() {} };
  },
  totals: (own) =>
    new Promise((resolve) => {
      sums.set(++asked, resolve);
      tell({ kind: 'sum', id: asked, totals: own });
    }),
});
const { totals } = await running.catch(giveUp);
for (const note of orders) tell({ kind: 'stopped', note, text: `${note} It was stopped at the start.` });
tell({ kind: 'up', banner });
setInterval(() => tell({ kind: 'totals', totals: totals() }), TOTALS_MS).unref();

function hear(message: ToChild): void {
  if (message.kind === 'birth') born.resolve(message);
  if (message.kind === 'close') close();
  if (message.kind === 'reload') reload();
  if (message.kind === 'stop') void stop(message.note).catch(console.error);
  if (message.kind !== 'sum') return;
  sums.get(message.id)?.(message.totals);
  sums.delete(message.id);
}

async function stop(note: string): Promise<void> {
  await born.promise;
  const text = await (await running).stopAll(note);
  tell({ kind: 'stopped', note, text });
}

function reload(): void {
  void born.promise.then(() => running).then((one) => one.reloadPolicy());
}

/** Once: a signal to the whole group and the parent's word are the same wish. */
function close(): void {
  if (closing) return;
  closing = true;
  void born.promise
    .then(() => running)
    .then((one) => one.close())
    .finally(() => process.exit(0));
}

function tell(message: ToParent): void {
  process.send?.(message);
}
