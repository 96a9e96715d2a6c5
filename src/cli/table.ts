/** Tables without borders, for lists. */
import Table from 'cli-table3';
import { out, paint } from './print.ts';

const NO_BORDER = Object.fromEntries(
  ['top', 'bottom', 'left', 'right']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat(['mid', 'mid-mid', 'middle'])
    .map((name) => [name, '']),
);

/** @param empty what to say when there are no rows. */
export function outTable(head: readonly string[], rows: readonly (readonly string[])[], empty: string): void {
  if (rows.length === 0) {
    out(empty);
    return;
  }
  const table = new Table({
    head: head.map((title) => paint('dim', title)),
    chars: NO_BORDER,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  for (const line of table.toString().split('\n')) out(line.trimEnd());
}
