/** An ECDSA signature as WebCrypto takes it, out of the DER in which authenticators give it (RFC 3279 section 2.2.3). */

/** COSE's number of the curve of ES256. */
const P256 = 1;
const PART_BYTES = 32;
const [SEQUENCE, INTEGER] = [0x30, 0x02];

/** @throws Error when it is anything but two positive numbers in their one form */
export function unwrapEC2Signature(signature: Uint8Array, curve: number): Uint8Array<ArrayBuffer> {
  if (curve !== P256) throw new Error(`no signature of the curve ${curve} is taken`);
  if (signature[0] !== SEQUENCE || signature[1] !== signature.length - 2) throw malformed();
  const both = new Uint8Array(2 * PART_BYTES);
  const behindFirst = number(signature, 2, both.subarray(0, PART_BYTES));
  if (number(signature, behindFirst, both.subarray(PART_BYTES)) !== signature.length) throw malformed();
  return both;
}

/** Writes it to the end of `into`. @returns where what follows begins */
function number(der: Uint8Array, at: number, into: Uint8Array): number {
  const length = der[at + 1] ?? 0;
  const bytes = der.subarray(at + 2, at + 2 + length);
  const [first = 0x80, second = 0] = bytes;
  const isPadded = first === 0;
  if (der[at] !== INTEGER || bytes.length !== length || first >= 0x80) throw malformed();
  if (isPadded && second < 0x80) throw malformed();
  const digits = isPadded ? bytes.subarray(1) : bytes;
  if (digits.length > into.length) throw malformed();
  into.set(digits, into.length - digits.length);
  return at + 2 + length;
}

function malformed(): Error {
  return new Error('the signature is not as DER writes it');
}
