/** Seals texts with AES-256-GCM: twelve random bytes, the cipher text, sixteen bytes that show any change. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Sealing } from './captures.ts';

const NONCE = 12;
const TAG = 16;

export const sealing: Sealing = {
  random: (bytes) => randomBytes(bytes),
  seal(key, plain, about) {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  },
  open(key, sealed, about) {
    const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE)).setAAD(Buffer.from(about));
    cipher.setAuthTag(sealed.subarray(-TAG));
    return Buffer.concat([cipher.update(sealed.subarray(NONCE, -TAG)), cipher.final()]);
  },
};
