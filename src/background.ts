/** What goes on behind the calls: the log's index and what it lets go, alerts, jobs that a stop cancels, clips to look at. */
import { Canceller } from './admission/cancellations.ts';
import { Sender } from './alerts/sender.ts';
import type { Config } from './config.ts';
import type { Clock, Upstream } from './deps.ts';
import type { Captures } from './log/captures.ts';
import { Indexer } from './log/indexer.ts';
import { startRetention } from './log/retention.ts';
import type { Inspector } from './outputs/inspection.ts';
import { Inspections } from './outputs/inspections.ts';
import type { Db } from './store/db.node.ts';
import type { Writer } from './store/writer.ts';

export interface BackgroundParts {
  readonly config: Config;
  readonly db: Db;
  readonly reader: Db;
  readonly writer: Writer;
  readonly captures: Captures;
  readonly upstream: Upstream;
  readonly inspector: Inspector;
  readonly now: Clock;
  /** As the warden's. */
  readonly quietMs: number;
  /** As the canceller's. */
  readonly lateMs: number;
  /** False: another process on the same store does what is to be done once. */
  readonly isFirst: boolean;
}

export interface Background {
  stop(): Promise<void>;
}

export function startBackground(parts: BackgroundParts): Background {
  const { config, db, reader, writer, captures, upstream, inspector, now, quietMs, lateMs, isFirst } = parts;
  const { keepDays: days = null, keepRows: rows = null, keepTextDays: textDays = null } = config.log;
  const keep = isFirst ? { days, rows, textDays } : { days: null, rows: null };
  const retention = startRetention(
    { db, writer, captures, now, keep },
    fails('old rows of the log could not be let go'),
  );
  const indexer = new Indexer({ db, reader, writer, now, quietMs });
  if (isFirst) indexer.start(fails('the log could not be indexed'));
  const targets = config.alertTargets;
  const sender = new Sender({ db, writer, now, targets, failed: fails('an alert could not be sent') });
  const canceller = new Canceller({
    ...{ db, writer, upstream, now, lateMs },
    failed: fails('a job could not be cancelled at upstream'),
  });
  const failed = fails('a clip could not be looked at');
  const inspections = config.trace.clips
    ? new Inspections({ db, writer, upstream, inspector, now, failed })
    : null;
  return {
    async stop() {
      retention.stop();
      indexer.stop();
      canceller.close();
      await inspections?.close();
      await sender.close();
    },
  };
}

function fails(what: string): (fault: unknown) => void {
  return (fault) => console.error(`portcullis: ${what}:`, fault);
}
