/** What the parts of the gate are told, made of the configuration. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { trustedBy } from '../address.ts';
import { type Config, ConfigError, DEFAULT_RULES } from '../config.ts';
import type { Releasing } from '../control.ts';
import { moderatorOf } from '../gateway/moderate.ts';
import type { MarkerOptions } from '../outputs/mark.node.ts';
import type { PolicyError } from '../policy/policy.ts';
import type { Demo } from './demo-upstream.node.ts';

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
export function policyText({ policy, terms, cohorts }: Config): string {
  if (policy !== undefined) return readText('policy', policy);
  return stringify({ terms: terms ?? 0, cohorts: cohorts ?? { '*': DEFAULT_RULES } });
}

/** A fault of the policy, where it stands: the file does not start the gate, nor is it taken up. */
export function policyFaults({ policy = 'cohorts' }: Config, { faults }: PolicyError): ConfigError {
  return new ConfigError(faults.map(({ line, col, message }) => `${policy}:${line}:${col}: ${message}`));
}

export function moderatorFrom({ moderation, moderationKey }: Config) {
  if (!moderation || moderationKey === null) return null;
  const { url, model = null, timeoutSeconds } = moderation;
  return moderatorOf({ url, key: moderationKey, model, timeoutMs: timeoutSeconds * 1000 });
}

export function releasingOf({ releases, publicUrl }: Config): Releasing {
  return { ...releases, publicUrl: publicUrl ?? null };
}

/** @param dataDir shared by all processes on it */
export function markerOptions({ marks }: Config, dataDir: string, liveness: MarkerOptions['liveness']) {
  const { seconds, ...bounds } = marks;
  return { ...bounds, patienceMs: seconds * 1000, dir: join(dataDir, 'marking'), liveness };
}

export function upstreamOptions({ upstream, upstreamKey }: Config, demo: Demo | null) {
  return {
    url: upstream?.url ?? demo?.url ?? '',
    key: upstreamKey ?? demo?.key ?? '',
    connectMs: (upstream?.connectSeconds ?? 5) * 1000,
    firstByteMs: (upstream?.firstByteSeconds ?? 60) * 1000,
    idleMs: (upstream?.idleSeconds ?? 60) * 1000,
    maxConnections: upstream?.maxConnections ?? 10_000,
  };
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

export function signInOptions({ signIn, oidcSecret }: Config) {
  const { sessionHours, idleMinutes, freshMinutes, oidc } = signIn;
  const [sessionMs, idleMs, freshMs] = [
    sessionHours * 3_600_000,
    idleMinutes * 60_000,
    freshMinutes * 60_000,
  ];
  return {
    signIn: { sessionMs, idleMs, freshMs },
    oidc: oidc ? { ...oidc, clientSecret: oidcSecret } : null,
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
