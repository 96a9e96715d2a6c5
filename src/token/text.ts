/** What the text of a token says, before any key is asked for: one spelling, one reading, strict types. */
import { base64url } from 'jose';
import { z } from 'zod';
import { parseObject } from '../json.ts';
import { Refusal } from '../refusal.ts';

export interface TokenText {
  readonly header: z.output<typeof Header>;
  readonly claims: z.output<typeof Claims>;
}

const MAX_TOKEN_CHARS = 8_192;
/** Spare bits must be zero (RFC 4648 section 3.5), or one token had several spellings. */
const CANONICAL = /^(?:[\w-]{4})*(?:[\w-]{2}[AEIMQUYcgkosw048]|[\w-][AQgw])?$/;

const time = z.int().nonnegative().max(253_402_300_799);
const name = z.string().regex(/^[\x21-\x7e]{1,200}$/);
/** Nothing else: `crit`, `b64`, `jku`, `x5u`, `jwk`, `zip` and their kin change what a token means, or fetch. */
const Header = z.strictObject({
  alg: z.string().max(20),
  typ: z.string().regex(/^(?:application\/)?at\+jwt$/i),
  kid: name.optional(),
});
const Claims = z.looseObject({
  iss: z.string().min(1).max(2_000),
  sub: name,
  aud: z.union([z.string(), z.array(z.string())]),
  client_id: name,
  jti: name,
  exp: time,
  iat: time,
  nbf: time.optional(),
  scope: z.string().optional(),
});

/** @throws Refusal token_invalid */
export function readToken(token: string): TokenText {
  if (token.length > MAX_TOKEN_CHARS) throw new Refusal('token_invalid', 'token too long');
  const parts = token.split('.');
  if (parts.length !== 3 || !parts.every((part) => part !== '' && CANONICAL.test(part)))
    throw new Refusal('token_invalid', 'not three canonical base64url parts');
  return {
    header: readPart(parts[0] ?? '', Header, 'header'),
    claims: readPart(parts[1] ?? '', Claims, 'claim'),
  };
}

function readPart<T>(part: string, shape: z.ZodType<T>, what: string): T {
  const read = shape.safeParse(parsePart(part, what));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const at = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path[0];
  throw new Refusal('token_invalid', `${what} ${plainName(at)}`);
}

function parsePart(part: string, what: string): unknown {
  try {
    return parseObject(base64url.decode(part));
  } catch {
    throw new Refusal('token_invalid', `${what}: not a JSON object in UTF-8, or a member twice`);
  }
}

/** For the log: whoever made the token chose the name. */
function plainName(at: PropertyKey | undefined): string {
  return typeof at === 'string' && /^[\w#+.-]{1,32}$/.test(at) ? at : 'unreadable';
}
