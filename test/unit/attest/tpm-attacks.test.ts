/**
 * Attacks on attestation, each against live software TPMs: two genuine nodes, and an attacker who holds TPMs, messages
 * and time. Every attack is preceded or followed by the honest case that it imitates.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type AppraisalPolicy, appraise } from '../../../src/attest/appraisal.ts';
import { type AppraisalRules, readRules } from '../../../src/attest/appraisal-policy.ts';
import { answerWithTpm, ChallengeTree } from '../../../src/attest/evidence.ts';
import { launchedValue, launchMeasurement } from '../../../src/attest/manifest.ts';
import { challengeLeaf } from '../../../src/attest/qualifying.ts';
import type { TpmClock } from '../../../src/attest/tpm/attestation-data.ts';
import { makeCredential } from '../../../src/attest/tpm/credential.ts';
import { requireEndorsement } from '../../../src/attest/tpm/endorsement.ts';
import { pcrPolicy } from '../../../src/attest/tpm/pcr.ts';
import { readPublicArea } from '../../../src/attest/tpm/public-area.ts';
import { sized } from '../../../src/attest/tpm/wire.ts';
import { certificationData, type TpmProof } from '../../../src/attest/tpm-proof.ts';
import type { Founder } from '../../../src/authority/genesis.ts';
import { concat, u16be, utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import type { Peer } from '../../../src/channel/credential.ts';
import { type NodeTpm, proveByTpm } from '../../../src/mesh/attester.ts';
import { founderPeer } from '../../../src/mesh/founder-attestation.ts';
import { knownPeer } from '../../../src/mesh/identity.ts';
import type { Tpm } from '../../../src/ports.ts';
import { is, ok, throwsCode } from '../../support/assert.ts';
import {
  encodeStatement,
  IDENTITY,
  quoted,
  type StatementFields,
  softwareKey,
  statementBy,
} from '../../support/software-tpm.ts';
import { suite } from '../../support/suite.ts';
import { missingForTpm, Swtpm } from '../../support/swtpm.ts';
import { at, crypto, digest, machine, manifest, NOW, node, type TestNode } from './world.ts';

const test = suite('attest/tpm-attacks', { timeout: 90_000 });
const missing = missingForTpm();
const REGISTERS = [0, 4, 7, 15];
const IDENTITY_REGISTERS = [0, 7];
const measurement = launchMeasurement(crypto, manifest);

/** A node with a TPM, and what its certificate says of it. */
interface Measured extends TestNode {
  swtpm: Swtpm;
  port: Tpm;
  tpm: NodeTpm;
}

/** One after the other they are given to the tests, which leave them as they were. */
const pool: Measured[] = [];
let alice: Measured;
let bob: Measured;
let mallory: Measured;

async function measured(name: string, launched = measurement): Promise<Measured> {
  const swtpm = await Swtpm.start();
  const port = swtpm.client();
  await port.extendRegister(15, launched);
  const made = { ...node(name), swtpm, port, tpm: await nodeTpm(port) };
  pool.push(made);
  return made;
}

async function nodeTpm(port: Tpm): Promise<NodeTpm> {
  const attestationKey = await port.createAttestationKey();
  const identityKey = await port.createIdentityKey(IDENTITY_REGISTERS);
  const certification = await port.certify(identityKey, attestationKey, certificationData(crypto));
  const { publicArea: endorsementKey } = await port.endorsement();
  const keys = { endorsementKey, attestationKey: attestationKey.publicArea };
  return { tpm: port, keys, attestationKey, identityKey, certification, readLog: async () => null };
}

test.before(async () => {
  if (missing !== undefined) return;
  [alice, bob, mallory] = await Promise.all(['alice', 'bob', 'mallory'].map((name) => measured(name)));
});
test.after(async () => {
  for (const { port, swtpm } of pool) {
    swtpm.signal('SIGCONT');
    await port.close();
    await swtpm.remove();
  }
});

function attack(title: string, body: () => Promise<void>): void {
  if (missing !== undefined) test.unavailable(title, missing);
  else test(title, body);
}

