/** The way of a call: the only file that knows the order. */

import type { ClientAddress } from '../address.ts';
import type { AddressLimit } from '../admission/address-limit.ts';
import type { Admission } from '../admission/admission.ts';
import type { Clock, Digest, Exchange, Upstream } from '../deps.ts';
import type { LinkSigner } from '../outputs/link-token.ts';
import type { Marker } from '../outputs/marking.ts';
import type { Identity, Verifier } from '../token/verify.ts';
import { authenticate } from './authenticate.ts';
import type { BodyLimits } from './body.ts';
import { connect } from './connect.ts';
import { describe } from './describe.ts';
import { forward } from './forward.ts';
import { guard } from './guard.ts';
import { type Moderator, moderate } from './moderate.ts';
import { answerRefusal, Sight } from './refuse.ts';
import type { Route } from './routes.ts';
import type { SocketCall } from './socket-call.ts';

/** What the way of a call needs. */
export interface Gate {
  readonly now: Clock;
  /** UUIDv7. */
  readonly newId: () => string;
  readonly clientAddress: ClientAddress;
  readonly attempts: AddressLimit;
  readonly verifier: Verifier;
  readonly bodyLimits: BodyLimits;
  readonly admission: Admission;
  /** Null where the configuration names none: what needs it is refused. */
  readonly moderator: Moderator | null;
  /** Calls that are being looked at, by tester. */
  readonly moderated: Map<string, number>;
  readonly upstream: Upstream;
  /** Where the calls of a drill go. */
  readonly drill: Upstream;
  /** Burns codes into clips; null where nothing can, and those that need one are refused. */
  readonly marker: Marker | null;
  readonly newDigest: () => Digest;
  readonly links: LinkSigner;
  /** The WebSockets that are open or being opened. */
  readonly sockets: Set<SocketCall>;
  /** How long a side of a WebSocket may be silent, pongs included. */
  readonly socketIdleMs: number;
  /** Of the Bearer challenge: our public origin. */
  readonly realm: string;
}

/**
 * Takes one call all the way. Never rejects: whatever happens, the client is answered (or cut) and the call has its row.
 * @param route null for a path that is not in the route table
 * @param known who asks, where that was authenticated in another way: a session of the portal
 */
export async function handle(
  exchange: Exchange,
  route: Route | null,
  params: Readonly<Record<string, string>>,
  gate: Gate,
  known: Identity | null = null,
): Promise<void> {
  const sight = new Sight(exchange.inbound, route, gate);
  try {
    const frame = sight.framed(guard(exchange.inbound, gate.clientAddress, route?.socket === true));
    const who = sight.known(known ?? (await authenticate(frame, gate.verifier, gate.attempts, gate.now())));
    const call = await describe(frame, exchange.inbound, route, params, gate.bodyLimits);
    // The judge speaks inside admission: the cohort that it judges is state, and must not change before the commit.
    const ask = { arrival: sight.arrival, who, call };
    const permit = await gate.admission.admit({ ...ask, moderation: await moderate(ask, gate) });
    const permitted = { frame, who, call, permit, arrivedAt: sight.arrival.at };
    if (exchange.opening) connect(permitted, exchange.opening, exchange.reply, gate);
    else forward(permitted, exchange.reply, gate);
  } catch (fault) {
    await answerRefusal(fault, sight, exchange.reply, gate);
  }
}
