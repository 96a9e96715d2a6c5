/** Whether a C2PA manifest (C2PA 2.2, section A.5: ISO base media files) is in a clip; what it says is not looked at. */

/** Bytes of a file; fewer at its end. */
export type Read = (at: number, length: number) => Promise<Uint8Array>;

const C2PA = 'd8fec3d61b0e483c92975828877ec481';
/** More than any clip has at its top. */
const MOST_BOXES = 10_000;

/** Null: no file of boxes. */
export async function hasC2pa(read: Read, bytes: number): Promise<boolean | null> {
  const first = await read(0, 8);
  if (nameOf(first) !== 'ftyp') return null;
  for (let at = 0, n = 0; at + 8 <= bytes && n < MOST_BOXES; n++) {
    const head = await read(at, 32);
    const { size, body } = boxAt(head, bytes - at);
    if (nameOf(head) === 'uuid' && hex(head.subarray(body, body + 16)) === C2PA) return true;
    if (size < body) return false;
    at += size;
  }
  return false;
}

/** ISO/IEC 14496-12, section 4.2: a size of 1 is told in 64 bits, one of 0 reaches the end. */
function boxAt(head: Uint8Array, left: number): { size: number; body: number } {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const size = head.length >= 8 ? view.getUint32(0) : 0;
  if (size === 1 && head.length >= 16) return { size: Number(view.getBigUint64(8)), body: 16 };
  return { size: size === 0 ? left : size, body: 8 };
}

function nameOf(head: Uint8Array): string {
  return String.fromCharCode(...head.subarray(4, 8));
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
