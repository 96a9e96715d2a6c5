/** Makes the secrets of a deployment to Workers: a file for `wrangler secret bulk`, which nobody else can read. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { makeSecret } from '../src/secret.ts';

const [file = 'secrets.json'] = process.argv.slice(2);
const upstreamKey = process.env.PORTCULLIS_UPSTREAM_KEY ?? '';
if (upstreamKey === '') {
  console.error(
    "PORTCULLIS_UPSTREAM_KEY: set it to the model API's key; it is written to the file and nowhere else.",
  );
  process.exit(2);
}
const secrets = {
  PORTCULLIS_UPSTREAM_KEY: upstreamKey,
  PORTCULLIS_OPERATOR_TOKEN: makeSecret('pco_'),
  PORTCULLIS_VAULT_KEY: randomBytes(32).toString('base64url'),
};
try {
  // Never over one that is there: a vault key that is lost takes the gate's own keys with it.
  writeFileSync(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
} catch (fault) {
  console.error(
    `${file}: ${(fault as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : String(fault)}`,
  );
  process.exit(1);
}
console.log(`${file}: ${Object.keys(secrets).join(', ')}`);
