/** What a tester's object is made of: the core of a gate over the object's store, with the gate's lease in the place of its directory. */
import { uuidv7 } from 'uuidv7';
import { type AddressLimit, addressLimit } from '../admission/address-limit.ts';
import type { Admission } from '../admission/admission.ts';
import type { CutBySwitch } from '../admission/cut.ts';
import { policiesIn } from '../admission/policies.ts';
import { Warden } from '../admission/warden.ts';
import { createGateway } from '../app.ts';
import type { Config } from '../config.ts';
import { gateFrom, upstreamOptions, verifierFrom } from '../from-config.ts';
import { DrillUpstream } from '../gateway/drill.ts';
import { serveOnWorkers, takeOnWorkers } from '../gateway/exchange.worker.ts';
import { workerUpstream } from '../gateway/upstream.worker.ts';
import { firstIdOf } from '../log/id.ts';
import { Journal } from '../log/journal.ts';
import { sha256 } from '../log/sha256.node.ts';
import { type LinkSigner, linkSigner } from '../outputs/link-token.ts';
import { termsLink } from '../outputs/terms.ts';
import { Refusal } from '../refusal.ts';
import { applyChanges } from '../store/applied.worker.ts';
import { migrateObject, objectDatabase, objectTransaction, rowsOf } from '../store/durable.worker.ts';
import { Feed } from '../store/feed.worker.ts';
import { Writer } from '../store/writer.ts';
import { ownIssuer } from '../token/issuers.ts';
import { KeysUnavailable } from '../token/key-sets.ts';
import type { Verifier } from '../token/verify.ts';
import { later } from '../turn.ts';
import { configOf, textOf } from './configuration.worker.ts';
import { nobodyElse } from './holders.worker.ts';
import { Lease, within } from './lease.worker.ts';
import type { Update } from './leased.worker.ts';
import { alertByLetter, capturesByLetter, Letters } from './letters.worker.ts';
import { MIGRATED } from './migrations.worker.ts';
import { boundsOf, GATE, NOBODY, quietMsOf } from './names.worker.ts';
import { Outbound } from './outbox.worker.ts';
import type { Env, Storage } from './runtime.worker.ts';
import { BOTH_WAYS, DOWN, UP } from './tables.worker.ts';
import { vaultKey } from './vault.worker.ts';

const now = Date.now;
/** A question that a call waits for. */
const ASK_MS = 5_000;
const DELIVER_MS = 30_000;

/** @param name of the object, as the front and the gate call it */
export async function openTester(storage: Storage, env: Env, name: string) {
  const config = configOf(env);
  const gate = () => env.GATE.getByName(GATE);
  migrateObject(storage, MIGRATED);
  const db = objectDatabase(storage);
  const letters = new Letters(storage, vaultKey(textOf(env, 'PORTCULLIS_VAULT_KEY')));
  const outbound = new Outbound({
    ...{ object: name, letters, now, feed: new Feed(storage, 'up', UP) },
    deliver: (delivery) => within(DELIVER_MS, gate().deliver(delivery)),
    setAlarm: (at) => storage.setAlarm(at),
    failed: (fault) => console.error(`portcullis: ${name} could not deliver:`, fault),
  });
  const journal = new Journal(db, sha256);
  const writer = new Writer(outbound.around(objectTransaction(storage, journal)), later);
  const view = viewIn(storage);
  const warden: Warden = new Warden({
    ...{ db, writer, journal, now, sha256, node: name, quietMs: quietMsOf(config) },
    ...{ policies: policiesIn(db), termsLink: termsLink(config.publicUrl ?? null), peers: nobodyElse },
    captures: capturesByLetter(letters),
    alert: alertByLetter(letters),
    ...{ watchMs: 0, obeysOnly: true, skewMs: config.tokens.clockToleranceSeconds * 1000 },
    standing: () => lease.standing(),
    async share(call, sharing) {
      const said = await within(ASK_MS, gate().share({ object: name, call, ...sharing }));
      return said && new Refusal('quota_exceeded', said.detail, said.public);
    },
    foreign: (ids, tester) => within(ASK_MS, gate().foreign(ids, tester)),
    async reserve(tester, made) {
      const why = await within(
        ASK_MS,
        gate().reserve(
          tester,
          made.map(({ id }) => id),
        ),
      );
      if (why !== null) throw new Refusal('upstream_answer_refused', why);
    },
  });
  const apply = ({ changes, seq }: Update, cut: (cuts: CutBySwitch) => void) =>
    writer.write(
      () => {
        // Another one may have come meanwhile, and told more: rows never go back.
        if (seq <= view.get()) return;
        applyChanges(storage, DOWN, changes, BOTH_WAYS);
        view.set(seq);
      },
      () => cut(warden.look()),
    );
  const lease: Lease = new Lease({
    ...{ now, apply, known: view.get },
    ask: (since) => gate().lease(name, since),
    lapse: (revocation) => warden.lapse(revocation),
    openCalls: () => warden.live().openCalls,
  });
  await warden.settleLost();
  await writer.write(() => letOldGo(storage, config));
  const drill = new DrillUpstream();
  // Only what the front found good comes to a tester's object, so nobody's guesses are counted there.
  const attempts = name === NOBODY ? addressLimit(config.requests.unknownPerMinute) : NO_LIMIT;
  const made = gateFrom(config, {
    ...{ now, drill, attempts, marker: null, links: leasedLinks(lease) },
    upstream: workerUpstream(upstreamOptions(config, null)),
    verifier: leasedVerifier(config, lease),
    admission: underLease(warden, lease),
  });
  const take = takeOnWorkers(boundsOf(config));
  const nothing = { fetch: () => new Response(null, { status: 404 }) };
  const app = createGateway({
    ...{ gate: made, take, off: config.routes.off, portal: nothing },
    ...{ jwks: () => ({ keys: [] }), metadata: { paths: [], body: null } },
    ready: () => ({ ready: lease.holds, armed: 'unknown' }),
  });
  return { serve: serveOnWorkers(app, made, take), lease, outbound, drill };
}

