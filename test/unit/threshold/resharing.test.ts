import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { hex } from '../../../src/base/hex.ts';
import { type DealtMessage, deal, sealFor } from '../../../src/threshold/dealing.ts';
import { interpolatingValue } from '../../../src/threshold/frost.ts';
import { encodePackage, packageDigest, packageStatement } from '../../../src/threshold/generation-message.ts';
import {
  type Committee,
  decodeResharingCertificate,
  decodeSecretShare,
  encodePublicPackage,
  encodeResharingCertificate,
  groupKey,
  type PublicPackage,
  Resharing,
  type ResharingPlan,
  refreshedCommittee,
  type SecretShare,
  verifyEquivocation,
  verifyResharingCertificate,
} from '../../../src/threshold/index.ts';
import { randomScalar, SecretPolynomial } from '../../../src/threshold/polynomial.ts';
import { dealerWeight, resharingCeremony } from '../../../src/threshold/resharing-plan.ts';
import { bytes, equal, is, ok, thrown, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  approving,
  committeeAt,
  coordinatorOf,
  crypto,
  generate,
  generationKeyOf,
  keysOf,
  reshared,
  resharingOf,
  runSigning,
  SESSION,
  sharesOf,
  type Tamper,
} from './ceremony.ts';
import { notingScalars } from './noting-scalars.ts';

const test = suite('resharing', { timeout: 60_000 });
const HEADER = 1 + 32 + 32;
const MESSAGE = utf8('signed after the change');

const packageOf = (t: number, n: number) => keysOf(t, n).get('member-1')!.publicPackage;

function planOf(t: number, n: number, changes: Partial<ResharingPlan> = {}): ResharingPlan {
  const previous = packageOf(t, n);
  return {
    previous,
    next: refreshedCommittee(previous.committee),
    dealers: Array.from({ length: t }, (_, i) => i + 1),
    session: SESSION,
    ...changes,
  };
}

const shares = (t: number, n: number) => sharesOf(keysOf(t, n));

/** The secret that these shares make together, if it is the one behind `publicPackage`. */
function combines(publicPackage: PublicPackage, parts: readonly SecretShare[]): boolean {
  const { scalarMultiply, scalarAdd, multiplyBase } = crypto.edwards25519;
  const identifiers = parts.map(({ identifier }) => identifier);
  const secret = parts
    .map((part) =>
      part.use((scalar) => scalarMultiply(scalar, interpolatingValue(crypto, identifiers, part.identifier))),
    )
    .reduce((sum, term) => scalarAdd(sum, term));
  return hex(multiplyBase(secret)) === hex(groupKey(publicPackage));
}

const blamed = (error: unknown, code: string, culprits: string[]) => {
  ok(error instanceof OotoError, `${error}`);
  is(error.code, code);
  equal([...error.culprits], culprits);
};

test('a refresh keeps the key, and any t new shares sign', () => {
  const plan = planOf(3, 5, { dealers: [1, 3, 4] });
  const made = reshared(plan, shares(3, 5));
  bytes(groupKey(made.get('member-5')!.publicPackage), groupKey(plan.previous));
  for (const candidates of [
    ['member-1', 'member-2', 'member-5'],
    ['member-3', 'member-4', 'member-5'],
  ]) {
    const signature = runSigning(coordinatorOf(made, MESSAGE, candidates), approving(made, MESSAGE))!;
    crypto.ed25519.verify(groupKey(plan.previous), MESSAGE, signature);
  }
});

test('3 of 5 becomes 4 of 7 with two members replaced, and back, under the same key', () => {
  const first = planOf(3, 5, { next: committeeAt(2, 4, [1, 2, 3, 6, 7, 8, 9]), dealers: [2, 4, 5] });
  const seven = reshared(first, shares(3, 5));
  is(seven.get('member-4'), undefined);
  const { publicPackage } = seven.get('member-9')!;
  const four = ['member-1', 'member-6', 'member-7', 'member-9'];
  const signature = runSigning(coordinatorOf(seven, MESSAGE, four), approving(seven, MESSAGE))!;
  crypto.ed25519.verify(groupKey(first.previous), MESSAGE, signature);
  const next = committeeAt(3, 2, [1, 9, 12]);
  const three = reshared(
    { previous: publicPackage, next, dealers: [1, 2, 3, 6, 7], session: SESSION },
    sharesOf(seven),
  );
  ok(combines(first.previous, [...sharesOf(three).values()].slice(1)));
});

