/** The operations that reach rooms above the primitives: each with what it accepts and what it refuses. */
import { makeCredential } from '../../../src/attest/tpm/credential.ts';
import { nameOf } from '../../../src/attest/tpm/public-area.ts';
import { base64, hex, unhex } from '../../../src/base/hex.ts';
import { signEnvelope } from '../../../src/envelope/dsse.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { formatCheckpoint, formatNote, formatVerifierKey } from '../../../src/log/index.ts';
import { signNote } from '../../../src/log/note.ts';
import { type Answer, answerParsed } from '../../oracle/answer.ts';
import { operationsOf } from '../../oracle/operations.ts';
import type { Fields } from '../../oracle/request.ts';
import * as assert from '../../support/assert.ts';
import { softwareEndorsementKey, softwareKey } from '../../support/software-tpm.ts';
import { suite } from '../../support/suite.ts';
import { crypto, groupSeed, ID, issue, leafRequest, NOW, rootRequest } from '../cert/chain.ts';
import {
  NOW as DEFINED,
  envelope as definitionEnvelope,
  HOUR,
  keys as workloadKeys,
} from '../workload/fixture.ts';

const test = suite('oracle rooms', { timeout: 30_000 });
const operations = operationsOf(crypto);
const ask = (op: string, fields: object): Promise<Answer> =>
  answerParsed(operations, { ...(fields as Fields), id: 1, op });

async function gives(op: string, fields: object, out: object): Promise<void> {
  assert.equal(await ask(op, fields), { id: 1, ok: true, out });
}

async function refuses(op: string, fields: object, code: string): Promise<void> {
  assert.equal(await ask(op, fields), { id: 1, ok: false, code });
}

test('spiffe.parse, whose field has the name of the request id', async () => {
  const spiffeId = 'spiffe://example.org/a/b';
  const out = { trustDomain: 'example.org', path: '/a/b' };
  await gives('spiffe.parse', { spiffeId }, out);
  assert.equal(await answerParsed(operations, { op: 'spiffe.parse', id: spiffeId }), {
    id: spiffeId,
    ok: true,
    out,
  });
  for (const id of [
    'spiffe://Example.org/a',
    'spiffe://example.org/a/',
    'spiffe://example.org/%61',
    'https://a/b',
  ])
    await refuses('spiffe.parse', { spiffeId: id }, 'OOTO_CERT_NAME');
  await refuses('spiffe.parse', {}, 'OOTO_ORACLE_REQUEST');
});

test('cert.validate by signature and profile', async () => {
  const [certificate, root] = [hex(await issue(leafRequest)), hex(await issue(rootRequest))];
  const time = new Date(NOW).toISOString();
  const good = { certificate, root, time, requireProofs: false };
  await gives('cert.validate', good, { id: ID, tier: 'software' });
  await gives('cert.validate', { ...good, expectedId: ID }, { id: ID, tier: 'software' });
  await refuses('cert.validate', { ...good, expectedId: `${ID}x` }, 'OOTO_CERT_ID');
  await refuses('cert.validate', { ...good, time: '2030-01-01T00:00:00Z' }, 'OOTO_CERT_EXPIRED');
  await refuses('cert.validate', { ...good, time: 'noon' }, 'OOTO_ORACLE_REQUEST');
  const forged = hex(
    await issue(
      leafRequest,
      groupSeed.map((byte) => byte ^ 1),
    ),
  );
  await refuses('cert.validate', { ...good, certificate: forged }, 'OOTO_CERT_SIGNATURE');
});

test('cert.validate wants proofs unless told otherwise', async () => {
  const [certificate, root] = [hex(await issue(leafRequest)), hex(await issue(rootRequest))];
  const time = new Date(NOW).toISOString();
  await refuses('cert.validate', { certificate, root, time }, 'OOTO_AUTHORITY_PROOFS');
  await refuses('cert.validate', { certificate, root, time, requireProofs: true }, 'OOTO_AUTHORITY_PROOFS');
});

