/** An authenticator in software (WebAuthn level 2, ES256, attestation "none"), which can be told to lie. */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

interface Lies {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  /** 1: user present; 4: user verified. */
  readonly flags?: number;
  readonly counter?: number;
  /** Signs what it is as well, with its own key ("packed", self attestation), though nobody asked. */
  readonly attests?: boolean;
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest();

export function makeAuthenticator(origin: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = randomBytes(32);
  const jwk = publicKey.export({ format: 'jwk' });
  let counter = 0;

  const clientData = (type: string, challenge: string, lies: Lies) =>
    Buffer.from(
      JSON.stringify({ type, challenge: lies.challenge ?? challenge, origin: lies.origin ?? origin }),
    );
  function authenticatorData(lies: Lies, attested: Buffer = Buffer.alloc(0)): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(lies.counter ?? counter++);
    const flags = (lies.flags ?? 5) | (attested.length > 0 ? 0x40 : 0);
    return Buffer.concat([
      sha256(lies.rpId ?? new URL(origin).hostname),
      Buffer.from([flags]),
      count,
      attested,
    ]);
  }
  /** {alg: -7, sig: …} */
  function selfAttestation(authData: Buffer, client: Buffer): Buffer {
    const signature = sign('sha256', Buffer.concat([authData, sha256(client)]), privateKey);
    const alg = Buffer.from([0x26]);
    return Buffer.concat([
      Buffer.from([0xa2]),
      ...[cborText('alg'), alg, cborText('sig'), cborBytes(signature)],
    ]);
  }
  const common = { id: base64url(id), rawId: base64url(id), type: 'public-key', clientExtensionResults: {} };

  return {
    id: common.id,
    make({ challenge }: { challenge: string }, lies: Lies = {}) {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(id.length);
      const attested = Buffer.concat([Buffer.alloc(16), length, id, coseKey(jwk)]);
      const authData = authenticatorData(lies, attested);
      const client = clientData('webauthn.create', challenge, lies);
      const statement = lies.attests ? selfAttestation(authData, client) : Buffer.from([0xa0]);
      const attestation = Buffer.concat([
        Buffer.from([0xa3]),
        ...[cborText('fmt'), cborText(lies.attests ? 'packed' : 'none'), cborText('attStmt'), statement],
        ...[cborText('authData'), cborBytes(authData)],
      ]);
      const response = {
        clientDataJSON: base64url(client),
        attestationObject: base64url(attestation),
      };
      return { ...common, response };
    },
    sign({ challenge }: { challenge: string }, lies: Lies = {}) {
      const client = clientData('webauthn.get', challenge, lies);
      const data = authenticatorData(lies);
      const signature = sign('sha256', Buffer.concat([data, sha256(client)]), privateKey);
      const response = {
        clientDataJSON: base64url(client),
        authenticatorData: base64url(data),
        signature: base64url(signature),
      };
      return { ...common, response };
    },
  };
}

function cborText(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x60 + text.length]), Buffer.from(text)]);
}

function cborBytes(bytes: Uint8Array): Buffer {
  const head = bytes.length < 256 ? [0x58, bytes.length] : [0x59, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** {1: 2, 3: -7, -1: 1, -2: x, -3: y}: RFC 9053. */
function coseKey({ x = '', y = '' }: { x?: string; y?: string }): Buffer {
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    cborBytes(Buffer.from(x, 'base64url')),
    Buffer.from([0x22]),
    cborBytes(Buffer.from(y, 'base64url')),
  ]);
}
