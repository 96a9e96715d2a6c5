/** Which files of the suite run on Workers as well, as they are; and of those, which cases are for Node alone, and why. */

const FILES = {
  gateway: [
    ...['alerts', 'bodies', 'differential', 'forwarding', 'hostile-clients', 'hostile-upstream', 'isolation'],
    ...['metadata', 'ownership', 'ownership-places', 'ownership-race', 'pass-through', 'quotas', 'refusals'],
    ...['sdk', 'sdk-resources', 'staged-resume', 'stops', 'token-text'],
  ],
  outputs: ['content', 'holding', 'terms'],
};
export const SHARED: readonly string[] = Object.entries(FILES).flatMap(([folder, names]) =>
  names.map((name) => `test/${folder}/${name}.test.ts`),
);

const BY_HAND = 'nobody writes into an object past the gate';
const PARSER = 'the runtime, or the edge before it, reads the request';
const CODED = 'the runtime decodes what upstream sends';
const SHARED_QUOTAS = 'each tester is counted alone, and such rules are not taken up';
const UNREACHED = 'the runtime does not tell a server that cannot be reached from one that broke off';

/** By file, then by the name of the case or its beginning. */
export const ONLY_ON_NODE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'test/gateway/alerts.test.ts': { 'a row that somebody writes by hand': BY_HAND },
  'test/gateway/forwarding.test.ts': { 'an upstream that cannot be reached': UNREACHED },
  'test/gateway/pass-through.test.ts': {
    'an answer that comes in gzip': CODED,
    'an answer that should hold ids and cannot be read is refused: gzip that is none': CODED,
    'a download keeps its coding': CODED,
  },
  'test/gateway/quotas.test.ts': {
    'a cohort shares its quota': SHARED_QUOTAS,
    'when upstream cannot be reached': UNREACHED,
    'a quota of a day begins anew': BY_HAND,
  },
  'test/gateway/refusals.test.ts': {
    'two Authorization headers': PARSER,
    'two Host headers': PARSER,
    'an unknown coding': PARSER,
    'a signed length': PARSER,
  },
  'test/gateway/staged-resume.test.ts': { 'letting somebody through is an act and an entry': BY_HAND },
  'test/gateway/stops.test.ts': { 'a row written by hand': BY_HAND },
};
