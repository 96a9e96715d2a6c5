/** The configuration: environment and YAML file, read once; every fault is named, and the gate does not start with one. */
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { Target } from './alerts/events.ts';
import { ALERT_URL_MEND, isAlertUrl, Schema } from './config-schema.ts';
import type { Grant } from './policy/schema.ts';

export type Config = z.infer<typeof Schema> & {
  readonly upstreamKey: string | null;
  readonly alertTargets: readonly Target[];
  /** Of our client at the OpenID provider; null where it has none. */
  readonly oidcSecret: string | null;
  readonly moderationKey: string | null;
};
export type CohortRules = z.infer<typeof Grant>;

/** What every cohort may do where the configuration names none: the demo, and a first try of a real upstream. */
export const DEFAULT_RULES: CohortRules = {
  allow: [{ operations: ['*'], models: ['*'] }],
  caps: { seconds: 12, size: '1920x1080' },
  capture: 'none',
  outputs: 'open',
  watermark: false,
  limits: { requestsPerSecond: 20, requestsPerMinute: 600, requestsPerDay: 20_000, concurrent: 8 },
  quotas: {},
  sharedQuotas: {},
};

/** What operators may see of it: no secret, no address that may be one. */
export interface Settings {
  /** Origin of the model API; null: the demo. */
  readonly upstream: string | null;
  /** What testers call us. */
  readonly publicUrl: string | null;
  readonly operationsOff: readonly string[];
  readonly issuers: readonly string[];
  readonly tokens: { readonly lifetimeDays: number; readonly maxLifetimeDays: number };
  readonly log: Config['log'];
  readonly drills: Config['drills'];
}

export function settingsOf({ upstream, publicUrl, routes, issuers, tokens, log, drills }: Config): Settings {
  const { checkpointHook, ...kept } = log;
  return {
    publicUrl: publicUrl ?? null,
    upstream: upstream ? new URL(upstream.url).origin : null,
    operationsOff: routes.off,
    issuers: issuers.map(({ issuer }) => issuer),
    tokens: { lifetimeDays: tokens.lifetimeDays, maxLifetimeDays: tokens.maxLifetimeDays },
    log: checkpointHook === undefined ? kept : { ...kept, checkpointHook: new URL(checkpointHook).origin },
    drills,
  };
}

/** Environment variable → key of the file that it overrides. */
const OVERRIDES: Readonly<Record<string, string>> = {
  PORTCULLIS_UPSTREAM_URL: 'upstream.url',
  PORTCULLIS_LISTEN: 'listen',
  PORTCULLIS_CONTROL_LISTEN: 'controlListen',
  PORTCULLIS_PUBLIC_URL: 'publicUrl',
  PORTCULLIS_DATA_DIR: 'dataDir',
  PORTCULLIS_POLICY: 'policy',
  PORTCULLIS_TRUSTED_PROXIES: 'trustedProxies',
  PORTCULLIS_CONTROL_HOSTS: 'controlHosts',
  PORTCULLIS_TOKEN_DAYS: 'tokens.lifetimeDays',
  PORTCULLIS_LOG_DURABILITY: 'log.durability',
};
/** Read elsewhere: the file's place, the upstream key, and what the CLI uses. */
const OTHER_VARIABLES = [
  'PORTCULLIS_CONFIG',
  'PORTCULLIS_UPSTREAM_KEY',
  'PORTCULLIS_CONTROL_URL',
  'PORTCULLIS_OPERATOR_TOKEN',
  'PORTCULLIS_VAULT_KEY',
];
/** Every variable, and every key at the top of the file. */
export const VARIABLES: readonly string[] = [...Object.keys(OVERRIDES), ...OTHER_VARIABLES];
export const CONFIG_KEYS: readonly string[] = Object.keys(Schema.shape);

const LISTS = new Set(['trustedProxies', 'controlHosts']);
const NUMBERS = new Set(['tokens.lifetimeDays']);