test('property: any committee becomes any other, and t of it make the key', () => {
  const shape = fc.record({
    from: fc.constantFrom([2, 2], [2, 3], [3, 4], [3, 5]),
    count: fc.integer({ min: 2, max: 6 }),
    keep: fc.integer({ min: 0, max: 2 }),
    raise: fc.nat(),
    dealing: fc.nat(),
    chosen: fc.nat(),
  });
  fc.assert(
    fc.property(shape, ({ from: [t, n], count, keep, raise, dealing, chosen }) => {
      const least = Math.floor(count / 2) + 1;
      const threshold = Math.max(2, least + (raise % (count - least + 1)));
      const identifiers = Array.from({ length: count }, (_, i) => (i < keep ? i + 1 : n + i + 1));
      const dealers = rotated(n, dealing)
        .slice(0, t + (dealing % (n - t + 1)))
        .sort((a, b) => a - b);
      const plan = planOf(t, n, { next: committeeAt(2, threshold, identifiers), dealers });
      const made = [...reshared(plan, shares(t, n)).values()];
      const start = chosen % count;
      const some = [...made, ...made].slice(start, start + threshold).map((key) => key.secretShare);
      ok(combines(plan.previous, some));
      ok(!combines(plan.previous, some.slice(1)));
      const { publicPackage, certificate } = made[0];
      verifyResharingCertificate(crypto, plan.previous, publicPackage, certificate);
    }),
    { numRuns: 12 },
  );
});

test('t-1 old and t-1 new shares never give the key', () => {
  const old = [...shares(3, 5).values()];
  const fresh = [...sharesOf(reshared(planOf(3, 5), shares(3, 5))).values()];
  const previous = packageOf(3, 5);
  for (const a of old.slice(0, 3))
    for (const b of fresh) {
      if (a.identifier === b.identifier) continue;
      for (const c of [...old, ...fresh]) {
        if ([a.identifier, b.identifier].includes(c.identifier)) continue;
        ok(!combines(previous, [a, b, c]), 'shares of two epochs make no key');
      }
    }
  for (const share of fresh) ok(!old.some((before) => before.use(hex) === share.use(hex)));
});

test('a rolled-back member is found out: its share is of another epoch', () => {
  const old = keysOf(2, 3);
  const made = reshared(planOf(2, 3), shares(2, 3));
  const [{ publicPackage }] = made.values();
  throwsCode(
    () => decodeSecretShare(crypto, publicPackage, old.get('member-2')!.secretShare.encode()),
    'OOTO_THRESHOLD_KEY',
  );
  const late = approving(old, MESSAGE).get('member-2')!;
  const [request] = coordinatorOf(made, MESSAGE).start(0);
  throwsCode(() => late.receive('coordinator', request.bytes, 0), 'OOTO_THRESHOLD_EPOCH');
  const following = {
    previous: publicPackage,
    next: committeeAt(3, 2, [1, 2, 3]),
    dealers: [1, 2],
    session: SESSION,
  };
  throwsCode(() => resharingOf(following, shares(2, 3)), 'OOTO_THRESHOLD_KEY');
});

