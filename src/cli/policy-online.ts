/** `portcullis policy show` and `load`: the policy in force. */
import { connect, done } from './connection.ts';
import { readChecked, readText } from './policy-offline.ts';
import { out, outJson, paint, plain, plainLines, time } from './print.ts';
import { outTable } from './table.ts';

interface Shown {
  readonly version?: string;
  readonly versions?: true;
  readonly diff?: true;
  readonly json?: true;
}

export async function show({ version, versions, diff, json }: Shown): Promise<void> {
  const { policy } = connect(process.env);
  if (versions) return list(json);
  const shown = await done(
    version === undefined ? policy.$get() : policy.versions[':version'].$get({ param: { version } }),
  );
  if (json) return outJson(shown);
  process.stderr.write(
    `version ${shown.version}, ${plain(shown.by)} (${shown.source}), ${time(shown.at)}, sha256 ${shown.sha256}\n`,
  );
  out(plainLines(diff ? shown.diff : shown.text).trimEnd());
}

async function list(json?: true): Promise<void> {
  const { versions } = await done(connect(process.env).policy.versions.$get({ query: {} }));
  if (json) return outJson(versions);
  outTable(
    ['VERSION', 'LOADED', 'BY', 'FROM', 'SHA-256'],
    versions.map(({ version, at, by, source, sha256 }) => [
      String(version),
      time(at),
      plain(by),
      source,
      sha256.slice(0, 12),
    ]),
    'No versions.',
  );
}

interface Loading {
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly json?: true;
}

export async function load(file: string, { dryRun = false, reason, json }: Loading): Promise<void> {
  const text = readText(file);
  const { terms } = readChecked(file, text);
  const admin = connect(process.env);
  const loaded = await done(admin.policy.$post({ json: { text, dryRun, reason } }));
  if (json) return outJson(loaded);
  if (loaded.diff) out(plainLines(loaded.diff).trimEnd());
  if (dryRun) out(loaded.diff ? 'A dry run: nothing was changed.' : 'Nothing would change.');
  else if (loaded.changed)
    out(`${paint(['bold', 'green'], 'LOADED')}  version ${loaded.version} judges every call from now on.`);
  else out(`Version ${loaded.version} is in force already, and says the same.`);
  if (terms > 0) tellOfTerms(terms, await done(admin.terms.$get()));
}

/** Terms that were never published let nobody in: better said here than by the first tester who calls. */
function tellOfTerms(
  version: number,
  { terms }: { readonly terms: readonly { readonly version: number }[] },
): void {
  if (terms.some((one) => one.version >= version)) return;
  out(
    `${paint('yellow', 'Nobody is let in')} under it: terms ${version} are not published yet. portcullis terms publish FILE`,
  );
}
