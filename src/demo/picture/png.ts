/** Writes PNG files out of I420 pictures, with nothing but zlib. */
import { crc32, deflateSync } from 'node:zlib';
import type { Picture } from './plane.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const FILTER_UP = 2;

export type Rgb = { width: number; height: number; bytes: Uint8Array };

export function createRgb(width: number, height: number): Rgb {
  return { width, height, bytes: new Uint8Array(width * height * 3) };
}

/** Copies a picture into an RGB canvas at a place, converting its colours. */
export function drawPicture(canvas: Rgb, picture: Picture, left: number, top: number): void {
  const { width, height, luma, chromaU, chromaV } = picture;
  for (let y = 0; y < height; y++) {
    let to = ((top + y) * canvas.width + left) * 3;
    for (let x = 0; x < width; x++) {
      const chroma = (y >> 1) * (width >> 1) + (x >> 1);
      const light = 1.164 * ((luma[y * width + x] ?? 16) - 16);
      const u = (chromaU[chroma] ?? 128) - 128;
      const v = (chromaV[chroma] ?? 128) - 128;
      canvas.bytes[to++] = clamp(light + 1.596 * v);
      canvas.bytes[to++] = clamp(light - 0.392 * u - 0.813 * v);
      canvas.bytes[to++] = clamp(light + 2.017 * u);
    }
  }
}

export function encodePng(image: Rgb): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(image.width, 0);
  header.writeUInt32BE(image.height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const pixels = deflateSync(filtered(image), { level: 5 });
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Each row as its difference from the row above, which suits skies that fade downwards. */
function filtered(image: Rgb): Uint8Array {
  const stride = image.width * 3;
  const out = new Uint8Array((stride + 1) * image.height);
  for (let y = 0; y < image.height; y++) {
    const to = y * (stride + 1);
    out[to] = FILTER_UP;
    for (let x = 0; x < stride; x++) {
      const above = y ? (image.bytes[(y - 1) * stride + x] ?? 0) : 0;
      out[to + 1 + x] = (image.bytes[y * stride + x] ?? 0) - above;
    }
  }
  return out;
}

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

function clamp(value: number): number {
  return Math.max(0, Math.min(255, value));
}
