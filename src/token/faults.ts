/** Why a token is not issued; each says how to mend it. */

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
