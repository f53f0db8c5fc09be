/**
 * Nodes whose identity key is in a PKCS#11 token: they join with it, at tier `hardware` where its maker's attestation of
 * that key leads to what the operators' rules pin, else at tier `software`, and say which and why. The rules come after
 * the mesh was founded, in a file, and hold before anything is asked for.
 */
import { createPublicKey } from 'node:crypto';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppraisalRules } from '../../src/attest/appraisal-policy.ts';
import { base64, hex } from '../../src/base/hex.ts';
import { pemEncode } from '../../src/base/pem.ts';
import { examine } from '../../src/cli/doctor.ts';
import { measureProgram } from '../../src/cli/program.ts';
import { openOperator } from '../../src/cli/setting-up.ts';
import { describeStatus } from '../../src/cli/status.ts';
import { coreFolder } from '../../src/platform/node/core-file.ts';
import * as assert from '../support/assert.ts';
import { FOUNDERS, LiveMesh, untilEnded } from '../support/live-mesh.ts';
import { MODULE, missingForTokens, PIN, SoftHsm } from '../support/softhsm.ts';
import { suite } from '../support/suite.ts';
import * as vendor from '../support/vendor.ts';

const test = suite('integration/token-identity', { timeout: 120_000 });
const missing = missingForTokens();
const mesh = new LiveMesh();
const MARK = '1.3.6.1.4.1.41482.3.3';
const [maker, stranger] = [vendor.ecKey(), vendor.ecKey()];
const [makerName, keyName] = ['Maker of tokens', 'Key'].map(vendor.nameOf);
const makerRoot = authorityOf(maker);
let token: SoftHsm;

function authorityOf({ publicKey, privateKey: signer }: vendor.KeyPair): Uint8Array {
  return vendor.issue({
    ...{ subject: makerName, issuer: makerName, publicKey, signer, scheme: 'ecdsa256' },
    extensions: [vendor.AUTHORITY, vendor.SIGNS_CERTIFICATES],
  });
}

/** What a maker certifies of the key that the token has under this label. */
async function attestationOf(key: string, by: vendor.KeyPair): Promise<Uint8Array> {
  const signer = await token.signer({ key });
  signer.close();
  const [x, y] = [signer.publicKey.subarray(1, 33), signer.publicKey.subarray(33)];
  const [jwkX, jwkY] = [x, y].map((part) => Buffer.from(part).toString('base64url'));
  const publicKey = createPublicKey({
    key: { kty: 'EC', crv: 'P-256', x: jwkX, y: jwkY },
    format: 'jwk',
  });
  return vendor.issue({
    ...{ subject: keyName, issuer: makerName, publicKey, signer: by.privateKey, scheme: 'ecdsa256' },
    extensions: [vendor.NO_AUTHORITY, vendor.extension(MARK, Uint8Array.of(5, 7, 1))],
  });
}

function tokenRules(): AppraisalRules {
  const program = hex(measureProgram(mesh.crypto, coreFolder()).digest);
  const role = (name: string, minimumTier: 'software' | 'hardware') => ({
    ...{ role: name, minimumTier },
    maximumAgeMs: 600_000,
  });
  return {
    development: false,
    roles: [role('authority', 'software'), role('worker', 'software'), role('scheduler', 'hardware')],
    manifests: [{ digest: program, launch: program }],
    ...{ registers: [], identityRegisters: [], launchRegisters: [], firmware: [] },
    endorsement: { fingerprints: [], roots: [] },
    tokens: [{ root: base64(makerRoot), mark: MARK }],
  };
}

