/** The operators' side on Node: what the admin API is given, the console, and the policy of the configuration. */
import type { Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createAdmin } from '../admin/app.ts';
import { type Config, ConfigError, settingsOf } from '../config.ts';
import { createConsole } from '../console/app.ts';
import { readAssets } from '../console/assets.node.ts';
import type { Control } from '../control.ts';
import { NOT_MARKED } from '../control-policy.ts';
import { createControl } from '../control-side.ts';
import type { Clock } from '../deps.ts';
import { Drills } from '../drills.ts';
import { policyFaults, releasingOf, signInOptions } from '../from-config.ts';
import { LogSide } from '../log/log-side.ts';
import { sealing } from '../log/seal.node.ts';
import { sha256 } from '../log/sha256.node.ts';
import { PolicyError } from '../policy/policy.ts';
import { createControlFront } from './control-front.node.ts';
import { drillCall } from './drill-call.node.ts';
import { policyText } from './from-config.node.ts';
import type { GateParts } from './gate-parts.node.ts';
import type { Place } from './place.node.ts';
import type { StoreParts } from './store-parts.node.ts';

export interface ControlNeeds {
  readonly config: Config;
  readonly store: StoreParts;
  readonly gate: GateParts;
  readonly place: Place;
  readonly now: Clock;
  /** Where drills call. */
  readonly gateway: () => string;
}

export function openControl({ config, store, gate, place, now, gateway }: ControlNeeds): Control {
  const { dir, db, reader, writer, captures, logKey, links, warden, keys, outbox } = store;
  const { upstream, inspector, drill } = gate;
  const { lifetimeDays, maxLifetimeDays } = config.tokens;
  return createControl({
    ...{ warden, writer, db, reader, now, upstream, links, inspector, keys, sha256, outbox },
    log: new LogSide(reader, logKey, sha256, sealing),
    forget: (tester) => captures.forget(tester),
    ...{ releasing: releasingOf(config), totals: place.totals, stageKeys: dir.stageKeys },
    ...{ lifetimeDays, maxLifetimeDays, settings: settingsOf(config) },
    can: { moderate: config.moderation !== undefined, mark: gate.gate.marker !== null },
    outsideIssuers: config.issuers.length > 0,
    drills: (own) =>
      new Drills({
        ...{ control: own, node: `${process.pid}`, everyHours: config.drills.everyHours },
        dispatched: async () => drill.dispatched,
        call: (token) => drillCall(gateway(), token),
      }),
  });
}

/** @throws ConfigError: no gate starts under a policy with a fault in it */
export async function takeUpPolicy(config: Config, control: Control) {
  const order = { text: policyText(config), source: 'config', reason: config.policy ?? null } as const;
  try {
    return await control.loadPolicy(order, { operator: 'setup', address: null });
  } catch (fault) {
    throw fault instanceof PolicyError ? policyFaults(config, fault) : fault;
  }
}

/** @throws ConfigError where the policy in force asks for what this machine cannot do */
export function checkMarks(control: Control, { gate: { marker } }: GateParts): void {
  if (!marker && control.policy()?.policy.marks)
    throw new ConfigError([`the policy in force: ${NOT_MARKED}`]);
}

/** Not listening yet. */
export function controlServer(config: Config, control: Control): Server {
  const admin = createAdmin(control, { allowedHosts: config.controlHosts, ...signInOptions(config) });
  const pages = createConsole({
    admin: (url, init, env) => admin.request(url, init, env as object),
    assets: readAssets(),
  });
  admin.route('/', pages);
  const routed = getRequestListener(
    (request, { incoming }) => admin.fetch(request, { peer: incoming.socket.remoteAddress }),
    { overrideGlobalObjects: false },
  );
  return createControlFront(routed);
}
