/** What came of a stop, over everybody who lets calls pass. Pure. */
import type { NodeStopped, Stopped } from '../control.ts';
import type { Confirmed } from './peers.ts';

/** An answer that people read stays one that they can read, however many there are; the sums count all. */
export const MOST_NODES = 100;

type Sums = Pick<Stopped, 'nodes' | 'confirmed' | 'lapsed' | 'cut' | 'ms' | 'lastByteMs'>;

/**
 * @param own of the one that was given the order
 * @param ownLastByteMs null: it cut no stream
 */
export function sumsOf(
  own: NodeStopped & { readonly confirmedAt: number },
  ownLastByteMs: number | null,
  others: readonly Confirmed[],
  requestedAt: number,
): Sums {
  const told = others.map(nodeOf);
  const all = [own, ...told];
  const named = told.filter((node) => node.confirmedAt === null || cutBy(node) > 0);
  const confirmed = all.map(({ confirmedAt }) => confirmedAt).filter((at) => at !== null);
  const lastBytes = others.map(({ confirmation }) => confirmation?.lastByteAt ?? null);
  const othersMs = lastBytes.filter((at) => at !== null).map((at) => at - requestedAt);
  const lastByteMs = ownLastByteMs === null ? othersMs : [ownLastByteMs, ...othersMs];
  return {
    nodes: told.length < MOST_NODES ? all : [own, ...silentFirst(named)].slice(0, MOST_NODES),
    confirmed: confirmed.length,
    lapsed: all.length - confirmed.length,
    cut: all.reduce((sum, node) => sum + cutBy(node), 0),
    ms: sinceOrder(confirmed.map((at) => at - requestedAt)),
    lastByteMs: lastByteMs.length > 0 ? sinceOrder(lastByteMs) : null,
  };
}

function nodeOf({ name, confirmation, lapsedAt }: Confirmed): NodeStopped {
  return {
    node: name,
    confirmedAt: confirmation?.at ?? null,
    lapsedAt,
    callsRefusedInFlight: confirmation?.callsRefusedInFlight ?? 0,
    streamsCut: confirmation?.streamsCut ?? 0,
  };
}

const cutBy = ({ callsRefusedInFlight, streamsCut }: NodeStopped) => callsRefusedInFlight + streamsCut;

/** Somebody silent is what an operator has to look at. */
function silentFirst(nodes: readonly NodeStopped[]): NodeStopped[] {
  const [silent, others] = [true, false].map((is) =>
    nodes.filter(({ confirmedAt }) => (confirmedAt === null) === is),
  );
  return [...(silent ?? []), ...(others ?? [])];
}

/** Never below zero, whoever sets the clock meanwhile. Not by spreading: there may be more than a call takes arguments. */
function sinceOrder(all: readonly number[]): number {
  return all.reduce((most, ms) => Math.max(most, ms), 0);
}
