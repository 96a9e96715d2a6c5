/** The operators' and the visitors' side of the gate's object: admin API, console, portal. */
import { createAdmin } from '../admin/app.ts';
import { settingsOf } from '../config.ts';
import { createConsole } from '../console/app.ts';
import type { Control, Reach } from '../control.ts';
import { createControl } from '../control-side.ts';
import { Drills } from '../drills.ts';
import { ensureOperator } from '../first-start.ts';
import { ownPolicy, releasingOf, signInOptions } from '../from-config.ts';
import { DRILL } from '../gateway/drill.ts';
import { serveOnWorkers, takeOnWorkers } from '../gateway/exchange.worker.ts';
import { LogSide } from '../log/log-side.ts';
import { sealing } from '../log/seal.node.ts';
import { sha256 } from '../log/sha256.node.ts';
import { isSecret } from '../secret.ts';
import { visitorsApp } from '../visitors.ts';
import { textOf } from './configuration.worker.ts';
import { drillCall } from './drill-call.worker.ts';
import type { GateParts } from './gate-parts.worker.ts';
import { heard } from './heard.worker.ts';
import { Held } from './held.worker.ts';
import { CONSOLE_ASSETS } from './migrations.worker.ts';
import { boundsOf, GATE, ofTester } from './names.worker.ts';
import { openCallsIn } from './open-calls.worker.ts';
import type { Env } from './runtime.worker.ts';

const now = Date.now;
const SETUP = { operator: 'setup', address: null } as const;

/** @throws ConfigError; PolicyError where the configuration's policy has faults */
export async function openControl(parts: GateParts, env: Env) {
  const { control, held } = controlOf(parts, env);
  const credential = textOf(env, 'PORTCULLIS_OPERATOR_TOKEN');
  if (!isSecret('pco_', credential))
    throw new Error('PORTCULLIS_OPERATOR_TOKEN: set it to "pco_" and 32 random bytes in base64url.');
  await ensureOperator(control, credential, 'PORTCULLIS_OPERATOR_TOKEN');
  const text = JSON.stringify(ownPolicy(parts.config), null, 2);
  await control.loadPolicy({ text, source: 'config' }, SETUP);
  await control.drills.start(SETUP);
  return { control, held, admin: adminOf(control, parts, env), serve: visitorsOf(control, parts) };
}

function controlOf(parts: GateParts, env: Env): { control: Control; held: Held | null } {
  const {
    config,
    warden,
    writer,
    db,
    captures,
    upstream,
    links,
    inspector,
    keys,
    safe,
    outbox,
    logKey,
    holders,
  } = parts;
  const open = openCallsIn(db);
  const drilled = () => env.TESTER.getByName(ofTester(DRILL)).dispatched();
  const { everyHours } = config.drills;
  const stageKeys: typeof safe.stageKeys = (file) => {
    const staged = safe.stageKeys(file);
    // Whoever holds a lease is told of the keys in the turn in which they are in force.
    const commit = () => {
      staged.commit();
      queueMicrotask(() => holders.tellAll());
    };
    return { ...staged, commit };
  };
  const made = createControl({
    ...{ warden, writer, db, reader: db, now, upstream, links, inspector, keys, sha256, outbox, stageKeys },
    log: new LogSide(db, logKey, sha256, sealing),
    forget: (tester) => captures.forget(tester),
    releasing: releasingOf(config),
    totals: async (own) => ({ ...own, open: open.count() }),
    ...{ lifetimeDays: config.tokens.lifetimeDays, maxLifetimeDays: config.tokens.maxLifetimeDays },
    ...{ outsideIssuers: config.issuers.length > 0, settings: settingsOf(config) },
    can: { moderate: config.moderation !== undefined, mark: false },
    drills: (own) =>
      new Drills({
        ...{ control: heard(own, holders), node: GATE, everyHours, dispatched: drilled },
        call: (token) => drillCall(env, token),
      }),
  });
  const live = () => ({ ...made.live(), openCalls: open.count() });
  const reach = (scope: Parameters<Control['reach']>[0]): Reach => {
    return { node: GATE, calls: open.in(scope), streams: 0 };
  };
  const held = heldOf(parts, env, made);
  const content: Control['content'] = async (ask, signal) =>
    (await held?.open(ask)) ?? made.content(ask, signal);
  const forget: Control['forget'] = (tester) => {
    held?.forget(tester);
    parts.forgotten.add(tester, now());
    return made.forget(tester);
  };
  return { control: heard({ ...made, live, reach, content, forget }, holders), held };
}

/** Copies of held clips; null where no bucket is bound. */
function heldOf({ config, storage, upstream }: GateParts, { HELD }: Env, { policy }: Control): Held | null {
  if (!HELD) return null;
  return new Held({
    ...{ storage, upstream, now, bucket: HELD, keepDays: config.log.keepTextDays ?? null },
    holds: (cohort) => (policy()?.policy.cohort(cohort)?.outputs ?? 'open') !== 'open',
    failed: (fault) => console.error('portcullis: a held clip could not be kept, or let go:', fault),
  });
}

function adminOf(control: Control, { config }: GateParts, { ASSETS }: Env) {
  const admin = createAdmin(control, { allowedHosts: config.controlHosts, ...signInOptions(config) });
  admin.get('/console/assets/:name', async (c) => {
    const asset = CONSOLE_ASSETS.get(c.req.param('name'));
    if (!asset || !ASSETS) return c.notFound();
    const found = await ASSETS.fetch(new Request(`https://assets/${c.req.param('name')}`));
    if (found.status !== 200) return c.notFound();
    const isKept = c.req.query('v') === asset.version;
    return new Response(found.body, {
      headers: {
        'content-type': asset.type,
        'x-content-type-options': 'nosniff',
        'cache-control': isKept ? 'public, max-age=31536000, immutable' : 'no-cache',
      },
    });
  });
  const pages = createConsole({
    admin: (url, init, env) => admin.request(url, init, env as object),
    assets: CONSOLE_ASSETS,
  });
  admin.route('/', pages);
  return admin;
}

function visitorsOf(control: Control, { config, gate, warden, keys }: GateParts) {
  const take = takeOnWorkers(boundsOf(config));
  const app = visitorsApp({ config, control, gate, keys, take, memoryStops: warden.stops.memory });
  return serveOnWorkers(app, gate, take);
}
