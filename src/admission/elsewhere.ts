/** Whose an object is, where the stores of single testers lie apart: none of them can tell, so one place that knows all is asked. */
import type { References } from '../gateway/references.ts';
import { printable } from '../printable.ts';
import { Refusal } from '../refusal.ts';
import type { Made, Settlement } from './admission.ts';
import type { Foreign, Objects } from './objects.ts';

export interface ElsewhereOptions {
  /**
   * Asked before objects are made a tester's own.
   * @throws Refusal `upstream_answer_refused` when one is another tester's
   */
  readonly reserve?: (tester: string, made: readonly Made[]) => Promise<void>;
  /** Of ids that this store does not know, whose they are, where they are another tester's than this one's. */
  readonly foreign?: (ids: readonly string[], tester: string) => Promise<ReadonlyMap<string, string>>;
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
