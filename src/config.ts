/** The configuration: environment and YAML file, read once; every fault is named, and the gate does not start with one. */
import ipaddr from 'ipaddr.js';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

const listen = z
  .string()
  .refine(isListenAddress, 'write HOST:PORT with a port up to 65535, for example 127.0.0.1:8787');
const httpUrl = z
  .url({ protocol: /^https?$/, error: 'write an http:// or https:// URL' })
  .refine((text) => !/[?#@]/.test(text), 'without user, query and fragment');
const cidr = z.string().refine(isAddressBlock, 'write an address or a CIDR block, for example 10.0.0.0/8');
const count = z.int().positive();
const seconds = z.number().positive().max(86_400);
const pattern = z.string().regex(/^(?:[A-Za-z0-9._:/-]*\*|[A-Za-z0-9._:/-]+)$/, '"*" stands at the end only');

const Limits = z.strictObject({
  requestsPerSecond: count.optional(),
  requestsPerMinute: count.optional(),
  requestsPerDay: count.optional(),
  concurrent: count.optional(),
});
const Cohort = z.strictObject({
  allow: z.array(
    z.strictObject({ operations: z.array(pattern).min(1), models: z.array(pattern).optional() }),
  ),
  caps: z
    .strictObject({
      seconds: z.number().positive().optional(),
      size: z
        .string()
        .regex(/^[1-9]\d{0,4}x[1-9]\d{0,4}$/, 'write WIDTHxHEIGHT, for example 1920x1080')
        .optional(),
    })
    .optional(),
  limits: Limits.default({}),
});
const jwk = z.looseObject({ kty: z.string(), kid: z.string().optional(), alg: z.string() });
const Issuer = z
  .strictObject({
    issuer: z.string().min(1),
    audience: z.string().min(1),
    jwksUri: httpUrl.optional(),
    jwks: z.strictObject({ keys: z.array(jwk).min(1) }).optional(),
    algorithms: z
      .array(
        z.enum([
          'EdDSA',
          'Ed25519',
          'ES256',
          'ES384',
          'ES512',
          'RS256',
          'RS384',
          'RS512',
          'PS256',
          'PS384',
          'PS512',
        ]),
      )
      .min(1)
      .default(['EdDSA', 'ES256', 'RS256', 'PS256']),
  })
  .refine(
    (one) => (one.jwks === undefined) !== (one.jwksUri === undefined),
    'name one of "jwks" and "jwksUri"',
  );

const Schema = z.strictObject({
  upstream: z
    .strictObject({
      url: httpUrl,
      keyEnv: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'name an environment variable')
        .default('PORTCULLIS_UPSTREAM_KEY'),
      connectSeconds: seconds.default(10),
      firstByteSeconds: seconds.default(600),
      idleSeconds: seconds.default(120),
      maxConnections: count.max(100_000).default(10_000),
    })
    .optional(),
  listen: listen.default('127.0.0.1:8787'),
  controlListen: listen.default('127.0.0.1:8788'),
  /** What testers call us; issuer and audience of our tokens. */
  publicUrl: httpUrl.optional(),
  dataDir: z.string().min(1).default('./data'),
  trustedProxies: z.array(cidr).default([]),
  controlHosts: z.array(z.string().min(1)).default([]),
  tokens: z
    .strictObject({
      lifetimeDays: z.number().positive().max(366).default(30),
      maxLifetimeDays: z.number().positive().max(3_660).default(366),
      clockToleranceSeconds: z.number().min(0).max(300).default(5),
    })
    .prefault({}),
  issuers: z.array(Issuer).default([]),
  cohorts: z.record(z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/), Cohort).optional(),
  routes: z.strictObject({ off: z.array(pattern).default([]) }).prefault({}),
  requests: z
    .strictObject({
      jsonBytes: count.default(20_971_520),
      multipartBytes: count.default(67_108_864),
      headerBytes: count.min(4_096).default(32_768),
      headersSeconds: seconds.default(10),
      bodySeconds: seconds.default(120),
      keepAliveSeconds: seconds.default(65),
      maxConnections: count.default(20_000),
      /** Calls without a known token that one address may make per minute. */
      unknownPerMinute: count.default(120),
    })
    .prefault({}),
  log: z.strictObject({ durability: z.enum(['power', 'process']).default('power') }).prefault({}),
});

export type Config = z.infer<typeof Schema> & { readonly upstreamKey: string | null };
export type CohortRules = z.infer<typeof Cohort>;

/** What every cohort may do where the configuration names none: the demo, and a first try of a real upstream. */
export const DEFAULT_RULES: CohortRules = {
  allow: [{ operations: ['*'], models: ['*'] }],
  caps: { seconds: 12, size: '1920x1080' },
  limits: { requestsPerSecond: 20, requestsPerMinute: 600, requestsPerDay: 20_000, concurrent: 8 },
};

/** Environment variable → key of the file that it overrides. */
const OVERRIDES: Readonly<Record<string, string>> = {
  PORTCULLIS_UPSTREAM_URL: 'upstream.url',
  PORTCULLIS_LISTEN: 'listen',
  PORTCULLIS_CONTROL_LISTEN: 'controlListen',
  PORTCULLIS_PUBLIC_URL: 'publicUrl',
  PORTCULLIS_DATA_DIR: 'dataDir',
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
  return { ...parsed.data, upstreamKey: upstreamKey(parsed.data.upstream, env) };
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
  const key = env[upstream.keyEnv] ?? '';
  if (!/^[\x21-\x7e]{8,}$/.test(key))
    throw new ConfigError([
      `${upstream.keyEnv}: set it to the upstream's API key (printable ASCII, at least 8 characters)`,
    ]);
  return key;
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

function isListenAddress(text: string): boolean {
  const port = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}

function isAddressBlock(text: string): boolean {
  return text.includes('/') ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text);
}
