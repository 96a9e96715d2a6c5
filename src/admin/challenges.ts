/** What a sign-in that has begun has to come back with: kept as a hash for a few minutes, and good once. */
import { and, eq, gt, lte } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { challenges } from '../store/schema.ts';
import { sha256Hex } from './sha256.ts';

const LIFETIME_MS = 5 * 60_000;
/** Anybody may begin a sign-in: beyond so many the oldest make room. */
const MOST = 10_000;

type Row = typeof challenges.$inferSelect;

export async function keepChallenge(
  { write, writer, now }: Control,
  challenge: string,
  row: Pick<Row, 'purpose'> & Partial<Pick<Row, 'operator' | 'data'>>,
): Promise<void> {
  const hash = await sha256Hex(challenge);
  await write(() => {
    writer.delete(challenges).where(lte(challenges.expiresAt, now())).run();
    writer.$client
      .prepare(`delete from challenges where hash in
        (select hash from challenges order by expires_at desc limit -1 offset ${MOST - 1})`)
      .run();
    writer
      .insert(challenges)
      .values({ hash, ...row, expiresAt: now() + LIFETIME_MS })
      .run();
  });
}

/** Uses it up. @returns null when there is none of this purpose, or it came too late */
export async function takeChallenge(
  { write, writer, now }: Control,
  challenge: string,
  purpose: Row['purpose'],
): Promise<Row | null> {
  const hash = await sha256Hex(challenge);
  const isIt = and(
    eq(challenges.hash, hash),
    eq(challenges.purpose, purpose),
    gt(challenges.expiresAt, now()),
  );
  return (await write(() => writer.delete(challenges).where(isIt).returning().get())) ?? null;
}
