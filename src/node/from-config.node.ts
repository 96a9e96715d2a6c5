/** What the parts of the gate are told, made of the configuration. */
import { readFileSync } from 'node:fs';
import { trustedBy } from '../address.ts';
import type { Rules } from '../admission/decide.ts';
import { type Config, ConfigError, DEFAULT_RULES } from '../config.ts';
import { DRILL, DRILL_RULES } from '../gateway/drill.ts';

export function configFile(env: NodeJS.ProcessEnv): string | null {
  const path = env.PORTCULLIS_CONFIG;
  if (!path) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch (fault) {
    throw new ConfigError([
      `PORTCULLIS_CONFIG: cannot read ${path} (${(fault as NodeJS.ErrnoException).code})`,
    ]);
  }
}

export function rulesOf(config: Config): Rules {
  const { cohorts } = config;
  const grant = ({ allow, caps, capture, limits, quotas, sharedQuotas }: typeof DEFAULT_RULES) => ({
    programme: { allow, caps },
    capture,
    limits,
    quotas,
    sharedQuotas,
  });
  if (!cohorts) {
    const everywhere = grant(DEFAULT_RULES);
    return (cohort) => (cohort === DRILL ? DRILL_RULES : everywhere);
  }
  const granted = new Map(Object.entries(cohorts).map(([name, rules]) => [name, grant(rules)]));
  return (cohort) => (cohort === DRILL ? DRILL_RULES : (granted.get(cohort) ?? null));
}

export function upstreamOptions({ upstream, upstreamKey }: Config, demoUrl: string, demoKey: string) {
  return {
    url: upstream?.url ?? demoUrl,
    key: upstreamKey ?? demoKey,
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

export function notes(config: Config): string[] {
  if (!config.upstream || config.cohorts) return [];
  return [
    'No cohorts are configured: every tester may use every operation and model (set PORTCULLIS_CONFIG).',
  ];
}
