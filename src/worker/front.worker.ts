/** The front: finds the object that takes a request, and hands it over. What it learns on the way decides nothing. */
import { createLocalJWKSet } from 'jose';
import { uuidv7 } from 'uuidv7';
import { Refusal, refusalBody, refusalHeaders } from '../refusal.ts';
import { outsideIssuer, ownIssuer } from '../token/issuers.ts';
import { createVerifier, type Verifier } from '../token/verify.ts';
import { configOf } from './configuration.worker.ts';
import { CONTROL, GATE, NAME, NOBODY, ofTester, SIDE } from './names.worker.ts';
import type { Env, PublicKeys, Stub } from './runtime.worker.ts';

const TOKEN_IN_HEADER = /^bearer +([^ ]+)$/i;
const TOKEN_IN_PROTOCOL = /(?:^|,)\s*openai-insecure-api-key\.([^\s,]+)/;
const GATES_OWN = /^\/(?:portal(?:\/.*)?|readyz|\.well-known\/.*)$/;
const LINK = /^\/s\/([^/]+)$/;
/** Keys of a minute ago do for finding an object: that looks at those of now. */
const KEYS_MS = 60_000;

/** What no object can be handed is refused here, and is the one thing that leaves no row. */
export async function handOver(request: Request, env: Env): Promise<Response> {
  try {
    return await handedOver(request, env);
  } catch (fault) {
    // The runtime's own word for a host, or a target, that is none.
    if (fault instanceof TypeError) return refused(new Refusal('invalid_request', 'host'));
    console.error('portcullis: an object did not answer:', fault);
    return refused(new Refusal('authority_unreachable', 'no object answered'));
  }
}

function refused(refusal: Refusal): Response {
  const id = uuidv7();
  const headers = new Headers();
  const list = refusalHeaders(refusal, id, 'portcullis');
  for (let i = 0; i + 1 < list.length; i += 2) headers.append(list[i] ?? '', list[i + 1] ?? '');
  return new Response(refusalBody(refusal, id), { status: refusal.status, headers });
}

async function handedOver(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === '/healthz')
    return Response.json({ ok: true }, { headers: { 'cache-control': 'no-store' } });
  const [stub, name] = await objectFor(pathname, request, env);
  const handed = new Request(request);
  // The front's word, whatever the client said.
  handed.headers.set(NAME, name);
  handed.headers.delete(SIDE);
  return stub.fetch(handed);
}

async function objectFor(pathname: string, { headers }: Request, env: Env): Promise<readonly [Stub, string]> {
  const gate = env.GATE.getByName(GATE);
  if (GATES_OWN.test(pathname)) return [gate, GATE];
  const link = LINK.exec(pathname)?.[1];
  const tester =
    link === undefined ? await testerOf(headers, env) : await gate.holderOf(link).catch(() => null);
  const name = tester === null ? NOBODY : ofTester(tester);
  return [env.TESTER.getByName(name), name];
}

/** Whose token it is, where its signature is good; null for any other, which is then refused where it can be written down. */
async function testerOf(headers: Headers, env: Env): Promise<string | null> {
  const token =
    TOKEN_IN_HEADER.exec(headers.get('authorization') ?? '')?.[1] ??
    TOKEN_IN_PROTOCOL.exec(headers.get('sec-websocket-protocol') ?? '')?.[1];
  if (token === undefined) return null;
  try {
    const verifier = await verifierOf(env);
    const known = verifier.recall(token, Date.now()) ?? (await verifier.verify(token, Date.now()));
    return known.tester;
  } catch {
    return null;
  }
}

interface Known {
  readonly verifier: Verifier;
  readonly text: string;
  readonly until: number;
}

/** By deployment: an isolate may serve one of before, too. */
const known = new WeakMap<Env, Known>();

async function verifierOf(env: Env): Promise<Verifier> {
  const before = known.get(env);
  if (before && Date.now() < before.until) return before.verifier;
  const keys = await env.GATE.getByName(GATE).issuer();
  const text = JSON.stringify(keys);
  const verifier = before?.text === text ? before.verifier : verifierBy(keys, env);
  known.set(env, { verifier, text, until: Date.now() + KEYS_MS });
  return verifier;
}

function verifierBy({ issuer, keys }: PublicKeys, env: Env): Verifier {
  const { issuers, tokens } = configOf(env);
  const own = ownIssuer({
    file: () => ({ issuer }),
    verify: createLocalJWKSet(keys),
    holds: () => true,
    generation: () => 0,
  });
  return createVerifier({
    issuers: [own, ...issuers.map((one) => outsideIssuer(one, Date.now))],
    toleranceSeconds: tokens.clockToleranceSeconds,
    maxLifetimeSeconds: tokens.maxLifetimeDays * 86_400,
  });
}

/** The operators' side, for the Worker that has it: the same object by its other entry. */
export function handToControl(request: Request, env: Env): Promise<Response> {
  const handed = new Request(request);
  handed.headers.set(SIDE, CONTROL);
  return env.GATE.getByName(GATE).fetch(handed);
}
