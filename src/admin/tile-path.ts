/** Paths of tiles as C2SP tlog-tiles writes them: `0/x001/x234/067`, `1/003.p/17`, `entries/000`. */
export interface TilePath {
  readonly level: number | 'entries';
  readonly n: number;
  /** Hashes or entries in it: 256, or fewer at the right edge. */
  readonly width: number;
}

export function readTilePath(path: string): TilePath | null {
  const [, level, high = '', low = '', partial] =
    /^(entries|[0-9]|[1-5][0-9]|6[0-3])\/((?:x\d{3}\/){0,3})(\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path) ??
    [];
  if (level === undefined || high.startsWith('x000')) return null;
  const width = Number(partial ?? 256);
  if (width > 256 || partial === '256') return null;
  const n = Number(high.replace(/[x/]/g, '') + low);
  return { level: level === 'entries' ? level : Number(level), n, width };
}
