/** What the gate's object is made of: directory, switches, log and everything of operators and visitors, over the object's store. */
import { addressLimit } from '../admission/address-limit.ts';
import { policiesIn } from '../admission/policies.ts';
import { Warden } from '../admission/warden.ts';
import { announce, sendAtOnce } from '../alerts/announce.ts';
import { Outbox } from '../alerts/outbox.ts';
import { startBackground } from '../background.ts';
import { gateFrom, upstreamOptions, verifierFrom } from '../from-config.ts';
import { DrillUpstream } from '../gateway/drill.ts';
import { workerUpstream } from '../gateway/upstream.worker.ts';
import { Captures } from '../log/captures.ts';
import { Journal } from '../log/journal.ts';
import { readLogKey } from '../log/log-key.ts';
import { sealing } from '../log/seal.node.ts';
import { startSealing } from '../log/sealing.ts';
import { sha256 } from '../log/sha256.node.ts';
import { beginTree } from '../log/unsealed.ts';
import { linkSigner } from '../outputs/link-token.ts';
import { termsLink } from '../outputs/terms.ts';
import { ownKeys } from '../own-keys.ts';
import { migrateObject, objectDatabase, objectTransaction } from '../store/durable.worker.ts';
import { Feed } from '../store/feed.worker.ts';
import { Writer } from '../store/writer.ts';
import { ownIssuer } from '../token/issuers.ts';
import { loadKeys } from '../token/keys.ts';
import { later } from '../turn.ts';
import { archiveIn } from './archive.worker.ts';
import { configOf, textOf } from './configuration.worker.ts';
import { forgottenIn } from './forgotten.worker.ts';
import { Holders, holdersAsPeers } from './holders.worker.ts';
import { workerInspector } from './inspect.worker.ts';
import { MIGRATED } from './migrations.worker.ts';
import { GATE, quietMsOf } from './names.worker.ts';
import { Outbound } from './outbox.worker.ts';
import type { Env, Storage } from './runtime.worker.ts';
import { ARCHIVED, DOWN } from './tables.worker.ts';
import { vaultIn, vaultKey } from './vault.worker.ts';

const now = Date.now;
const fails = (what: string) => (fault: unknown) => console.error(`portcullis: ${what}:`, fault);

export type GateParts = Awaited<ReturnType<typeof openGate>>;

/** @throws ConfigError; Error where a secret is missing or is another one than before */
export async function openGate(storage: Storage, env: Env) {
  const config = configOf(env);
  const leaseMs = config.workers.leaseSeconds * 1000;
  migrateObject(storage, MIGRATED);
  const db = objectDatabase(storage);
  const safe = ownKeys(vaultIn(storage, vaultKey(textOf(env, 'PORTCULLIS_VAULT_KEY'))), now);
  const keys = await loadKeys(await safe.keyFile(), now);
  const [logKey, linkKey] = [await readLogKey(await safe.logKey(), sha256), safe.linkKey()];
  const links = await linkSigner(linkKey);
  const outbox = new Outbox(db, config.alertTargets, now);
  const journal = new Journal(db, sha256, (change) => announce(change, outbox, now));
  const captures = new Captures(db, journal, sealing, sha256);
  const issuer = () => ({ issuer: keys.file().issuer, keys: keys.published() });
  const holders = new Holders({
    ...{ storage, now, leaseMs, issuer, linkKey, feed: new Feed(storage, 'down', DOWN) },
    tell: (name, update) => env.TESTER.getByName(name).obey(update),
  });
  const archive = archiveOf(storage, env);
  const committed = holders.around(objectTransaction(storage, journal));
  const writer = new Writer(archive ? archive.around(committed) : committed, later);
  const warden = new Warden({
    ...{ db, writer, journal, captures, now, sha256, node: GATE, quietMs: quietMsOf(config), watchMs: 1_000 },
    ...{ policies: policiesIn(db), termsLink: termsLink(config.publicUrl ?? null) },
    skewMs: config.tokens.clockToleranceSeconds * 1000,
    peers: holdersAsPeers(holders),
    alert: (event, message) => void outbox.add(event, message),
    alertNow: (event, message) => void sendAtOnce(outbox, event, message),
  });
  await beginTree(db, writer, now);
  await warden.settleLost();
  const upstream = workerUpstream(upstreamOptions(config, null));
  const inspector = workerInspector(config.trace.mostBytes);
  const kept = { journal, captures, forgotten: forgottenIn(storage) };
  const parts = { config, storage, db, writer, warden, ...kept, outbox, holders, archive, leaseMs };
  const sealer = startSealing(config, { db, writer, key: logKey, now });
  // It goes on while the object is awake; the clock of the deployment wakes it each minute.
  startBackground({
    ...{ config, db, reader: db, writer, captures, upstream, inspector, now, isFirst: true },
    // A call may have been let through under a lease of before the stop, by a clock that is a little behind.
    ...{ quietMs: warden.quietMs, lateMs: leaseMs + 1_000 },
  });
  const gate = gateFrom(config, {
    ...{ now, upstream, links, admission: warden, drill: new DrillUpstream(), marker: null },
    attempts: addressLimit(config.requests.unknownPerMinute),
    verifier: verifierFrom(config, ownIssuer(keys), now),
  });
  return { ...parts, gate, keys, safe, logKey, linkKey, links, inspector, upstream, sealer, issuer };
}

/** The copy in D1; null where none is bound. */
function archiveOf(storage: Storage, { ARCHIVE }: Env): Outbound | null {
  if (!ARCHIVE) return null;
  return new Outbound({
    ...{ object: GATE, feed: new Feed(storage, 'archive', ARCHIVED, { evenApplied: true }), now },
    deliver: archiveIn(ARCHIVE, MIGRATED, ARCHIVED),
    setAlarm: (at) => storage.setAlarm(at),
    failed: fails('the copy in D1 could not be written'),
  });
}