for (const liar of [1, 2, 4]) {
  const name = `member-${liar}`;
  const plan = planOf(3, 5, { dealers: [1, 2, 4] });

  test(`${name} that shares out another secret than its share is named by all`, () => {
    const ceremony = resharingCeremony(crypto, plan);
    const key = generationKeyOf(liar);
    using other = SecretPolynomial.random(crypto, 3);
    const forged = signedPackage(plan, liar, deal(crypto, ceremony.dealing, key, other));
    const errors = generate(resharingOf(plan, shares(3, 5)), instead(name, forged));
    for (const member of plan.next.members)
      if (member.name !== name) blamed(errors.get(member.name), 'OOTO_THRESHOLD_BAD_PACKAGE', [name]);
    const cause = (errors.get('member-3') as OotoError).cause as OotoError;
    is(cause.code, 'OOTO_THRESHOLD_CONSTANT');
  });

  test(`${name} that seals a share which does not fit its commitment is named by who got it`, () => {
    const { dealing } = resharingCeremony(crypto, plan);
    const key = generationKeyOf(liar);
    const share = shares(3, 5).get(name)!;
    const weight = dealerWeight(crypto, plan.dealers, liar);
    using polynomial = SecretPolynomial.random(
      crypto,
      3,
      share.use((scalar) => crypto.edwards25519.scalarMultiply(scalar, weight)),
    );
    const ephemeral = randomScalar(crypto);
    const good = deal({ ...crypto, random: { bytes: () => wide(ephemeral) } }, dealing, key, polynomial);
    const receiver = generationKeyOf(3).publicKey;
    const { ephemeralKey } = good;
    const route = { context: dealing.context, ephemeralKey, sender: key.publicKey, receiver };
    const wrong = sealFor(crypto, route, { key, ephemeral }, polynomial.evaluate(9));
    const encryptedShares = good.encryptedShares.map((sealed, i) => (i === 2 ? wrong : sealed));
    const machines = resharingOf(plan, shares(3, 5));
    const errors = generate(machines, instead(name, signedPackage(plan, liar, { ...good, encryptedShares })));
    blamed(errors.get('member-3'), 'OOTO_THRESHOLD_BAD_SHARE', [name]);
    is(((errors.get('member-3') as OotoError).cause as OotoError).code, 'OOTO_CRYPTO_KEY');
    is(machines.get('member-5')!.reshared, undefined);
  });

  test(`${name} that deals a wrong share is named by who got it`, () => {
    const machines = resharingOf(plan, shares(3, 5));
    const errors = generate(machines, (from, message) => {
      if (from !== name || message.to !== 'member-3' || message.bytes[0] !== 1) return message;
      const changed = message.bytes.slice();
      changed[HEADER + 3 * 32 + 64 + 32 + 2 * (8 + 48) + 8] ^= 1;
      resign(plan, changed, liar);
      return { ...message, bytes: changed };
    });
    blamed(errors.get('member-3'), 'OOTO_THRESHOLD_BAD_SHARE', [name]);
    for (const machine of machines.values()) is(machine.reshared, undefined);
  });
}

test('property: whatever bit of a dealer is changed, its message is refused or it is named', () => {
  const plan = planOf(2, 3);
  fc.assert(
    fc.property(fc.constantFrom('member-1', 'member-2'), fc.nat(), (liar, at) => {
      const machines = resharingOf(plan, shares(2, 3));
      const errors = generate(machines, flip(1, liar, at));
      for (const error of errors.values()) {
        ok(error instanceof OotoError);
        ok(
          ['OOTO_THRESHOLD_SESSION', 'OOTO_THRESHOLD_ENCODING'].includes(error.code) ||
            error.culprits[0] === liar,
        );
      }
      ok(errors.size > 0);
      is(machines.get('member-3')!.reshared, undefined);
    }),
    { numRuns: 25 },
  );
});

test('two packages of one dealer are found out, with evidence that stands alone', () => {
  const plan = planOf(2, 3);
  const machines = resharingOf(plan, shares(2, 3));
  const twin = resharingOf(plan, shares(2, 3)).get('member-2')!;
  const second = new Map(twin.start().map((message) => [message.to, message]));
  const errors = generate(machines, (from, message) =>
    from === 'member-2' && message.to === 'member-3' && message.bytes[0] === 1
      ? second.get('member-3')
      : message,
  );
  blamed(errors.get('member-1'), 'OOTO_THRESHOLD_EQUIVOCATION', ['member-2']);
  const { evidence } = machines.get('member-1')!;
  verifyEquivocation(crypto, resharingCeremony(crypto, plan), evidence!);
  const another = resharingCeremony(crypto, { ...plan, session: new Uint8Array(32) });
  throwsCode(() => verifyEquivocation(crypto, another, evidence!), 'OOTO_THRESHOLD_EVIDENCE');
});

