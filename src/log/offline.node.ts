/** The log's proof without a server: over a database file, or over a bundle on another machine. */
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openReadOnly } from '../store/db.node.ts';
import { type BundleReport, verifyBundle } from './bundle.ts';
import { readLogKey } from './log-key.ts';
import { readVerifierKey } from './note.ts';
import { sha256 } from './sha256.node.ts';
import { type Report, type VerifyOptions, verifyLog, type Witness } from './verify.ts';

interface Order {
  readonly dataDir: string;
  /** As `portcullis log key` prints it; null: that of the data directory. */
  readonly key: string | null;
  /** Files of checkpoints that were kept elsewhere. */
  readonly witnesses: readonly string[];
  readonly onProgress?: VerifyOptions['onProgress'];
}

/** @throws Error that says what cannot be read; NoteFault */
export async function verifyDatabase({ dataDir, key, witnesses, onProgress }: Order): Promise<Report> {
  const file = join(dataDir, 'portcullis.sqlite');
  if (!existsSync(file))
    throw new Error(`there is no database ${file}; set PORTCULLIS_DATA_DIR to the server's data directory`);
  const noteKey = key === null ? await keyOf(dataDir) : readVerifierKey(key, sha256);
  const db = openReadOnly(file);
  try {
    const notes = witnesses.flatMap(notesIn);
    return await verifyLog({ db, sha256, key: noteKey, witnesses: notes, onProgress });
  } finally {
    db.$client.close();
  }
}

/** @throws BundleFault NoteFault */
export function verifyBundleFile(file: string, key: string | null): Promise<BundleReport> {
  const lines = createInterface({
    input: createReadStream(file, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  return verifyBundle(lines, key, sha256);
}

function keyOf(dataDir: string) {
  const file = join(dataDir, 'log-key.json');
  if (!existsSync(file)) throw new Error(`there is no ${file}; give the verifier key with --key`);
  return readLogKey(readFileSync(file, 'utf8'), sha256);
}

/** Notes stand one after another, with an empty line after each. */
function notesIn(file: string): Witness[] {
  const notes = readFileSync(file, 'utf8').match(/[^\n]+\n\d+\n[^\n]+\n(?:[^\n]+\n)*\n(?:— [^\n]+\n?)+/g);
  if (!notes) throw new Error(`${file} holds no checkpoint`);
  return notes.map((note) => ({ note: note.endsWith('\n') ? note : `${note}\n`, from: file }));
}
