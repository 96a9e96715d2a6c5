/** Secrets of ours: 256 random bits each, behind a prefix that tells what it is. Only their hashes are stored. */
import { base64url } from 'jose';

/**
 * `pco_`: the bearer credential of an operator; `pcs_`: the cookie of an operator's session; `pcl_`: an operator's one-time
 * link. `pps_`, `ppl_`: the same of a tester in the portal; `ppf_`: the cookie of a form before anybody is signed in.
 */
export type Prefix = 'pco_' | 'pcs_' | 'pcl_' | 'pps_' | 'ppl_' | 'ppf_';

export function makeSecret(prefix: Prefix): string {
  return prefix + base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
}

export function isSecret(prefix: Prefix, text: string): boolean {
  return text.startsWith(prefix) && /^[\w-]{43}$/.test(text.slice(prefix.length));
}
