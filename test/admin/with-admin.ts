/** The admin API over a real store and the real warden; only the signature of an issued token is made up. */

import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { type AdminOptions, createAdmin } from '../../src/admin/app.ts';
import { createClient } from '../../src/admin/client.ts';
import { hashSecret } from '../../src/admin/credential.ts';
import { clusterBy } from '../../src/admission/cluster.ts';
import { type InForce, policiesIn } from '../../src/admission/policies.ts';
import { roomIn } from '../../src/admission/room.ts';
import { Warden } from '../../src/admission/warden.ts';
import { Outbox } from '../../src/alerts/outbox.ts';
import { readConfig, settingsOf } from '../../src/config.ts';
import type { Actor, Control, IssuedToken } from '../../src/control.ts';
import { checkPolicy, loadPolicy } from '../../src/control-policy.ts';
import { Drills } from '../../src/drills.ts';
import { OPERATIONS } from '../../src/gateway/routes.ts';
import { Captures } from '../../src/log/captures.ts';
import { Journal } from '../../src/log/journal.ts';
import { LogSide } from '../../src/log/log-side.ts';
import { sealing } from '../../src/log/seal.node.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { ContentUnavailable } from '../../src/outputs/content.ts';
import { nodeInspector } from '../../src/outputs/inspect.node.ts';
import { linkSigner } from '../../src/outputs/link-token.ts';
import { readPolicy } from '../../src/policy/policy.ts';
import { makeSecret } from '../../src/secret.ts';
import { type Db, openDatabase, sqliteTransaction } from '../../src/store/db.node.ts';
import { acts, operators, operatorTokens, requests, tokens } from '../../src/store/schema.ts';
import { Writer } from '../../src/store/writer.ts';
import { KeyUnknown } from '../../src/token/faults.ts';
import { ON_WORKERS } from '../with-gate.ts';

const ROLES = ['operator', 'auditor', 'reviewer', 'admin'] as const;
const DAY_MS = 86_400_000;

type Here = Awaited<ReturnType<typeof startHere>>;
export interface Admin extends Omit<Here, 'app'> {
  readonly app: { request(path: string, init?: RequestInit): Response | Promise<Response> };
}
type Options = Omit<AdminOptions, 'onFault'> & { now?: () => number };

/** @param options of the admin API; `now`: its clock. On Workers there are none. */
export async function startAdmin(options: Options = {}): Promise<Admin> {
  if (!ON_WORKERS) return startHere(options);
  const { startAdmin } = await import('../workers/with-admin.ts');
  return startAdmin();
}