test('dsse.verify', async () => {
  const keys = ['a', 'b'].map((keyid, i) => ({
    keyid,
    key: new Ed25519SigningKey(crypto, new Uint8Array(32).fill(i + 1)),
  }));
  const envelope = signEnvelope('text/plain', unhex('68656c6c6f'), keys);
  const policy = {
    keys: keys.map(({ keyid, key }) => ({ keyid, pk: hex(key.publicKey) })),
    threshold: 2,
    payloadTypes: ['text/plain'],
  };
  await gives('dsse.verify', { envelope, ...policy }, { payload: '68656c6c6f' });
  const once = { ...envelope, signatures: envelope.signatures.slice(0, 1) };
  await refuses('dsse.verify', { envelope: once, ...policy }, 'OOTO_ENVELOPE_THRESHOLD');
  const twice = { ...envelope, signatures: [envelope.signatures[0], envelope.signatures[0]] };
  await refuses('dsse.verify', { envelope: twice, ...policy }, 'OOTO_ENVELOPE_DUPLICATE');
  await refuses(
    'dsse.verify',
    { envelope: { ...envelope, payload: base64(unhex('00')) }, ...policy },
    'OOTO_ENVELOPE_SIGNATURE',
  );
  await refuses('dsse.verify', { envelope: { ...envelope, more: 1 }, ...policy }, 'OOTO_ENVELOPE_FIELD');
  await refuses('dsse.verify', { envelope: { ...envelope, payload: 5 }, ...policy }, 'OOTO_ENVELOPE_FIELD');
  await refuses('dsse.verify', { envelope, ...policy, payloadTypes: [] }, 'OOTO_ENVELOPE_PAYLOAD_TYPE');
});

test('merkle.inclusion and merkle.consistency', async () => {
  const [a, b, c] = ['61', '62', '63'].map((leaf) => crypto.merkle.leafHash(unhex(leaf)));
  const two = hex(crypto.merkle.rootOfHashes([a, b]));
  const three = hex(crypto.merkle.rootOfHashes([a, b, c]));
  const inclusion = { index: 1, size: 2, leafHash: hex(b), proof: [hex(a)], root: two };
  await gives('merkle.inclusion', inclusion, {});
  for (const change of [
    { index: 0 },
    { size: 3 },
    { root: three },
    { proof: [] },
    { index: 2 ** 64 },
    { index: 0.5 },
    { leafHash: '' },
  ])
    await refuses('merkle.inclusion', { ...inclusion, ...change }, 'OOTO_LOG_INCLUSION');
  const consistency = { size1: 2, size2: 3, proof: [hex(c)], root1: two, root2: three };
  await gives('merkle.consistency', consistency, {});
  for (const change of [{ size1: 0 }, { size1: 3 }, { root1: three }, { proof: [hex(b)] }, { size2: -1 }])
    await refuses('merkle.consistency', { ...consistency, ...change }, 'OOTO_LOG_CONSISTENCY');
});

test('checkpoint.verify, with keys in either form', async () => {
  const key = new Ed25519SigningKey(crypto, new Uint8Array(32).fill(7));
  const root = crypto.merkle.root([unhex('61')]);
  const text = formatCheckpoint({ origin: 'example.org/log', size: 1, root });
  const note = formatNote({ text, signatures: [signNote(crypto, text, 'example.org/log', key)] });
  const named = { name: 'example.org/log', publicKey: key.publicKey };
  const out = { origin: 'example.org/log', size: 1, root: hex(root), witnesses: [] };
  await gives('checkpoint.verify', { note, keys: [formatVerifierKey(crypto, 'ed25519', named)] }, out);
  const keys = [{ name: named.name, pk: hex(key.publicKey) }];
  await gives('checkpoint.verify', { note, keys, witnesses: [], quorum: 0 }, out);
  await refuses('checkpoint.verify', { note, keys, witnesses: [], quorum: 1 }, 'OOTO_LOG_QUORUM');
  await refuses('checkpoint.verify', { note: note.replace('\n1\n', '\n2\n'), keys }, 'OOTO_LOG_SIGNATURE');
  await refuses('checkpoint.verify', { note, keys: [5] }, 'OOTO_ORACLE_REQUEST');
});

