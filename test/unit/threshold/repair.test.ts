import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { unhex } from '../../../src/base/hex.ts';
import { sealFor } from '../../../src/threshold/dealing.ts';
import { packageStatement } from '../../../src/threshold/generation-message.ts';
import {
  type Outgoing,
  publicPackageDigest,
  type RepairPlan,
  refreshedCommittee,
  type SecretShare,
  ShareRepair,
  verifyEquivocation,
} from '../../../src/threshold/index.ts';
import { randomScalar } from '../../../src/threshold/polynomial.ts';
import { splitScalar } from '../../../src/threshold/repair.ts';
import {
  decodeRepairPackage,
  decodeRepairSum,
  encodeRepairPackage,
  encodeRepairSum,
  repairPackageDigest,
  sumStatement,
} from '../../../src/threshold/repair-message.ts';
import { repairCeremony } from '../../../src/threshold/repair-plan.ts';
import { sumOfShares } from '../../../src/threshold/secret-share.ts';
import { bytes, equal, is, ok, thrown, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  crypto,
  generate,
  generationKeyOf,
  keysOf,
  reshared,
  SESSION,
  sharesOf,
  type Tamper,
} from './ceremony.ts';
import { notingScalars } from './noting-scalars.ts';

const test = suite('repair', { timeout: 60_000 });
const HEADER = 1 + 32 + 32;

function planOf(t: number, n: number, changes: Partial<RepairPlan> = {}): RepairPlan {
  const { publicPackage } = keysOf(t, n).get('member-1')!;
  const helpers = Array.from({ length: t }, (_, i) => i + 1);
  return { publicPackage, lost: n, helpers, session: SESSION, ...changes };
}

function machinesOf(
  plan: RepairPlan,
  shares: ReadonlyMap<string, SecretShare>,
  options: { crypto?: typeof crypto; deadline?: number } = {},
): Map<string, ShareRepair> {
  return new Map(
    [...plan.helpers, plan.lost].map((identifier) => {
      const name = `member-${identifier}`;
      const secretShare = identifier === plan.lost ? undefined : shares.get(name);
      const key = generationKeyOf(identifier);
      return [name, new ShareRepair({ crypto, ...options, plan, name, key, secretShare })];
    }),
  );
}

const shares = (t: number, n: number) => sharesOf(keysOf(t, n));

const blamed = (error: unknown, code: string, culprits: string[]) => {
  ok(error instanceof OotoError, `${error}`);
  is(error.code, code);
  equal([...error.culprits], culprits);
};

test('property: whoever lost its share gets the same again, from any t others or more', () => {
  const shape = fc.record({
    of: fc.constantFrom([2, 3], [3, 4], [3, 5]),
    lost: fc.nat(),
    shift: fc.nat(),
    more: fc.nat(),
  });
  fc.assert(
    fc.property(shape, ({ of: [t, n], lost: at, shift, more }) => {
      const lost = 1 + (at % n);
      const others = Array.from({ length: n - 1 }, (_, i) => 1 + ((lost + i) % n));
      const turned = others.map((_, i) => others[(i + shift) % (n - 1)]);
      const helpers = turned.slice(0, t + (more % (n - t))).sort((a, b) => a - b);
      const machines = machinesOf(planOf(t, n, { lost, helpers }), shares(t, n));
      is(generate(machines).size, 0);
      const name = `member-${lost}`;
      bytes(machines.get(name)!.result!.encode(), keysOf(t, n).get(name)!.secretShare.encode());
      for (const helper of helpers) is(machines.get(`member-${helper}`)!.result, undefined);
    }),
    { numRuns: 12 },
  );
});

test('sums of parts are those of the published vectors', () => {
  const deltas = [
    '1847f6c4a85096e5dbc9e200c9691c5164f8e276d32d4a54ebaf4275474a1403',
    'eac5595269d108812eaa865bf62c703a2c128a61fa3bd4dc837b9314bc515204',
    '5b3b6084e41c273a39a8d9bbbd87fbcd626c07030142bf78c6c91247bf175700',
  ].map(unhex);
  bytes(
    sumOfShares(crypto, deltas),
    unhex('5d48b09bf63ec6a0431c43187d1e8859f37674dbceabdda935f5e8d0c2b3bd07'),
  );
});

test('parts add up to what was split, and none of them is it', () => {
  const whole = crypto.edwards25519.scalarReduce(new Uint8Array(64).fill(3));
  const parts = splitScalar(crypto, whole.slice(), 5);
  for (const part of parts) ok(part.some((byte, i) => byte !== whole[i]));
  bytes(sumOfShares(crypto, parts), whole);
});

