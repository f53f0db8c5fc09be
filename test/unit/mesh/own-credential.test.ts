import { Channel } from '../../../src/channel/channel.ts';
import type { CredentialVerifier, OwnCredential } from '../../../src/channel/credential.ts';
import {
  delegationMessage,
  encodeDelegation,
  readDelegation,
  verifyDelegation,
} from '../../../src/channel/delegation.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { DELEGATION_LIFE_MS, OwnCredentials, type Presentation } from '../../../src/mesh/own-credential.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { ManualClock, settled } from '../../support/manual-clock.ts';
import { makeParty, seededRandom, verifierOf } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/own-credential');
const crypto = testCrypto(seededRandom('own'));
const meshId = new Uint8Array(32).fill(7);

function world() {
  const clock = new ManualClock();
  const identity = Ed25519SigningKey.generate(crypto);
  const waiting: (() => void)[] = [];
  const state = { slow: false, broken: false, signatures: 0 };
  const signer = {
    algorithm: 'ed25519' as const,
    publicKey: identity.publicKey,
    sign: async (message: Uint8Array) => {
      state.signatures++;
      if (state.broken) throw new Error('the TPM is gone');
      if (state.slow) await new Promise<void>((resolve) => waiting.push(resolve));
      return identity.sign(message);
    },
  };
  const presentation = (name: string, life = 3_600_000): Presentation => ({
    kind: 'member',
    id: 'spiffe://m/worker/w',
    meshId,
    subject: crypto.sha256(new TextEncoder().encode(name)),
    credential: new TextEncoder().encode(name),
    notAfter: clock.now() + life,
  });
  /** Whether the delegation shown is one for the certificate shown, at this moment. */
  const requireFitting = (own: OwnCredentials) => {
    const shown = own.forChannel();
    const statement = readDelegation(shown.delegation);
    verifyDelegation(crypto, statement, {
      ...{ meshId, noiseStatic: crypto.x25519.publicKey(shown.noiseStatic) },
      identityKey: { algorithm: 'ed25519', bytes: identity.publicKey },
      subject: crypto.sha256(shown.credential),
      identityNotAfter: own.presentation.notAfter,
      wall: clock.now(),
    });
    return new TextDecoder().decode(shown.credential);
  };
  return { clock, signer, state, waiting, presentation, requireFitting };
}

test('certificate and delegation belong together, and the delegation ends after ten minutes', async () => {
  const { clock, signer, presentation, requireFitting } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a'));
  assert.is(requireFitting(own), 'a');
  clock.advance(DELEGATION_LIFE_MS - 1);
  assert.is(requireFitting(own), 'a');
  clock.advance(1);
  assert.throwsCode(() => own.forChannel(), 'OOTO_MESH_DELEGATION');
  assert.throwsCode(() => own.delegation, 'OOTO_MESH_DELEGATION');
  await own.renewDelegation();
  assert.is(requireFitting(own), 'a');
});

test('no delegation outlives the certificate', async () => {
  const { clock, signer, presentation } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a', 1_000));
  clock.advance(1_000);
  assert.throwsCode(() => own.forChannel(), 'OOTO_MESH_DELEGATION');
});

test('the same certificate with a newer head costs no signature, another one costs one', async () => {
  const { clock, signer, state, presentation, requireFitting } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a'));
  await own.present({ ...presentation('a') });
  assert.is(state.signatures, 1);
  await own.present(presentation('b'));
  assert.is(state.signatures, 2);
  assert.is(requireFitting(own), 'b');
});

test('all channels show the same until certificate, head or delegation is another one', async () => {
  const { clock, signer, presentation } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a'));
  const shown = [own.forChannel()];
  assert.is(own.forChannel(), shown[0]);
  for (const change of [
    () => own.present({ ...presentation('a'), credential: new TextEncoder().encode('a, newer head') }),
    () => own.renewDelegation(),
    () => own.present(presentation('b')),
  ]) {
    await change();
    assert.is(own.forChannel(), own.forChannel());
    shown.push(own.forChannel());
  }
  assert.is(new Set(shown.map(({ delegation }) => delegation)).size, 3);
  assert.equal(
    shown.map(({ credential }) => new TextDecoder().decode(credential)),
    ['a', 'a, newer head', 'a, newer head', 'b'],
  );
});