test('messages of another session, epoch, committee or choice of dealers are refused without harm', () => {
  const plan = planOf(2, 3);
  const victim = resharingOf(plan, shares(2, 3)).get('member-1')!;
  victim.start();
  const foreign: Partial<ResharingPlan>[] = [
    { session: new Uint8Array(32).fill(8) },
    { dealers: [2, 3] },
    { dealers: [1, 2, 3] },
    { next: committeeAt(2, 3, [1, 2, 3]) },
    { next: committeeAt(2, 2, [1, 2, 4]) },
  ];
  for (const changes of foreign) {
    const other = resharingOf({ ...plan, ...changes }, shares(2, 3)).get('member-2')!;
    const message = other.start().find(({ to }) => to === 'member-1')!;
    throwsCode(() => victim.receive('member-2', message.bytes), 'OOTO_THRESHOLD_SESSION');
  }
  throwsCode(() => victim.receive('stranger', new Uint8Array(100)), 'OOTO_THRESHOLD_SESSION');
  is(victim.stage, 'packages');
});

test('plans that must not be are refused', () => {
  const bad: [Partial<ResharingPlan>, string][] = [
    [{ next: committeeAt(1, 2, [1, 2, 3]) }, 'OOTO_THRESHOLD_COMMITTEE'],
    [{ next: committeeAt(3, 2, [1, 2, 3]) }, 'OOTO_THRESHOLD_COMMITTEE'],
    [{ next: committeeAt(2, 2, [1, 2, 3, 4]) }, 'OOTO_THRESHOLD_COMMITTEE'],
    [{ next: renamed(committeeAt(2, 2, [1, 2, 3]), 1) }, 'OOTO_THRESHOLD_COMMITTEE'],
    [{ next: renumbered(committeeAt(2, 2, [1, 2, 3])) }, 'OOTO_THRESHOLD_COMMITTEE'],
    [{ dealers: [1] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ dealers: [2, 1] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ dealers: [1, 1] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ dealers: [1, 9] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ session: new Uint8Array(31) }, 'OOTO_THRESHOLD_SESSION'],
  ];
  for (const [changes, code] of bad) throwsCode(() => resharingCeremony(crypto, planOf(2, 3, changes)), code);
  const plan = planOf(2, 3);
  const options = { crypto, plan, name: 'member-1', key: generationKeyOf(1) };
  throwsCode(() => new Resharing(options), 'OOTO_THRESHOLD_MEMBER');
  const secretShare = shares(2, 3).get('member-2');
  throwsCode(() => new Resharing({ ...options, secretShare }), 'OOTO_THRESHOLD_MEMBER');
  throwsCode(() => new Resharing({ ...options, key: generationKeyOf(2) }), 'OOTO_THRESHOLD_MEMBER');
});

test('nobody has a new share while one new member has not certified, and the old shares go on signing', () => {
  const plan = planOf(2, 3, { next: committeeAt(2, 2, [1, 2, 4]) });
  const machines = resharingOf(plan, shares(2, 3));
  generate(machines, (from, m) => (from === 'member-4' && m.bytes[0] === 2 ? undefined : m));
  for (const name of ['member-1', 'member-2']) {
    is(machines.get(name)!.reshared, undefined);
    equal(machines.get(name)!.missing, ['member-4']);
    ok(machines.get(name)!.pending);
  }
  const old = keysOf(2, 3);
  ok(runSigning(coordinatorOf(old, MESSAGE), approving(old, MESSAGE)));
});

test('a certificate stands for exactly this change, and needs all new members', () => {
  const plan = planOf(2, 3, { next: committeeAt(2, 2, [1, 3, 4]), dealers: [1, 2] });
  const { publicPackage, certificate } = reshared(plan, shares(2, 3)).get('member-4')!;
  const encoded = encodeResharingCertificate(certificate);
  const read = decodeResharingCertificate(encoded);
  bytes(encodeResharingCertificate(read), encoded);
  verifyResharingCertificate(crypto, plan.previous, publicPackage, read);
  for (const missing of [0, 1, 2]) {
    const signatures = certificate.signatures.filter((_, i) => i !== missing);
    const verify = () =>
      verifyResharingCertificate(crypto, plan.previous, publicPackage, { ...certificate, signatures });
    throwsCode(verify, 'OOTO_THRESHOLD_CERTIFICATE');
  }
  for (let at = 0; at < encoded.length; at += 7) {
    const changed = encoded.slice();
    changed[at] ^= 1;
    ok(
      thrown(() =>
        verifyResharingCertificate(crypto, plan.previous, publicPackage, decodeResharingCertificate(changed)),
      ),
      `byte ${at}`,
    );
  }
  const other = packageOf(3, 5);
  ok(thrown(() => verifyResharingCertificate(crypto, other, publicPackage, certificate)));
  const later = { ...publicPackage, committee: { ...publicPackage.committee, epoch: 3 } };
  throwsCode(
    () => verifyResharingCertificate(crypto, plan.previous, later, certificate),
    'OOTO_THRESHOLD_COMMITTEE',
  );
});

