/** An authenticator of a platform, in software: registers one credential, attested by a maker of its own, and signs. */
import { sign } from 'node:crypto';
import { concat, u16be, u32be, utf8 } from '../../src/base/bytes.ts';
import { unhex } from '../../src/base/hex.ts';
import { encode } from '../../src/envelope/cbor.ts';
import type { Authenticator } from '../../src/ports.ts';
import { testCrypto } from './crypto.ts';
import * as vendor from './vendor.ts';

const crypto = testCrypto();
const scheme = 'ecdsa256';
const [REGISTERED, ASSERTED] = [0x45, 0x05];
const aaguid = new Uint8Array(16).fill(7);
const [rootName, attesterName] = ['Maker', 'Attester'].map(vendor.nameOf);

export function coordinates({ publicKey }: vendor.KeyPair): [Uint8Array, Uint8Array] {
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return [new Uint8Array(Buffer.from(x, 'base64url')), new Uint8Array(Buffer.from(y, 'base64url'))];
}

export class SoftwareAuthenticator implements Authenticator {
  readonly party = { id: 'example.org', origin: 'https://example.org' };
  readonly #root = vendor.ecKey();
  readonly #attester = vendor.ecKey();
  readonly #credential = vendor.ecKey();
  readonly #id = crypto.random.bytes(32);
  count = 0;

  /** What operators pin. */
  readonly root = vendor.issue({
    ...{
      subject: rootName,
      issuer: rootName,
      publicKey: this.#root.publicKey,
      signer: this.#root.privateKey,
    },
    ...{ extensions: [vendor.AUTHORITY, vendor.SIGNS_CERTIFICATES], scheme },
  });
  readonly #certificate = vendor.issue({
    ...{ subject: attesterName, issuer: rootName, publicKey: this.#attester.publicKey },
    ...{ signer: this.#root.privateKey, extensions: [vendor.NO_AUTHORITY], scheme },
  });

  async register(challenge: Uint8Array) {
    const [x, y] = coordinates(this.#credential);
    const cose = concat(unhex('a5010203262001215820'), x, unhex('225820'), y);
    const attested = concat(aaguid, u16be(this.#id.length), this.#id, cose);
    const authData = concat(this.#data(REGISTERED), attested);
    const clientData = this.#clientData('webauthn.create', challenge);
    const sig = signed(this.#attester, authData, clientData);
    const attStmt = { alg: -7, sig, x5c: [this.#certificate] };
    return { attestationObject: encode({ fmt: 'packed', attStmt, authData }), clientData };
  }

  async sign(credentialId: Uint8Array, challenge: Uint8Array) {
    const clientData = this.#clientData('webauthn.get', challenge);
    const authenticatorData = this.#data(ASSERTED);
    const signature = signed(this.#credential, authenticatorData, clientData);
    return { credentialId, authenticatorData, clientData, signature };
  }

  #data(flags: number): Uint8Array {
    return concat(crypto.sha256(utf8(this.party.id)), Uint8Array.of(flags), u32be(++this.count));
  }

  #clientData(type: string, challenge: Uint8Array): Uint8Array {
    const text = Buffer.from(challenge).toString('base64url');
    return utf8(
      `{"type":"${type}","challenge":"${text}","origin":"${this.party.origin}","crossOrigin":false}`,
    );
  }
}

function signed({ privateKey }: vendor.KeyPair, data: Uint8Array, clientData: Uint8Array): Uint8Array {
  return new Uint8Array(sign('sha256', concat(data, crypto.sha256(clientData)), privateKey));
}
