/** Tier `hardware`: an attestation of the very key under a pinned root, and nothing less. */
import fc from 'fast-check';
import { tierOfKey } from '../../../src/attest/hardware-key.ts';
import { concat } from '../../../src/base/bytes.ts';
import { is, match } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';
import * as vendor from '../../support/vendor.ts';

const test = suite('hardware key');
const crypto = testCrypto();
const NOW = Date.UTC(2026, 10, 23);
const [root, device, key, other] = [vendor.ecKey(), vendor.ecKey(), vendor.ecKey(), vendor.ecKey()];
const [rootName, deviceName, keyName] = ['Maker', 'Device 7', 'Key in slot 9a'].map(vendor.nameOf);
const authority = [vendor.AUTHORITY, vendor.SIGNS_CERTIFICATES];
const scheme = 'ecdsa256';

const rootCertificate = vendor.issue({
  ...{ subject: rootName, issuer: rootName, publicKey: root.publicKey, signer: root.privateKey },
  ...{ extensions: authority, scheme },
});
const deviceCertificate = vendor.issue({
  ...{ subject: deviceName, issuer: rootName, publicKey: device.publicKey, signer: root.privateKey },
  ...{ extensions: authority, scheme },
});
const MARK = '1.3.6.1.4.1.41482.3.3';
const ofKey = (...extensions: Uint8Array[]) =>
  vendor.issue({
    ...{ subject: keyName, issuer: deviceName, publicKey: key.publicKey, signer: device.privateKey },
    ...{ extensions, scheme },
  });
const mark = vendor.extension(MARK, Uint8Array.of(5, 7, 1));
const attestation = ofKey(vendor.NO_AUTHORITY, mark);
const point = ({ publicKey }: vendor.KeyPair) => {
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return concat(Uint8Array.of(4), ...[x, y].map((part) => new Uint8Array(Buffer.from(part, 'base64url'))));
};
const judge = (certificates: readonly Uint8Array[], roots = [rootCertificate], holder = key) =>
  tierOfKey(
    crypto,
    { key: { algorithm: 'p256', bytes: point(holder) }, certificates },
    roots.map((root) => ({ root, mark: MARK })),
    NOW,
  );

test('an attested key is of tier hardware', () => {
  const { tier, reasons } = judge([attestation, deviceCertificate]);
  is(tier, 'hardware');
  match(reasons[0], /pinned root/);
});

test('without attestation, of another key, under no pinned root, expired: software', () => {
  const bad: [ReturnType<typeof judge>, RegExp][] = [
    [judge([]), /not attested/],
    [judge([attestation, deviceCertificate], [rootCertificate], other), /another key/],
    [judge([attestation, deviceCertificate], []), /does not hold/],
    [judge([attestation, deviceCertificate, rootCertificate], [attestation]), /does not hold/],
    [judge([attestation]), /does not hold/],
    [judge([Uint8Array.of(1)]), /does not hold/],
  ];
  for (const [{ tier, reasons }, why] of bad) {
    is(tier, 'software');
    match(reasons[0], why);
  }
});

test('another certificate of the same maker for the same key attests nothing', () => {
  const others = [
    ofKey(vendor.NO_AUTHORITY),
    ofKey(vendor.NO_AUTHORITY, vendor.purposes('1.3.6.1.5.5.7.3.1')),
    ofKey(...authority, mark),
  ];
  for (const certificate of others) {
    const { tier, reasons } = judge([certificate, deviceCertificate]);
    is(tier, 'software');
    match(reasons[0], /none with which its maker attests keys/);
  }
  const byPurpose = ofKey(vendor.NO_AUTHORITY, vendor.purposes(MARK));
  is(judge([byPurpose, deviceCertificate]).tier, 'hardware');
});

test('no changed bit makes a key of tier hardware', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.nat(), fc.nat(7), (first, place, bit) => {
      const chain = [attestation, deviceCertificate];
      chain[first ? 0 : 1] = vendor.bent(chain[first ? 0 : 1], place, bit);
      is(judge(chain).tier, 'software');
    }),
    { numRuns: 200 },
  );
});
