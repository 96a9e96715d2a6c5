/** Numbers for Prometheus, put together when it asks: nothing of it is on the way of a call. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Registry from 'prom-client/lib/registry.js';
import { BOUNDS_MS } from '../admission/counts.ts';
import type { Control, Totals } from '../control.ts';
import type { AdminEnv } from './access.ts';
import { nameFaults, SECURED } from './answer.ts';
import { readEngaged } from './status.ts';

const metrics = createRoute({
  method: 'get',
  path: '/admin/metrics',
  tags: ['status'],
  security: SECURED,
  responses: {
    200: { description: 'The text format of Prometheus', content: { 'text/plain': { schema: z.string() } } },
  },
});

export function metricRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(metrics, async (c) => {
    const registry = collect(control, await control.totals());
    return c.text(await registry.metrics(), 200, { 'content-type': registry.contentType });
  });
}

function collect(control: Control, counts: Totals): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: number) =>
    new Gauge({ name: `portcullis_${name}`, help, registers: [registry] }).set(value);
  const { log } = control;
  const { logWritable, startedAt } = control.live();
  const calls = new Counter({
    name: 'portcullis_calls_total',
    help: 'Calls that have ended, by outcome: complete, cut, client-gone, upstream-error, or the code of the refusal',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const [outcome, n] of counts.outcomes) calls.inc({ outcome }, n);
  new Counter({
    name: 'portcullis_bytes_out_total',
    help: 'Bytes of answers',
    registers: [registry],
  }).inc(counts.bytesOut);
  histogram(registry, 'call_duration_seconds', 'Of calls that were let through', counts.durations);
  histogram(registry, 'first_byte_seconds', 'Until the first byte of the answer', counts.firstBytes);
  gauge('calls_open', 'Calls in flight', counts.open);
  gauge('log_writable', '0: the store takes no writes, and every call is refused', Number(logWritable));
  const engaged = readEngaged(control);
  const isStopped = !logWritable || engaged.some(({ scope }) => scope === 'global');
  gauge('stopped', '1: everything is stopped', Number(isStopped));
  gauge('switches_engaged', 'Stops of any scope', engaged.length);
  const armed = control.drills.armed();
  gauge('drill_armed', '1: the last drill showed that a stop works', Number(armed.state === 'armed'));
  if (armed.at !== null) gauge('drill_last_seconds', 'When that was, Unix time', armed.at / 1_000);
  if (armed.lastByteMs !== null)
    gauge('drill_last_byte_seconds', 'From its order to the last byte', armed.lastByteMs / 1_000);
  gauge('log_entries', 'Entries of the log', log.size);
  gauge('log_unsigned', 'Entries that no checkpoint signs yet', log.size - (log.checkpoint()?.size ?? 0));
  for (const state of ['waiting', 'failed'] as const)
    gauge(
      `alerts_${state}`,
      state === 'failed' ? 'Alerts given up' : 'Alerts on their way',
      alerts(control, state),
    );
  gauge('started_seconds', 'When the process started, Unix time', startedAt / 1_000);
  return registry;
}

/** Prometheus' own shape, of buckets that were counted elsewhere. */
function histogram(
  registry: Registry,
  name: string,
  help: string,
  { counts, sumMs }: Totals['durations'],
): void {
  const full = `portcullis_${name}`;
  let total = 0;
  const buckets = counts.map((n, i) => {
    total += n;
    const bound = BOUNDS_MS[i];
    return { labels: { le: bound === undefined ? '+Inf' : String(bound / 1_000) }, value: total };
  });
  const values = [
    ...buckets.map(({ labels, value }) => ({ metricName: `${full}_bucket`, labels, value })),
    { metricName: `${full}_sum`, labels: {}, value: sumMs / 1_000 },
    { metricName: `${full}_count`, labels: {}, value: total },
  ];
  registry.registerMetric({
    name: full,
    get: async () => ({ name: full, help, type: 'histogram', values, aggregator: 'sum' }),
    reset: () => {},
  } as never);
}

function alerts({ reader }: Control, state: 'waiting' | 'failed'): number {
  return (
    reader.$client
      .prepare<[string], { n: number }>('select count(*) as n from outbox where state = ?')
      .get(state)?.n ?? 0
  );
}
