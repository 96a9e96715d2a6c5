/** The terms that a tester's cohort asks for, and what the tester accepted. */

import { iso, isoOrNull } from '../iso.ts';
import { termsIn } from '../outputs/standing.ts';
import { accept, acceptedBy, TERMS_PATH, TermsUnknown, termsOf } from '../outputs/terms.ts';
import { Refusal } from '../refusal.ts';
import type { TermsInput } from './input.ts';
import type { Portal, Visitor } from './portal.ts';

export interface TermsToAccept {
  readonly version: number;
  readonly text: string;
  /** Of the text in UTF-8, lower-case hex: what is accepted is this text. */
  readonly sha256: string;
  readonly at: string;
  /** Until then whoever accepted an older version may go on. */
  readonly graceUntil: string | null;
  readonly isAccepted: boolean;
}

export interface OwnTerms {
  /** Null: the cohort asks for none, or for a version that nobody has published yet. */
  readonly required: TermsToAccept | null;
  readonly accepted: readonly { readonly version: number; readonly sha256: string; readonly at: string }[];
}

export function readTerms(portal: Portal, { tester }: Visitor): OwnTerms {
  const accepted = acceptedBy(portal, tester).map(({ version, sha256, at }) => ({
    version,
    sha256,
    at: iso(at),
  }));
  const version = portal.requiredTerms();
  const text = version === null ? null : termsOf(portal, version);
  if (!text) return { required: null, accepted };
  const isAccepted = accepted.some((one) => one.version >= text.version);
  const told = { version: text.version, text: text.text, sha256: text.sha256, at: iso(text.at) };
  return { required: { ...told, graceUntil: isoOrNull(text.graceUntil), isAccepted }, accepted };
}

/** True where calls are refused until the terms are accepted. */
export function lacksTerms(portal: Portal, tester: string): boolean {
  const version = portal.requiredTerms();
  if (version === null) return false;
  return termsIn(portal.reader, TERMS_PATH).refusal(tester, version, portal.now()) !== null;
}

/** @throws Refusal where there is no such text: what the tester did not see is not accepted */
export async function acceptTerms(
  portal: Portal,
  { tester }: Visitor,
  address: string,
  { version, sha256 }: TermsInput,
  how: 'portal' | 'api',
): Promise<void> {
  try {
    await accept(portal, { tester, version, sha256, address, how });
  } catch (fault) {
    if (!(fault instanceof TermsUnknown)) throw fault;
    throw new Refusal('object_unknown', 'no such terms', { message: 'Read them again: they have changed.' });
  }
}
