/** What operators do with our signing keys: list them, make a new one, withdraw an old one. */
import { max } from 'drizzle-orm';
import type { Actor, KeyInForce } from './control.ts';
import type { ControlParts } from './control-side.ts';
import { type Act, insertAct } from './log/acts.ts';
import type { Db } from './store/db.node.ts';
import { tokens } from './store/schema.ts';
import { KeySigns, KeyUnknown } from './token/faults.ts';
import { type KeyFile, makeKey, rotated, withdrawn } from './token/key-file.ts';
import type { SigningKeys } from './token/keys.ts';

export function keysInForce(keys: SigningKeys): KeyInForce[] {
  return keys.file().keys.map((key) => {
    const { kid, createdAt = null, signedUntil = null, verifiesUntil = null } = key;
    const state = verifiesUntil === null ? 'signing' : 'verifying';
    return { kid, state, createdAt, signedUntil, verifiesUntil };
  });
}

export async function rotateKeys(parts: ControlParts, overlapMs: number | null, actor: Actor): Promise<void> {
  const at = parts.now();
  const untilMs = overlapMs === null ? lastExpiry(parts.reader) : at + overlapMs;
  const key = await makeKey(at);
  const file = rotated(parts.keys.file(), key, untilMs, at);
  const end = untilMs > at ? `until ${new Date(untilMs).toISOString()} at most` : 'no more';
  await change(parts, file, actor, {
    at,
    act: 'key.rotate',
    subject: key.kid,
    reason: `older keys verify ${end}`,
  });
}

export async function withdrawKey(parts: ControlParts, kid: string, actor: Actor): Promise<void> {
  const file = parts.keys.file();
  if (!parts.keys.holds(kid)) throw new KeyUnknown(kid);
  if (parts.keys.signing().kid === kid) throw new KeySigns(kid);
  await change(parts, withdrawn(file, kid), actor, { at: parts.now(), act: 'key.withdraw', subject: kid });
}

/** When the last token that was signed so far has expired. */
function lastExpiry(reader: Db): number {
  return (
    reader
      .select({ last: max(tokens.expiresAt) })
      .from(tokens)
      .get()?.last ?? 0
  );
}

/**
 * The file is written beside the old one, then the act's row is committed, then the file takes its place and the keys
 * are in force, with nothing between the commit and that. A full disk or a store that takes no writes so changes nothing
 * at all. A crash in between, or a rename that fails, leaves a row of what was not done and not acknowledged, never a
 * change without its row.
 */
async function change(parts: ControlParts, file: KeyFile, actor: Actor, act: Act): Promise<void> {
  const putInForce = await parts.keys.prepare(file);
  const staged = parts.stageKeys(file);
  try {
    await parts.writer.write(
      () => insertAct(parts.db, actor, act),
      () => {
        staged.commit();
        putInForce();
      },
    );
  } catch (fault) {
    staged.drop();
    throw fault;
  }
}