for (const liar of [1, 2, 4]) {
  const name = `member-${liar}`;
  const plan = planOf(3, 5, { helpers: [1, 2, 4] });
  const others = plan.helpers.filter((helper) => helper !== liar).map((helper) => `member-${helper}`);

  test(`${name} whose parts add up to another share is named by all`, () => {
    const errors = generate(machinesOf(plan, shares(3, 5)), changing(plan, 1, liar, HEADER + 5));
    for (const honest of [...others, 'member-5'])
      blamed(errors.get(honest), 'OOTO_THRESHOLD_BAD_PACKAGE', [name]);
  });

  test(`${name} that sends a part which does not fit is named by who got it`, () => {
    const [victim] = others;
    const position = plan.helpers.indexOf(Number(victim.slice(-1)));
    const at = HEADER + 3 * 32 + 32 + position * 48;
    const machines = machinesOf(plan, shares(3, 5));
    const errors = generate(machines, changing(plan, 1, liar, at));
    blamed(errors.get(victim), 'OOTO_THRESHOLD_BAD_SHARE', [name]);
    is(machines.get('member-5')!.result, undefined);
  });

  test(`${name} that sends a wrong sum is named, and no share comes of it`, () => {
    const machines = machinesOf(plan, shares(3, 5));
    const errors = generate(machines, changing(plan, 2, liar, HEADER + 2 + 3 * 96 + 32));
    blamed(errors.get('member-5'), 'OOTO_THRESHOLD_BAD_SHARE', [name]);
    is(machines.get('member-5')!.result, undefined);
  });
}

test('a helper that seals a part or a sum other than it committed to is named', () => {
  const plan = planOf(2, 3);
  const ceremony = repairCeremony(crypto, plan);
  const key = generationKeyOf(1);
  const ephemeral = randomScalar(crypto);
  const ephemeralKey = crypto.edwards25519.multiplyBase(ephemeral);
  const seal = (receiver: number) => {
    const route = {
      context: ceremony.context,
      ephemeralKey,
      sender: key.publicKey,
      receiver: generationKeyOf(receiver).publicKey,
    };
    return sealFor(crypto, route, { key, ephemeral }, randomScalar(crypto));
  };
  const package1 = (message: Outgoing) => {
    const { commitments } = decodeRepairPackage(ceremony, message.bytes);
    const made = { commitments, ephemeralKey, encryptedParts: [seal(1), seal(2)] };
    const statement = packageStatement(ceremony, 1, repairPackageDigest(crypto, made));
    return { ...message, bytes: encodeRepairPackage(ceremony, { ...made, signature: key.sign(statement) }) };
  };
  const sum = (message: Outgoing) => {
    const { receipts } = decodeRepairSum(ceremony, message.bytes);
    const said = { receipts, ephemeralKey, encryptedSum: seal(3) };
    const signature = key.sign(sumStatement(ceremony, said));
    return { ...message, bytes: encodeRepairSum(ceremony, { ...said, signature }) };
  };
  for (const [round, forge, victim] of [
    [1, package1, 'member-2'],
    [2, sum, 'member-3'],
  ] as const) {
    const machines = machinesOf(plan, shares(2, 3));
    const errors = generate(machines, (from, message) =>
      from === 'member-1' && message.bytes[0] === round ? forge(message) : message,
    );
    blamed(errors.get(victim), 'OOTO_THRESHOLD_BAD_SHARE', ['member-1']);
    is(((errors.get(victim) as OotoError).cause as OotoError).code, 'OOTO_CRYPTO_KEY');
    is(machines.get('member-3')!.result, undefined);
  }
});

test('two packages of one helper are found out, with evidence that stands alone', () => {
  const plan = planOf(2, 3);
  const twin = machinesOf(plan, shares(2, 3)).get('member-2')!;
  const second = twin.start().find(({ to }) => to === 'member-1')!;
  const machines = machinesOf(plan, shares(2, 3));
  const errors = generate(machines, (from, message) =>
    from === 'member-2' && message.to === 'member-1' ? second : message,
  );
  blamed(errors.get('member-3'), 'OOTO_THRESHOLD_EQUIVOCATION', ['member-2']);
  const { evidence } = machines.get('member-3')!;
  verifyEquivocation(crypto, repairCeremony(crypto, plan), evidence!);
  const another = repairCeremony(crypto, { ...plan, session: new Uint8Array(32) });
  throwsCode(() => verifyEquivocation(crypto, another, evidence!), 'OOTO_THRESHOLD_EVIDENCE');
});

test('messages of another session, target, choice of helpers or epoch are refused without harm', () => {
  const plan = planOf(2, 3, { helpers: [1, 2] });
  const victim = machinesOf(plan, shares(2, 3)).get('member-1')!;
  victim.start();
  const { publicPackage } = plan;
  const next = refreshedCommittee(publicPackage.committee);
  const fresh = reshared({ previous: publicPackage, next, dealers: [1, 2], session: SESSION }, shares(2, 3));
  const foreign: [Partial<RepairPlan>, ReadonlyMap<string, SecretShare>][] = [
    [{ session: new Uint8Array(32).fill(8) }, shares(2, 3)],
    [{ lost: 1, helpers: [2, 3] }, shares(2, 3)],
    [{ publicPackage: fresh.get('member-1')!.publicPackage }, sharesOf(fresh)],
  ];
  for (const [changes, held] of foreign) {
    const [message] = machinesOf({ ...plan, ...changes }, held)
      .get('member-2')!
      .start();
    throwsCode(() => victim.receive('member-2', message.bytes), 'OOTO_THRESHOLD_SESSION');
  }
  is(victim.stage, 'packages');
});

