/** What the way of a call needs on Node, and what goes on behind it. */
import { addressLimit } from '../admission/address-limit.ts';
import { watchUpstream } from '../alerts/watch-upstream.ts';
import { startBackground } from '../background.ts';
import type { Config } from '../config.ts';
import type { Clock, Upstream } from '../deps.ts';
import { gateFrom, upstreamOptions, verifierFrom } from '../from-config.ts';
import { DrillUpstream } from '../gateway/drill.ts';
import { nodeUpstream } from '../gateway/upstream.node.ts';
import { nodeInspector } from '../outputs/inspect.node.ts';
import { canMark, nodeMarker } from '../outputs/mark.node.ts';
import { ownIssuer } from '../token/issuers.ts';
import { markerOptions } from './from-config.node.ts';
import type { Place } from './place.node.ts';
import type { StoreParts } from './store-parts.node.ts';

export type GateParts = Awaited<ReturnType<typeof openGate>>;

/** @throws Error when the demo upstream does not come up */
export async function openGate(config: Config, store: StoreParts, place: Place, now: Clock) {
  const { dir, warden, keys, links, liveness } = store;
  const demo = config.upstream ? null : await place.demo();
  const real = nodeUpstream(upstreamOptions(config, demo));
  const upstream = watched(real, store, place, now);
  const marker = canMark() ? nodeMarker(markerOptions(config, dir.path, liveness)) : null;
  const inspector = nodeInspector(config.trace.mostBytes);
  const drill = new DrillUpstream();
  const gate = gateFrom(config, {
    ...{ now, upstream, drill, marker, links, admission: warden },
    attempts: addressLimit(config.requests.unknownPerMinute),
    verifier: verifierFrom(config, ownIssuer(keys), now),
  });
  const background = startBackground({
    ...{ config, ...store, upstream, inspector, now, isFirst: place.isFirst },
    ...{ quietMs: warden.quietMs, lateMs: 0 },
  });

  return {
    ...{ gate, upstream, inspector, drill, demo },
    async stop(): Promise<void> {
      marker?.close();
      await background.stop();
    },
    async close(): Promise<void> {
      await real.close();
      demo?.stop();
    },
  };
}

/** Operators hear that it is away, and that it is back: once, of however many processes. */
function watched(real: Upstream, { writer, outbox }: StoreParts, { isFirst }: Place, now: Clock): Upstream {
  return watchUpstream(real, (isDown, failures) => {
    if (!isFirst) return;
    const event = { event: isDown ? 'upstream.down' : 'upstream.up', at: now(), data: { failures } } as const;
    writer.write(() => outbox.add(event)).catch((fault) => console.error('portcullis: no alert:', fault));
  });
}