function rules(change: Partial<AppraisalRules> = {}): AppraisalRules {
  const zeros = hex(new Uint8Array(32));
  return {
    development: false,
    roles: [{ role: 'worker', minimumTier: 'measured', maximumAgeMs: 60_000 }],
    manifests: [{ digest: hex(digest), launch: hex(measurement) }],
    registers: [
      ...[0, 4, 7].map((register) => ({ register, values: [zeros] })),
      { register: 15, values: [] },
    ],
    identityRegisters: [...IDENTITY_REGISTERS],
    launchRegisters: [15],
    firmware: [],
    endorsement: { fingerprints: [], roots: [] },
    ...change,
  };
}

function policyWith(change: Partial<AppraisalRules> = {}): AppraisalPolicy {
  return { manifests: [hex(digest)], minimumTier: 'software', maximumAgeMs: 60_000, rules: rules(change) };
}

/** A challenge to `attester` on the channel `channel`, which has been asked with this nonce. */
function challenge(attester: TestNode, channel = 'channel', nonce = 'nonce'): Uint8Array {
  return challengeLeaf(crypto, {
    exporter: crypto.sha256(utf8(channel)),
    nonce: crypto.sha256(utf8(nonce)),
    attester: attester.subject,
    verifier: crypto.sha256(utf8('verifier')),
  });
}

const tpmPolicy = { registers: REGISTERS, identityRegisters: IDENTITY_REGISTERS };

/** What `by` shows for this challenge; an attacker bends the proof. */
async function evidence(
  by: Measured,
  leaf: Uint8Array,
  bend: (proof: TpmProof, root: Uint8Array) => TpmProof | Promise<TpmProof> = (proof) => proof,
): Promise<Uint8Array> {
  const challenges = new ChallengeTree(crypto, [leaf]);
  const proof = await proveByTpm(crypto, by.tpm, tpmPolicy, challenges.root);
  const [shown] = answerWithTpm(challenges, by.claims, await bend(proof, challenges.root), by.key);
  return shown;
}

interface Expected {
  leaf: Uint8Array;
  identityKey?: Uint8Array;
  attestationKey?: Uint8Array;
  clock?: TpmClock | undefined;
  policy?: AppraisalPolicy;
  isUnproven?: boolean;
}

/** Judges as who has the certificate of `of` before it. */
function judge(shown: Uint8Array, of: Measured, expected: Expected) {
  const { identityKey, attestationKey } = of.tpm;
  return appraise(crypto, shown, {
    policy: expected.policy ?? policyWith(),
    attester: {
      meshId: of.claims.mesh,
      nodeId: of.id,
      role: 'worker',
      tier: 'measured',
      key: { algorithm: 'ed25519', bytes: of.key.publicKey },
      tpm: {
        identityKey: expected.identityKey ?? readPublicArea(identityKey.publicArea).key,
        attestationKey: expected.attestationKey ?? crypto.sha256(attestationKey.publicArea),
        clock: expected.clock,
      },
      isUnproven: expected.isUnproven,
    },
    answers: expected.leaf,
    time: NOW,
  });
}

attack(
  'a founder whose attestation key nobody has activated shows as much, and is not measured',
  async () => {
    const leaf = challenge(alice);
    const shown = await evidence(alice, leaf);
    is(judge(shown, alice, { leaf }).tier, 'measured');
    const founder = judge(shown, alice, { leaf, isUnproven: true });
    is(founder.tier, 'software');
    ok(founder.reasons.some((reason) => reason.includes('has not been shown to be in a TPM')));
    const strict = policyWith({ registers: [{ register: 15, values: [] }], identityRegisters: [] });
    throwsCode(
      () => judge(shown, alice, { leaf, isUnproven: true, policy: strict }),
      'OOTO_ATTEST_TPM_VALUES',
    );
  },
);

test('between founders every peer is unproven, and a P-256 key makes none measured', () => {
  const software = softwareKey();
  const founders = [
    { name: 'b', tpm: { endorsementKey: Uint8Array.of(1), attestationKey: Uint8Array.of(2) } },
  ] as unknown as readonly Founder[];
  const peer = {
    identity: {
      id: 'b',
      kind: 'founder',
      identityKey: { algorithm: 'p256', bytes: software.publicArea.key },
    },
    delegation: { messageKey: new Uint8Array(32) },
  } as unknown as Peer;
  is(knownPeer(peer).tier, 'software');
  const asked = founderPeer(crypto, { digest, founders }, peer);
  is(asked.isUnproven, true);
  is(asked.tier, 'measured', 'what it must show all the same');
});

