/** A 5x8 bitmap font for printable ASCII, smoothed so that it stays pleasant when drawn large. */

const FIRST_CODE = 32;
const COLUMNS = 5;
const ROWS = 8;
const SMOOTHING = 4;

/** Five column bytes a glyph, lowest bit on top; the eighth row holds descenders. */
const GLYPH_COLUMNS_HEX = [
  '000000000000005f00000007000700147f147f14242a7f2a12231308646236495620500008070300001c2241000041221c00',
  '2a1c7f1c2a08083e080800807030000808080808000060600020100802043e5149453e00427f400072494949462141494d33',
  '1814127f1027454545393c4a49493141211109073649494936464949291e003636000000563600000008142241',
  '1414141414004122140802015909063e415d594e7c1211127c7f494949363e414141227f4141413e7f494949417f09090901',
  '3e414151737f0808087f00417f41002040413f017f081422417f404040407f021c027f7f0408107f3e4141413e7f09090906',
  '3e4151215e7f09192946264949493203017f01033f4040403f1f2040201f3f4038403f631408146303047804036159494d43',
  '007f4141410204081020004141417f0402010204404040404000030708002054547840',
  '7f284444383844444428384444287f385454541800087e090218a4a49c787f0804047800447d40002040403d007f10284400',
  '00417f40007c047804787c080404783844444438fc1824241818242418fc7c08040408485454542404043f44243c4040407c',
  '1c2040201c3c4030403c44281028444c9090907c4464544c44000836410000007700000041360800',
  '0201020402',
].join('');

const BOX_COLUMNS = [0x7f, 0x41, 0x41, 0x41, 0x7f];

type Bitmap = { width: number; height: number; on: (x: number, y: number) => boolean };

/** A glyph four times its design size; `advance` and `left` are in design units. */
export type Glyph = { bitmap: Bitmap; left: number; advance: number };

export const LINE_HEIGHT_UNITS = 10;

const glyphs = new Map<string, Glyph>();

export function glyphOf(character: string): Glyph {
  const known = glyphs.get(character);
  if (known) return known;
  const glyph = buildGlyph(columnsOf(character));
  // One entry a distinct character, and everything outside ASCII shares the box.
  if (isPrintable(character)) glyphs.set(character, glyph);
  return glyph;
}

export function textWidthUnits(text: string): number {
  let units = 0;
  for (const character of text) units += glyphOf(character).advance;
  return units;
}

function isPrintable(character: string): boolean {
  return character >= ' ' && character <= '~';
}

function columnsOf(character: string): number[] {
  if (!isPrintable(character)) return BOX_COLUMNS;
  const start = (character.charCodeAt(0) - FIRST_CODE) * COLUMNS * 2;
  return [...Buffer.from(GLYPH_COLUMNS_HEX.slice(start, start + COLUMNS * 2), 'hex')];
}

function buildGlyph(columns: number[]): Glyph {
  const inked = columns.flatMap((column, index) => (column ? [index] : []));
  const first = inked[0];
  const last = inked.at(-1);
  const left = first ?? 0;
  const advance = first === undefined || last === undefined ? 3 : last - first + 2;
  let bitmap: Bitmap = {
    width: COLUMNS,
    height: ROWS,
    on: (x, y) => (((columns[x] ?? 0) >> y) & 1) === 1,
  };
  for (let factor = 1; factor < SMOOTHING; factor *= 2) bitmap = doubled(bitmap);
  return { bitmap, left, advance };
}

/** Scale2x: doubles a bitmap and rounds its staircase corners. */
function doubled(source: Bitmap): Bitmap {
  const width = source.width * 2;
  const height = source.height * 2;
  const cells = new Uint8Array(width * height);
  for (let y = 0; y < source.height; y++) {
    for (let x = 0; x < source.width; x++) {
      const [topLeft, topRight, bottomLeft, bottomRight] = quarters(source, x, y);
      const at = y * 2 * width + x * 2;
      cells[at] = Number(topLeft);
      cells[at + 1] = Number(topRight);
      cells[at + width] = Number(bottomLeft);
      cells[at + width + 1] = Number(bottomRight);
    }
  }
  const on = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && cells[y * width + x] === 1;
  return { width, height, on };
}

function quarters(source: Bitmap, x: number, y: number): [boolean, boolean, boolean, boolean] {
  const self = source.on(x, y);
  const up = source.on(x, y - 1);
  const down = source.on(x, y + 1);
  const left = source.on(x - 1, y);
  const right = source.on(x + 1, y);
  if (up === down || left === right) return [self, self, self, self];
  return [
    left === up ? up : self,
    right === up ? up : self,
    left === down ? down : self,
    right === down ? down : self,
  ];
}
