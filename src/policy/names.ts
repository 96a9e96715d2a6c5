/** The names that expressions may use. Pure data. */

/** Every name: type, meaning. `docs/policy.md` says the same, which a test holds. */
export const NAMES = {
  'request.operation': ['string', 'what the call does, as `videos.create`'],
  'request.model': [
    'string',
    'the model that it names; of a remix, an edit or an extension, that of its source',
  ],
  'request.seconds': ['double', 'length of the clip that comes of it, source included; 0 where none does'],
  'request.width': ['int', 'pixels of the clip or picture, where it names a `size`'],
  'request.height': ['int', 'the same'],
  'request.n': ['int', 'how many answers it asks for; 1 where it does not say'],
  'request.prompt': ['string', 'its words for the model, all of them, joined by line ends'],
  'request.promptLength': ['int', 'characters of its words'],
  'request.has_file': ['bool', 'it brings or names a file, picture, clip, character or address of one'],
  'request.references': ['int', 'how many objects it names'],
  'tester.id': ['string', 'who calls'],
  'tester.cohort': ['string', 'the cohort of the tester'],
  'tester.terms': ['int', 'the version of the terms that the tester accepted last; 0: none'],
  'tester.joined': ['google.protobuf.Timestamp', 'when the tester was added'],
  'usage.today': [
    'Units',
    'what the tester used today (UTC) before this call: `.videoSeconds`, `.images`, `.tokens`, `.bytes`',
  ],
  'usage.total': ['Units', 'the same, in all'],
  'client.address': ['string', 'the address that it comes from, in its one spelling'],
  now: ['google.protobuf.Timestamp', 'when it came'],
} as const satisfies Record<string, readonly [string, string]>;

export const UNITS = ['videoSeconds', 'images', 'tokens', 'bytes'] as const;

/** All that can be written, for suggestions. */
export const ALL_NAMES: readonly string[] = Object.keys(NAMES).flatMap((name) =>
  name.startsWith('usage.') ? [name, ...UNITS.map((unit) => `${name}.${unit}`)] : [name],
);