attack('a quote is replayed for another challenge', async () => {
  const [first, second] = [challenge(alice), challenge(alice, 'channel', 'another nonce')];
  const old = await evidence(alice, first);
  judge(old, alice, { leaf: first });
  throwsCode(() => judge(old, alice, { leaf: second }), 'OOTO_ATTEST_BINDING');
  const kept = await proveByTpm(crypto, alice.tpm, tpmPolicy, new ChallengeTree(crypto, [first]).root);
  const spliced = await evidence(alice, second, () => kept);
  throwsCode(() => judge(spliced, alice, { leaf: second }), 'OOTO_ATTEST_TPM_QUALIFYING');
});

attack('a quote is relayed from another channel', async () => {
  // Mallory is asked by a verifier, asks Alice the same on a channel of her own, and passes the answer on.
  const [asked, relayed] = [challenge(mallory, 'verifier to mallory'), challenge(alice, 'mallory to alice')];
  const shown = await evidence(alice, relayed);
  judge(shown, alice, { leaf: relayed });
  throwsCode(() => judge(shown, mallory, { leaf: asked }), 'OOTO_ATTEST_SIGNATURE');
  throwsCode(
    () => judge(shown, alice, { leaf: challenge(alice, 'verifier to alice') }),
    'OOTO_ATTEST_BINDING',
  );
  const relay = await proveByTpm(crypto, alice.tpm, tpmPolicy, new ChallengeTree(crypto, [relayed]).root);
  const own = await evidence(mallory, asked, () => relay);
  throwsCode(() => judge(own, mallory, { leaf: asked }), 'OOTO_ATTEST_TPM_KEY');
});

attack('values are claimed of registers that the quote does not cover', async () => {
  const leaf = challenge(alice);
  const unquoted = { register: 23, value: crypto.sha256(utf8('whatever suits')) };
  const shown = await evidence(alice, leaf, (proof) => ({ ...proof, values: [...proof.values, unquoted] }));
  throwsCode(() => judge(shown, alice, { leaf }), 'OOTO_ATTEST_TPM_VALUES');
});

attack('evidence of another genuine node is shown as one’s own', async () => {
  const leaf = challenge(alice);
  const root = new ChallengeTree(crypto, [leaf]).root;
  const ofBob = await proveByTpm(crypto, bob.tpm, tpmPolicy, root);
  const shown = await evidence(alice, leaf, () => ofBob);
  throwsCode(() => judge(shown, alice, { leaf }), 'OOTO_ATTEST_TPM_KEY');
  // Whoever could pass Bob's attestation key off as Alice's still has the identity key against him.
  const attestationKey = crypto.sha256(bob.tpm.attestationKey.publicArea);
  throwsCode(() => judge(shown, alice, { leaf, attestationKey }), 'OOTO_ATTEST_TPM_IDENTITY');
});

attack('a key in software stands under a certificate of a TPM', async () => {
  const leaf = challenge(alice);
  const zeros = new Map(IDENTITY_REGISTERS.map((register) => [register, new Uint8Array(32)]));
  const software = softwareKey({ attributes: IDENTITY, policy: pcrPolicy(crypto, zeros) }).publicArea;
  const shown = await evidence(alice, leaf);
  throwsCode(() => judge(shown, alice, { leaf, identityKey: software.key }), 'OOTO_ATTEST_TPM_IDENTITY');
  const forged = await evidence(alice, leaf, (proof) => ({ ...proof, identityKey: software.encoded }));
  throwsCode(() => judge(forged, alice, { leaf, identityKey: software.key }), 'OOTO_ATTEST_TPM_NAME');
  // An attestation key in software says whatever it is told; it is not the one that opened the members' challenges.
  const teller = softwareKey();
  const quote = (root: Uint8Array) =>
    statementBy(teller, 0x8018, quoted(new Map(REGISTERS.map((i) => [i, new Uint8Array(32)]))), {
      qualifyingData: root,
    });
  const told = await evidence(alice, leaf, (proof, root) => ({
    ...proof,
    attestationKey: teller.publicArea.encoded,
    quote: quote(root),
  }));
  throwsCode(() => judge(told, alice, { leaf }), 'OOTO_ATTEST_TPM_KEY');
});

