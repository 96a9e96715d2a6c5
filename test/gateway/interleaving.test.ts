/** Law 2 at every await of the way of a call: after a stop is acknowledged nothing in its scope is dispatched. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clusterBy } from '../../src/admission/cluster.ts';
import { Warden } from '../../src/admission/warden.ts';
import type { AnswerSink, Exchange } from '../../src/deps.ts';
import { type Gate, handle } from '../../src/gateway/handler.ts';
import { ROUTES } from '../../src/gateway/routes.ts';
import { Captures } from '../../src/log/captures.ts';
import { Journal } from '../../src/log/journal.ts';
import { sealing } from '../../src/log/seal.node.ts';
import { newDigest, sha256 } from '../../src/log/sha256.node.ts';
import { openDatabase, sqliteTransaction } from '../../src/store/db.node.ts';
import { cohorts, requests, switches, testers } from '../../src/store/schema.ts';
import { Writer } from '../../src/store/writer.ts';

const ACTOR = { operator: 'olga', address: null };
const CHAT = ROUTES.find(({ operation }) => operation === 'chat.completions.create') ?? null;
const BODY = new TextEncoder().encode('{"model":"m"}');
const IDENTITY = {
  ...{ tester: 'ada', jti: 'j', issuer: 'i', own: false, clientId: 'c' },
  ...{ issuedAt: 1, notBefore: 1, expiresAt: 9e9, keyStands: () => true },
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-steps-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A gate whose every turn is taken by the test. */
function setUp(n: number) {
  const connections = openDatabase(join(dir, `${n}.sqlite`), 'process');
  const db = connections.writer;
  db.insert(cohorts).values({ name: 'artists' }).run();
  db.insert(testers).values({ id: 'ada', cohort: 'artists' }).run();
  const turns: (() => void)[] = [];
  const journal = new Journal(db, sha256);
  const writer = new Writer(sqliteTransaction(db, journal), (flush) => void turns.push(flush));
  const granted = {
    allow: [{ operations: ['*'], models: ['*'] }],
    ...{
      limits: { concurrent: 5 },
      quotas: {},
      sharedQuotas: {},
      capture: 'none',
      outputs: 'open',
      watermark: false,
    },
    ...{ rules: [], moderation: null },
  };
  const inForce = { version: 1, policy: { terms: 0, cohort: () => granted } } as never;
  const policies = { named: () => inForce, inForce: () => inForce };
  const quietMs = 60_000;
  const captures = new Captures(db, journal, sealing, sha256);
  const options = {
    db,
    writer,
    journal,
    quietMs,
    captures,
    peers: clusterBy({ own: 'test', isAlive: () => true, forget: () => {} }),
    policies,
    now: Date.now,
    node: 'test',
    termsLink: '/portal/terms',
    sha256,
    watchMs: 1e9,
  };
  const warden = new Warden(options);
  const sent: AnswerSink[] = [];
  let aborted = 0;
  const gate: Gate = {
    ...{ now: Date.now, newId: () => `01890a5d-ac96-774b-bcce-${String(n).padStart(12, '0')}` },
    clientAddress: () => '127.0.0.1',
    attempts: { take: async () => {}, giveBack: async () => {} },
    verifier: { recall: () => null, verify: async () => IDENTITY },
    bodyLimits: { jsonBytes: 1e6, multipartBytes: 1e6 },
    admission: warden,
    moderator: null,
    marker: null,
    moderated: new Map(),
    newDigest,
    links: null as never,
    drill: null as never,
    upstream: {
      send: (_, sink) => {
        sent.push(sink);
        return { abort: () => aborted++, resume() {} };
      },
      dial: () => ({ abort() {} }),
      quotesKey: () => false,
    },
    ...{ sockets: new Set<never>(), socketIdleMs: 1e6 },
    realm: 'test',
  };
  return {
    ...{ gate, warden, db, sent },
    aborted: () => aborted,
    /** One microtask, then one turn of the writer. */
    async step() {
      await null;
      turns.shift()?.();
    },
    close() {
      warden.close();
      connections.close();
    },
  };
}

function call() {
  const reply = { started: false, closed: false, status: 0, text: '', broken: false };
  const headers = ['host', 'gate', 'authorization', 'Bearer x', 'content-type', 'application/json'];
  const exchange: Exchange = {
    opening: null,
    inbound: {
      ...{ method: 'POST', target: '/v1/chat/completions', headers, peer: '127.0.0.1', hasBody: true },
      upgradable: false,
      version: '1.1',
      body: async () => BODY,
    },
    reply: {
      get started() {
        return reply.started;
      },
      waits: false,
      get closed() {
        return reply.closed;
      },
      head(status) {
        reply.started = true;
        reply.status = status;
      },
      write: () => true,
      end(chunk) {
        reply.closed = true;
        reply.text += chunk ?? '';
      },
      abort() {
        reply.closed = reply.broken = true;
      },
      onDrain() {},
      onGone() {},
    },
  };
  return { exchange, reply };
}

const STEPS = 40;

/** Engages the switch after `k` steps; what was dispatched when it was acknowledged, and in the end. */
async function interleave(k: number, engage: 'by the API' | 'by hand') {
  const world = setUp(k);
  const { exchange, reply } = call();
  let over = false;
  void handle(exchange, CHAT, {}, world.gate).then(() => {
    over = true;
  });
  for (let i = 0; i < k; i++) await world.step();
  let acknowledged = false;
  if (engage === 'by hand') {
    world.db.insert(switches).values({ scope: 'global' }).run();
    acknowledged = true;
  } else
    void world.warden.stops.stop({ scope: 'global', effect: 'stop', reason: null }, ACTOR).then(() => {
      acknowledged = true;
    });
  for (let i = 0; i < STEPS && !acknowledged; i++) await world.step();
  const before = world.sent.length;
  for (let i = 0; i < STEPS; i++) await world.step();
  const rows = world.db.select().from(requests).all();
  const result = {
    acknowledged,
    over,
    before,
    after: world.sent.length,
    aborted: world.aborted(),
    reply,
    rows,
  };
  world.close();
  return result;
}

test('a switch engaged at any step: nothing is sent after its acknowledgement, what was sent is cut, and there is one row', async () => {
  const outcomes = new Set<string>();
  for (let k = 0; k < STEPS; k++) {
    const { acknowledged, over, before, after, aborted, reply, rows } = await interleave(k, 'by the API');
    expect([k, acknowledged, over]).toEqual([k, true, true]);
    expect([k, after]).toEqual([k, before]);
    expect([k, aborted]).toEqual([k, before]);
    expect([k, reply.status, reply.closed]).toEqual([k, 403, true]);
    expect(rows.map(({ outcome }) => outcome)).toEqual(['programme_stopped']);
    outcomes.add(`${rows[0]?.decision} ${before}`);
  }
  // The schedule did meet all three: refused at admission, admitted and then not sent, sent and then cut.
  expect([...outcomes].sort()).toEqual(['allowed 0', 'allowed 1', 'refused 0']);
});

test('a switch that somebody writes by hand before admission is obeyed by it', async () => {
  for (let k = 0; k < 4; k++) {
    const { after, rows } = await interleave(k, 'by hand');
    expect([k, after, rows.length]).toEqual([k, 0, 1]);
  }
});