test('who crashed after round 2 finishes with the certificate of another', () => {
  const plan = planOf(2, 3);
  const machines = resharingOf(plan, shares(2, 3));
  generate(machines, (_, m) => (m.to === 'member-3' && m.bytes[0] === 2 ? undefined : m));
  const late = machines.get('member-3')!;
  const { certificate } = machines.get('member-1')!.reshared!;
  verifyResharingCertificate(crypto, plan.previous, late.pending!.publicPackage, certificate);
  bytes(
    encodePublicPackage(late.pending!.publicPackage),
    encodePublicPackage(machines.get('member-2')!.reshared!.publicPackage),
  );
});

test('silent dealers and receivers are named when the time is over, and nothing is kept', () => {
  const machines = resharingOf(planOf(3, 5), shares(3, 5), { deadline: 1_000 });
  generate(machines, (from, m) => (from === 'member-2' ? undefined : m));
  const machine = machines.get('member-1')!;
  blamed(
    thrown(() => machine.tick(1_000)),
    'OOTO_THRESHOLD_TOO_FEW',
    ['member-2'],
  );
  is(machine.stage, 'failed');
  is(machine.pending, undefined);
});

test('nothing secret is left in any array but the new share', () => {
  const noting = notingScalars(crypto);
  const machines = resharingOf(planOf(2, 3), shares(2, 3), { crypto: noting.crypto });
  const said: Uint8Array[] = [];
  const errors = generate(machines, (_, message) => {
    said.push(message.bytes);
    return message;
  });
  is(errors.size, 0);
  for (const machine of machines.values()) machine.reshared!.secretShare[Symbol.dispose]();
  equal(noting.left(said), []);
});

/** A package of this dealer, signed by it. */
function signedPackage(plan: ResharingPlan, dealer: number, message: DealtMessage): Uint8Array {
  const ceremony = resharingCeremony(crypto, plan);
  const statement = packageStatement(ceremony, dealer, packageDigest(crypto, message));
  return encodePackage(ceremony, { ...message, signature: generationKeyOf(dealer).sign(statement) });
}

/** In the place of whatever this member says in round 1. */
function instead(name: string, bytes: Uint8Array): Tamper {
  return (from, message) => (from === name && message.bytes[0] === 1 ? { ...message, bytes } : message);
}

/** A scalar in 64 bytes. */
function wide(scalar: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set(scalar);
  return bytes;
}

/** Flips one bit of the messages of one round. */
function flip(round: number, from: string, at: number): Tamper {
  return (sender, message) => {
    if (sender !== from || message.bytes[0] !== round) return message;
    const changed = message.bytes.slice();
    changed[1 + (at % (changed.length - 1))] ^= 1;
    return { ...message, bytes: changed };
  };
}

function rotated(n: number, by: number): number[] {
  return Array.from({ length: n }, (_, i) => ((i + by) % n) + 1);
}

function renamed(committee: Committee, identifier: number): Committee {
  const members = committee.members.map((m) => (m.identifier === identifier ? { ...m, name: 'thief' } : m));
  return { ...committee, members };
}

function renumbered(committee: Committee): Committee {
  const members = committee.members.map((member) => ({ ...member, identifier: member.identifier + 10 }));
  return { ...committee, members };
}

/** Signs a changed package of round 1 anew with the dealer's own key. */
function resign(plan: ResharingPlan, message: Uint8Array, identifier: number): void {
  const { session, digest } = resharingCeremony(crypto, plan);
  const body = message.subarray(HEADER, message.length - 64);
  const made = crypto.sha256(Uint8Array.from([...utf8('ooto/1 key-generation-package\0'), ...body]));
  const label = utf8('ooto/1 key-generation-package-statement\0');
  const statement = Uint8Array.from([...label, ...session, ...digest, 0, identifier, ...made]);
  message.set(generationKeyOf(identifier).sign(statement), message.length - 64);
}
