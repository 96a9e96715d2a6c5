/** What admission asks of terms and releases: prepared statements, read within the transaction of the call. */
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import type { AskedOutput, OutputMode } from './holding.ts';
import { outletOf } from './holding.ts';
import { unmarked } from './marks.ts';

export interface TermsGate {
  /** The version that a tester accepted last; 0: none. */
  accepted(tester: string): number;
  /** The refusal of a tester who has not accepted this version or a later one, and whom no grace lets on. */
  refusal(tester: string, version: number, now: number): Refusal | null;
}

/** @param link where testers accept */
export function termsIn({ $client: db }: Db, link: string): TermsGate {
  const accepted = db.prepare<[string], { version: number | null }>(
    'select max(version) as version from acceptances where tester = ?',
  );
  const grace = db.prepare<[number], { graceUntil: number | null }>(
    'select grace_until as graceUntil from terms where version = ?',
  );
  const lastOf = (tester: string) => accepted.get(tester)?.version ?? 0;
  return {
    accepted: lastOf,
    refusal(tester, version, now) {
      const last = lastOf(tester);
      if (last >= version) return null;
      if (last > 0 && now < (grace.get(version)?.graceUntil ?? 0)) return null;
      return new Refusal('terms_required', `version ${version}, accepted: ${last || 'none'}`, {
        message: `Accept version ${version} at ${link}.`,
        rule: `terms:${version}`,
        headers: ['link', `<${link}>; rel="terms-of-service"`],
      });
    },
  };
}

export interface Holding {
  /** The refusal of a call whose outputs are held. */
  refusal(mode: OutputMode, operation: string, output: AskedOutput | null): Refusal | null;
}

export function holdingIn({ $client: db }: Db): Holding {
  const approved = db.prepare<[string]>(`select 1 from releases where object = ? and state = 'approved'`);
  return {
    refusal(mode, operation, output) {
      if (mode !== 'reviewed-before-download') return null;
      const outlet = outletOf(operation);
      if (outlet === 'none') return null;
      if (outlet === 'object' && output !== null) {
        if (approved.get(output.object) !== undefined) return null;
        return held(output.object, 'Ask for its release.');
      }
      return held(operation, `The answers of "${operation}" hold outputs that nobody could review first.`);
    },
  };
}

/** The refusal of an answer that holds an output. @param what for the log */
export function withheld(how: 'output_held' | 'output_unmarked', what: string, message: string): Refusal {
  return how === 'output_held' ? held(what, message) : unmarked(what, message);
}

function held(what: string, message: string): Refusal {
  return new Refusal('output_held', what, { message, rule: 'outputs' });
}