test('noise.run takes the form of the public XXhfs vectors', async () => {
  // paschal533/pq-noise-artifacts, vector 1; the KEM's key pair is that of the seed 0x15 × 64.
  const key = (byte: number) => hex(new Uint8Array(32).fill(byte));
  const { ek, dk } = crypto.mlkem768.keygen(new Uint8Array(64).fill(0x15));
  const vector = {
    static_i_private: key(0x11),
    static_r_private: key(0x12),
    ephemeral_dh_i_private: key(0x13),
    ephemeral_dh_r_private: key(0x14),
    ephemeral_kem_i_public: hex(ek),
    ephemeral_kem_i_secret: hex(dk),
    encap_seed_hex: key(0x16),
    prologue: '',
  };
  const answer = await ask('noise.run', { vector });
  if (!answer.ok) throw new Error(answer.code);
  const { messages, handshakeHash } = answer.out as unknown as { messages: string[]; handshakeHash: string };
  assert.is(handshakeHash, 'b5a3c9854777aa5dad0a633c769bcc6662713f20f14e0371e4bfd253e1869eef');
  assert.equal(
    messages.map(({ length }) => length / 2),
    [1216, 1200, 64],
  );
  assert.is(
    messages[2],
    'ecee945a65a96f34fdaf116d3c70727852b0a25eb350bf72bb088f21cb374ba50c973fdc4ea63d2065ac9ff9fb347f0700dcf7ec3bb3a3c01f84290c6d8931aa',
  );
  assert.equal(await ask('noise.run', { ...vector }), answer, 'also with its fields in the request itself');
});

test('noise.run refuses protocols that are not there', async () => {
  await refuses('noise.run', { protocol_name: 'Noise_XX_448_AESGCM_SHA256' }, 'OOTO_NOISE_PROTOCOL');
  await refuses('noise.run', { protocol_name: 'Noise_XY_25519_AESGCM_SHA256' }, 'OOTO_NOISE_PATTERN');
  await refuses('noise.run', { vector: [] }, 'OOTO_ORACLE_REQUEST');
});

test('frost.repair adds up what helpers say, by the published vector of the frost crates', async () => {
  const vector = {
    scalar_generation: {
      random_scalar_1: '1847f6c4a85096e5dbc9e200c9691c5164f8e276d32d4a54ebaf4275474a1403',
      random_scalar_2: 'eac5595269d108812eaa865bf62c703a2c128a61fa3bd4dc837b9314bc515204',
      random_scalar_3: '5b3b6084e41c273a39a8d9bbbd87fbcd626c07030142bf78c6c91247bf175700',
    },
    sigma_generation: {
      sigma_1: 'ec3aa83140065181d75b746bfd6bbbbaf212bdfbb3a91670f924d1ca899cbc0c',
      sigma_2: '5dd288d659e0a2dd3ef7523a9cc4f80f4a7f919e9980005c7fbec0961d3fb500',
      sigma_3: '3e62e7461db9ca1ed2f1549a8114bbc87fa9242ce0012ed3f9ac9dcf23f4c30a',
      sigma_4: '684c44e7aba416a1982a8db8ec2a3095f5cc6a3f958a4716b69ae76524dd7200',
    },
  };
  await gives(
    'frost.repair',
    { vector },
    {
      scalar_generation: {
        random_scalar_sum: '5d48b09bf63ec6a0431c43187d1e8859f37674dbceabdda935f5e8d0c2b3bd07',
      },
      sigma_generation: { sigma_sum: '02e866d948e1c2c6aad2b1552976c013b208de05c3b68cb5282b1797efaca808' },
    },
  );
  const tooLarge = { ...vector, sigma_generation: { sigma_1: 'ff'.repeat(32), sigma_2: '00'.repeat(32) } };
  await refuses('frost.repair', { vector: tooLarge }, 'OOTO_CRYPTO_KEY');
  await refuses('frost.repair', { vector: { ...vector, sigma_generation: {} } }, 'OOTO_ORACLE_REQUEST');
});

test('frost.refresh keeps the group key, and gives other shares of it', async () => {
  const config = { name: 'FROST(Ed25519, SHA-512)', MAX_PARTICIPANTS: '3', MIN_PARTICIPANTS: '2' };
  const inputs = {
    group_secret_key: '7b1c33d3f5291d85de664833beb1ad469f7fb6025a0ec78b3a790c6e13a98304',
    share_polynomial_coefficients: ['178199860edd8c62f5212ee91eff1295d0d670ab4ed4506866bae57e7030b204'],
  };
  const dealers = [1, 3].map((identifier) => ({
    identifier,
    coefficients: [`0${identifier}`.padEnd(64, '0')],
  }));
  const answer = await ask('frost.refresh', { vector: { config, inputs, refresh: { dealers } } });
  assert.ok(answer.ok);
  const { group_public_key, participant_shares } = answer.out as unknown as {
    group_public_key: string;
    participant_shares: { identifier: number; participant_share: string }[];
  };
  assert.is(group_public_key, '15d21ccd7ee42959562fc8aa63224c8851fb3ec85a3faf66040d380fb9738673');
  // The key and 1 + 3 times the identifier.
  const base = BigInt(`0x${hex(unhex(inputs.group_secret_key).reverse())}`);
  for (const { identifier, participant_share } of participant_shares)
    assert.is(BigInt(`0x${hex(unhex(participant_share).reverse())}`), base + 4n * BigInt(identifier));
  const few = { config, inputs, refresh: { dealers: [{ identifier: 9, coefficients: [] }] } };
  await refuses('frost.refresh', { vector: few }, 'OOTO_ORACLE_REQUEST');
});

