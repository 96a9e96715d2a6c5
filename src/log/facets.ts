/** What the request log can be asked for: the columns of its index, and what of a value stands in it. */
interface Facet {
  /** Its number in the table `facets`: never used for another column. */
  readonly code: number;
  /** SQL over a row of `requests`. */
  readonly sql: string;
  /** Ids are random at their ends, and rows are looked at once more: a few characters do. */
  readonly kept?: number;
}

export const FACETS = {
  tester: { code: 1, sql: 'tester' },
  cohort: { code: 2, sql: 'cohort' },
  token: { code: 3, sql: 'token' },
  operation: { code: 4, sql: 'operation' },
  model: { code: 5, sql: 'model' },
  outcome: { code: 6, sql: 'outcome' },
  status: { code: 7, sql: 'status' },
  decision: { code: 8, sql: 'decision' },
  rule: { code: 9, sql: 'rule' },
  address: { code: 10, sql: 'address' },
  output: { code: 11, sql: 'output_hash', kept: 12 },
  object: { code: 12, sql: 'objects', kept: 12 },
  shadow: { code: 14, sql: 'shadow' },
} as const satisfies Record<string, Facet>;

export type FacetName = keyof typeof FACETS;
export const FACET_NAMES = Object.keys(FACETS) as FacetName[];

/** Rows that count for several calls have to be found to count them. */
export const REPEATED = { code: 13, value: 'repeated' };

/** What stands in the index for a value. */
export function keptOf(name: FacetName, value: string | number): string {
  const { kept } = FACETS[name] as Facet;
  const text = String(value);
  return kept === undefined ? text : text.slice(-kept);
}

/** Columns that hold a JSON array. */
const LISTS: ReadonlySet<FacetName> = new Set(['object', 'shadow']);

/** Several where the column holds a list, none for null. */
export function valuesOf(name: FacetName, value: string | number | null): string[] {
  if (value === null) return [];
  if (!LISTS.has(name)) return [keptOf(name, value)];
  return (JSON.parse(String(value)) as string[]).map((one) => keptOf(name, one));
}

/** The condition on a row itself; one `?` for the value. */
export function conditionOn(name: FacetName): string {
  return LISTS.has(name)
    ? `exists (select 1 from json_each(${FACETS[name].sql}) where json_each.value = ?)`
    : `${FACETS[name].sql} = ?`;
}
