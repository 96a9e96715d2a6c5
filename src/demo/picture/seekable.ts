/**
 * Makes an encoded MP4 seekable: its index goes in front, and gains the table of keyframes the encoder leaves out. And the same
 * each time: when it was encoded is left out.
 */

type Box = { type: string; bytes: Buffer };

const HEADER_BYTES = 8;
/** The boxes on the way from the index down to the sample tables. */
const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl']);
/** Those that say when they were made and changed, in 8 bytes behind version and flags (ISO/IEC 14496-12, version 0). */
const DATED = new Set(['mvhd', 'tkhd', 'mdhd']);
const DATES = { from: HEADER_BYTES + 4, to: HEADER_BYTES + 12 };

export function seekable(mp4: Uint8Array, frames: number, framesPerKeyframe: number): Uint8Array {
  const boxes = boxesIn(Buffer.from(mp4));
  const index = boxes.find((box) => box.type === 'moov');
  const head = boxes.find((box) => box.type === 'ftyp');
  if (!index || !head) return mp4;
  const keyframes = keyframeTable(frames, framesPerKeyframe);
  const rest = boxes.filter((box) => box !== index && box !== head).map((box) => box.bytes);
  // The pictures move back by the index that now precedes them.
  const moved = rebuilt(index, keyframes, index.bytes.length + keyframes.length);
  return Buffer.concat([head.bytes, moved, ...rest]);
}

function rebuilt(box: Box, keyframes: Buffer, shiftBytes: number): Buffer {
  if (box.type === 'stco') return shiftedOffsets(box.bytes, shiftBytes);
  if (DATED.has(box.type)) return Buffer.from(box.bytes).fill(0, DATES.from, DATES.to);
  if (!CONTAINERS.has(box.type)) return box.bytes;
  const inner = boxesIn(box.bytes.subarray(HEADER_BYTES)).map((one) => rebuilt(one, keyframes, shiftBytes));
  if (box.type === 'stbl') inner.push(keyframes);
  return boxOf(box.type, Buffer.concat(inner));
}

function shiftedOffsets(table: Buffer, shiftBytes: number): Buffer {
  const shifted = Buffer.from(table);
  for (let at = 16; at + 4 <= shifted.length; at += 4) {
    shifted.writeUInt32BE(shifted.readUInt32BE(at) + shiftBytes, at);
  }
  return shifted;
}

function keyframeTable(frames: number, framesPerKeyframe: number): Buffer {
  const count = Math.ceil(frames / framesPerKeyframe);
  const payload = Buffer.alloc(8 + count * 4);
  payload.writeUInt32BE(count, 4);
  for (let entry = 0; entry < count; entry++)
    payload.writeUInt32BE(1 + entry * framesPerKeyframe, 8 + entry * 4);
  return boxOf('stss', payload);
}

function boxOf(type: string, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(HEADER_BYTES + payload.length);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, payload]);
}

function boxesIn(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let start = 0; start + HEADER_BYTES <= bytes.length; ) {
    const size = bytes.readUInt32BE(start);
    if (size < HEADER_BYTES) break;
    const type = bytes.toString('latin1', start + 4, start + HEADER_BYTES);
    boxes.push({ type, bytes: bytes.subarray(start, start + size) });
    start += size;
  }
  return boxes;
}
