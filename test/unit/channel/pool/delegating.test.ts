import { delegationMessage } from '../../../../src/channel/delegation.ts';
import { identityOf } from '../../../../src/channel/keyed/identity.ts';
import { applicationId, keySubject } from '../../../../src/channel/keyed/public-key.ts';
import { RemoteSigner, signDelegation } from '../../../../src/channel/pool/delegating.ts';
import { shapeOf } from '../../../../src/channel/pool/protocol.ts';
import { label } from '../../../../src/envelope/labels.ts';
import { bytes, ok, rejectsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('delegations for threads');
const crypto = testCrypto();
const [identity, other] = [identityOf(crypto), identityOf(crypto)];
const statement = {
  meshId: applicationId(crypto, 'chat'),
  subject: keySubject(crypto, { algorithm: 'ed25519', bytes: identity.publicKey }),
  messageKey: new Uint8Array(32).fill(1),
  noiseStatic: new Uint8Array(32).fill(2),
  notBefore: 1_000,
  notAfter: 601_000,
};
const right = { crypto, identity, application: 'chat', now: statement.notBefore };
const sign = (message: Uint8Array) => signDelegation(right, message);

test('a delegation of the identity is signed', async () => {
  const message = delegationMessage(statement);
  crypto.ed25519.verify(identity.publicKey, message, await sign(message));
});

test('nothing else is: another label, another application, another identity, a longer time, bytes left over', async () => {
  const subject = keySubject(crypto, { algorithm: 'ed25519', bytes: other.publicKey });
  const message = delegationMessage(statement);
  const body = message.subarray(label('delegation').length);
  await rejectsCode(sign(new Uint8Array([...label('transcript'), ...body])), 'OOTO_POOL_DELEGATION');
  await rejectsCode(sign(new Uint8Array(32)), 'OOTO_POOL_DELEGATION');
  const elsewhere = { ...statement, meshId: applicationId(crypto, 'mail') };
  await rejectsCode(sign(delegationMessage(elsewhere)), 'OOTO_POOL_DELEGATION');
  await rejectsCode(sign(delegationMessage({ ...statement, subject })), 'OOTO_POOL_DELEGATION');
  await rejectsCode(sign(new Uint8Array([...message, 0])), 'OOTO_ENVELOPE_CBOR');
  const lasting = { ...statement, notAfter: statement.notAfter + 121_000 };
  await rejectsCode(sign(delegationMessage(lasting)), 'OOTO_POOL_DELEGATION');
});

test('a thread gets the signature that it asked for, or the error', async () => {
  const asked: number[] = [];
  const signer = new RemoteSigner(identity, (request) => asked.push(request));
  const signatures = [signer.sign(new Uint8Array(1)), signer.sign(new Uint8Array(2))];
  ok(asked[0] !== asked[1]);
  signer.answered(asked[1], new Uint8Array(64).fill(9));
  bytes(await signatures[1], new Uint8Array(64).fill(9));
  const failure = await rejectsCode(sign(new Uint8Array(3)), 'OOTO_POOL_DELEGATION');
  signer.answered(asked[0], shapeOf(failure));
  await rejectsCode(signatures[0], 'OOTO_POOL_DELEGATION');
});
