/** Step 3: what is asked for. Reads the body once, keeps its bytes, and says operation, model, units and objects. */
import type { Inbound } from '../deps.ts';
import type { AskedOutput } from '../outputs/holding.ts';
import { Refusal } from '../refusal.ts';
import { amount, type BodyLimits, type Fields, readBody, text } from './body.ts';
import type { Frame } from './guard.ts';
import { type Words, wordsIn } from './prompt.ts';
import { type References, referencesOf } from './references.ts';
import type { Route } from './routes.ts';
import { socketModel } from './socket-query.ts';
import { askedUnits, type Units } from './units.ts';

/** The call as policy, limits, admission and log see it. */
export interface Call extends References {
  readonly operation: string;
  /** True when the route takes a model, so that the policy has to allow one. */
  readonly takesModel: boolean;
  readonly model: string | null;
  /** Seconds of video asked for. */
  readonly seconds: number | null;
  /** Frame or picture, `WIDTHxHEIGHT` or what upstream calls it (`auto`). */
  readonly size: string | null;
  /** How many answers are asked for. */
  readonly n: number | null;
  /** To be set aside before it goes upstream. */
  readonly units: Units;
  /** The length is that of the video that it names. */
  readonly likeSource: boolean;
  /** The judged bytes; they are the ones that are sent. */
  readonly body: Uint8Array | null;
  /** Its words for the model; looked for only where a cohort's rules read or keep them. */
  readonly words: () => Words;
  /** A clip comes of it: made out of another one (of its length, or longer), or new. Null: none does. */
  readonly clip: 'new' | 'same' | 'longer' | null;
  /** A WebSocket: what it asks for comes in its frames. */
  readonly socket: boolean;
  /** The object whose bytes the answer is; null where it is none. */
  readonly output: AskedOutput | null;
  /** What has to be read from the answer. */
  readonly reads: AnswerReading;
}

/** What the answer to a call tells, and where; see the route table. */
export interface AnswerReading {
  readonly makes: Readonly<Record<string, string>> | null;
  readonly lists: string | null;
  readonly job: boolean;
  /** The object that upstream forgets when it says yes. */
  readonly deletes: string | null;
  /** The answer ends with upstream's own count of tokens. */
  readonly usage: boolean;
}

/** @throws Refusal */
export async function describe(
  frame: Frame,
  inbound: Inbound,
  route: Route | null,
  params: Readonly<Record<string, string>>,
  limits: BodyLimits,
): Promise<Call> {
  if (route === null) throw new Refusal('route_unknown', frame.method);
  const query = readQuery(frame.query);
  const body = await readBody(route, frame.contentType, inbound, limits);
  const fields = body?.fields ?? {};
  const seconds = amount(fields, 'seconds');
  const { named, suspected } = referencesOf(route, params, query, fields);
  const model = socketModel(route, frame, inbound) ?? modelOf(route, params, fields);
  let words: Words | null = null;
  return {
    operation: route.operation,
    // A model that is named where none is asked for is judged all the same: upstream may heed it.
    takesModel: route.model !== undefined || model !== null,
    model,
    seconds,
    size: text(fields, 'size'),
    n: amount(fields, 'n'),
    units: askedUnits(route, fields, body?.bytes.length ?? 0),
    likeSource: seconds === null && named.length > 0,
    named,
    suspected,
    body: body?.bytes ?? null,
    words: () => (words ??= wordsIn(fields)),
    clip: route.units?.includes('videoSeconds') ? (route.derives ?? 'new') : null,
    socket: route.socket ?? false,
    output: outputOf(route, params, query),
    reads: readingOf(route, params, fields),
  };
}

function modelOf(route: Route, params: Readonly<Record<string, string>>, fields: Fields): string | null {
  return route.model === 'path' ? (params.model ?? null) : text(fields, 'model');
}

/** What the calls that give the bytes of an object give without a word of the tester's. */
const USUAL_VARIANT: Readonly<Record<string, string>> = {
  'videos.content': 'video',
  'files.content': 'file',
};

function outputOf(
  { operation }: Route,
  params: Readonly<Record<string, string>>,
  query: URLSearchParams,
): AskedOutput | null {
  const usual = USUAL_VARIANT[operation];
  const object = Object.values(params).at(-1);
  if (usual === undefined || object === undefined) return null;
  const variant = query.get('variant') ?? usual;
  return { object, variant: /^[a-z_]{1,32}$/.test(variant) ? variant : 'other' };
}

/** Which of two values counts is the reader's taste; only lists (`include[]`) may come several times. */
function readQuery(query: string): URLSearchParams {
  const params = new URLSearchParams(query);
  const seen = new Set<string>();
  for (const name of params.keys()) {
    const lower = name.toLowerCase();
    if (seen.has(lower) && !lower.endsWith('[]') && lower !== 'include')
      throw new Refusal('invalid_request', `query: ${lower.slice(0, 64)} twice`, {
        message: `The query names "${lower.slice(0, 64)}" twice.`,
      });
    seen.add(lower);
  }
  return params;
}

function readingOf(route: Route, params: Readonly<Record<string, string>>, fields: Fields): AnswerReading {
  const { makes, makesIf, lists, job, deletes, units } = route;
  const makesNow = makesIf === undefined || makesIf.some((name) => fields[name] && fields[name] !== 'false');
  return {
    makes: (makesNow && makes) || null,
    lists: lists ?? null,
    job: job ?? false,
    deletes: (deletes && Object.values(params).at(-1)) || null,
    usage: units?.includes('tokens') ?? false,
  };
}
