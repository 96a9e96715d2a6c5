/** What of the configuration stands in files or concerns Node alone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { trustedBy } from '../address.ts';
import { type Config, ConfigError } from '../config.ts';
import { ownPolicy } from '../from-config.ts';
import type { MarkerOptions } from '../outputs/mark.node.ts';

export function configFile(env: NodeJS.ProcessEnv): string | null {
  const path = env.PORTCULLIS_CONFIG;
  return path ? readText('PORTCULLIS_CONFIG', path) : null;
}

function readText(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (fault) {
    throw new ConfigError([`${key}: cannot read ${path} (${(fault as NodeJS.ErrnoException).code})`]);
  }
}

/** Why it does not start, and the code to leave with. */
export function giveUp(fault: unknown): never {
  process.stderr.write(`portcullis: ${fault instanceof Error ? fault.message : String(fault)}\n`);
  process.exit(fault instanceof ConfigError ? 2 : 3);
}

/** The usage policy that the configuration names, or what it says of cohorts itself, as the text of a policy. */
export function policyText(config: Config): string {
  return config.policy === undefined ? stringify(ownPolicy(config)) : readText('policy', config.policy);
}

/** @param dataDir shared by all processes on it */
export function markerOptions({ marks }: Config, dataDir: string, liveness: MarkerOptions['liveness']) {
  const { seconds, ...bounds } = marks;
  return { ...bounds, patienceMs: seconds * 1000, dir: join(dataDir, 'marking'), liveness };
}

export function frontOptions({ requests, trustedProxies }: Config) {
  return {
    headerBytes: requests.headerBytes,
    headersMs: requests.headersSeconds * 1000,
    bounds: {
      bodyMs: requests.bodySeconds * 1000,
      readMs: requests.readSeconds * 1000,
      held: { left: requests.heldBytes },
    },
    keepAliveMs: requests.keepAliveSeconds * 1000,
    maxConnections: requests.maxConnections,
    maxConnectionsPerAddress: requests.maxConnectionsPerAddress,
    maxCallsPerConnection: requests.maxCallsPerConnection,
    isProxy: trustedBy(trustedProxies),
  };
}

export function notes(config: Config, readsFrames: boolean): string[] {
  const open =
    'No policy is configured: every tester may use every operation and model (set PORTCULLIS_POLICY).';
  const blind = 'ffmpeg is not installed: clips are known again by their exact bytes only.';
  return [
    ...(config.upstream && !config.cohorts && !config.policy ? [open] : []),
    ...(readsFrames || !config.trace.clips ? [] : [blind]),
  ];
}