/** A node's folder with its PIN, rules, and an attestation if it has one. */
async function invited(
  name: string,
  rules: Uint8Array,
  { role = 'worker' as 'worker' | 'scheduler', attestation = undefined as Uint8Array | undefined } = {},
): Promise<string> {
  const folder = await mesh.invite(role, name, {
    pkcs11: {
      ...{ module: MODULE, token: 'ooto', key: name, pin_file: 'pkcs11.pin' },
      ...(attestation ? { attestation_file: 'attestation.pem' } : {}),
    },
  });
  writeFileSync(join(folder, 'pkcs11.pin'), `${PIN}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'appraisal.policy'), rules, { mode: 0o600 });
  if (attestation)
    writeFileSync(
      join(folder, 'attestation.pem'),
      pemEncode([{ label: 'CERTIFICATE', bytes: attestation }]),
      { mode: 0o600 },
    );
  return folder;
}

let rules: Uint8Array;
test.before(async () => {
  if (missing !== undefined) return;
  token = new SoftHsm();
  process.env.SOFTHSM2_CONF = token.configuration;
  await mesh.found();
  rules = mesh.rulesFile(1, tokenRules());
  await mesh.restartWithRules(rules);
});

test.after(async () => {
  await mesh.stop();
  if (missing === undefined) token.remove();
});

function live(title: string, body: () => Promise<void>): void {
  if (missing !== undefined) test.unavailable(title, missing);
  else test(title, body);
}

const found = async (folder: string) =>
  (await examine({ folder })).checks.find(({ name }) => name === 'identity-key')!;

live(
  'an attested key makes tier hardware: in the certificate, on channels, in status and doctor',
  async () => {
    const attestation = await attestationOf('attested', maker);
    const folder = await invited('attested', rules, { attestation, role: 'scheduler' });
    mesh.start('attested');
    const [status] = await mesh.ready('attested');
    assert.is(status.tier, 'hardware');
    assert.is(status.attestation.key.held, 'token');
    assert.match(describeStatus(status), /tier hardware, identity key in a PKCS#11 token: .*pinned root/);
    const seen = await mesh
      .process(FOUNDERS[0])
      .until('attested', ({ attestation: { channels } }) =>
        channels.some(({ peer, tier }) => peer.endsWith('/attested') && tier === 'hardware'),
      );
    assert.is(seen.state, 'ready');
    await mesh.process('attested').stop();
    assert.match((await found(folder)).found, /attested in the token ooto, tier hardware: .*pinned root/);
    mesh.start('attested');
    assert.is((await mesh.ready('attested'))[0].tier, 'hardware', 'again, with what its folder holds');
  },
);

live(
  'without an attestation, or one by a maker nobody pinned, the tier is software, with the reason',
  async () => {
    await invited('plain', rules);
    const attestation = await attestationOf('strange', stranger);
    const folder = await invited('strange', rules, { attestation });
    for (const name of ['plain', 'strange']) mesh.start(name);
    const [plain, strange] = await mesh.ready('plain', 'strange');
    for (const { tier, attestation: shown } of [plain, strange]) {
      assert.is(tier, 'software');
      assert.is(shown.key.held, 'token');
    }
    assert.match(
      describeStatus(plain),
      /tier software, identity key in a PKCS#11 token: the key is not attested/,
    );
    assert.match(strange.attestation.key.reasons.join(), /does not hold/);
    await mesh.process('strange').stop();
    assert.match((await found(folder)).found, /tier software: the attestation does not hold/);
  },
);

live('a role that asks for hardware is not given to a key that is not attested', async () => {
  await invited('eager', rules, { role: 'scheduler' });
  const child = mesh.start('eager');
  await untilEnded(child);
  assert.match(child.lastWords, /OOTO_ATTEST_(?:TIER|REFUSED)/);
});

live('rules that the operators did not sign are refused before the invite is spent', async () => {
  const somebody = await openOperator(mesh.crypto, join(mesh.folder, 'somebody'));
  const folder = await invited('early', mesh.rulesFile(2, tokenRules(), somebody));
  const child = mesh.start('early');
  await untilEnded(child);
  assert.match(child.lastWords, /OOTO_(?:ENVELOPE|CRYPTO)_/);
  assert.ok(existsSync(join(folder, 'invite')));
  const issued = FOUNDERS.flatMap((name) => mesh.logOf(name)).filter(
    ({ message, peer }) => message === 'certificate issued' && String(peer).endsWith('/early'),
  );
  assert.is(issued.length, 0, 'no certificate was asked for');
  writeFileSync(join(folder, 'appraisal.policy'), rules, { mode: 0o600 });
  mesh.start('early');
  await mesh.ready('early');
});

live('a PIN that others may read, or that is in no file, opens nothing', async () => {
  const folder = await invited('open', rules);
  chmodSync(join(folder, 'pkcs11.pin'), 0o644);
  const child = mesh.start('open');
  await untilEnded(child);
  assert.match(child.lastWords, /OOTO_FILES_MODE/);
  writeFileSync(join(folder, 'pkcs11.pin'), '\n');
  chmodSync(join(folder, 'pkcs11.pin'), 0o600);
  assert.match((await found(folder)).found, /holds no PIN/);
});