attack('a quote covers no registers, or fewer', async () => {
  const leaf = challenge(alice);
  const { attestationKey } = alice.tpm;
  const fewer = await evidence(alice, leaf, async (proof, root) => ({
    ...proof,
    quote: await alice.port.quote(attestationKey, root, [0]),
    values: proof.values.filter(({ register }) => register === 0),
  }));
  throwsCode(() => judge(fewer, alice, { leaf }), 'OOTO_ATTEST_TPM_SELECTION');
  const kept = await evidence(alice, leaf, async (proof, root) => ({
    ...proof,
    quote: await alice.port.quote(attestationKey, root, [0]),
  }));
  throwsCode(() => judge(kept, alice, { leaf }), 'OOTO_ATTEST_TPM_SELECTION');
});

attack('a quote covers no registers, or the bank of SHA-1, by tpm2-tools', async () => {
  const leaf = challenge(mallory);
  const { swtpm } = mallory;
  await mallory.port.close();
  const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda';
  await swtpm.tools('tpm2_flushcontext', '-t');
  await swtpm.tools(
    'tpm2_createprimary',
    ...['-C', 'e', '-G', 'ecc256:ecdsa-sha256:null', '-a', attributes, '-c', 'ak.ctx'],
  );
  await swtpm.tools('tpm2_readpublic', '-c', 'ak.ctx', '-o', 'ak.tss');
  const read = (name: string) => new Uint8Array(readFileSync(join(swtpm.folder, name)));
  const area = read('ak.tss').subarray(2);
  const root = new ChallengeTree(crypto, [leaf]).root;
  const proof: TpmProof = {
    attestationKey: area,
    identityKey: mallory.tpm.identityKey.publicArea,
    certification: mallory.tpm.certification,
    quote: { attest: area, signature: area },
    values: REGISTERS.map((register) => ({ register, value: new Uint8Array(32) })),
    log: null,
  };
  for (const [selection, code] of [
    ['sha1:0,4,7,15', 'OOTO_ATTEST_TPM_BANK'],
    ['sha256:0,4,7,15+sha1:0', 'OOTO_ATTEST_TPM_BANK'],
    ['sha256:none', 'OOTO_ATTEST_TPM_SELECTION'],
  ] as const) {
    await swtpm.tools('tpm2_flushcontext', '-t');
    await swtpm.tools('tpm2_quote', '-c', 'ak.ctx', '-l', selection, '-q', hex(root), '-m', 'm', '-s', 's');
    const quote = { attest: read('m'), signature: read('s') };
    const [shown] = answerWithTpm(
      new ChallengeTree(crypto, [leaf]),
      mallory.claims,
      { ...proof, quote },
      mallory.key,
    );
    throwsCode(() => judge(shown, mallory, { leaf, attestationKey: crypto.sha256(area) }), code);
  }
  mallory.port = swtpm.client();
  mallory.tpm = await nodeTpm(mallory.port);
});

attack('a program file was changed before the launcher measured it', async () => {
  const files = manifest.files.map((file, i) =>
    i === 0 ? { ...file, sha256: crypto.sha256(utf8('x')) } : file,
  );
  const changed = await measured('changed', launchMeasurement(crypto, { files }));
  const [good, bad] = [challenge(alice), challenge(changed)];
  const { reasons } = judge(await evidence(alice, good), alice, { leaf: good });
  ok(reasons.some((reason) => reason.includes('was extended with this manifest alone')));
  const shown = await evidence(changed, bad);
  throwsCode(() => judge(shown, changed, { leaf: bad }), 'OOTO_ATTEST_REFUSED');
});

