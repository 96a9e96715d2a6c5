/** Calls of the past in the log of a gate that is stopped: judged, written and settled by the warden, at their own time. */
import { join } from 'node:path';
import { clusterBy } from '../src/admission/cluster.ts';
import { policiesIn } from '../src/admission/policies.ts';
import { Warden } from '../src/admission/warden.ts';
import type { Call } from '../src/gateway/describe.ts';
import { Captures } from '../src/log/captures.ts';
import { firstIdOf } from '../src/log/id.ts';
import { Journal } from '../src/log/journal.ts';
import { sealing } from '../src/log/seal.node.ts';
import { sha256 } from '../src/log/sha256.node.ts';
import { holdLiveness } from '../src/node/liveness.node.ts';
import { Refusal } from '../src/refusal.ts';
import { openDatabase, sqliteTransaction } from '../src/store/db.node.ts';
import { Writer } from '../src/store/writer.ts';

/** A clip that somebody asked for. */
export interface PastCall {
  readonly tester: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly model: string;
  readonly seconds: number;
  readonly prompt: string;
}

/** @returns ids of the calls, in their order */
export async function seed(dir: string, calls: readonly PastCall[]): Promise<string[]> {
  const { writer: db, close } = openDatabase(join(dir, 'portcullis.sqlite'), 'process');
  let at = 0;
  const now = () => at;
  const journal = new Journal(db, sha256);
  const writer = new Writer(sqliteTransaction(db, journal), setImmediate);
  const captures = new Captures(db, journal, sealing, sha256);
  const liveness = holdLiveness(dir);
  const warden = new Warden({
    ...{ db, writer, journal, captures, now, peers: clusterBy(liveness), sha256, policies: policiesIn(db) },
    ...{ quietMs: 60_000, node: 'past', termsLink: '/portal/terms', watchMs: 1e9 },
  });
  await warden.join();
  const ids: string[] = [];
  for (const [i, call] of calls.entries()) {
    at = call.at;
    const id = `${firstIdOf(at).slice(0, 24)}${i.toString(16).padStart(12, '0')}`;
    ids.push(id);
    await make(warden, id, call);
  }
  await warden.leave();
  warden.close();
  liveness.release();
  close();
  return ids;
}

async function make(warden: Warden, id: string, past: PastCall): Promise<void> {
  const asked = { method: 'POST', path: '/v1/videos', address: '192.0.2.7', agent: 'OpenAI/JS 7.57.0' };
  const arrival = { id, at: past.at, ...asked, clientRequestId: null };
  const permit = await warden
    .admit({ arrival, who: whoIs(past), call: callOf(past) })
    .catch((fault: unknown) => {
      if (fault instanceof Refusal && fault.status === 403) return null;
      throw fault;
    });
  await permit?.settle({
    ...{ outcome: 'complete', detail: null, status: 200, upstreamStatus: 200, upstreamRequestId: null },
    ...{ firstByteMs: 100, durationMs: 120, bytesOut: 267 },
    made: [
      {
        ...{ id: `video_${id}`, kind: 'videos', isRunning: false },
        ...{ upstreamAt: Math.floor(past.at / 1000), seconds: past.seconds },
      },
    ],
  });
}

function whoIs({ tester, at }: PastCall) {
  const issuedAt = Math.floor(at / 1000) - 60;
  const token = { jti: `past-${tester}`, issuer: 'elsewhere', own: false, clientId: 'sdk' };
  return {
    tester,
    ...token,
    issuedAt,
    notBefore: issuedAt,
    expiresAt: issuedAt + 3_600,
    keyStands: () => true,
  };
}

function callOf({ model, seconds, prompt }: PastCall): Call {
  const size = '1280x720';
  const body = new TextEncoder().encode(JSON.stringify({ model, prompt, seconds: String(seconds), size }));
  return {
    ...{ operation: 'videos.create', takesModel: true, model, seconds, size, n: null, clip: 'new', body },
    ...{ units: { videoSeconds: seconds }, likeSource: false, named: [], suspected: [], socket: false },
    words: () => ({ text: prompt, isWhole: true, hasFile: false }),
    output: null,
    reads: { makes: { id: 'videos' }, lists: null, job: true, deletes: null, usage: false },
  };
}
