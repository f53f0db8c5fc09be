import {
  claimInvite,
  createGrant,
  encodeGrant,
  encodeInvite,
  readInvite,
  requireUnspent,
  verifyClaim,
} from '../../../src/authority/invite.ts';
import { createRequest, readRequest, requireMesh } from '../../../src/authority/request.ts';
import { hex } from '../../../src/base/hex.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { foundMesh } from '../../support/founders.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/invite', { timeout: 60_000 });
const crypto = testCrypto();
const mesh = foundMesh(crypto);
const { meshId } = mesh.record;
const now = 1_700_000_100_000;
const id = `spiffe://${hex(meshId)}/worker/w1`;
const identity = Ed25519SigningKey.generate(crypto);
const signer = {
  algorithm: 'ed25519' as const,
  publicKey: identity.publicKey,
  sign: async (message: Uint8Array) => identity.sign(message),
};

function invite(overrides: { id?: string; expires?: number; mesh?: Uint8Array } = {}) {
  const seed = crypto.random.bytes(32);
  const publicKey = crypto.ed25519.publicKey(seed);
  const grant = createGrant(
    { mesh: meshId, publicKey, id, expires: now + 1000, ...overrides },
    mesh.operator,
  );
  return {
    grant: encodeGrant(grant),
    genesis: mesh.record.encoded,
    root: new Uint8Array(1),
    addresses: ['127.0.0.1:1'],
    seed,
  };
}

const request = (changes = {}) =>
  createRequest(
    crypto,
    {
      mesh: meshId,
      id,
      key: { algorithm: 'ed25519', bytes: identity.publicKey },
      life: 1000,
      tier: 'software',
      nonce: crypto.random.bytes(16),
      ...changes,
    },
    signer,
  );

test('a claim over the request of the granted name verifies', async () => {
  const given = readInvite(encodeInvite(invite()));
  const made = await request();
  const signature = claimInvite(crypto, given, made.digest);
  const grant = verifyClaim(crypto, mesh.record, {
    grant: given.grant,
    signature,
    id,
    requestDigest: made.digest,
    now,
  });
  assert.is(grant.id, id);
  requireUnspent(undefined, made.digest);
  requireUnspent(made.digest, made.digest);
});

test('a spent, expired, foreign, forged or moved invite is refused', async () => {
  const made = await request();
  const other = await request();
  const given = invite();
  const signature = claimInvite(crypto, given, made.digest);
  const claim = { grant: given.grant, signature, id, requestDigest: made.digest, now };
  const refuse = (changes: Partial<typeof claim>, code: string) =>
    assert.throwsCode(() => verifyClaim(crypto, mesh.record, { ...claim, ...changes }), code);
  assert.throwsCode(() => requireUnspent(made.digest, other.digest), 'OOTO_AUTHORITY_INVITE_USED');
  refuse({ now: now + 5000 }, 'OOTO_AUTHORITY_INVITE_EXPIRED');
  refuse({ id: `${id}x` }, 'OOTO_AUTHORITY_INVITE');
  refuse({ requestDigest: other.digest }, 'OOTO_CRYPTO_SIGNATURE');
  refuse({ grant: invite({ mesh: new Uint8Array(32) }).grant }, 'OOTO_AUTHORITY_INVITE');
  const stranger = { keyid: 'operator', key: Ed25519SigningKey.generate(crypto) };
  const forged = encodeGrant(
    createGrant({ mesh: meshId, publicKey: identity.publicKey, id, expires: now + 1000 }, stranger),
  );
  refuse({ grant: forged }, 'OOTO_ENVELOPE_SIGNATURE');
});

test('a request proves possession of its key and names its mesh', async () => {
  const made = await request();
  requireMesh(made, meshId);
  assert.throwsCode(() => requireMesh(made, new Uint8Array(32)), 'OOTO_AUTHORITY_REQUEST');
  for (let at = 0; at < made.encoded.length; at++) {
    const changed = made.encoded.slice();
    changed[at] ^= 1;
    assert.throws(() => readRequest(crypto, changed), undefined as never);
  }
});