attack('register 23 is reset and given the good value: policy may not rely on it in production', async () => {
  const { swtpm } = mallory;
  await mallory.port.extendRegister(23, crypto.sha256(utf8('a changed program')));
  await mallory.port.close();
  await swtpm.tools('tpm2_pcrreset', '23');
  await swtpm.tools('tpm2_pcrextend', `23:sha256=${hex(measurement)}`);
  mallory.port = swtpm.client();
  mallory.tpm = await nodeTpm(mallory.port);
  const registers = [0, 7, 23];
  const relying: Partial<AppraisalRules> = {
    registers: registers.map((register) => ({ register, values: [] })),
    launchRegisters: [23],
  };
  const leaf = challenge(mallory);
  const challenges = new ChallengeTree(crypto, [leaf]);
  const proof = await proveByTpm(crypto, mallory.tpm, { ...tpmPolicy, registers }, challenges.root);
  const [shown] = answerWithTpm(challenges, mallory.claims, proof, mallory.key);
  ok(
    proof.values.some(
      ({ register, value }) => register === 23 && hex(value) === hex(launchedValue(crypto, measurement)),
    ),
  );
  judge(shown, mallory, { leaf, policy: policyWith({ ...relying, development: true }) });
  throwsCode(() => readRules(rules(relying), 'policy'), 'OOTO_ATTEST_RULES');
});

