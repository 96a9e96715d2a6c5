/** Passkeys of operators (WebAuthn level 2): signing in with one, adding one, and taking one away. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, asc, eq } from 'drizzle-orm';
import type { Context } from 'hono';
import type { Control } from '../control.ts';
import { iso, isoOrNull } from '../iso.ts';
import { passkeys } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, noCredential, SECURED, Time } from './answer.ts';
import type { Attempts } from './attempts.ts';
import { addressOf } from './authenticate.ts';
import { Problem } from './problem.ts';
import { reachOf, SignedIn } from './sessions.ts';
import { openSession, type SignIn, signInRefused } from './sign-in.ts';
import {
  type AuthenticationResponseJSON,
  checkAnswer,
  checkNewKey,
  optionsForNewKey,
  optionsForSignIn,
  type RegistrationResponseJSON,
} from './webauthn.ts';

const Options = z.record(z.string(), z.unknown()).openapi('PublicKeyOptions', {
  description: 'For navigator.credentials, in the JSON form of WebAuthn level 3',
});
const Text = z.string().max(16_384);
const AnyKey = {
  id: Text,
  rawId: Text,
  type: z.literal('public-key'),
  authenticatorAttachment: z.enum(['platform', 'cross-platform']).nullish(),
  clientExtensionResults: z.strictObject({
    credProps: z.strictObject({ rk: z.boolean().optional() }).optional(),
  }),
};
/** What it says is checked by the library that reads it. */
const Assertion = z.strictObject({
  ...AnyKey,
  response: z.strictObject({
    ...{ clientDataJSON: Text, authenticatorData: Text, signature: Text },
    userHandle: Text.nullish(),
  }),
});
const Attestation = z.strictObject({
  ...AnyKey,
  response: z.strictObject({
    ...{ clientDataJSON: Text, attestationObject: Text },
    ...{ authenticatorData: Text.optional(), publicKey: Text.optional() },
    publicKeyAlgorithm: z.number().int().optional(),
    transports: z.array(Text).max(16).optional(),
  }),
});

const Passkey = z
  .object({
    id: z.string(),
    operator: z.string(),
    label: z.string(),
    createdAt: Time,
    lastUsedAt: Time.nullable(),
  })
  .openapi('Passkey');

const begin = createRoute({
  method: 'post',
  path: '/admin/sessions/passkey/options',
  tags: ['sessions'],
  responses: answers(Options, 'What the browser is asked to sign'),
});

const signInRoute = createRoute({
  method: 'post',
  path: '/admin/sessions/passkey',
  tags: ['sessions'],
  request: { body: body(z.strictObject({ response: Assertion })) },
  responses: answers(SignedIn, 'The session is in the cookie'),
});

const list = createRoute({
  method: 'get',
  path: '/admin/passkeys',
  tags: ['operators'],
  security: SECURED,
  responses: answers(z.object({ passkeys: z.array(Passkey) }), 'Your passkeys'),
});

const beginNew = createRoute({
  method: 'post',
  path: '/admin/passkeys/options',
  tags: ['operators'],
  security: SECURED,
  responses: answers(Options, 'What the browser is asked to make'),
});

const add = createRoute({
  method: 'post',
  path: '/admin/passkeys',
  tags: ['operators'],
  security: SECURED,
  request: {
    body: body(
      z.strictObject({
        response: Attestation,
        label: z
          .string()
          .min(1, 'say on what it is')
          .max(64, 'use at most 64 characters')
          .refine(noCredential, 'it holds a credential; say on what it is'),
      }),
    ),
  },
  responses: answers(Passkey, 'Added'),
});

const Path = z.object({ id: z.string() });

const take = createRoute({
  method: 'delete',
  path: '/admin/passkeys/{id}',
  tags: ['operators'],
  security: SECURED,
  request: { params: Path },
  responses: answers(Path.openapi('PasskeyRemoved'), 'Nobody signs in with it any more'),
});

