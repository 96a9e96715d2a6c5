/** Throughput of several processes on one data directory against one process, in one interleaved run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONNECTIONS, endAll, load, median, run, startGate, WARM_UP_SECONDS } from './servers.ts';

const PROCESSES = Number(process.env.PROCESSES ?? 2);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS_PER_ROUND ?? 4);

const dir = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
try {
  const upstream = await run('./upstream.ts', [], { PATH: process.env.PATH });
  const one = await startGate(join(dir, 'one'), upstream.url);
  const many = await startGate(join(dir, 'many'), upstream.url, ['--processes', String(PROCESSES)]);
  console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}`);
  console.log(
    `${ROUNDS} rounds of ${SECONDS} s, one process and ${PROCESSES} in turn, ${CONNECTIONS} connections`,
  );
  for (const { gate, tokens } of [one, many]) await load(gate, tokens, WARM_UP_SECONDS);
  const rounds: { throughput: number; cpu: number }[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const a = await load(one.gate, one.tokens, SECONDS);
    const b = await load(many.gate, many.tokens, SECONDS);
    rounds.push({ throughput: b.perSecond / a.perSecond, cpu: b.microseconds / a.microseconds });
    const show = (r: typeof a) =>
      `${Math.round(r.perSecond)}/s, ${r.microseconds.toFixed(1)} µs of CPU a call, p50 ${r.p50} ms, p99 ${r.p99} ms`;
    console.log(`round ${round}: one ${show(a)} | ${PROCESSES} ${show(b)}`);
  }
  for (const what of ['throughput', 'cpu'] as const) {
    const ratios = rounds.map((round) => round[what]);
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
    console.log(
      `${what}: ${PROCESSES} processes to one ${median(ratios).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`,
    );
  }
} finally {
  endAll();
  rmSync(dir, { recursive: true, force: true });
}