attack(
  'an endorsement key is presented under the certificate, and so the serial number, of another',
  async () => {
    const certified = await Swtpm.start({ certificates: true });
    const port = certified.client();
    try {
      const { publicArea, certificate } = await port.endorsement();
      const pem = readFileSync(join(certified.folder, 'ca', 'swtpm-localca-rootca-cert.pem'), 'utf8');
      const issuer = readFileSync(join(certified.folder, 'ca', 'issuer.pem'), 'utf8');
      const der = (text: string) =>
        new Uint8Array(Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
      const policy = { fingerprints: [], roots: [der(pem)] };
      const certificates = [certificate!, der(issuer)];
      const genuine = { key: readPublicArea(publicArea), certificates };
      requireEndorsement(crypto, genuine, policy, Date.now());
      const { publicArea: foreign } = await mallory.port.endorsement();
      const presented = { key: readPublicArea(foreign), certificates };
      throwsCode(
        () => requireEndorsement(crypto, presented, policy, Date.now()),
        'OOTO_ATTEST_TPM_ENDORSEMENT',
      );
    } finally {
      await port.close();
      await certified.remove();
    }
  },
);

attack('an attestation key that signs whatever it is given forges a quote', async () => {
  // The identity key is in the TPM too, but not restricted: it signs a statement that no TPM has made.
  const { port, tpm } = mallory;
  const leaf = challenge(mallory);
  const area = readPublicArea(tpm.identityKey.publicArea);
  const forged = await evidence(mallory, leaf, async (proof, root) => {
    const values = new Map(REGISTERS.map((i) => [i, new Uint8Array(32)]));
    const attest = encodeStatement({ ...fields, qualifyingData: root, attested: quoted(values) });
    const signature = await port.sign(tpm.identityKey, crypto.sha256(attest));
    const wire = concat(u16be(0x18), u16be(0xb), sized(signature.slice(0, 32)), sized(signature.slice(32)));
    const quote = { attest, signature: wire };
    return { ...proof, attestationKey: area.encoded, quote };
  });
  const attestationKey = crypto.sha256(area.encoded);
  throwsCode(() => judge(forged, mallory, { leaf, attestationKey }), 'OOTO_ATTEST_TPM_ATTRIBUTES');
  const { publicArea } = await port.endorsement();
  const seal = () => makeCredential(crypto, readPublicArea(publicArea), area, new Uint8Array(32).fill(1));
  throwsCode(seal, 'OOTO_ATTEST_TPM_ATTRIBUTES');
});

const fields: StatementFields = {
  magic: 0xff544347,
  type: 0x8018,
  signer: new Uint8Array(34),
  qualifyingData: new Uint8Array(32),
  clock: 1_000n,
  resetCount: 1,
  restartCount: 0,
  safe: 1,
  firmware: 0n,
  attested: new Uint8Array(),
};

attack('an event log tells other events than the registers hold', async () => {
  const booted = await measured('booted');
  const [driver, loader] = ['driver', 'loader'].map((name) => crypto.sha256(utf8(name)));
  await booted.port.extendRegister(4, driver);
  await booted.port.extendRegister(4, loader);
  const event = (type: number, sha256: Uint8Array) => {
    const data = utf8('event');
    return concat(u32le(4), u32le(type), u32le(1), u16le(0xb), sha256, u32le(data.length), data);
  };
  const told = concat(LOG_HEADER, event(0x8000_0003, driver), event(0x8000_0003, loader));
  const added = concat(told, event(0x8000_0003, driver));
  const relabelled = concat(LOG_HEADER, event(3, driver), event(0x8000_0003, loader));
  const reordered = concat(LOG_HEADER, event(0x8000_0003, loader), event(0x8000_0003, driver));
  const leaf = challenge(booted);
  const policy = policyWith({ registers: REGISTERS.map((register) => ({ register, values: [] })) });
  const withLog = (log: Uint8Array) => evidence(booted, leaf, (proof) => ({ ...proof, log }));
  const { tpm } = judge(await withLog(told), booted, { leaf, policy });
  ok(tpm?.log?.measurements.length === 2 && tpm.log.measurements.every((each) => !('type' in each)));
  for (const log of [added, relabelled, reordered, LOG_HEADER]) {
    const shown = await withLog(log);
    throwsCode(() => judge(shown, booted, { leaf, policy }), 'OOTO_ATTEST_LOG_VALUES');
  }
});

attack('a TPM is set back to an earlier state: its count of starts falls', async () => {
  const restored = await measured('restored');
  const { swtpm } = restored;
  const [state, copy] = [join(swtpm.folder, 'state'), join(swtpm.folder, 'copy')];
  const leaf = challenge(restored);
  const anything = policyWith({
    registers: REGISTERS.map((register) => ({ register, values: [] })),
    launchRegisters: [],
  });
  const seen = async (clock?: TpmClock) =>
    judge(await evidence(restored, leaf), restored, { leaf, clock, policy: anything }).tpm!.clock;
  const first = await seen();
  await swtpm.kill();
  cpSync(state, copy, { recursive: true });
  await swtpm.start();
  const second = await seen(first);
  ok(second.resetCount > first.resetCount, 'a start is counted');
  await swtpm.restart();
  const third = await seen(second);
  await swtpm.kill();
  rmSync(state, { recursive: true });
  cpSync(copy, state, { recursive: true });
  await swtpm.start();
  const rolled = await evidence(restored, leaf);
  throwsCode(
    () => judge(rolled, restored, { leaf, clock: third, policy: anything }),
    'OOTO_ATTEST_TPM_ROLLBACK',
  );
});

attack('a nonce is used twice: evidence answers one challenge once', async () => {
  const verifier = node('verifier');
  const own = machine(verifier, alice, { policy: policyWith(), peer: peerOf(alice) });
  const [asked] = own.start(at(0));
  const answering = machine(alice, verifier);
  answering.start(at(0));
  answering.receive(asked, at(0));
  const [job] = answering.takeEvents();
  ok(job.type === 'needsEvidence');
  const message = answering.answer(job.id, await evidence(alice, job.leaf));
  own.receive(message, at(1));
  ok(own.state === 'attested');
  throwsCode(() => own.receive(message, at(2)), 'OOTO_ATTEST_UNASKED');
});

function peerOf(of: Measured) {
  return {
    meshId: of.claims.mesh,
    nodeId: of.id,
    role: 'worker',
    tier: 'measured' as const,
    key: { algorithm: 'ed25519' as const, bytes: of.key.publicKey },
    subject: of.subject,
    tpm: {
      identityKey: readPublicArea(of.tpm.identityKey.publicArea).key,
      attestationKey: crypto.sha256(of.tpm.attestationKey.publicArea),
    },
  };
}

function u32le(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >>> 24);
}

function u16le(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8);
}

/** Of a crypto-agile log with digests of SHA-256 alone. */
const LOG_HEADER = (() => {
  const body = concat(
    ...[utf8('Spec ID Event03\0'), u32le(0), Uint8Array.of(0, 2, 0, 2), u32le(1)],
    ...[u16le(0xb), u16le(32), Uint8Array.of(0)],
  );
  return concat(u32le(0), u32le(3), new Uint8Array(20), u32le(body.length), body);
})();