export function passkeyRoutes(control: Control, signIn: SignIn, attempts: Attempts) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(begin, async (c) => {
      return c.json(await optionsForSignIn(control, siteOf(c)), 200);
    })
    .openapi(signInRoute, async (c) => {
      await attempts.signIn(addressOf(c));
      const { response } = c.req.valid('json');
      const key = control.reader.select().from(passkeys).where(eq(passkeys.id, response.id)).get();
      const shown = response as unknown as AuthenticationResponseJSON;
      const counter = key ? await checkAnswer(control, siteOf(c), shown, key) : null;
      if (!key || counter === null) throw signInRefused();
      const { operator } = key;
      const session = await openSession(control, c, signIn, { operator, method: 'passkey' }, () => {
        const used = { counter, lastUsedAt: control.now() };
        return control.writer.update(passkeys).set(used).where(eq(passkeys.id, key.id)).run().changes > 0;
      });
      await attempts.wasRight(addressOf(c));
      return c.json({ operator, session: session.id }, 200);
    })
    .openapi(list, (c) => c.json({ passkeys: readPasskeys(control, c.var.actor.operator) }, 200))
    .openapi(beginNew, async (c) => {
      const { operator } = inSession(c);
      return c.json(await optionsForNewKey(control, siteOf(c), operator), 200);
    })
    .openapi(add, async (c) => {
      const { operator } = inSession(c);
      const { response, label } = c.req.valid('json');
      const shown = response as unknown as RegistrationResponseJSON;
      const key = await checkNewKey(control, siteOf(c), shown, operator);
      const row = { ...key, operator, label, createdAt: control.now(), lastUsedAt: null };
      const isAdded = await control.write(() => {
        const { changes } = control.writer.insert(passkeys).values(row).onConflictDoNothing().run();
        if (changes > 0) recordAct(control, c.var.actor, 'passkey.add', `operator:${operator}`, label);
        return changes > 0;
      });
      if (!isAdded) throw new Problem('request_invalid', 'response: this passkey is known already.');
      return c.json(passkeyBody(row), 200);
    })
    .openapi(take, async (c) => {
      const { id } = c.req.valid('param');
      const own = reachOf(c.var);
      const isIts = and(eq(passkeys.id, id), own === null ? undefined : eq(passkeys.operator, own));
      const gone = await control.write(() => {
        const row = control.writer.delete(passkeys).where(isIts).returning().get();
        if (row) recordAct(control, c.var.actor, 'passkey.remove', `operator:${row.operator}`, row.label);
        return row;
      });
      if (!gone) throw new Problem('passkey_unknown', 'You have no such passkey.');
      return c.json({ id }, 200);
    });
}

function readPasskeys({ reader }: Control, operator: string) {
  const own = eq(passkeys.operator, operator);
  const rows = reader.select().from(passkeys).where(own).orderBy(asc(passkeys.createdAt)).limit(100).all();
  return rows.map(passkeyBody);
}

function passkeyBody(row: Omit<typeof passkeys.$inferSelect, 'publicKey' | 'counter'>) {
  const { id, operator, label, createdAt, lastUsedAt } = row;
  return { id, operator, label, createdAt: iso(createdAt), lastUsedAt: isoOrNull(lastUsedAt) };
}

/** A key that outlives its maker's sign-in is made for whoever signed in, by nobody else. */
function inSession(c: Context<AdminEnv>) {
  if (!c.var.shown.session)
    throw new Problem('reauthentication_required', 'Sign in to the console: a passkey is made in a browser.');
  return c.var.actor;
}

/** The page that asks, as the browser tells: the guard has held it against the host already. */
function siteOf(c: Context) {
  const origin = c.req.header('origin');
  if (origin === undefined || !URL.canParse(origin))
    throw new Problem('request_invalid', 'Origin: passkeys are used from a page of the console.');
  const { hostname } = new URL(origin);
  if (/^[\d.]+$|^\[/.test(hostname))
    throw new Problem(
      'passkeys_need_name',
      'Browsers make passkeys for names only: open the console as http://localhost:…, or by its name over HTTPS.',
    );
  return { origin, name: hostname };
}
