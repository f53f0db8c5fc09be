/**
 * One key in a PKCS#11 token. What flows through here: the token is found by its label, opened with the PIN, and the key
 * pair by its own label, or made: on P-256, sensitive, not extractable; digests come in, signatures r ‖ s go out. What a
 * token says of its keys is its own word: it makes no tier.
 */
import { utf8 } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import { unhex } from '../../../base/hex.ts';
import {
  type Argument,
  CKA,
  CKK,
  CKM,
  CKO,
  call,
  NULL,
  openModule,
  readUlong,
  Template,
  ulong,
} from './cryptoki.ts';

/** CKF_SERIAL_SESSION | CKF_RW_SESSION, CKU_USER. */
const [SESSION_FLAGS, USER] = [6n, 1n];
const MAX_SLOTS = 64;
const TOKEN_INFO_BYTES = 256;
const LABEL_BYTES = 32;
/** OBJECT IDENTIFIER prime256v1, DER. */
const P256 = unhex('06082a8648ce3d030107');
/** OCTET STRING of an uncompressed point. */
const POINT_HEAD = unhex('044104');
const POINT_BYTES = 65;
const SIGNATURE_BYTES = 64;
const KEY_ID_BYTES = 16;

export interface TokenOptions {
  readonly module: string;
  /** Label of the token. */
  readonly token: string;
  readonly pin: string;
  /** Label of the key. */
  readonly key: string;
}

export class TokenKey {
  readonly publicKey: Uint8Array;
  readonly #session: bigint;
  readonly #privateKey: bigint;

  /** @throws OOTO_PKCS11_MODULE, _TOKEN, _PIN, _KEY, _GONE, _COMMAND (environment). */
  constructor({ module, token, pin, key }: TokenOptions, random: (length: number) => Uint8Array) {
    openModule(module);
    const session = Buffer.alloc(8);
    call('C_OpenSession', slotOf(token), SESSION_FLAGS, NULL, NULL, session);
    this.#session = readUlong(session);
    const secret = Buffer.from(pin);
    try {
      call('C_Login', this.#session, USER, secret, BigInt(secret.length));
    } finally {
      secret.fill(0);
    }
    const found = this.#find(CKO.privateKey, key) ?? this.#generate(key, random(KEY_ID_BYTES));
    this.#privateKey = found;
    this.publicKey = this.#publicKeyOf(key);
  }

  /** r ‖ s over a SHA-256 digest. */
  sign(digest: Uint8Array): Uint8Array {
    const mechanism = mechanismOf(CKM.ecdsa);
    call('C_SignInit', this.#session, mechanism, this.#privateKey);
    const [signature, length] = [Buffer.alloc(SIGNATURE_BYTES), ulong(SIGNATURE_BYTES)];
    call('C_Sign', this.#session, Buffer.from(digest), BigInt(digest.length), signature, length);
    if (readUlong(length) !== BigInt(SIGNATURE_BYTES)) throw unfit('signs with another length');
    return new Uint8Array(signature);
  }

  #publicKeyOf(label: string): Uint8Array {
    const handle = this.#find(CKO.publicKey, label);
    if (handle === undefined) throw unfit('has no public half');
    const template = new Template([
      [CKA.ecParameters, new Uint8Array(32)],
      [CKA.ecPoint, new Uint8Array(256)],
    ]);
    call('C_GetAttributeValue', this.#session, handle, template.bytes, template.count);
    const [parameters, point] = [template.value(0), template.value(1)];
    if (!parameters || !point || !begins(parameters, P256) || point.length !== 2 + POINT_BYTES)
      throw unfit('is not on P-256');
    if (!begins(point, POINT_HEAD)) throw unfit('is no uncompressed point');
    return point.slice(2);
  }

  /** The one key of this class and label. */
  #find(kind: number, label: string): bigint | undefined {
    const template = new Template([
      [CKA.class, kind],
      [CKA.keyType, CKK.ec],
      [CKA.label, utf8(label)],
    ]);
    const [found, count] = [Buffer.alloc(2 * 8), Buffer.alloc(8)];
    call('C_FindObjectsInit', this.#session, template.bytes, template.count);
    try {
      call('C_FindObjects', this.#session, found, 2n, count);
    } finally {
      call('C_FindObjectsFinal', this.#session);
    }
    if (readUlong(count) > 1n) throw unfit('is there twice');
    return readUlong(count) === 1n ? readUlong(found) : undefined;
  }

  #generate(label: string, id: Uint8Array): bigint {
    const shared = [
      [CKA.token, true],
      [CKA.label, utf8(label)],
      [CKA.id, id],
    ] as const;
    const publicKey = new Template([...shared, [CKA.verify, true], [CKA.ecParameters, P256]]);
    const privateKey = new Template([
      ...shared,
      ...([
        [CKA.private, true],
        [CKA.sensitive, true],
        [CKA.extractable, false],
        [CKA.sign, true],
      ] as const),
    ]);
    const made = [Buffer.alloc(8), Buffer.alloc(8)];
    const templates: Argument[] = [publicKey.bytes, publicKey.count, privateKey.bytes, privateKey.count];
    call('C_GenerateKeyPair', this.#session, mechanismOf(CKM.ecKeyPairGen), ...templates, ...made);
    return readUlong(made[1]);
  }
}

/** CK_MECHANISM without parameters. */
function mechanismOf(mechanism: number): Buffer {
  return Buffer.concat([ulong(mechanism), ulong(0), ulong(0)]);
}

function slotOf(token: string): bigint {
  const [slots, count] = [Buffer.alloc(MAX_SLOTS * 8), ulong(MAX_SLOTS)];
  call('C_GetSlotList', 1, slots, count);
  const present = Array.from({ length: Number(readUlong(count)) }, (_, i) => readUlong(slots, i));
  const matching = present.filter((slot) => labelOf(slot) === token);
  if (matching.length === 1) return matching[0];
  const what = matching.length === 0 ? 'there is no token' : 'there are two tokens';
  throw new OotoError('OOTO_PKCS11_TOKEN', 'environment', `${what} labelled ${token}`);
}

/** Padded with spaces. */
function labelOf(slot: bigint): string {
  const info = Buffer.alloc(TOKEN_INFO_BYTES);
  call('C_GetTokenInfo', slot, info);
  return info.subarray(0, LABEL_BYTES).toString('utf8').trimEnd();
}

function begins(bytes: Uint8Array, with_: Uint8Array): boolean {
  return with_.every((byte, i) => bytes[i] === byte);
}

function unfit(what: string): OotoError {
  return new OotoError('OOTO_PKCS11_KEY', 'environment', `the key in the token ${what}`);
}
