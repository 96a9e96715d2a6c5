/** The decision on one request that follows a link to a released output, inside the transaction that records it. */
import type { Call } from '../gateway/describe.ts';
import { LINKED } from '../outputs/content.ts';
import { type LinkRow, linkFault } from '../outputs/links.ts';
import { Refusal } from '../refusal.ts';
import type { Batch } from '../store/writer.ts';
import type { Identity } from '../token/verify.ts';
import type { Arrival, Ask } from './admission.ts';
import { type Decision, engagedSwitch, type Grounds } from './decide.ts';
import { grantOf } from './policies.ts';

/** A call, and what was decided on it. */
export interface Judged {
  readonly ask: Ask;
  readonly decision: Decision;
}

/** Streams of one link at once: strangers have it, and shall not take the connections of all others. */
const MOST_AT_ONCE = 64;

/** A link is no token: revocations of its owner's leave it alone, stops do not. */
const NO_TOKEN = Number.POSITIVE_INFINITY;

/**
 * The order: link, release, owner, switches. A stop of the owner, the cohort, the model or everybody holds here as it does
 * for calls; whoever follows the link is told the same in all cases.
 */
export function decideLink(arrival: Arrival, link: string, batch: Batch, grounds: Grounds): Judged {
  const { links, permits, statements, now } = grounds;
  const row = links.find(link);
  const bearer = { tester: row?.tester ?? '', cohort: row?.cohort ?? '', jti: '', model: row?.model ?? null };
  const ask: Ask = { arrival, who: nobody(bearer.tester), call: callOf(row) };
  const decision: Decision = {
    ...{ refusal: null, rule: `link:${link}`, headers: LINKED, bearer, issuedAt: NO_TOKEN, charge: null },
    ...{ granted: null, policy: null, asked: null, shadow: [] },
    ...{
      ...{ withholds: null, marks: false },
      stands: () => unknown(linkFault(links.find(link), now())),
      holder: `link:${link}`,
    },
  };
  const refused = (refusal: Refusal): Judged => {
    const rule = refusal.public.rule ?? decision.rule;
    return { ask, decision: { ...decision, refusal, rule, stands: null } };
  };

  const fault = unknown(linkFault(row, now()));
  if (fault) return refused(fault);
  const standing = statements.standing.get({ tester: bearer.tester, jti: '' });
  const quiet = standing?.engaged === 0 && grounds.memoryStops.size === 0;
  const stopped = quiet ? undefined : engagedSwitch(bearer, decision.issuedAt, ask.call, grounds);
  if (stopped) return refused(gone(`${stopped.scope} is stopped`, `switch:${stopped.id ?? 'memory'}`));
  const inForce = grounds.policies.inForce();
  const granted = inForce && grantOf(inForce, bearer.cohort);
  if (!granted) return refused(gone('its cohort has no rules', 'cohort'));
  const { holder } = decision;
  const taking = (batch.taken.get(holder) ?? 0) + 1;
  if (permits.held(holder) + taking > MOST_AT_ONCE) return refused(new Refusal('gateway_busy', holder));
  batch.taken.set(holder, taking);
  links.fetched(link, now());
  return { ask, decision: { ...decision, marks: granted.watermark } };
}

function unknown(fault: string | null): Refusal | null {
  return fault === null ? null : gone(fault, 'link');
}

function gone(detail: string, rule: string): Refusal {
  return new Refusal('link_unknown', detail, { rule });
}

function nobody(tester: string): Identity {
  const never = { issuedAt: 0, notBefore: 0, expiresAt: 0 };
  return { tester, jti: '', issuer: '', own: true, clientId: '', ...never, keyStands: () => true };
}

const NO_WORDS = { text: null, isWhole: true, hasFile: false };
const READS_NOTHING = { makes: null, lists: null, job: false, deletes: null, usage: false } as const;

function callOf(row: LinkRow | null): Call {
  return {
    ...{ operation: 'links.follow', takesModel: false, model: row?.model ?? null, reads: READS_NOTHING },
    ...{ seconds: null, size: null, n: null, units: {}, likeSource: false, body: null },
    ...{ words: () => NO_WORDS, clip: null, socket: false },
    ...{ named: row ? [{ id: row.object, param: 'link' }] : [], suspected: [] },
    output: row && { object: row.object, variant: 'video' },
  };
}
