/** The stateful core over one engine: warden, writer, journal, as an entry puts them together. */
import { uuidv7 } from 'uuidv7';
import type { Ask, Permit, Settlement } from '../../src/admission/admission.ts';
import { clusterBy } from '../../src/admission/cluster.ts';
import { policiesIn } from '../../src/admission/policies.ts';
import { Warden, type WardenOptions } from '../../src/admission/warden.ts';
import type { StopOrder } from '../../src/control.ts';
import { Captures } from '../../src/log/captures.ts';
import { Journal } from '../../src/log/journal.ts';
import { makeLogKey, readLogKey } from '../../src/log/log-key.ts';
import { hasherOf } from '../../src/log/merkle.ts';
import { sealing } from '../../src/log/seal.node.ts';
import { Sealer } from '../../src/log/sealer.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { Tree } from '../../src/log/tree.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Db, Hooks } from '../../src/store/db.node.ts';
import { cohorts, policies, testers, tokens } from '../../src/store/schema.ts';
import { type Transaction, Writer } from '../../src/store/writer.ts';

/** What differs between the engines. */
export interface Engine {
  readonly db: Db;
  transaction(hooks: Hooks): Transaction;
}

/** What a policy grants a cohort, as its text says it. */
interface Granted {
  readonly limits?: object;
  readonly quotas?: object;
}

const ALLOW = [{ operations: ['*'], models: ['*'] }];
const ACTOR = { operator: 'the-operator', address: null };
const DONE: Settlement = {
  ...{ outcome: 'complete', detail: null, status: 200, upstreamStatus: 200, upstreamRequestId: null },
  ...{ firstByteMs: 1, durationMs: 2, bytesOut: 3 },
};

export type Core = Awaited<ReturnType<typeof openCore>>;

/** @param granted of the cohort `artists`; testers of other cohorts get nothing */
export async function openCore(engine: Engine, granted: Granted = {}, more: Partial<WardenOptions> = {}) {
  const { db } = engine;
  const journal = new Journal(db, sha256);
  const writer = new Writer(engine.transaction(journal), (flush) => void setTimeout(flush, 0));
  const own = uuidv7();
  const warden = new Warden({
    ...{ db, writer, journal, captures: new Captures(db, journal, sealing, sha256) },
    policies: policiesIn(db),
    termsLink: 'test',
    sha256,
    ...{ quietMs: 60_000, now: Date.now, node: own, watchMs: 50 },
    peers: clusterBy({ own, isAlive: (lock) => lock === own, forget: () => {} }),
    ...more,
  });
  await warden.join();
  const text = JSON.stringify({ cohorts: { artists: { allow: ALLOW, ...granted } } });
  const hash = Buffer.from(sha256(new TextEncoder().encode(text))).toString('hex');
  await writer.write(() =>
    db
      .insert(policies)
      .values({ text, sha256: hash, diff: '', at: Date.now(), by: 'test', source: 'config' })
      .run(),
  );
  const keyText = JSON.stringify(await makeLogKey());
  const key = await readLogKey(keyText, sha256);
  const sealer = new Sealer({
    ...{ db, writer, key, tree: new Tree(db, hasherOf(sha256)), everyMs: 1e9, now: Date.now },
    ...{ publish: [], onFault: (what, fault) => console.error(what, fault) },
  });
  return {
    ...{ db, writer, warden, keyText, sealer },
    /** A tester of the cohort, with the token `token-ID`. */
    async tester(id: string, cohort = 'artists'): Promise<void> {
      await writer.write(() => {
        db.insert(cohorts).values({ name: cohort }).onConflictDoNothing().run();
        db.insert(testers).values({ id, cohort }).run();
        const issuedAt = Date.now() - 1_000;
        db.insert(tokens)
          .values({ jti: `token-${id}`, tester: id, issuedAt, expiresAt: issuedAt * 2 })
          .run();
      });
    },
    admit: (tester: string, more: Partial<Ask['call']> = {}) => warden.admit(asked(tester, more)),
    /** The code of the refusal; null where it was let through. */
    async refusal(tester: string, more: Partial<Ask['call']> = {}): Promise<string | null> {
      try {
        await (await warden.admit(asked(tester, more))).settle(DONE);
        return null;
      } catch (fault) {
        if (fault instanceof Refusal) return fault.code;
        throw fault;
      }
    },
    settle: (permit: Permit, more: Partial<Settlement> = {}) => permit.settle({ ...DONE, ...more }),
    stop: (scope: StopOrder['scope'], more: Partial<StopOrder> = {}) =>
      warden.stops.stop({ scope, effect: 'stop', reason: 'test', ...more }, ACTOR),
    release: (scope: StopOrder['scope']) => warden.stops.release(scope, 'test', ACTOR),
    readmit: (id: number, scopes: StopOrder['scope'][]) => warden.stops.readmit(id, scopes, 'test', ACTOR),
    rows: (where = '1') =>
      db.$client
        .prepare<[], { id: string; decision: string; outcome: string | null }>(
          `select id, decision, outcome from requests where ${where} order by id`,
        )
        .all(),
    async close(): Promise<void> {
      warden.close();
      await writer.drain();
    },
  };
}

const WORDS = { text: null, isWhole: true, hasFile: false };
const READS = { makes: null, lists: null, job: false, deletes: null, usage: false };

function asked(tester: string, more: Partial<Ask['call']>): Ask {
  const at = Date.now();
  const times = { issuedAt: 0, notBefore: 0, expiresAt: at };
  const jti = `token-${tester}`;
  return {
    arrival: {
      ...{ id: uuidv7(), at, method: 'POST', path: '/v1/chat/completions', address: '127.0.0.1' },
      ...{ agent: null, clientRequestId: null },
    },
    who: { tester, jti, issuer: 'test', own: true, clientId: 'test', ...times, keyStands: () => true },
    call: {
      ...{ operation: 'chat.completions.create', takesModel: true, model: 'gpt-4o-mini', seconds: null },
      ...{
        size: null,
        n: null,
        units: {},
        likeSource: false,
        body: null,
        words: () => WORDS,
        output: null,
        clip: null,
        socket: false,
      },
      ...{ reads: READS, named: [], suspected: [], ...more },
    },
  };
}