test('frost.sign is for one ciphersuite', async () => {
  await refuses(
    'frost.sign',
    { vector: { config: { name: 'FROST(P-256, SHA-256)' } } },
    'OOTO_ORACLE_REQUEST',
  );
});

test('receipt.verify judges a file by a root from outside', async () => {
  const time = new Date(NOW).toISOString();
  await refuses('receipt.verify', { file: '68690a', roots: ['00'.repeat(32)], time }, 'OOTO_VERIFY_FORM');
  await refuses('receipt.verify', { file: '68690a', roots: [], time }, 'OOTO_ORACLE_REQUEST');
});

test('telemetry.verify wants one mesh, whole', async () => {
  const root = { genesis: '00', certificate: hex(await issue(rootRequest)) };
  await refuses('telemetry.verify', { file: '00', roots: [] }, 'OOTO_ORACLE_REQUEST');
  await refuses('telemetry.verify', { file: '00', roots: [root, root] }, 'OOTO_ORACLE_REQUEST');
  const answer = await ask('telemetry.verify', { file: '00', roots: [root] });
  assert.match(answer.ok ? '' : answer.code, /^OOTO_(?!ORACLE_)/);
});

test('record.proof wants two keys and judges what is no proof', async () => {
  const root = hex(crypto.ed25519.publicKey(groupSeed));
  const time = new Date(NOW).toISOString();
  await refuses('record.proof', { proof: 'a0', roots: [root], time }, 'OOTO_ORACLE_REQUEST');
  const answer = await ask('record.proof', { proof: 'a0', roots: [root, root], time });
  assert.match(answer.ok ? '' : answer.code, /^OOTO_(ENVELOPE|CHANNEL)_/);
});

test('workload.verify judges a definition by the originators that are trusted', async () => {
  const file = hex(definitionEnvelope());
  const roots = [{ keyid: 'alice', pk: hex(workloadKeys.originator.publicKey) }];
  const time = new Date(DEFINED).toISOString();
  const answer = await ask('workload.verify', { file, roots, time });
  if (!answer.ok) throw new Error(answer.code);
  const { digest, ...summary } = answer.out.summary as Fields;
  assert.equal(summary, { name: 'text-statistics', originator: 'alice', sequence: 1 });
  assert.is(digest, hex(crypto.sha256(definitionEnvelope())));
  await refuses('workload.verify', { file, roots: [], time }, 'OOTO_WORKLOAD_ORIGINATOR');
  const other = [{ keyid: 'alice', pk: hex(crypto.ed25519.publicKey(groupSeed)) }];
  await refuses('workload.verify', { file, roots: other, time }, 'OOTO_ENVELOPE_SIGNATURE');
  const late = new Date(DEFINED + HOUR).toISOString();
  await refuses('workload.verify', { file, roots, time: late }, 'OOTO_WORKLOAD_EXPIRED');
});

test('tpm.makeCredential is the one that members make, from given randomness', async () => {
  const [endorsement, attestation] = [softwareEndorsementKey().publicArea, softwareKey().publicArea];
  const [draw, secret] = [new Uint8Array(48).fill(7), new Uint8Array(32).fill(8)];
  const fixed = { ...crypto, random: { bytes: () => draw.slice() } };
  const { credential, encryptedSeed } = makeCredential(fixed, endorsement, attestation, secret);
  const request = {
    ekPublic: hex(endorsement.encoded),
    akName: hex(nameOf(crypto, attestation)),
    secret: hex(secret),
    randomness: [hex(draw)],
  };
  await gives('tpm.makeCredential', request, {
    credentialBlob: hex(credential),
    encryptedSecret: hex(encryptedSeed),
  });
  await refuses('tpm.makeCredential', { ...request, randomness: [] }, 'OOTO_ORACLE_REQUEST');
});
