/** Asks the server for a stop, and prints its acknowledgement. */
import type { Scope } from '../admission/scope.ts';
import { connect, done } from './connection.ts';
import { Fault, Refused } from './exit.ts';
import { digits, out, outJson, paint, plain, plural, time } from './print.ts';

export interface Order {
  readonly scope: Scope;
  readonly effect: 'stop' | 'revoke';
  readonly reason?: string;
  readonly note?: string;
  /** ISO 8601. */
  readonly until?: string;
  readonly revokeTokens?: boolean;
  readonly cancelUpstream?: boolean;
}

/** The acknowledgement stays on one screen; `--json` names more. */
const MOST_SHOWN = 8;

type Stopped = Awaited<ReturnType<typeof ask>>;

/** @param offlineCommand what to type when the server fails. */
export async function killOnline(order: Order, json: boolean, offlineCommand: string): Promise<void> {
  const stopped = await ask(order, offlineCommand);
  if (json) return outJson(stopped);
  const verb = stopped.effect === 'revoke' ? 'REVOKED' : 'STOPPED';
  const switchText = stopped.id === null ? 'in memory' : `switch ${stopped.id}`;
  out(`${paint(['bold', 'red'], verb)}  ${stopped.scope}  ${paint('dim', switchText)}`);
  if (stopped.reason) out(`  reason     ${plain(stopped.reason)}`);
  if (stopped.note) out(`  note       ${plain(stopped.note)}`);
  for (const node of stopped.nodes.slice(0, MOST_SHOWN)) printNode(node, stopped.requestedAt);
  if (stopped.confirmed + stopped.lapsed > 1) out(`  in all     ${sums(stopped)}`);
  if (stopped.lastByteMs !== null)
    out(`  last byte  ${digits(stopped.lastByteMs)} ms after the order, on any stream`);
  if (stopped.revocation !== null) out(`  tokens     revoked for good by switch ${stopped.revocation}`);
  if (stopped.jobs > 0)
    out(
      `  jobs       ${digits(stopped.jobs)} are being deleted at upstream: portcullis switch ${stopped.id}`,
    );
  if (!stopped.durable)
    out(paint('yellow', '  NOT ON DISK: it holds until the server restarts; mend the disk.'));
  if (stopped.until) out(`  until      ${time(stopped.until)}, when it releases itself`);
  if (stopped.effect === 'stop') out(`  release    ${releaseCommand(stopped.scope)}`);
}

function printNode(node: Stopped['nodes'][number], requestedAt: string): void {
  if (node.confirmedAt === null) {
    const until = node.lapsedAt ? `its lease ended ${node.lapsedAt}; ` : '';
    out(
      paint(
        'yellow',
        `  SILENT     ${plain(node.node)} did not answer: ${until}it looks before it sends anything.`,
      ),
    );
    return;
  }
  const tookMs = Date.parse(node.confirmedAt) - Date.parse(requestedAt);
  out(`  confirmed  ${node.confirmedAt} by ${plain(node.node)}, ${digits(tookMs)} ms after the order`);
  out(
    `  cut        ${plural(node.callsRefusedInFlight, 'call')} in flight, ${plural(node.streamsCut, 'stream')}`,
  );
}

function sums({ confirmed, lapsed, cut, ms }: Stopped): string {
  const silent = lapsed > 0 ? `, ${digits(lapsed)} silent` : '';
  return `${digits(confirmed)} confirmed within ${digits(ms)} ms${silent}; ${digits(cut)} calls and streams cut`;
}

function releaseCommand(scope: string): string {
  return `portcullis resume${scope === 'global' ? '' : ` ${scope}`} --reason "…"`;
}

export async function printReach(scope: Scope, json: boolean): Promise<void> {
  const reach = await done(connect(process.env).switches.reach.$get({ query: { scope } }));
  if (json) return outJson(reach);
  out(
    `${paint('bold', 'A STOP OF')}  ${reach.scope}  ${paint('dim', 'would hit, and nothing was changed:')}`,
  );
  out(`  testers    ${digits(reach.testers)}, with ${digits(reach.tokens)} valid tokens`);
  out(`  now        ${plural(reach.calls, 'call')} in flight, ${plural(reach.streams, 'stream')}`);
  out(`  jobs       ${plural(reach.jobs, 'video')} that upstream works on`);
  if (reach.some.length > 0) out(`  some       ${plain(reach.some.slice(0, 8).join(', '))}`);
}

async function ask(order: Order, offlineCommand: string) {
  try {
    return await done(connect(process.env).switches.$post({ json: order }));
  } catch (fault) {
    if (fault instanceof Refused) throw fault;
    const message = fault instanceof Error ? fault.message : String(fault);
    throw new Fault(`NOTHING WAS STOPPED: ${message}\n  To stop without the server: ${offlineCommand}`);
  }
}