test('a helper with a share of another epoch cannot take part', () => {
  const { publicPackage } = planOf(2, 3);
  const next = refreshedCommittee(publicPackage.committee);
  const [fresh] = reshared(
    { previous: publicPackage, next, dealers: [1, 2], session: SESSION },
    shares(2, 3),
  ).values();
  const plan = planOf(2, 3, { publicPackage: fresh.publicPackage });
  throwsCode(() => machinesOf(plan, shares(2, 3)), 'OOTO_THRESHOLD_KEY');
});

test('plans that must not be are refused', () => {
  const bad: [Partial<RepairPlan>, string][] = [
    [{ helpers: [1] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ helpers: [2, 1] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ helpers: [1, 1] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ helpers: [1, 9] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ helpers: [1, 3] }, 'OOTO_THRESHOLD_DEALERS'],
    [{ lost: 9 }, 'OOTO_THRESHOLD_DEALERS'],
    [{ session: new Uint8Array(31) }, 'OOTO_THRESHOLD_SESSION'],
  ];
  for (const [changes, code] of bad) throwsCode(() => repairCeremony(crypto, planOf(2, 3, changes)), code);
  const options = { crypto, plan: planOf(2, 3), name: 'member-1', key: generationKeyOf(1) };
  throwsCode(() => new ShareRepair(options), 'OOTO_THRESHOLD_MEMBER');
  const secretShare = shares(2, 3).get('member-2');
  throwsCode(() => new ShareRepair({ ...options, secretShare }), 'OOTO_THRESHOLD_MEMBER');
  throwsCode(() => new ShareRepair({ ...options, name: 'stranger' }), 'OOTO_THRESHOLD_MEMBER');
});

test('strangers and helpers in the wrong round are refused without harm', () => {
  const machines = machinesOf(planOf(2, 3), shares(2, 3));
  const sums = new Map<string, Uint8Array>();
  generate(machines, (from, message) => {
    if (message.bytes[0] !== 2) return message;
    sums.set(from, message.bytes);
    return undefined;
  });
  const fresh = machinesOf(planOf(2, 3), shares(2, 3)).get('member-1')!;
  fresh.start();
  throwsCode(() => fresh.receive('member-2', sums.get('member-2')!), 'OOTO_THRESHOLD_MEMBER');
  throwsCode(() => fresh.receive('member-3', sums.get('member-2')!), 'OOTO_THRESHOLD_MEMBER');
  is(fresh.stage, 'packages');
  equal(machines.get('member-3')!.missing, ['member-1', 'member-2']);
});

test('silent helpers are named when the time is over', () => {
  const machines = machinesOf(planOf(2, 3), shares(2, 3), { deadline: 1_000 });
  generate(machines, (from, m) => (from === 'member-2' ? undefined : m));
  const target = machines.get('member-3')!;
  target.tick(999);
  blamed(
    thrown(() => target.tick(1_000)),
    'OOTO_THRESHOLD_TOO_FEW',
    ['member-2'],
  );
  is(target.stage, 'failed');
});

test('the share is bound to the package it was repaired for', () => {
  const plan = planOf(2, 3);
  const machines = machinesOf(plan, shares(2, 3));
  generate(machines);
  const { result } = machines.get('member-3')!;
  bytes(result!.publicDigest, publicPackageDigest(crypto, plan.publicPackage));
});

test('nothing secret is left in any array but the repaired share', () => {
  const noting = notingScalars(crypto);
  const machines = machinesOf(planOf(3, 5), shares(3, 5), { crypto: noting.crypto });
  const said: Uint8Array[] = [];
  const errors = generate(machines, (_, message) => {
    said.push(message.bytes);
    return message;
  });
  is(errors.size, 0);
  machines.get('member-5')!.result![Symbol.dispose]();
  equal(noting.left(said), []);
});

/** Changes one byte of a helper's messages of one round, and signs them anew with its own key. */
function changing(plan: RepairPlan, round: number, liar: number, at: number): Tamper {
  return (from, message) => {
    if (from !== `member-${liar}` || message.bytes[0] !== round) return message;
    const changed = message.bytes.slice();
    // Another element in the place of a commitment, another byte anywhere else.
    if (at < HEADER + 32 && round === 1)
      changed.set(crypto.edwards25519.multiplyBase(new Uint8Array(32).fill(1)), HEADER);
    else changed[at] ^= 1;
    const { session, digest } = repairCeremony(crypto, plan);
    const body = changed.subarray(HEADER, changed.length - 64);
    const made = crypto.sha256(Uint8Array.from([...utf8('ooto/1 repair-package\0'), ...body]));
    const label = utf8('ooto/1 key-generation-package-statement\0');
    const statement =
      round === 1
        ? Uint8Array.from([...label, ...session, ...digest, 0, liar, ...made])
        : Uint8Array.from([...utf8('ooto/1 repair-sum\0'), ...changed.subarray(0, changed.length - 64)]);
    changed.set(generationKeyOf(liar).sign(statement), changed.length - 64);
    return { ...message, bytes: changed };
  };
}
