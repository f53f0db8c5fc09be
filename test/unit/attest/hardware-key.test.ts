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
const attestation = vendor.issue({
  ...{ subject: keyName, issuer: deviceName, publicKey: key.publicKey, signer: device.privateKey },
  ...{ extensions: [vendor.NO_AUTHORITY], scheme },
});
const point = ({ publicKey }: vendor.KeyPair) => {
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return concat(Uint8Array.of(4), ...[x, y].map((part) => new Uint8Array(Buffer.from(part, 'base64url'))));
};
const judge = (certificates: readonly Uint8Array[], roots = [rootCertificate], holder = key) =>
  tierOfKey(crypto, { key: { algorithm: 'p256', bytes: point(holder) }, certificates }, roots, NOW);

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
