/** What a call costs in the store alone: admitted and settled, and how long the one writer is held meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import type { Ask, Settlement } from '../src/admission/admission.ts';
import { clusterBy } from '../src/admission/cluster.ts';
import { policiesIn } from '../src/admission/policies.ts';
import { Warden } from '../src/admission/warden.ts';
import { Captures } from '../src/log/captures.ts';
import { Journal } from '../src/log/journal.ts';
import { sealing } from '../src/log/seal.node.ts';
import { sha256 } from '../src/log/sha256.node.ts';
import { openDatabase, sqliteTransaction } from '../src/store/db.node.ts';
import { cohorts, policies, testers, tokens } from '../src/store/schema.ts';
import { type Transaction, Writer } from '../src/store/writer.ts';

const CALLS = Number(process.env.CALLS ?? 40_000);
const ROUNDS = Number(process.env.ROUNDS ?? 4);
const AT_ONCE = [1, 8, 64, 512];
const TESTERS = 1_000;

const POLICY = JSON.stringify({
  cohorts: {
    bench: {
      allow: [{ operations: ['*'], models: ['*'] }],
      limits: { requestsPerMinute: 1e9, requestsPerDay: 1e9, concurrent: 1_000 },
    },
  },
});
const DONE: Settlement = {
  ...{ outcome: 'complete', detail: null, status: 200, upstreamStatus: 200, upstreamRequestId: null },
  ...{ firstByteMs: 5, durationMs: 6, bytesOut: 1_000 },
};

const WORDS = { text: null, isWhole: true, hasFile: false };
const READS = { makes: null, lists: null, job: false, deletes: null, usage: false };

function ask(i: number): Ask {
  const [tester, at] = [`tester-${i % TESTERS}`, Date.now()];
  const times = { issuedAt: 0, notBefore: 0, expiresAt: at };
  return {
    arrival: {
      ...{ id: uuidv7(), at, method: 'POST', path: '/v1/chat/completions', address: '127.0.0.1' },
      ...{ agent: null, clientRequestId: null },
    },
    who: {
      tester,
      jti: tester,
      issuer: 'bench',
      own: true,
      clientId: 'bench',
      ...times,
      keyStands: () => true,
    },
    call: {
      ...{ operation: 'chat.completions.create', takesModel: true, model: 'gpt-4o-mini', seconds: null },
      ...{ size: null, n: null, units: {}, likeSource: false, body: new Uint8Array(300), words: () => WORDS },
      ...{ reads: READS, named: [], suspected: [], clip: null, socket: false, output: null },
    },
  };
}

const dir = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
const db = openDatabase(join(dir, 'portcullis.sqlite'));
const journal = new Journal(db.writer, sha256);
const inner = sqliteTransaction(db.writer, journal);
let heldMs = 0;
let commits = 0;
const transaction: Transaction = {
  ...inner,
  run(work, committed) {
    let since = 0;
    const timed = () => {
      since = performance.now();
      return work();
    };
    return inner.run(timed, () => {
      heldMs += performance.now() - since;
      commits++;
      committed();
    });
  },
};
const writer = new Writer(transaction, setImmediate);
const warden = new Warden({
  ...{ db: db.writer, writer, journal, captures: new Captures(db.writer, journal, sealing, sha256) },
  ...{
    quietMs: 60_000,
    policies: policiesIn(db.writer),
    termsLink: 'test',
    sha256,
    now: Date.now,
    node: 'bench',
    watchMs: 50,
  },
  peers: clusterBy({ own: 'bench', isAlive: () => true, forget: () => {} }),
});
try {
  db.writer.insert(cohorts).values({ name: 'bench' }).run();
  const policy = {
    text: POLICY,
    sha256: 'bench',
    diff: '',
    at: Date.now(),
    by: 'bench',
    source: 'config',
  } as const;
  db.writer.insert(policies).values(policy).run();
  for (let i = 0; i < TESTERS; i++) {
    const tester = `tester-${i}`;
    db.writer.insert(testers).values({ id: tester, cohort: 'bench' }).run();
    db.writer.insert(tokens).values({ jti: tester, tester, issuedAt: 1, expiresAt: 9e12 }).run();
  }
  console.log(`${cpus()[0]?.model}, Node ${process.version}: ${CALLS} calls, ${ROUNDS} rounds`);
  for (let round = 0; round < ROUNDS; round++) for (const atOnce of AT_ONCE) await measure(atOnce);
} finally {
  warden.close();
  db.close();
  rmSync(dir, { recursive: true });
}

async function measure(atOnce: number): Promise<void> {
  const calls = atOnce === 1 ? CALLS / 10 : CALLS;
  [heldMs, commits] = [0, 0];
  const [cpu, began] = [process.cpuUsage(), performance.now()];
  let next = 0;
  const client = async () => {
    while (next < calls) await (await warden.admit(ask(next++))).settle(DONE);
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  const { user, system } = process.cpuUsage(cpu);
  const perSecond = (calls * 1_000) / (performance.now() - began);
  console.log(
    `${atOnce} at once: ${Math.round(perSecond)} calls/s, ${((user + system) / calls).toFixed(1)} µs of CPU a call, ` +
      `writer held ${((heldMs * 1_000) / calls).toFixed(1)} µs a call, ${((commits * 1_000) / calls).toFixed(0)} commits per 1,000 calls`,
  );
}
