import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AuthorityView } from '../../../src/authority/authority-view.ts';
import { readCredential, requireLogged } from '../../../src/authority/credential.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { keyIdentifier } from '../../../src/cert/key-identifier.ts';
import { validateCertificate } from '../../../src/cert/validate.ts';
import { readDelegation, verifyDelegation } from '../../../src/channel/delegation.ts';
import { ATTACKERS } from '../../../src/cli/attack/attack.ts';
import { BentLine } from '../../../src/cli/attack/bent-line.ts';
import { CATALOGUE } from '../../../src/cli/attack/catalogue.ts';
import { runAttacks } from '../../../src/cli/attack/index.ts';
import { memberOfOtherMesh } from '../../../src/cli/attack/other-mesh.ts';
import { turnLastBit } from '../../../src/cli/attack/records.ts';
import { OPERATIONS, type OperationName } from '../../../src/mesh/operations.ts';
import { nodeClock } from '../../../src/platform/node/clock.ts';
import type { Connection, Transport } from '../../../src/ports.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';

const test = suite('attack');
const NAMED = [
  'altered-record',
  'replayed-record',
  'certificate-of-another-mesh',
  'expired-certificate',
  'certificate-without-inclusion-proof',
  'forged-transcript-signature',
  'altered-module',
  'assignment-by-a-non-scheduler',
  'altered-telemetry',
  'truncated-telemetry',
  'reused-invite',
];

test('the catalogue holds the attacks by their names, and one without a certificate for every operation', () => {
  const anonymous = Object.keys(OPERATIONS).map((operation) => `anonymous-${operation}`);
  assert.equal(
    CATALOGUE.map(({ name }) => name),
    [...NAMED, ...anonymous],
  );
  for (const { by } of CATALOGUE) assert.ok(Object.hasOwn(ATTACKERS, by), by);
});

test('a stranger asks an operation of a node that offers it, and joins nothing before', () => {
  for (const [operation, { offeredBy }] of Object.entries(OPERATIONS) as [
    OperationName,
    (typeof OPERATIONS)[OperationName],
  ][]) {
    const attack = CATALOGUE.find(({ name }) => name === `anonymous-${operation}`);
    assert.ok(attack && (offeredBy as readonly string[]).includes(attack.victim), operation);
    assert.is(attack.by, 'outsider');
  }
  assert.is(ATTACKERS.outsider.invited, false);
});

test('attacks and targets that are none are refused before anything is opened', async () => {
  const folder = temporaryFolder();
  const options = { folder, signal: new AbortController().signal };
  const wrong = [
    { names: ['anonymous-nothing'], targets: [] },
    { names: ['altered-record'], targets: ['worker-1=127.0.0.1:1'] },
    { names: ['altered-record'], targets: ['spiffe://a/worker/b'] },
  ];
  for (const each of wrong) {
    const error = await runAttacks({ ...options, ...each }).then(
      () => undefined,
      (reason: unknown) => reason as { fault: string },
    );
    assert.ok(error && ['caller', 'peer'].includes(error.fault), JSON.stringify(each));
  }
  assert.equal(readdirSync(folder), []);
});

test('a bent line notes where it dialled, alters what it is told to, and repeats what was meant', async () => {
  const wire: string[] = [];
  const line = new BentLine(transportTo(wire));
  assert.is(line.newest, undefined);
  const connection = await line.dial('victim:1');
  await connection.write(utf8('one'));
  const { newest } = line;
  assert.ok(newest);
  assert.is(newest.dialled, 'victim:1');
  assert.is(newest.localAddress, 'here:2');
  newest.bend = () => utf8('bent');
  const original = utf8('two');
  await connection.write(original);
  assert.equal(original, utf8('two'));
  await newest.repeat();
  assert.equal(wire, ['one', 'bent', 'two']);
  line.forget();
  assert.is(line.newest, undefined);
});

test('an altered record differs in one bit, before its tag', () => {
  const record = new Uint8Array(40);
  const altered = turnLastBit(record);
  const changed = [...altered].flatMap((byte, i) => (byte === record[i] ? [] : [[i, byte]]));
  assert.equal(changed, [[40 - 17, 1]]);
});

test('the certificate of the other mesh is genuine there: only the mesh is wrong', async () => {
  const crypto = testCrypto();
  const clock = nodeClock();
  const claimed = new Uint8Array(32).fill(7);
  const folder = join(temporaryFolder(), 'founders');
  const foundry = { crypto, clock, folder, policy: {}, logger: { log() {} } };
  const { own, genesis } = await memberOfOtherMesh(foundry, claimed);
  const now = clock.now();
  const root = {
    trustDomain: hex(genesis.meshId),
    publicKey: genesis.groupKey,
    keyIdentifier: keyIdentifier(crypto, genesis.groupKey),
    notBefore: 0,
    notAfter: Number.MAX_SAFE_INTEGER,
    der: new Uint8Array(),
  };
  const { certificate, proofs } = readCredential(own.credential);
  const valid = validateCertificate(crypto, { certificate, root, time: now, expectedId: own.id });
  requireLogged(crypto, new AuthorityView(crypto, genesis), proofs, () => true);
  const statement = readDelegation(own.delegation);
  verifyDelegation(crypto, statement, {
    meshId: claimed,
    noiseStatic: crypto.x25519.publicKey(own.noiseStatic),
    identityKey: valid.publicKey,
    subject: valid.tbsSha256,
    identityNotAfter: valid.notAfter,
    wall: now,
  });
  assert.is(own.kind, 'member');
});

function transportTo(wire: string[]): Transport {
  const connection: Connection = {
    remoteAddress: 'there:1',
    localAddress: 'here:2',
    incoming: (async function* () {})(),
    async write(bytes) {
      wire.push(new TextDecoder().decode(bytes));
    },
    close() {},
  };
  return {
    dial: async () => connection,
    listen: () => Promise.reject(new Error('nobody listens')),
  };
}
