/** What a gate on Node keeps: the data directory with its keys, the database, the log's tree, and the warden over them. */

import { clusterBy } from '../admission/cluster.ts';
import { policiesIn } from '../admission/policies.ts';
import { stopAll as everything } from '../admission/stops.ts';
import { Warden } from '../admission/warden.ts';
import { announce, sendAtOnce } from '../alerts/announce.ts';
import { Outbox } from '../alerts/outbox.ts';
import type { Config } from '../config.ts';
import type { Clock } from '../deps.ts';
import { Captures } from '../log/captures.ts';
import { Journal } from '../log/journal.ts';
import { readLogKey } from '../log/log-key.ts';
import { toFile } from '../log/publish.node.ts';
import { sealing } from '../log/seal.node.ts';
import { startSealing } from '../log/sealing.ts';
import { sha256 } from '../log/sha256.node.ts';
import { beginTree } from '../log/unsealed.ts';
import { linkSigner } from '../outputs/link-token.ts';
import { termsLink } from '../outputs/terms.ts';
import { openDatabase, sqliteTransaction } from '../store/db.node.ts';
import { Writer } from '../store/writer.ts';
import { loadKeys } from '../token/keys.ts';
import { openDataDir } from './data-dir.node.ts';
import { holdLiveness } from './liveness.node.ts';
import type { Place } from './place.node.ts';
import { watchKeys } from './watch-keys.node.ts';

/** How often the switches table is looked at for rows that another process or a person wrote. */
const WATCH_MS = 50;

export type StoreParts = Awaited<ReturnType<typeof openStore>>;

/** Stops that were ordered before it was up are engaged when it resolves. @throws Error when the data directory cannot be had */
export async function openStore(config: Config, place: Place, now: Clock) {
  const dir = openDataDir(config.dataDir);
  const { writer: db, reader, close: closeDatabase } = openDatabase(dir.database, config.log.durability);
  const outbox = new Outbox(db, config.alertTargets, now);
  const journal = new Journal(db, sha256, (change) => announce(change, outbox, now));
  const captures = new Captures(db, journal, sealing, sha256);
  const writer = new Writer(sqliteTransaction(db, journal), (flush) => void setImmediate(flush));
  const liveness = holdLiveness(dir.path);
  const logKey = await readLogKey(await dir.logKey(), sha256);
  const links = await linkSigner(dir.linkKey());
  const warden = new Warden({
    ...{ db, writer, journal, captures, now, sha256, watchMs: WATCH_MS },
    // An id is made when a call arrives, its row is written when its body is there.
    quietMs: (config.requests.headersSeconds + config.requests.bodySeconds) * 1000 + 60_000,
    ...{ policies: policiesIn(db), termsLink: termsLink(config.publicUrl ?? null) },
    skewMs: config.tokens.clockToleranceSeconds * 1000,
    ...{ node: `${process.pid}`, peers: clusterBy(liveness), stopFile: dir.hasStopFile },
    alert: (event, message) => void outbox.add(event, message),
    alertNow: (event, message) => void sendAtOnce(outbox, event, message),
  });
  await warden.join();
  for (const note of place.orders) await stopBySignal(warden, note);
  await beginTree(db, writer, now);
  const lost = await warden.settleLost();
  const sealer = startSealing(config, { db, writer, key: logKey, now }, toFile);
  const keys = await loadKeys(await dir.keyFile(), now);
  const unwatchKeys = watchKeys(dir, keys);

  return {
    ...{ dir, db, reader, writer, outbox, captures, liveness, logKey, links, warden, keys },
    /** Calls of before that nobody settled. */
    lost,
    /** Resolves when all that was handed in is committed and signed. */
    async settle(): Promise<void> {
      unwatchKeys();
      warden.close();
      await warden.leave();
      await writer.drain();
      await sealer.close();
    },
    close(): void {
      closeDatabase();
      liveness.release();
    },
  };
}

/** @returns what came of it */
export async function stopBySignal({ stops }: Warden, note: string): Promise<string> {
  const { durable, cut } = await stops.stop(everything(note), {
    operator: 'signal:SIGUSR2',
    address: null,
  });
  return `stopped by SIGUSR2: ${cut} calls and streams cut${durable ? '' : ', NOT ON DISK'}`;
}
