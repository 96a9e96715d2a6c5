/** The shape of the configuration file: each key, its bounds and its default. */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { EVENTS } from './alerts/events.ts';
import { COHORT_NAME, Grant } from './policy/schema.ts';
import { ROLES } from './store/states.ts';

export const ALERT_URL_MEND = 'write an https:// URL, or http:// for this machine, without user and fragment';
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const listen = z
  .string()
  .refine(isListenAddress, 'write HOST:PORT with a port up to 65535, for example 127.0.0.1:8787');
const httpUrl = z
  .url({ protocol: /^https?$/, error: 'write an http:// or https:// URL' })
  .refine((text) => !/[?#@]/.test(text), 'without user, query and fragment');
const alertUrl = z.string().refine(isAlertUrl, ALERT_URL_MEND);
const cidr = z.string().refine(isAddressBlock, 'write an address or a CIDR block, for example 10.0.0.0/8');
const count = z.int().positive();
const seconds = z.number().positive().max(86_400);
const pattern = z.string().regex(/^(?:[A-Za-z0-9._:/-]*\*|[A-Za-z0-9._:/-]+)$/, '"*" stands at the end only');
const jwk = z
  .looseObject({ kty: z.string(), kid: z.string().optional(), alg: z.string() })
  .refine((key) => !('d' in key || 'k' in key), 'a secret key; give the public half, without "d" and "k"');
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
    scope: z
      .string()
      .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'one scope, without spaces and quotes')
      .optional(),
  })
  .refine(
    (one) => (one.jwks === undefined) !== (one.jwksUri === undefined),
    'name one of "jwks" and "jwksUri"',
  );

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'name an environment variable');
const Alert = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'use lower-case letters, digits and "-"'),
    url: alertUrl.optional(),
    /** Where the address itself is a secret, as Slack's are. */
    urlEnv: variable.optional(),
    /** Holds `whsec_` and the secret in base64. */
    secretEnv: variable.optional(),
    format: z.enum(['standard', 'slack']).default('standard'),
    events: z
      .array(z.string().refine(isEventPattern, `use ${EVENTS.join(', ')}, or a beginning and "*"`))
      .min(1)
      .default(['*']),
  })
  .refine((one) => (one.url === undefined) !== (one.urlEnv === undefined), 'give one of "url" and "urlEnv"')
  .refine((one) => one.format === 'slack' || one.secretEnv !== undefined, 'name its "secretEnv"');

const Oidc = z.strictObject({
  /** Over HTTPS; plain HTTP for a provider on this machine only. */
  issuer: z.string().refine(isAlertUrl, ALERT_URL_MEND),
  clientId: z.string().min(1),
  /** Where the secret is; a public client has none. */
  clientSecretEnv: variable.optional(),
  redirectUri: z
    .url({ protocol: /^https?$/ })
    .refine((text) => text.endsWith('/console/oidc/callback'), 'it ends with /console/oidc/callback'),
  scope: z
    .string()
    .refine((text) => text.split(' ').includes('openid'), 'name "openid" among them')
    .default('openid profile email'),
  nameClaim: z.string().min(1).default('preferred_username'),
  roleClaim: z.string().min(1).default('roles'),
  /** Value of that claim → role. */
  roles: z.record(z.string(), z.enum(ROLES)),
  label: z.string().min(1).max(64).default('Sign in with your organisation'),
});

