/** What is known of outputs: their bytes by SHA-256, as they pass, and which clips the gate still has to look at. */
import type { Db } from '../store/db.node.ts';
import type { AskedOutput } from './holding.ts';

/** What a call that was settled says of the bytes that it gave. */
interface Passed {
  readonly outputHash?: string | null;
  readonly bytesOut: number;
  readonly output?: (AskedOutput & { readonly mediaType: string | null }) | null;
}

/** Each runs inside a writer's job. */
export interface Known {
  /** Whole bytes went to somebody. */
  seen(tester: string, passed: Passed, at: number): void;
  /** Upstream says that this job has made what it was asked for. */
  finished(object: string, at: number): void;
}

export function knownIn({ $client: db }: Db): Known {
  const insert = db.prepare(
    `insert into outputs (object, variant, sha256, tester, bytes, media_type, at) values (?, ?, ?, ?, ?, ?, ?)
     on conflict do nothing`,
  );
  const inspect = db.prepare(
    `insert or ignore into inspections (object, at) select id, ? from objects where id = ? and kind = 'videos'`,
  );
  return {
    seen(tester, { outputHash, bytesOut, output }, at) {
      if (!outputHash || !output) return;
      const { object, variant, mediaType } = output;
      insert.run(object, variant, outputHash, tester, bytesOut, mediaType, at);
      inspect.run(at, object);
    },
    finished: (object, at) => void inspect.run(at, object),
  };
}
