/** Asks the server for a stop, and prints its acknowledgement. */
import type { StopOrder } from '../control.ts';
import { connect, done } from './connection.ts';
import { Fault, Refused } from './exit.ts';
import { digits, out, outJson, paint, plain } from './print.ts';

type Order = Pick<StopOrder, 'scope' | 'effect'> & { readonly reason?: string };

/** @param offlineCommand what to type when the server fails. */
export async function killOnline(order: Order, json: boolean, offlineCommand: string): Promise<void> {
  const stopped = await ask(order, offlineCommand);
  if (json) return outJson(stopped);
  const verb = stopped.effect === 'revoke' ? 'REVOKED' : 'STOPPED';
  const switchText = stopped.id === null ? 'in memory' : `switch ${stopped.id}`;
  out(`${paint(['bold', 'red'], verb)}  ${stopped.scope}  ${paint('dim', switchText)}`);
  if (stopped.reason) out(`  reason     ${plain(stopped.reason)}`);
  for (const node of stopped.nodes) {
    if (node.confirmedAt === null) {
      out(
        paint(
          'yellow',
          `  SILENT     ${plain(node.node)} did not answer; it looks before it sends anything.`,
        ),
      );
      continue;
    }
    const tookMs = Date.parse(node.confirmedAt) - Date.parse(stopped.requestedAt);
    out(`  confirmed  ${node.confirmedAt} by ${plain(node.node)}, ${digits(tookMs)} ms after the order`);
    out(
      `  cut        ${digits(node.callsRefusedInFlight)} calls in flight, ${digits(node.streamsCut)} streams`,
    );
  }
  if (!stopped.durable)
    out(paint('yellow', '  NOT ON DISK: it holds until the server restarts; mend the disk.'));
  if (stopped.effect === 'stop')
    out(`  release    portcullis resume${stopped.scope === 'global' ? '' : ` ${stopped.scope}`}`);
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
