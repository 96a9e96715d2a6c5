/** The first screen of `portcullis status`. */
import type { InferResponseType } from 'hono/client';
import type { AdminClient } from '../admin/client.ts';
import { digits, paint, plain, plural, time } from './print.ts';

export type State = InferResponseType<AdminClient['status']['$get']>;

export function statusLines(state: State): string[] {
  const { today, live } = state;
  const refused = today.calls > 0 ? ` (${((100 * today.refused) / today.calls).toFixed(1)} %)` : '';
  return [
    headline(state),
    ...state.switches.flatMap(stopLines),
    '',
    `today      ${plural(today.calls, 'call')}, ${digits(today.refused)} refused${refused}, ${digits(today.open)} open now`,
    armedLine(state.armed),
    `testers    ${digits(state.testers)} in ${plural(state.cohorts, 'cohort')}`,
    `revoked    ${plural(state.revocations, 'revocation')} so far`,
    `log        ${digits(state.log.signed)} of ${digits(state.log.entries)} entries signed${signedAt(state)}`,
    `node       ${plain(live.node)}, started ${time(live.startedAt)}, version ${state.version}`,
  ];
}

function headline({ open, switches, live }: State): string {
  if (!live.logWritable)
    return `${paint(['bold', 'red'], 'STOPPED')}  the log cannot be written, so every call is refused`;
  if (!open) return `${paint(['bold', 'red'], 'STOPPED')}  every call is refused`;
  const partly = switches.length > 0 ? `, but for ${digits(switches.length)} stopped:` : '';
  return `${paint(['bold', 'green'], 'OPEN')}  calls that the rules allow pass${partly}`;
}

function armedLine({ state, at, lastByteMs, fault }: State['armed']): string {
  const drilled = at === null ? '' : `, last drill ${time(at)}`;
  if (state === 'armed')
    return `stop       ${paint('green', 'armed')}${drilled}: ${digits(lastByteMs ?? 0)} ms`;
  if (state === 'failed') return `stop       ${paint(['bold', 'red'], 'BROKEN')}${drilled}: ${plain(fault)}`;
  const what = state === 'stale' ? 'not drilled for long' : 'not drilled yet';
  return `stop       ${paint('yellow', what)}${drilled}: portcullis drill`;
}

function signedAt({ log: { signedAt, oldest } }: State): string {
  const kept = oldest === null ? '' : `, rows kept from ${oldest.slice(0, 10)} on`;
  return signedAt === null ? '' : `, ${time(signedAt)}${kept}`;
}

function stopLines({ scope, since, by, reason }: State['switches'][number]): string[] {
  return [
    `  ${paint('red', scope)}`,
    `    since    ${time(since)}`,
    `    by       ${plain(by)}`,
    `    why      ${plain(reason, 'no reason given')}`,
  ];
}
