/** Sets of places in a block of 4,096 rows: two bytes each while they are few, else a bit for each place of the block. */
export const BLOCK_ROWS = 4_096;
const WORDS = BLOCK_ROWS / 32;
const MOST_LISTED = BLOCK_ROWS / 16;

/** One bit for each place. */
export type Places = Uint32Array;

export function noPlaces(): Places {
  return new Uint32Array(WORDS);
}

/** The first so many. */
export function firstPlaces(rows: number): Places {
  return noPlaces().map((_, i) =>
    rows >= i * 32 + 32 ? 0xffff_ffff : rows <= i * 32 ? 0 : 2 ** (rows - i * 32) - 1,
  );
}

export function packPlaces(listed: readonly number[]): Buffer {
  if (listed.length <= MOST_LISTED) return Buffer.from(Uint16Array.from(listed).buffer);
  const bits = noPlaces();
  for (const at of listed) set(bits, at);
  return Buffer.from(bits.buffer);
}

export function unpackPlaces(packed: Buffer): Places {
  const bits = noPlaces();
  if (packed.length === WORDS * 4) for (let i = 0; i < WORDS; i++) bits[i] = packed.readUInt32LE(i * 4);
  else for (let at = 0; at < packed.length; at += 2) set(bits, packed.readUInt16LE(at));
  return bits;
}

export function both(a: Places, b: Places): Places {
  return a.map((word, i) => word & (b[i] ?? 0));
}

export function countPlaces(places: Places): number {
  let count = 0;
  for (let word of places) {
    word -= (word >>> 1) & 0x5555_5555;
    word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333);
    count += (((word + (word >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
  }
  return count;
}

/** How many of the packed places are in the set; nothing is unpacked that need not be. */
export function countIn(packed: Buffer, places: Places): number {
  if (packed.length === WORDS * 4) return countPlaces(both(places, unpackPlaces(packed)));
  let count = 0;
  for (let i = 0; i < packed.length; i += 2) {
    const at = packed.readUInt16LE(i);
    count += ((places[at >>> 5] ?? 0) >>> (at & 31)) & 1;
  }
  return count;
}

/** In rising order. */
export function listPlaces(places: Places): number[] {
  const listed: number[] = [];
  for (let i = 0; i < WORDS; i++)
    for (let word = places[i] ?? 0; word !== 0; word &= word - 1)
      listed.push(i * 32 + 31 - Math.clz32(word & -word));
  return listed;
}

function set(bits: Places, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] ?? 0) | (1 << (at & 31));
}
