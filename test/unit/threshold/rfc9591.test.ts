/** RFC 9591 appendix E.1, FROST(Ed25519, SHA-512): the machines with the vector's key and randomness. */
import { hex, unhex } from '../../../src/base/hex.ts';
import { generateNonce } from '../../../src/threshold/frost.ts';
import {
  groupKey,
  publicPackageDigest,
  SecretShare,
  SigningCoordinator,
  SigningMember,
} from '../../../src/threshold/index.ts';
import { is } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';
import { committeeOf, crypto, SESSION } from './ceremony.ts';

const VECTOR = {
  secret: '7b1c33d3f5291d85de664833beb1ad469f7fb6025a0ec78b3a790c6e13a98304',
  coefficient: '178199860edd8c62f5212ee91eff1295d0d670ab4ed4506866bae57e7030b204',
  groupKey: '15d21ccd7ee42959562fc8aa63224c8851fb3ec85a3faf66040d380fb9738673',
  message: '74657374',
  signature:
    '36282629c383bb820a88b71cae937d41f2f2adfcc3d02e55507e2fb9e2dd3cbebd9d2b0844e49ae0f3fa935161e1419aab7b47d21a37ebeae1f17d4987b3160b',
  signers: [
    {
      identifier: 1,
      share: '929dcc590407aae7d388761cddb0c0db6f5627aea8e217f4a033f2ec83d93509',
      hidingRandomness: '0fd2e39e111cdc266f6c0f4d0fd45c947761f1f5d3cb583dfcb9bbaf8d4c9fec',
      bindingRandomness: '69cd85f631d5f7f2721ed5e40519b1366f340a87c2f6856363dbdcda348a7501',
      hidingNonce: '812d6104142944d5a55924de6d49940956206909f2acaeedecda2b726e630407',
      bindingNonce: 'b1110165fc2334149750b28dd813a39244f315cff14d4e89e6142f262ed83301',
      hidingCommitment: 'b5aa8ab305882a6fc69cbee9327e5a45e54c08af61ae77cb8207be3d2ce13de3',
      bindingCommitment: '67e98ab55aa310c3120418e5050c9cf76cf387cb20ac9e4b6fdb6f82a469f932',
      signatureShare: '001719ab5a53ee1a12095cd088fd149702c0720ce5fd2f29dbecf24b7281b603',
    },
    {
      identifier: 3,
      share: 'd3cb090a075eb154e82fdb4b3cb507f110040905468bb9c46da8bdea643a9a02',
      hidingRandomness: '86d64a260059e495d0fb4fcc17ea3da7452391baa494d4b00321098ed2a0062f',
      bindingRandomness: '13e6b25afb2eba51716a9a7d44130c0dbae0004a9ef8d7b5550c8a0e07c61775',
      hidingNonce: 'c256de65476204095ebdc01bd11dc10e57b36bc96284595b8215222374f99c0e',
      bindingNonce: '243d71944d929063bc51205714ae3c2218bd3451d0214dfb5aeec2a90c35180d',
      hidingCommitment: 'cfbdb165bd8aad6eb79deb8d287bcc0ab6658ae57fdcc98ed12c0669e90aec91',
      bindingCommitment: '7487bc41a6e712eea2f2af24681b58b1cf1da278ea11fe4e8b78398965f13552',
      signatureShare: 'bd86125de990acc5e1f13781d8e32c03a9bbd4c53539bbc106058bfd14326007',
    },
  ],
} as const;

const test = suite('RFC 9591 Ed25519 vector');
const message = unhex(VECTOR.message);
const inGroup = (scalar: string) => crypto.edwards25519.multiplyBase(unhex(scalar));
const publicPackage = {
  committee: committeeOf(2, 3),
  commitment: [inGroup(VECTOR.secret), inGroup(VECTOR.coefficient)],
};

test('key, commitments, shares and signature are the published ones', () => {
  is(hex(groupKey(publicPackage)), VECTOR.groupKey);
  const candidates = VECTOR.signers.map(({ identifier }) => `member-${identifier}`);
  const options = { crypto, publicPackage, session: SESSION, message, candidates };
  const coordinator = new SigningCoordinator(options);
  const members = new Map(VECTOR.signers.map((signer) => [`member-${signer.identifier}`, memberOf(signer)]));
  const queue = coordinator.start(0);
  for (let next = queue.shift(); next; next = queue.shift()) {
    const answer = members.get(next.to)!.receive('coordinator', next.bytes, 0);
    const signer = VECTOR.signers.find(({ identifier }) => next?.to === `member-${identifier}`)!;
    const said = hex(answer);
    const expected =
      answer[0] === 1 ? signer.hidingCommitment + signer.bindingCommitment : signer.signatureShare;
    is(said.slice(-expected.length), expected);
    queue.push(...coordinator.receive(next.to, answer, 0));
  }
  is(hex(coordinator.signature!), VECTOR.signature);
});

test('nonces are the published ones', () => {
  for (const signer of VECTOR.signers) {
    const drawn = [unhex(signer.hidingRandomness), unhex(signer.bindingRandomness)];
    const scripted = testCrypto({ bytes: () => drawn.shift()! });
    is(hex(generateNonce(scripted, unhex(signer.share))), signer.hidingNonce);
    is(hex(generateNonce(scripted, unhex(signer.share))), signer.bindingNonce);
  }
});

function memberOf(signer: (typeof VECTOR.signers)[number]): SigningMember {
  const drawn = [unhex(signer.hidingRandomness), unhex(signer.bindingRandomness)];
  const scripted = testCrypto({ bytes: () => drawn.shift()! });
  const digest = publicPackageDigest(crypto, publicPackage);
  const secretShare = new SecretShare(signer.identifier, digest, unhex(signer.share));
  const member = new SigningMember({ crypto: scripted, publicPackage, secretShare });
  member.approve({ session: SESSION, message, coordinator: 'coordinator' }, 0);
  return member;
}
