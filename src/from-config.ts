/** What the parts of the gate are told, made of the configuration. Pure. */
import { uuidv7 } from 'uuidv7';
import { clientAddress } from './address.ts';
import { type Config, ConfigError, DEFAULT_RULES } from './config.ts';
import type { Releasing } from './control.ts';
import type { Clock } from './deps.ts';
import type { Gate } from './gateway/handler.ts';
import { moderatorOf } from './gateway/moderate.ts';
import { newDigest } from './log/sha256.node.ts';
import type { PolicyError } from './policy/policy.ts';
import { outsideIssuer } from './token/issuers.ts';
import { createVerifier, type Issuer, type Verifier } from './token/verify.ts';

const DAY_SECONDS = 86_400;

/** What the configuration itself says of cohorts, as a policy says it. */
export function ownPolicy({ terms, cohorts }: Config) {
  return { terms: terms ?? 0, cohorts: cohorts ?? { '*': DEFAULT_RULES } };
}

/** A fault of the policy, where it stands: the file does not start the gate, nor is it taken up. */
export function policyFaults({ policy = 'cohorts' }: Config, { faults }: PolicyError): ConfigError {
  return new ConfigError(faults.map(({ line, col, message }) => `${policy}:${line}:${col}: ${message}`));
}

/** What is not alike wherever a gate runs. */
type Own = 'now' | 'upstream' | 'drill' | 'marker' | 'links' | 'admission' | 'attempts' | 'verifier';

export function gateFrom(config: Config, own: Pick<Gate, Own>): Gate {
  return {
    ...own,
    ...{ newId: uuidv7, newDigest, bodyLimits: config.requests, sockets: new Set(), moderated: new Map() },
    clientAddress: clientAddress(config.trustedProxies),
    moderator: moderatorFrom(config),
    socketIdleMs: upstreamOptions(config, null).idleMs,
    realm: config.publicUrl ?? 'portcullis',
  };
}

function moderatorFrom({ moderation, moderationKey }: Config) {
  if (!moderation || moderationKey === null) return null;
  const { url, model = null, timeoutSeconds } = moderation;
  return moderatorOf({ url, key: moderationKey, model, timeoutMs: timeoutSeconds * 1000 });
}

export function releasingOf({ releases, publicUrl }: Config): Releasing {
  return { ...releases, publicUrl: publicUrl ?? null };
}

/** @param own the issuer of our own tokens */
export function verifierFrom({ issuers, tokens }: Config, own: Issuer, now: Clock): Verifier {
  return createVerifier({
    issuers: [own, ...issuers.map((one) => outsideIssuer(one, now))],
    toleranceSeconds: tokens.clockToleranceSeconds,
    maxLifetimeSeconds: tokens.maxLifetimeDays * DAY_SECONDS,
  });
}

/** @param demo in the place of an upstream, where the configuration names none */
export function upstreamOptions(
  { upstream, upstreamKey }: Config,
  demo: { readonly url: string; readonly key: string } | null,
) {
  return {
    url: upstream?.url ?? demo?.url ?? '',
    key: upstreamKey ?? demo?.key ?? '',
    connectMs: (upstream?.connectSeconds ?? 5) * 1000,
    firstByteMs: (upstream?.firstByteSeconds ?? 60) * 1000,
    idleMs: (upstream?.idleSeconds ?? 60) * 1000,
    maxConnections: upstream?.maxConnections ?? 10_000,
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
