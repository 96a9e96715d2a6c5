/** Which files of the suite run on Workers as well, as they are; and of those, which cases are for Node alone, and why. */

const FILES = {
  gateway: [
    ...['alerts', 'bodies', 'captures', 'differential', 'drills', 'forwarding', 'headers', 'hostile-clients'],
    ...['hostile-upstream', 'isolation', 'issuers', 'keys', 'limits', 'metadata', 'metrics', 'moderation'],
    ...['ownership', 'ownership-places', 'ownership-race', 'pass-through', 'policy', 'quotas', 'realtime'],
    ...['realtime-relay', 'refusals', 'renewal', 'room', 'sdk', 'sdk-resources', 'secrets', 'staged-resume'],
    ...['stop-options', 'stops', 'token-text', 'tokens'],
  ],
  outputs: ['content', 'holding', 'links', 'reading-under-a-stop', 'terms'],
  portal: ['acts', 'hostile', 'links', 'own-only', 'playing', 'sessions'],
  admin: ['access', 'bulk', 'docs-page', 'settings', 'switches', 'testers'],
  console: ['sign-in'],
};
export const SHARED: readonly string[] = Object.entries(FILES).flatMap(([folder, names]) =>
  names.map((name) => `test/${folder}/${name}.test.ts`),
);

const BY_HAND = 'nobody writes into an object past the gate';
const CLOCK = 'the test sets the clock of the process';
const CODED = 'the runtime asks upstream for bytes as they are, and decodes what comes otherwise';
const DISK = 'it looks at files of the data directory';
const IN_PROCESS = 'it makes an admin API of its own, in its process';
const LONG = 'it takes most of a minute';
const OWN_CREDENTIAL =
  'whoever lets back in signs in again; there the operator has a credential that was made over the API';
const PARSER = 'the runtime, or the edge before it, reads the request';
const SOCKETS = 'the runtime reads sockets by itself, sends no pings, and ends without a word';
const UNREACHED = 'the runtime does not tell a server that cannot be reached from one that broke off';

/** By file, then by the name of the case or its beginning. */
export const ONLY_ON_NODE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'test/gateway/alerts.test.ts': { 'a row that somebody writes by hand': BY_HAND },
  'test/gateway/captures.test.ts': { 'a tester who is forgotten': DISK },
  'test/gateway/forwarding.test.ts': { 'an upstream that cannot be reached': UNREACHED },
  'test/gateway/headers.test.ts': { 'whatever headers are sent': CODED },
  'test/gateway/keys.test.ts': {
    'when the overlap is over the old key is dead': CLOCK,
    'the key file is 0600': DISK,
    'when the store takes no act or the disk no file': DISK,
  },
  'test/gateway/limits.test.ts': { 'ten thousand calls': LONG },
  'test/gateway/pass-through.test.ts': {
    'an answer that comes in gzip': CODED,
    'an answer that should hold ids and cannot be read is refused: gzip that is none': CODED,
    'a download keeps its coding': CODED,
  },
  'test/gateway/quotas.test.ts': {
    'when upstream cannot be reached': UNREACHED,
    'a quota of a day begins anew': BY_HAND,
  },
  'test/gateway/realtime.test.ts': {
    'bytes behind the head are a body': PARSER,
    'an upgrade behind a call that has no answer': PARSER,
    'another method does not open it': PARSER,
    'a plain call says that it is a WebSocket': PARSER,
    'an upstream that cannot be reached': UNREACHED,
    'a client that leaves, or talks before it is answered': SOCKETS,
  },
  'test/gateway/realtime-relay.test.ts': {
    'a client that does not read holds no memory': SOCKETS,
    'a client that neither reads nor answers pings': SOCKETS,
    'when the gate goes, sockets are closed': SOCKETS,
  },
  'test/gateway/refusals.test.ts': {
    'two Authorization headers': PARSER,
    'two Host headers': PARSER,
    'an unknown coding': PARSER,
    'a signed length': PARSER,
  },
  'test/gateway/renewal.test.ts': { 'the list tells when a token was last used': CLOCK },
  'test/gateway/secrets.test.ts': { 'credentials before the host of a target': PARSER },
  'test/gateway/staged-resume.test.ts': { 'letting somebody through is an act and an entry': BY_HAND },
  'test/gateway/stops.test.ts': { 'a row written by hand': BY_HAND },
  'test/gateway/tokens.test.ts': {
    'two Authorization headers': PARSER,
    'a header of 40 KB': PARSER,
  },
  'test/outputs/links.test.ts': {
    'what streams is cut when somebody takes back the row by hand': BY_HAND,
    'the signing key is a file of its own': DISK,
  },
  'test/portal/sessions.test.ts': { 'what the guard refuses of a call it refuses here': PARSER },
  'test/admin/access.test.ts': {
    'a page of another site is refused': PARSER,
    'a configured host name is accepted': IN_PROCESS,
    'a store that takes no writes is a 503': IN_PROCESS,
    'a stop goes ahead when the store cannot tell': IN_PROCESS,
  },
  'test/admin/bulk.test.ts': {
    'the cleared get new tokens as CSV': IN_PROCESS,
    'an act with the same Idempotency-Key is answered again': IN_PROCESS,
    'where the server broke off over an act': BY_HAND,
  },
  'test/admin/switches.test.ts': {
    'a stop is acknowledged with its times': OWN_CREDENTIAL,
    'a release of what is not engaged': OWN_CREDENTIAL,
  },
  'test/admin/testers.test.ts': {
    'every act leaves exactly one row': OWN_CREDENTIAL,
    'a tester is shown with tokens, last call': BY_HAND,
  },
};