export const Schema = z.strictObject({
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
  issuers: z.array(Issuer).superRefine(nameTwins).default([]),
  /** The usage policy: its file, or cohorts right here where none of them needs rules. */
  policy: z.string().min(1).optional(),
  cohorts: z.record(z.string().regex(COHORT_NAME), Grant).optional(),
  moderation: z
    .strictObject({
      url: httpUrl,
      keyEnv: variable,
      model: z.string().min(1).optional(),
      timeoutSeconds: z.number().positive().max(60).default(5),
    })
    .optional(),
  /** The version of the terms that testers must have accepted, where the cohorts stand here. */
  terms: count.optional(),
  releases: z
    .strictObject({
      /** How many different people must approve. */
      approvals: z.int().min(1).max(2).default(1),
      linkDays: z.number().positive().max(3_660).default(30),
    })
    .prefault({}),
  trace: z
    .strictObject({
      /** Each finished clip is read once from upstream, behind the calls. */
      clips: z.boolean().default(true),
      mostBytes: count.default(1_073_741_824),
    })
    .prefault({}),
  /** Marking clips for cohorts with `watermark`. */
  marks: z
    .strictObject({
      /** Encoders that run at once. */
      atOnce: z.int().min(1).max(64).default(2),
      /** Clips in the data directory, those that wait and those that are being read included. */
      places: z.int().min(1).max(1_000).default(24),
      /** How long one encoder may take. */
      seconds: z.number().positive().max(3_600).default(120),
      /** Of a clip, before and after. */
      mostBytes: count.default(536_870_912),
    })
    .prefault({}),
  routes: z.strictObject({ off: z.array(pattern).default([]) }).prefault({}),
  requests: z
    .strictObject({
      jsonBytes: count.default(20_971_520),
      multipartBytes: count.default(67_108_864),
      headerBytes: count.min(4_096).default(32_768),
      headersSeconds: seconds.default(10),
      bodySeconds: seconds.default(120),
      /** How long a client may take nothing of an answer. */
      readSeconds: seconds.default(120),
      /** Memory for the bodies of all requests together. */
      heldBytes: count.default(536_870_912),
      keepAliveSeconds: seconds.default(65),
      maxConnections: count.default(20_000),
      /** Of one address; those of trusted proxies are not counted. */
      maxConnectionsPerAddress: count.default(2_000),
      /** After so many calls a connection is closed, and a new one has to be made. */
      maxCallsPerConnection: count.default(100_000),
      /** Calls without a known token that one address may make per minute. */
      unknownPerMinute: count.default(120),
    })
    .prefault({}),
  alerts: z
    .array(Alert)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'give each a name of its own')
    .default([]),
  drills: z
    .strictObject({
      /** 0: only when somebody asks for one. */
      everyHours: z.number().min(0).max(8_760).default(24),
      /** A gate whose last drill failed is not ready. */
      required: z.boolean().default(false),
    })
    .prefault({}),
  /** Operators in browsers. */
  signIn: z
    .strictObject({
      sessionHours: z.number().positive().max(168).default(12),
      idleMinutes: z.number().positive().max(10_080).default(120),
      /** How long after a sign-in what is guarded wants no other one. */
      freshMinutes: z.number().positive().max(1_440).default(10),
      oidc: Oidc.optional(),
    })
    .prefault({}),
  /** On Cloudflare Workers. */
  workers: z
    .strictObject({
      /** How long a tester's object may let calls pass without hearing from the gate. */
      leaseSeconds: z.number().min(0.5).max(60).default(2),
    })
    .prefault({}),
  log: z
    .strictObject({
      durability: z.enum(['power', 'process']).default('power'),
      checkpointSeconds: seconds.default(5),
      /** Outside copies of the checkpoints; each shows what this machine alone could hide. */
      checkpointFile: z.string().min(1).optional(),
      checkpointHook: httpUrl.optional(),
      /** Rows of calls that are older, or more, are let go; their leaves in the tree stay. */
      keepDays: z.number().positive().max(36_600).optional(),
      keepRows: count.optional(),
      /** Texts that `capture` keeps. */
      keepTextDays: z.number().positive().max(36_600).optional(),
    })
    .prefault({}),
});

/** Two entries of one name: which of them a token is held to would be a guess. */
function nameTwins(issuers: readonly { issuer: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const [i, { issuer }] of issuers.entries()) {
    if (seen.has(issuer))
      context.addIssue({
        code: 'custom',
        path: [i, 'issuer'],
        message: `"${issuer}" stands twice; keep one`,
      });
    seen.add(issuer);
  }
}

/** The path may be a secret, so a user and a query are no worse; but it does not go out in the clear. */
export function isAlertUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || url.username || url.hash) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
}

function isEventPattern(text: string): boolean {
  return EVENTS.some((one) => one === text || (text.endsWith('*') && one.startsWith(text.slice(0, -1))));
}

function isListenAddress(text: string): boolean {
  const port = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(text)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}

function isAddressBlock(text: string): boolean {
  return text.includes('/') ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text);
}
