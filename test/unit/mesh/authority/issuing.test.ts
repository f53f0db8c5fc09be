import { encodeCredential, validateCredential } from '../../../../src/authority/credential.ts';
import { verifyHead } from '../../../../src/authority/head.ts';
import { OotoError } from '../../../../src/base/errors.ts';
import type { CborValue } from '../../../../src/envelope/cbor.ts';
import * as assert from '../../../support/assert.ts';
import { AuthorityWorld } from '../../../support/authority.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/authority/issuing', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('issuing'));
const world = new AuthorityWorld(crypto);

const silent = new OotoError('OOTO_MESH_TIMEOUT', 'peer', 'no answer');
const never = () => new Promise<CborValue>(() => {});

async function applicationFor(name: string) {
  const candidate = world.candidate();
  const id = world.id('worker', name);
  const request = await world.request(candidate, id);
  return world.application(candidate, request, world.inviteClaim(id, request));
}

/** Issues a certificate and judges it like every node of the mesh would. */
async function issuedFor(name: string): Promise<number> {
  const issued = await world.issuing().issue(await applicationFor(name));
  const credential = encodeCredential({ ...issued, head: null });
  validateCredential(crypto, world.trust!, credential, {
    time: world.clock.now(),
    expectedId: world.id('worker', name),
  });
  return issued.proofs.length;
}

test.before(() => world.establish());
test.beforeEach(() => {
  world.between = (_member, _operation, _body, answer) => answer();
});

test('all members take part: a certificate with the proofs of all logs, valid in the mesh', async () => {
  assert.is(await issuedFor('w1'), 3);
});

test('with one member away it goes on with the others', async () => {
  world.between = (member, _operation, _body, answer) =>
    member === 'a2' ? Promise.reject(silent) : answer();
  const nonces = await world.issuing().challenge({ digest: crypto.random.bytes(32) });
  assert.equal(
    nonces.map(({ member }) => member),
    ['a1', 'a3'],
  );
  assert.is(await issuedFor('w2'), 2);
});

test('fewer than t members: unavailable, and who was not there', async () => {
  world.between = (member, _operation, _body, answer) =>
    member === 'a1' ? answer() : Promise.reject(silent);
  const challenge = world.issuing().challenge({ digest: crypto.random.bytes(32) });
  const error = await assert.rejectsCode(challenge, 'OOTO_AUTHORITY_UNAVAILABLE');
  assert.equal(error.culprits, ['a2', 'a3']);
  assert.is(error.fault, 'environment');
  await assert.rejectsCode(issuedFor('w3'), 'OOTO_AUTHORITY_UNAVAILABLE');
});

test('a refusal on the merits passes through', async () => {
  const refusal = new OotoError('OOTO_AUTHORITY_TIER', 'peer', 'no');
  world.between = (member, operation, _body, answer) =>
    operation === 'authority.appraise' && member !== 'a1' ? Promise.reject(refusal) : answer();
  await assert.rejectsCode(issuedFor('w4'), 'OOTO_AUTHORITY_TIER');
  world.between = (member, operation, _body, answer) => {
    if (operation !== 'authority.appraise' || member === 'a1') return answer();
    return Promise.reject(member === 'a2' ? silent : refusal);
  };
  await assert.rejectsCode(issuedFor('w5'), 'OOTO_AUTHORITY_TIER');
});

test('a member that signs falsely is passed over', async () => {
  for (const lie of [() => crypto.random.bytes(64), (answer: Uint8Array) => flipped(answer), () => 'text']) {
    world.between = async (member, operation, _body, answer) => {
      const given = await answer();
      return member === 'a2' && operation === 'authority.sign' ? lie(given as Uint8Array) : given;
    };
    await issuedFor('w6');
  }
});

test('a member that answers a challenge with anything but a nonce is passed over', async () => {
  for (const lie of [null, 'nonce', new Uint8Array(31), [new Uint8Array(32)]] as CborValue[]) {
    world.between = (member, operation, _body, answer) =>
      member === 'a1' && operation === 'authority.challenge' ? Promise.resolve(lie) : answer();
    const nonces = await world.issuing().challenge({ digest: crypto.random.bytes(32) });
    assert.equal(
      nonces.map(({ member }) => member),
      ['a2', 'a3'],
    );
  }
});

test('a member whose proof does not hold is passed over, and its proof is not given out', async () => {
  const other = (await world.duties.get('a2')!.logDefinition(crypto.random.bytes(32), 'someone')) as object;
  const lies: ((proof: Record<string, CborValue>) => CborValue)[] = [
    () => null,
    () => 'proof',
    (proof) => ({ ...proof, log: 'a1' }),
    (proof) => ({ ...proof, log: 'nobody' }),
    (proof) => ({ ...proof, index: (proof.index as number) + 1 }),
    (proof) => ({ ...proof, leaf: flipped(proof.leaf as Uint8Array) }),
    (proof) => ({ ...proof, checkpoint: 'note' }),
    () => ({ ...other }) as CborValue,
  ];
  for (const lie of lies) {
    world.between = async (member, operation, _body, answer) => {
      const given = await answer();
      return member === 'a2' && operation === 'authority.appraise' ? lie({ ...(given as object) }) : given;
    };
    assert.is(await issuedFor('w7'), 2);
  }
});

test('one member repeating the proof of another cannot spoil a certificate', async () => {
  let first: CborValue = null;
  world.between = async (member, operation, _body, answer) => {
    const given = await answer();
    if (operation !== 'authority.appraise') return given;
    if (member === 'a1') first = given;
    return member === 'a2' ? first : given;
  };
  assert.is(await issuedFor('w8'), 2);
});

test('a member that never answers holds nobody up for longer than its time', async () => {
  for (const operation of ['authority.challenge', 'authority.appraise', 'authority.sign']) {
    world.between = (member, asked, _body, answer) =>
      member === 'a3' && asked === operation ? never() : answer();
    let proofs: number | undefined;
    const started = world.clock.monotonic();
    const challenged = world.issuing().challenge({ digest: crypto.random.bytes(32) });
    await world.clock.until(() => world.clock.monotonic() >= started + 5_000);
    assert.ok((await challenged).length >= 2);
    const issued = issuedFor('w9').then((count) => (proofs = count));
    await world.clock.until(() => proofs !== undefined, 20_000);
    await issued;
    assert.ok(proofs === 2 || proofs === 3);
  }
});

test('the root and heads are signed by the group', async () => {
  const encoded = await world.issuing().issueHead(world.headBody());
  assert.is(verifyHead(crypto, world.mesh.record, encoded).number, 1);
});

function flipped(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  changed[changed.length >> 1] ^= 1;
  return changed;
}
