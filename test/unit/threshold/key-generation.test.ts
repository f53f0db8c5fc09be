import { ed25519_FROST } from '@noble/curves/ed25519.js';
import { utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import {
  type Committee,
  createCeremony,
  decodeGenerationCertificate,
  decodePublicPackage,
  decodeSecretShare,
  encodeGenerationCertificate,
  encodePublicPackage,
  groupKey,
  KeyGeneration,
  type Outgoing,
  recoverShare,
  verifyEquivocation,
  verifyGenerationCertificate,
} from '../../../src/threshold/index.ts';
import { verifyingShares } from '../../../src/threshold/public-package.ts';
import { bytes, equal, is, ok, thrown, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  committeeOf,
  crypto,
  generate,
  generationKeyOf,
  keysOf,
  machinesOf,
  SESSION,
  type Tamper,
} from './ceremony.ts';

const test = suite('key generation', { timeout: 30_000 });
const HEADER = 1 + 32 + 32;
/** Another implementation of sharing and signing. */
const frost = ed25519_FROST;

/** Flips one bit of the messages of one round from one member to another (to all, when none is named). */
const flip =
  (round: number, from: string, at: number, to?: string): Tamper =>
  (sender, message) => {
    if (sender !== from || message.bytes[0] !== round || (to && message.to !== to)) return message;
    const changed = message.bytes.slice();
    changed[at < 0 ? changed.length + at : at] ^= 1;
    return { ...message, bytes: changed };
  };

const blamed = (error: unknown, code: string, culprits: string[]) => {
  ok(error instanceof OotoError, `${error}`);
  is(error.code, code);
  equal([...error.culprits], culprits);
};

for (const [t, n] of [
  [2, 3],
  [3, 5],
  [2, 2],
])
  test(`${t} of ${n}: all members end with one key, and any t shares make it`, () => {
    const made = [...keysOf(t, n).values()];
    const { publicPackage, certificate } = made[0];
    for (const key of made) {
      bytes(encodePublicPackage(key.publicPackage), encodePublicPackage(publicPackage));
      bytes(encodeGenerationCertificate(key.certificate), encodeGenerationCertificate(certificate));
    }
    verifyGenerationCertificate(crypto, publicPackage, certificate);
    const shares = made.slice(n - t).map(({ secretShare }) => ({
      identifier: frost.Identifier.fromNumber(secretShare.identifier),
      signingShare: secretShare.use((scalar) => scalar.slice()),
    }));
    const secret = frost.combineSecret(shares as never, { min: t, max: n });
    const message = utf8('whole');
    ok(frost.verify(frost.sign(message, secret), message, groupKey(publicPackage)));
  });

test('verifying shares are what the secret shares commit to', () => {
  for (const { publicPackage, secretShare } of keysOf(3, 5).values()) {
    const own = secretShare.use((scalar) => scalar.slice());
    const expected = verifyingShares(crypto, publicPackage).get(secretShare.identifier)!;
    ok(frost.verify(frost.sign(utf8('x'), own as never), utf8('x'), expected as never));
  }
});

test('messages may come in any order, and twice', () => {
  const machines = machinesOf(committeeOf(2, 3));
  const messages: [string, Outgoing][] = [...machines].flatMap(([name, machine]) =>
    machine.start().map((message): [string, Outgoing] => [name, message]),
  );
  while (messages.length > 0) {
    const [from, message] = messages.pop()!;
    const answer = machines.get(message.to)!.receive(from, message.bytes);
    messages.push(...answer.map((next): [string, Outgoing] => [message.to, next]));
    if (machines.get(message.to)!.stage !== 'finished')
      equal(machines.get(message.to)!.receive(from, message.bytes), []);
  }
  for (const machine of machines.values()) is(machine.stage, 'finished');
});

test('nobody finishes while one certification is missing', () => {
  const machines = machinesOf(committeeOf(2, 3));
  generate(machines, (from, m) => (from === 'member-2' && m.bytes[0] === 2 ? undefined : m));
  is(machines.get('member-1')!.result, undefined);
  is(machines.get('member-3')!.result, undefined);
  equal(machines.get('member-1')!.missing, ['member-2']);
  ok(machines.get('member-1')!.pending);
});

test('who crashed after round 2 finishes with the certificate of another', () => {
  const machines = machinesOf(committeeOf(2, 3));
  generate(machines, (_, m) => (m.to === 'member-3' && m.bytes[0] === 2 ? undefined : m));
  const { certificate } = machines.get('member-1')!.result!;
  const late = machines.get('member-3')!;
  is(late.result, undefined);
  verifyGenerationCertificate(crypto, late.pending!.publicPackage, certificate);
  const stored = late.pending!.secretShare.encode();
  const read = decodeSecretShare(crypto, late.pending!.publicPackage, stored);
  is(read.identifier, 3);
});

for (const liar of ['member-1', 'member-2', 'member-3', 'member-4', 'member-5']) {
  const others = ['member-1', 'member-2', 'member-3', 'member-4', 'member-5'].filter((m) => m !== liar);

  test(`${liar} without knowledge of its secret is named`, () => {
    const errors = generate(machinesOf(committeeOf(3, 5)), flip(1, liar, HEADER + 3 * 32 + 40));
    for (const name of others) blamed(errors.get(name), 'OOTO_THRESHOLD_BAD_PACKAGE', [liar]);
  });

  test(`${liar} that deals a wrong share is named by who got it`, () => {
    const victim = others[1];
    const machines = machinesOf(committeeOf(3, 5));
    const ceremony = createCeremony(crypto, committeeOf(3, 5), SESSION);
    const [dealer, receiver] = [liar, victim].map((name) => Number(name.slice(-1)));
    const errors = generate(machines, (from, message) => {
      if (from !== liar || message.to !== victim || message.bytes[0] !== 1) return message;
      const changed = message.bytes.slice();
      changed[HEADER + 3 * 32 + 64 + 32 + (receiver - 1) * (8 + 48) + 8] ^= 1;
      resign(ceremony, changed, dealer);
      return { ...message, bytes: changed };
    });
    blamed(errors.get(victim), 'OOTO_THRESHOLD_BAD_SHARE', [liar]);
    for (const machine of machines.values()) is(machine.result, undefined);
  });
}

test('a package signed by another key is refused', () => {
  const errors = generate(machinesOf(committeeOf(2, 3)), flip(1, 'member-2', -1));
  blamed(errors.get('member-1'), 'OOTO_THRESHOLD_BAD_PACKAGE', ['member-2']);
});

test('a certification that does not hold is refused', () => {
  const errors = generate(machinesOf(committeeOf(2, 3)), flip(2, 'member-2', -1));
  blamed(errors.get('member-1'), 'OOTO_THRESHOLD_BAD_CERTIFICATION', ['member-2']);
});

test('a raised threshold (a longer commitment) is refused', () => {
  const honest = machinesOf(committeeOf(2, 3));
  const raised: Committee = { ...committeeOf(2, 3), threshold: 3 };
  const [own] = [...honest.keys()];
  const cheat = new KeyGeneration({
    crypto,
    committee: raised,
    session: SESSION,
    name: own,
    key: generationKeyOf(1),
  });
  const victim = honest.get('member-2')!;
  victim.start();
  const [message] = cheat.start();
  throwsCode(() => victim.receive(own, message.bytes), 'OOTO_THRESHOLD_SESSION');
  const ceremony = createCeremony(crypto, committeeOf(2, 3), SESSION);
  const relabelled = message.bytes.slice();
  relabelled.set(ceremony.digest, 33);
  resign(ceremony, relabelled, 1);
  victim.receive(own, relabelled);
  const last = [...honest.get('member-3')!.start()].find((m) => m.to === 'member-2')!;
  blamed(
    thrown(() => victim.receive('member-3', last.bytes)),
    'OOTO_THRESHOLD_BAD_PACKAGE',
    [own],
  );
  is(victim.stage, 'failed');
});

test('a rogue key (another member commitment taken over) is refused', () => {
  const machines = machinesOf(committeeOf(2, 3));
  let stolen: Uint8Array | undefined;
  const errors = generate(machines, (from, message) => {
    if (message.bytes[0] !== 1) return message;
    if (from === 'member-1') stolen = message.bytes;
    if (from !== 'member-3') return message;
    return { ...message, bytes: stolen!.slice() };
  });
  blamed(errors.get('member-2'), 'OOTO_THRESHOLD_BAD_PACKAGE', ['member-3']);
});

test('a rogue key, signed by its thief, still lacks the proof of knowledge', () => {
  const committee = committeeOf(2, 3);
  const ceremony = createCeremony(crypto, committee, SESSION);
  const machines = machinesOf(committee);
  let stolen = new Uint8Array();
  const errors = generate(machines, (from, message) => {
    if (message.bytes[0] !== 1) return message;
    const body = message.bytes.slice();
    if (from === 'member-1') stolen = body.slice(HEADER, HEADER + 64);
    if (from !== 'member-3') return message;
    body.set(stolen, HEADER);
    resign(ceremony, body, 3);
    return { ...message, bytes: body };
  });
  const error = errors.get('member-2') as OotoError;
  blamed(error, 'OOTO_THRESHOLD_BAD_PACKAGE', ['member-3']);
  is((error.cause as OotoError).message, 'the signature does not hold');
});

test('two different signed packages in round 1 are found out, with evidence that stands alone', () => {
  const committee = committeeOf(2, 3);
  const machines = machinesOf(committee);
  const twin = new KeyGeneration({
    crypto,
    committee,
    session: SESSION,
    name: 'member-3',
    key: generationKeyOf(3),
  });
  const second = new Map(twin.start().map((message) => [message.to, message]));
  // The twin plays member 3 towards member 2, the machine plays it towards member 1.
  const errors = generate(machines, (from, message) => {
    const isForTwin = from === 'member-3' && message.to === 'member-2' && message.bytes[0] === 1;
    return isForTwin ? second.get('member-2') : message;
  });
  blamed(errors.get('member-1'), 'OOTO_THRESHOLD_EQUIVOCATION', ['member-3']);
  const evidence = machines.get('member-1')!.evidence!;
  verifyEquivocation(crypto, createCeremony(crypto, committee, SESSION), evidence);
  const otherRun = createCeremony(crypto, committee, new Uint8Array(32).fill(8));
  throwsCode(() => verifyEquivocation(crypto, otherRun, evidence), 'OOTO_THRESHOLD_EVIDENCE');
  for (const machine of machines.values()) is(machine.result, undefined);
});

test('an invented receipt blames who lists it', () => {
  const errors = generate(machinesOf(committeeOf(2, 3)), flip(2, 'member-2', HEADER + 2 + 5, 'member-1'));
  blamed(errors.get('member-1'), 'OOTO_THRESHOLD_BAD_CERTIFICATION', ['member-2']);
});

test('a second, different message of a round ends the run', () => {
  const machines = machinesOf(committeeOf(2, 3));
  machines.get('member-1')!.start();
  const [message] = machines.get('member-2')!.start();
  const victim = machines.get('member-1')!;
  victim.receive('member-2', message.bytes);
  const other = message.bytes.slice();
  other[HEADER + 5] ^= 1;
  blamed(
    thrown(() => victim.receive('member-2', other)),
    'OOTO_THRESHOLD_EQUIVOCATION',
    ['member-2'],
  );
});

test('silent members are named when the time is over, and nothing is kept', () => {
  const machines = machinesOf(committeeOf(3, 5), 1_000);
  generate(machines, (from, m) => (from === 'member-4' ? undefined : m));
  const machine = machines.get('member-1')!;
  machine.tick(999);
  blamed(
    thrown(() => machine.tick(1_000)),
    'OOTO_THRESHOLD_TOO_FEW',
    ['member-4'],
  );
  is(machine.stage, 'failed');
  is(machine.pending, undefined);
});

test('strangers, own messages and other runs are refused without harm', () => {
  const machines = machinesOf(committeeOf(2, 3));
  const machine = machines.get('member-1')!;
  machine.start();
  const [message] = machines.get('member-2')!.start();
  throwsCode(() => machine.receive('stranger', message.bytes), 'OOTO_THRESHOLD_MEMBER');
  throwsCode(() => machine.receive('member-1', message.bytes), 'OOTO_THRESHOLD_STATE');
  throwsCode(() => machine.receive('member-2', message.bytes.subarray(0, 9)), 'OOTO_BASE_SHORT');
  const foreign = message.bytes.slice();
  foreign[1] ^= 1;
  throwsCode(() => machine.receive('member-2', foreign), 'OOTO_THRESHOLD_SESSION');
  is(machine.stage, 'packages');
});

test('committees that must not be are refused', () => {
  const good = committeeOf(2, 3);
  const [first, second, third] = good.members;
  const bad: [string, Committee][] = [
    ['threshold one', { ...good, threshold: 1 }],
    ['threshold above all', { ...good, threshold: 4 }],
    ['not more than half', committeeOf(2, 4)],
    ['identifier zero', { ...good, members: [{ ...first, identifier: 0 }, second, third] }],
    ['identifier twice', { ...good, members: [first, { ...second, identifier: 1 }, third] }],
    ['out of order', { ...good, members: [second, first, third] }],
    ['identifier too large', { ...good, members: [first, second, { ...third, identifier: 65536 }] }],
    ['name twice', { ...good, members: [first, { ...second, name: first.name }, third] }],
    ['key twice', { ...good, members: [first, { ...second, publicKey: first.publicKey }, third] }],
    ['no name', { ...good, members: [first, { ...second, name: '' }, third] }],
    ['fraction', { ...good, epoch: 1.5 }],
  ];
  for (const [, committee] of bad) {
    const options = { crypto, committee, session: SESSION, name: 'member-1', key: generationKeyOf(1) };
    throwsCode(() => new KeyGeneration(options), 'OOTO_THRESHOLD_COMMITTEE');
  }
});

test('a certificate stands for exactly this key and these members', () => {
  const { publicPackage, certificate } = keysOf(2, 3).get('member-1')!;
  const later = { ...publicPackage, committee: { ...publicPackage.committee, epoch: 2 } };
  throwsCode(() => verifyGenerationCertificate(crypto, later, certificate), 'OOTO_THRESHOLD_CERTIFICATE');
  const encoded = encodeGenerationCertificate(certificate);
  for (let at = 0; at < encoded.length; at += 7) {
    const changed = encoded.slice();
    changed[at] ^= 1;
    ok(
      thrown(() => verifyGenerationCertificate(crypto, publicPackage, decodeGenerationCertificate(changed))),
    );
  }
  const signatures = certificate.signatures.slice(1);
  throwsCode(
    () => verifyGenerationCertificate(crypto, publicPackage, { ...certificate, signatures }),
    'OOTO_THRESHOLD_CERTIFICATE',
  );
});

test('stored public packages and shares are read strictly', () => {
  const { publicPackage, secretShare } = keysOf(2, 3).get('member-2')!;
  const publicBytes = encodePublicPackage(publicPackage);
  bytes(encodePublicPackage(decodePublicPackage(crypto, publicBytes)), publicBytes);
  const longer = new Uint8Array(publicBytes.length + 1);
  longer.set(publicBytes);
  throwsCode(() => decodePublicPackage(crypto, longer), 'OOTO_BASE_TRAILING');
  for (let cut = 0; cut < publicBytes.length; cut += 11)
    ok(thrown(() => decodePublicPackage(crypto, publicBytes.subarray(0, cut))));
  const secret = secretShare.encode();
  bytes(decodeSecretShare(crypto, publicPackage, secret).encode(), secret);
  for (let at = 0; at < secret.length; at++) {
    const changed = secret.slice();
    changed[at] ^= 1;
    ok(
      thrown(() => decodeSecretShare(crypto, publicPackage, changed)),
      `byte ${at}`,
    );
  }
  const other = keysOf(3, 5).get('member-2')!;
  throwsCode(() => decodeSecretShare(crypto, other.publicPackage, secret), 'OOTO_THRESHOLD_KEY');
});

test('a lost share comes back from what was sealed for its holder, and from nothing else', () => {
  const { publicPackage, certificate, encryptedShares, secretShare } = keysOf(3, 5).get('member-4')!;
  const recover = (key: number, shares: readonly Uint8Array[]) =>
    recoverShare(crypto, publicPackage, certificate, generationKeyOf(key), shares);
  bytes(recover(4, encryptedShares).encode(), secretShare.encode());
  throwsCode(() => recover(3, encryptedShares), 'OOTO_CRYPTO_AUTHENTICATION');
  throwsCode(() => recover(9, encryptedShares), 'OOTO_THRESHOLD_MEMBER');
  throwsCode(() => recover(4, encryptedShares.slice(1)), 'OOTO_THRESHOLD_MEMBER');
  throwsCode(() => recover(4, [...encryptedShares].reverse()), 'OOTO_CRYPTO_AUTHENTICATION');
});

test('a share that was disposed of is gone, and has no text form', () => {
  const machines = machinesOf(committeeOf(2, 3));
  generate(machines);
  const { secretShare } = machines.get('member-1')!.result!;
  is(JSON.stringify(secretShare).includes('calar'), false);
  secretShare[Symbol.dispose]();
  throwsCode(() => secretShare.encode(), 'OOTO_THRESHOLD_STATE');
});

/** Signs a changed package of round 1 anew with the member's own key. */
function resign(ceremony: ReturnType<typeof createCeremony>, message: Uint8Array, identifier: number): void {
  const label = utf8('ooto/1 key-generation-package\0');
  const body = message.subarray(HEADER, message.length - 64);
  const digest = crypto.sha256(Uint8Array.from([...label, ...body]));
  const statement = Uint8Array.from([
    ...utf8('ooto/1 key-generation-package-statement\0'),
    ...ceremony.session,
    ...ceremony.digest,
    0,
    identifier,
    ...digest,
  ]);
  message.set(generationKeyOf(identifier).sign(statement), message.length - 64);
}