/** In this process. */
export async function startHere(options: Options = {}) {
  const { now = Date.now, ...more } = options;
  const dataDir = mkdtempSync(join(tmpdir(), 'portcullis-'));
  const db = openDatabase(join(dataDir, 'portcullis.sqlite'), 'process');
  const journal = new Journal(db.writer, sha256);
  const captures = new Captures(db.writer, journal, sealing, sha256);
  const writer = new Writer(sqliteTransaction(db.writer, journal), setImmediate);
  const can = { moderate: false, mark: false };
  const text = 'cohorts: { alpha: { allow: [{ operations: ["*"], models: ["*"] }] } }';
  const inForce: InForce = { version: 1, policy: readPolicy(text, OPERATIONS) };
  const warden = new Warden({
    db: db.writer,
    writer,
    journal,
    quietMs: 60_000,
    captures,
    policies: policiesIn(db.writer),
    now: Date.now,
    termsLink: '/portal/terms',
    sha256,
    node: 'test',
    peers: clusterBy({ own: 'test', isAlive: () => true, forget: () => {} }),
    watchMs: 50,
  });
  const links = await linkSigner(randomBytes(32).toString('base64url'));
  const port: Omit<Control, 'drills'> = {
    now,
    reader: db.reader,
    writer: db.writer,
    write: (job) => writer.write(job),
    stop: (order, actor) => warden.stops.stop(order, actor),
    release: (scope, reason, actor) => warden.stops.release(scope, reason, actor),
    readmit: (id, scopes, reason, actor) => warden.stops.readmit(id, scopes, reason, actor),
    reach: (scope) => warden.stops.reach(scope),
    issueToken: (tester, days, actor) => writer.write(() => issue(db.writer, tester, days ?? 7, actor)),
    keys: () => [{ kid: 'k', state: 'signing', createdAt: null, signedUntil: null, verifiesUntil: null }],
    rotateKeys: () => Promise.resolve(),
    withdrawKey: (kid) => Promise.reject(new KeyUnknown(kid)),
    content: () => Promise.reject(new ContentUnavailable(null, 'there is no upstream here')),
    recheck: () => warden.recheck(),
    links,
    inspector: nodeInspector(1_000_000),
    releasing: { approvals: 2, linkDays: 30, publicUrl: 'https://gate.example' },
    live: () => warden.live(),
    log: new LogSide(db.reader, { name: 'test.log', verifier: 'test.log+00000000+AA==' }, sha256, sealing),
    forget: (tester) => captures.forget(tester),
    totals: async () => ({ ...warden.counts, open: warden.live().openCalls }),
    outbox: new Outbox(db.writer, [], Date.now),
    room: roomIn({
      db: db.reader,
      rules: () => ({
        ...{ programme: { allow: [] }, limits: {}, quotas: {}, sharedQuotas: {} },
        ...{ outputs: 'open', terms: null },
      }),
      held: (tester) => warden.held(tester),
      now: Date.now,
    }),
    outsideIssuers: false,
    policy: () => inForce,
    checkPolicy: (text) => checkPolicy(text, can),
    loadPolicy: (order, actor) =>
      loadPolicy({ db: db.writer, writer, now: Date.now, sha256, can }, order, actor),
    settings: settingsOf(readConfig({}, null)),
  };
  const call = () => {
    throw new Error('there is no gateway here');
  };
  const drills = new Drills({
    control: port,
    dispatched: async () => 0,
    call,
    node: 'test',
    everyHours: 0,
  });
  const control: Control = { ...port, drills };
  const app = createAdmin(control, { onFault: () => {}, ...more });
  const credentials = await addOperators(db.writer);
  const client = createClient({
    url: 'http://localhost',
    credential: credentials.operator,
    fetch: (input, init) => app.request(input, init),
  });
  return {
    app,
    client,
    control,
    credentials,
    dataDir,
    db,
    /** One request with the operator's credential, or another's. */
    call: (method: string, path: string, json?: unknown, credential = credentials.operator) =>
      app.request(path, {
        method,
        headers: {
          authorization: `Bearer ${credential}`,
          ...(json ? { 'content-type': 'application/json' } : {}),
        },
        ...(json ? { body: JSON.stringify(json) } : {}),
      }),
    acts: () => db.reader.select().from(acts).all(),
    /** What the store holds. @param sql one query */
    read: <T>(sql: string) => db.reader.$client.prepare<[], T>(sql).all(),
    close() {
      warden.close();
      db.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}

async function addOperators(db: Db): Promise<Record<(typeof ROLES)[number], string>> {
  const made = ROLES.map((role) => [role, makeSecret('pco_')] as const);
  for (const [role, credential] of made) {
    const operator = `the-${role}`;
    db.insert(operators).values({ name: operator, role }).run();
    db.insert(operatorTokens)
      .values({ id: `of-${operator}`, operator, label: 'test', hash: await hashSecret(credential) })
      .run();
  }
  return Object.fromEntries(made) as Record<(typeof ROLES)[number], string>;
}

function issue(db: Db, tester: string, days: number, { operator, address }: Actor): IssuedToken {
  const jti = randomUUID();
  const expiresAt = Date.now() + days * DAY_MS;
  db.insert(tokens).values({ jti, tester, expiresAt }).run();
  db.insert(acts)
    .values({ operator, act: 'token.issue', subject: `token:${jti}`, address })
    .run();
  return { token: `header.${jti}.signature`, jti, tester, expiresAt: new Date(expiresAt).toISOString() };
}

/** A row of the request log, as the gateway would have left it. */
export function logCall(db: Db, call: Partial<typeof requests.$inferInsert> = {}): string {
  const id = uuidv7();
  const usual = {
    tester: 'ada',
    cohort: 'alpha',
    method: 'POST',
    path: '/v1/videos',
    operation: 'videos.create',
  };
  db.insert(requests)
    .values({ id, at: Date.now(), ...usual, decision: 'allowed', outcome: 'complete', status: 200, ...call })
    .run();
  return id;
}
