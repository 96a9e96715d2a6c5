/** The scope of a switch: `global`, `cohort:ID`, `tester:ID`, `token:JTI`, `model:NAME`. */

export type Scope =
  | 'global'
  | `cohort:${string}`
  | `tester:${string}`
  | `token:${string}`
  | `model:${string}`;

/** Whom a call or an open stream belongs to, as far as switches are concerned. */
export interface Bearer {
  readonly tester: string;
  readonly cohort: string;
  readonly jti: string;
  readonly model: string | null;
}

const SCOPE = /^(?:global|(?:cohort|tester|token|model):[\x21-\x7e]{1,200})$/;

export function isScope(text: string): text is Scope {
  return SCOPE.test(text);
}

/** True when a switch of this scope concerns this bearer. */
export function covers(scope: string, b: Bearer): boolean {
  const colon = scope.indexOf(':');
  if (colon < 0) return scope === 'global';
  const id = scope.slice(colon + 1);
  switch (scope.slice(0, colon)) {
    case 'cohort':
      return b.cohort === id;
    case 'tester':
      return b.tester === id;
    case 'token':
      return b.jti === id;
    case 'model':
      return b.model === id;
    default:
      return false;
  }
}