/** The configuration cannot be used; `faults` has a line for each fault, with its key and the mend. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n  ${faults.join('\n  ')}`,
    );
    this.faults = faults;
  }
}

/**
 * @param yaml the text of the file named by PORTCULLIS_CONFIG, or null
 * @throws ConfigError
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>, yaml: string | null): Config {
  const faults = unknownVariables(env);
  const { value, lineOf } = yaml === null ? { value: {}, lineOf: () => '' } : parseYaml(yaml);
  const merged = overlay(value, env);
  const parsed = Schema.safeParse(merged);
  if (!parsed.success) for (const issue of parsed.error.issues) faults.push(...describeIssue(issue, lineOf));
  if (faults.length > 0 || !parsed.success) throw new ConfigError(faults);
  const { upstream, alerts, signIn, moderation, policy, cohorts, terms } = parsed.data;
  if (policy !== undefined && cohorts !== undefined)
    throw new ConfigError(['policy and cohorts: keep one; the policy file has the cohorts']);
  if (policy !== undefined && terms !== undefined)
    throw new ConfigError(['policy and terms: the policy file says which version of the terms is asked for']);
  const alertTargets = alerts.map((alert, i) => alertTarget(alert, `alerts.${i}`, env));
  const oidcSecret = secretOf(signIn.oidc?.clientSecretEnv, env);
  const moderationKey = moderation ? keyIn(env, moderation.keyEnv, "the moderation service's API key") : null;
  return { ...parsed.data, upstreamKey: upstreamKey(upstream, env), alertTargets, oidcSecret, moderationKey };
}

function secretOf(
  name: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  if (name === undefined) return null;
  const secret = env[name] ?? '';
  if (secret === '')
    throw new ConfigError([`${name} (signIn.oidc.clientSecretEnv): set it to the client's secret`]);
  return secret;
}

function upstreamKey(
  upstream: { keyEnv: string } | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  if (!upstream) {
    if (env.PORTCULLIS_UPSTREAM_KEY)
      throw new ConfigError([
        'PORTCULLIS_UPSTREAM_KEY is set without PORTCULLIS_UPSTREAM_URL (upstream.url)',
      ]);
    return null;
  }
  return keyIn(env, upstream.keyEnv, "the upstream's API key");
}

function keyIn(env: Readonly<Record<string, string | undefined>>, variable: string, what: string): string {
  const key = env[variable] ?? '';
  if (!/^[\x21-\x7e]{8,}$/.test(key))
    throw new ConfigError([`${variable}: set it to ${what} (printable ASCII, at least 8 characters)`]);
  return key;
}

function alertTarget(
  { name, url, urlEnv, secretEnv, format, events }: z.infer<typeof Schema>['alerts'][number],
  key: string,
  env: Readonly<Record<string, string | undefined>>,
): Target {
  const address = url ?? env[urlEnv ?? ''] ?? '';
  if (!isAlertUrl(address)) throw new ConfigError([`${urlEnv} (${key}.urlEnv): ${ALERT_URL_MEND}`]);
  const secret = secretEnv === undefined ? null : (env[secretEnv] ?? '');
  if (secret !== null && !/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(secret))
    throw new ConfigError([
      `${secretEnv} (${key}.secretEnv): set it to "whsec_" and at least 24 bytes in base64`,
    ]);
  return { name, url: address, secret, format, events };
}

function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env)
    .filter(
      (name) => name.startsWith('PORTCULLIS_') && !(name in OVERRIDES) && !OTHER_VARIABLES.includes(name),
    )
    .map(
      (name) =>
        `${name}: no such variable; known are ${[...Object.keys(OVERRIDES), ...OTHER_VARIABLES].join(', ')}`,
    );
}

function parseYaml(text: string): { value: unknown; lineOf: (path: readonly PropertyKey[]) => string } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0)
    throw new ConfigError(document.errors.map((fault) => fault.message.split('\n', 1)[0] ?? 'not YAML'));
  const lineOf = (path: readonly PropertyKey[]): string => {
    for (let depth = path.length; depth > 0; depth--) {
      const node: unknown = document.getIn(path.slice(0, depth), true);
      const range =
        typeof node === 'object' && node !== null && 'range' in node ? (node.range as number[] | null) : null;
      if (range?.[0] !== undefined) return ` (line ${lines.linePos(range[0]).line})`;
    }
    return '';
  };
  return { value: document.toJS() ?? {}, lineOf };
}

/** Sets what the environment says over what the file says. */
function overlay(file: unknown, env: Readonly<Record<string, string | undefined>>): unknown {
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return file;
  const merged: Record<string, unknown> = structuredClone(file) as Record<string, unknown>;
  for (const [variable, key] of Object.entries(OVERRIDES)) {
    const text = env[variable];
    if (text === undefined || text === '') continue;
    const [section, member] = key.split('.') as [string, string | undefined];
    const value = LISTS.has(key)
      ? text.split(',').map((one) => one.trim())
      : NUMBERS.has(key)
        ? Number(text)
        : text;
    if (member === undefined) merged[section] = value;
    else merged[section] = { ...(merged[section] as object | undefined), [member]: value };
  }
  return merged;
}

function describeIssue(issue: z.core.$ZodIssue, lineOf: (path: readonly PropertyKey[]) => string): string[] {
  const key = issue.path.map(String).join('.');
  const variable = Object.entries(OVERRIDES).find(([, path]) => path === key)?.[0];
  const named = `${key || 'the file'}${variable ? ` [${variable}]` : ''}${lineOf(issue.path)}`;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(
      (name) => `${key ? `${key}.` : ''}${name}: no such key${lineOf([...issue.path, name])}`,
    );
  return [`${named}: ${issue.message}`];
}
