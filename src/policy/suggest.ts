/** "Did you mean …?": the known name that a misspelt one is nearest to. Pure. */

/** Null when none is near enough to be meant. */
export function nearest(written: string, known: readonly string[]): string | null {
  const most = Math.max(1, Math.floor(written.length / 3));
  let best: string | null = null;
  let least = most + 1;
  for (const name of known) {
    const distance = editsBetween(written.toLowerCase(), name.toLowerCase());
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

export function didYouMean(name: string | null): string {
  return name === null ? '' : `; did you mean ${name}?`;
}

/** Letters that are inserted, left out or changed (Levenshtein), and neighbours that changed places. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(row, j) + 1, at(next, j - 1) + 1, at(row, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(before, j - 2) + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], i: number): number {
  return row[i] ?? Number.POSITIVE_INFINITY;
}