const NO_LIMIT: AddressLimit = { take: async () => {}, giveBack: async () => {} };

/** The one step that needs the lease; its body may have taken longer than one lasts. */
function underLease(warden: Warden, lease: Lease): Admission {
  return {
    needsModeration: (ask) => warden.needsModeration(ask),
    async admit(ask) {
      await lease.require();
      return warden.admit(ask);
    },
    async admitLink(arrival, link) {
      await lease.require();
      return warden.admitLink(arrival, link);
    },
    refuse: (call) => warden.refuse(call),
  };
}

/** Without a lease nobody can say of a token whether it is good. */
function leasedVerifier(config: Config, lease: Lease): Verifier {
  const verifier = verifierFrom(config, leasedIssuer(lease), now);
  return {
    recall: (token, nowMs) => (lease.holds ? verifier.recall(token, nowMs) : null),
    async verify(token, nowMs) {
      if (!lease.holds) throw new Refusal('authority_unreachable', 'no lease from the gate');
      return verifier.verify(token, nowMs);
    },
  };
}

/** Our own issuer, as far as the lease says: without one nobody can tell which keys stand. */
function leasedIssuer(lease: Lease) {
  const issuer = ownIssuer({
    file: () => ({ issuer: lease.issuer }),
    verify: (header, token) => {
      const { keys } = lease;
      if (!keys) throw new KeysUnavailable('no lease from the gate');
      return keys.find(header, token);
    },
    holds: (kid) => lease.holdsKey(kid),
    generation: () => lease.keys?.generation ?? Number.NaN,
  });
  // Its name comes with the first lease.
  return Object.defineProperty({ ...issuer }, 'issuer', { get: () => lease.issuer, enumerable: true });
}

function leasedLinks(lease: Lease): LinkSigner {
  const signer = () => linkSigner(lease.linkKey);
  return {
    newId: () => uuidv7(),
    sign: async (id) => (await signer()).sign(id),
    verify: async (link) => (lease.linkKey === '' ? null : (await signer()).verify(link)),
  };
}

/** A call that nobody asks for here any more; the gate's own copy goes by the gate's own rules. */
const KEPT_DAYS = 7;
const DAY_MS = 86_400_000;
const GONE_AT_ONCE = 5_000;

/** Whoever must not keep rows for so long does not keep them here either. What is not delivered yet stays. */
function letOldGo(storage: Storage, { log }: Config): void {
  const days = Math.min(KEPT_DAYS, log.keepDays ?? KEPT_DAYS);
  storage.sql.exec(
    `delete from requests where id in (select id from requests where id < ? and outcome is not null
       and id not in (select request from objects where request is not null)
       and not exists (select 1 from feed_up where tab = 'requests' and key = json_array(requests.id)) limit ?)`,
    firstIdOf(now() - days * DAY_MS),
    GONE_AT_ONCE,
  );
}

/** How far this object knows the directory: written with the rows themselves. */
function viewIn(storage: Storage) {
  storage.sql.exec('create table if not exists view (id integer primary key, seq integer not null)');
  return {
    get: (): number => Number(rowsOf(storage, 'select seq from view where id = 1')[0]?.seq ?? 0),
    set: (seq: number) => void storage.sql.exec('insert or replace into view values (1, ?)', seq),
  };
}
