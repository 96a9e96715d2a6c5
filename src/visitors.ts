/** What visitors reach where the directory is: calls, the portal, and what the gate says of itself. */
import type { Hono } from 'hono';
import { createGateway, offeredRoutes, type Take } from './app.ts';
import type { Config } from './config.ts';
import type { Control } from './control.ts';
import type { Gate } from './gateway/handler.ts';
import { createPortal } from './portal/app.ts';
import { readiness } from './readiness.ts';
import type { SigningKeys } from './token/keys.ts';
import { metadataPaths, protectedResource } from './token/metadata.ts';

export interface VisitorParts<Bindings extends object> {
  readonly config: Config;
  readonly control: Control;
  readonly gate: Gate;
  readonly keys: SigningKeys;
  /** Stops that the store did not take. */
  readonly memoryStops: Parameters<typeof createPortal>[0]['memoryStops'];
  readonly take: Take<Bindings>;
}

export function visitorsApp<Bindings extends object>(
  parts: VisitorParts<Bindings>,
): Hono<{ Bindings: Bindings }> {
  const { config, control, gate, keys, take } = parts;
  return createGateway({
    ...{ gate, take, jwks: keys.published, off: config.routes.off, portal: portalOf(parts) },
    metadata: { paths: metadataPaths(config.publicUrl), body: protectedResource(config) },
    ready: () => readiness(() => control.live().logWritable, control.drills, config.drills.required),
  });
}

function portalOf({ config, control, gate, keys, memoryStops }: Omit<VisitorParts<object>, 'take'>) {
  const offered = offeredRoutes(config.routes.off);
  return createPortal(
    {
      ...{ now: gate.now, newDigest: gate.newDigest, verifier: gate.verifier, attempts: gate.attempts },
      ...{ reader: control.reader, writer: control.writer, write: control.write, room: control.room },
      ...{ recheck: control.recheck, find: control.log.find, memoryStops },
      requiredTerms: () => control.policy()?.policy.terms || null,
      rules: (cohort) => control.policy()?.policy.cohort(cohort) ?? null,
      skewMs: config.tokens.clockToleranceSeconds * 1000,
      keys: { issuer: keys.file().issuer, signing: keys.signing, holds: keys.holds },
      publicUrl: config.publicUrl ?? null,
      route: (operation) => offered.find((one) => one.operation === operation) ?? null,
    },
    gate.realm,
  );
}
