/** Where the stores of single testers lie apart none of them knows whose an object is, or what a cohort has used: one place that does is asked. */
import type { References } from '../gateway/references.ts';
import type { Units } from '../gateway/units.ts';
import { printable } from '../printable.ts';
import { Refusal } from '../refusal.ts';
import type { Ask, Made, Settlement } from './admission.ts';
import { chargeOf, sharedBy } from './charging.ts';
import { consider, type Grounds, isHeldUp } from './decide.ts';
import type { Foreign, Objects } from './objects.ts';
import { entries, type Quotas } from './quotas.ts';

/** What a call would use of what its cohort shares. */
export interface Sharing {
  readonly cohort: string;
  readonly units: Units;
  readonly quotas: Quotas;
}

export interface ElsewhereOptions {
  /**
   * Asked before objects are made a tester's own.
   * @throws Refusal `upstream_answer_refused` when one is another tester's
   */
  readonly reserve?: (tester: string, made: readonly Made[]) => Promise<void>;
  /** Of ids that this store does not know, whose they are, where they are another tester's than this one's. */
  readonly foreign?: (ids: readonly string[], tester: string) => Promise<ReadonlyMap<string, string>>;
  /** Sets aside for a call what it asks for of what its cohort shares. @returns the refusal where there is no room */
  readonly share?: (call: string, sharing: Sharing) => Promise<Refusal | null>;
}

/** What was asked before the decision on a call; undefined: that is known here. Null: it was not asked, or nobody could say. */
export interface Elsewhere {
  readonly foreign?: Foreign | undefined;
  readonly shared?: Shared | null | undefined;
}

export interface Shared {
  /** For so much it was asked. */
  readonly units: Units;
  readonly refusal: Refusal | null;
}

/** Nobody is asked about a call that is refused for something else; should it not be after all, nobody could say. */
export async function askElsewhere(
  options: ElsewhereOptions,
  ask: Ask,
  grounds: Grounds,
): Promise<Elsewhere> {
  const foreign = options.foreign && (await foreignOf(options, ask, grounds));
  const shared = options.share && (await sharedOf(options.share, ask, grounds, foreign));
  return { foreign, shared };
}

function foreignOf(options: ElsewhereOptions, ask: Ask, grounds: Grounds): Foreign | Promise<Foreign> {
  const { refusal } = consider(ask, grounds);
  if (refusal && refusal.code !== 'object_unknown') return null;
  return foreignIn(options, grounds.objects, ask.call, ask.who.tester);
}

async function sharedOf(
  share: NonNullable<ElsewhereOptions['share']>,
  ask: Ask,
  grounds: Grounds,
  foreign: Foreign | undefined,
): Promise<Shared | null> {
  const asked = sharing(ask, grounds, { foreign });
  if (!asked) return null;
  try {
    return { units: asked.units, refusal: await share(ask.arrival.id, asked) };
  } catch (fault) {
    console.error('what a cohort shares could not be asked:', fault);
    return null;
  }
}

/** Null: nothing, or something else refuses it. */
function sharing(ask: Ask, grounds: Grounds, elsewhere: Elsewhere): Sharing | null {
  if (!grounds.policies.inForce()?.policy.shares) return null;
  const considered = consider(ask, grounds, elsewhere);
  const { bearer, refusal, granted } = considered;
  if (refusal || !granted || isHeldUp(considered, grounds)) return null;
  const units = sharedBy(chargeOf(ask.call, bearer, grounds).units, granted);
  if (entries(units).length === 0) return null;
  return { cohort: bearer.cohort, units, quotas: granted.sharedQuotas };
}

/** @throws Refusal */
export async function reserve(
  { reserve: ask }: ElsewhereOptions,
  tester: string,
  made: readonly Made[] = [],
): Promise<void> {
  if (!ask || made.length === 0) return;
  try {
    await ask(tester, made);
  } catch (fault) {
    if (fault instanceof Refusal) throw fault;
    throw new Refusal('authority_unreachable', String(fault));
  }
}

/** The settlement of a call, without what cannot be made the tester's. */
export async function reserved(
  options: ElsewhereOptions,
  tester: string,
  settlement: Settlement,
): Promise<Settlement> {
  const { made = [], detail } = settlement;
  try {
    await reserve(options, tester, made);
    return settlement;
  } catch (fault) {
    const why = fault instanceof Refusal ? fault.detail : String(fault);
    const lost = `nobody's: ${made.map(({ id }) => printable(id)).join(', ')} (${why})`;
    return { ...settlement, made: [], detail: detail ? `${detail}; ${lost}` : lost };
  }
}

/** What of the references is another tester's, beyond what this store knows. */
export async function foreignIn(
  { foreign }: ElsewhereOptions,
  objects: Objects,
  references: References,
  tester: string,
): Promise<Foreign> {
  const ids = objects.strange(references);
  if (!foreign || ids.length === 0) return NONE;
  try {
    return await foreign(ids, tester);
  } catch (fault) {
    console.error('whose an object is could not be asked:', fault);
    return null;
  }
}

const NONE: ReadonlyMap<string, string> = new Map();
