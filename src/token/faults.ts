/** Why a token is not issued, or a key not withdrawn; each says how to mend it. */

export class TesterUnknown extends Error {
  constructor(id: string) {
    super(`There is no tester "${id}"; add it first.`);
  }
}

/** The asked lifetime is longer than the configuration allows. */
export class LifetimeTooLong extends Error {
  constructor(days: number) {
    super(`Tokens live at most ${days} days here (tokens.maxLifetimeDays).`);
  }
}

export class KeyUnknown extends Error {
  constructor(kid: string) {
    super(`No key "${kid}" is in force; portcullis keys list names those that are.`);
  }
}

export class KeySigns extends Error {
  constructor(kid: string) {
    super(`The key "${kid}" signs the new tokens; make another first: portcullis keys rotate.`);
  }
}
