/** CPU per call of the gate with everything on, against the bare floor, in one interleaved run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONNECTIONS, endAll, load, median, run, startGate, TESTERS, WARM_UP_SECONDS } from './servers.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS_PER_ROUND ?? 4);

const dir = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
try {
  const env = { PATH: process.env.PATH };
  const upstream = await run('./upstream.ts', [], env);
  const floor = await run('./floor.ts', [upstream.url], env);
  const { gate, tokens } = await startGate(dir, upstream.url);
  console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}`);
  console.log(
    `${ROUNDS} rounds of ${SECONDS} s each after ${WARM_UP_SECONDS} s of warming up, floor and gate in turn, ${CONNECTIONS} connections, ${TESTERS} testers`,
  );
  await load(floor, tokens, WARM_UP_SECONDS);
  await load(gate, tokens, WARM_UP_SECONDS);
  const ratios: number[] = [];
  const all: { floor: number[]; gate: number[] } = { floor: [], gate: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    const a = await load(floor, tokens, SECONDS);
    const b = await load(gate, tokens, SECONDS);
    ratios.push(b.microseconds / a.microseconds);
    all.floor.push(a.microseconds);
    all.gate.push(b.microseconds);
    const show = (name: string, r: typeof a) =>
      `${name} ${r.microseconds.toFixed(1)} µs/call (${Math.round(r.perSecond)}/s, p50 ${r.p50} ms, p99 ${r.p99} ms)`;
    console.log(
      `round ${round}: ${show('floor', a)} | ${show('gate', b)} | ratio ${(ratios.at(-1) ?? 0).toFixed(2)}`,
    );
  }
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  console.log(
    `median: floor ${median(all.floor).toFixed(1)} µs, gate ${median(all.gate).toFixed(1)} µs CPU per call`,
  );
  console.log(`ratio:  ${median(ratios).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`);
} finally {
  endAll();
  rmSync(dir, { recursive: true, force: true });
}
