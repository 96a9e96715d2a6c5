/** On Workers signatures of passkeys are taken apart by a reader of ours: it takes what the library takes, and nothing more. */
import { generateKeyPairSync, randomInt, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import { unwrapEC2Signature as theirs } from '../../node_modules/@simplewebauthn/server/esm/helpers/iso/isoCrypto/unwrapEC2Signature.js';
import { unwrapEC2Signature } from '../../src/admin/ecdsa-signature.worker.ts';

const P256 = 1;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signed = (i: number) => new Uint8Array(sign('sha256', Buffer.from(`${i}`), privateKey));

function attempt(read: typeof theirs, signature: Uint8Array<ArrayBuffer>): string | null {
  try {
    return Buffer.from(read(signature, P256)).toString('hex');
  } catch {
    return null;
  }
}

/** Of 1,000 signatures some have a part with a leading zero, or one that is shorter. */
test('each real signature gives the two numbers, as WebCrypto takes them', () => {
  for (let i = 0; i < 1_000; i++) {
    const signature = signed(i);
    const raw = attempt(unwrapEC2Signature, signature);
    expect(raw).toHaveLength(128);
    expect(raw).toBe(attempt(theirs, signature));
  }
});

test('whatever is changed in one, nothing is taken that the library does not take', () => {
  let taken = 0;
  for (let i = 0; i < 20_000; i++) {
    const changed = [...signed(i % 50)];
    if (i % 3 === 0) changed.splice(randomInt(changed.length), 1);
    else if (i % 3 === 1) changed.splice(randomInt(changed.length + 1), 0, randomInt(256));
    else changed[randomInt(changed.length)] = randomInt(256);
    const ours = attempt(unwrapEC2Signature, new Uint8Array(changed));
    if (ours === null) continue;
    taken++;
    expect(ours).toBe(attempt(theirs, new Uint8Array(changed)));
  }
  expect(taken).toBeGreaterThan(1_000);
});

const number = (...bytes: number[]) => [0x02, bytes.length, ...bytes];
const sequence = (...bytes: number[]) => new Uint8Array([0x30, bytes.length, ...bytes]);
test.each([
  ['nothing', new Uint8Array()],
  ['no sequence', new Uint8Array([0x31, 6, ...number(1), ...number(1)])],
  ['one number', sequence(...number(1))],
  ['three numbers', sequence(...number(1), ...number(1), ...number(1))],
  ['a negative number', sequence(...number(0x80), ...number(1))],
  ['a number without a byte', sequence(...number(), ...number(1))],
  ['a zero too many', sequence(...number(0, 1), ...number(1))],
  ['a number that is too long', sequence(...number(...Array(33).fill(1)), ...number(1))],
  ['a length that reaches over the end', sequence(0x02, 9, 1, ...number(1))],
  ['a length in its long form', new Uint8Array([0x30, 0x81, 6, ...number(1), ...number(1)])],
  ['bytes behind it', new Uint8Array([...sequence(...number(1), ...number(1)), 0])],
])('%s is none', (_, signature) => expect(attempt(unwrapEC2Signature, signature)).toBeNull());

test('of another curve none is taken', () => {
  expect(() => unwrapEC2Signature(signed(1), 2)).toThrow('curve');
});