test('while a slow key signs, what is shown still fits', async () => {
  const { clock, signer, state, waiting, presentation, requireFitting } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a'));
  state.slow = true;
  const presented = own.present(presentation('b'));
  await settled(2);
  assert.is(requireFitting(own), 'a');
  waiting.shift()!();
  await presented;
  assert.is(requireFitting(own), 'b');
});

test('a renewal under way when a new certificate comes does not undo it', async () => {
  const { clock, signer, state, waiting, presentation, requireFitting } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a'));
  state.slow = true;
  const steps = [own.renewDelegation(), own.present(presentation('b'))];
  for (let signed = 0; signed < 2; signed++) {
    await settled(2);
    waiting.pop()!();
    await settled(2);
    requireFitting(own);
  }
  await Promise.all(steps);
  assert.is(requireFitting(own), 'b');
});

test('a key that cannot sign leaves the old delegation, and the next attempt is free', async () => {
  const { clock, signer, state, presentation, requireFitting } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a'));
  state.broken = true;
  assert.ok(await own.present(presentation('b')).catch(() => 'failed'));
  assert.is(requireFitting(own), 'a');
  state.broken = false;
  await own.present(presentation('b'));
  assert.is(requireFitting(own), 'b');
});

test('whoever read the memory of one moment begins no session with a later delegation, and none once the first has ended', async () => {
  const { clock, signer, presentation } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a'));
  const read = own.forChannel();
  const stolen: OwnCredential = { ...read, noiseStatic: read.noiseStatic.slice() };
  const guard = makeParty(crypto, 'guard');
  const outcome = (shown: OwnCredential) => {
    const at = { wall: clock.now(), monotonic: clock.monotonic() };
    const verifier: CredentialVerifier = ({ id, kind }) => ({
      ...{ id, kind, subject: own.presentation.subject, notAfter: own.presentation.notAfter },
      identityKey: { algorithm: 'ed25519', bytes: signer.publicKey },
    });
    const delegation = { ...guard.delegation, meshId, notBefore: at.wall, notAfter: at.wall + 60_000 };
    const encoded = encodeDelegation(delegation, guard.identity.sign(delegationMessage(delegation)));
    const common = { crypto, meshId };
    const left = new Channel({
      ...{ ...common, role: 'initiator', own: shown, expectedId: guard.own.id },
      verifier: verifierOf(guard),
    });
    const right = new Channel({
      ...{ ...common, role: 'responder', own: { ...guard.own, delegation: encoded }, verifier },
    });
    left.start(at);
    right.start(at);
    right.receive(left.flush(at), at);
    left.receive(right.flush(at), at);
    right.receive(left.flush(at), at);
    const last = right.takeEvents().at(-1)!;
    return last.type === 'closed' ? last.error!.code : last.type;
  };
  assert.is(outcome(own.forChannel()), 'established');
  assert.is(outcome(stolen), 'established');
  clock.advance(DELEGATION_LIFE_MS / 2);
  await own.renewDelegation();
  assert.is(outcome(own.forChannel()), 'established');
  assert.is(outcome({ ...stolen, delegation: own.delegation }), 'OOTO_CHANNEL_DELEGATION');
  clock.advance(DELEGATION_LIFE_MS / 2);
  assert.is(outcome(stolen), 'OOTO_CHANNEL_DELEGATION');
});

test('a static key that no delegation in force names is wiped, once no handshake can be using it', async () => {
  const { clock, signer, presentation } = world();
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation('a'));
  const first = own.forChannel().noiseStatic;
  await own.renewDelegation();
  clock.advance(29_999);
  own.forChannel();
  assert.ok(first.some((byte) => byte !== 0));
  clock.advance(1);
  const second = own.forChannel().noiseStatic;
  assert.ok(first.every((byte) => byte === 0));
  assert.ok(second.some((byte) => byte !== 0));
});
