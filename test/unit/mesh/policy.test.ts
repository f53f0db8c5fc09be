import fc from 'fast-check';
import { meetsTier, TIERS } from '../../../src/cert/tier.ts';
import type { CborValue } from '../../../src/envelope/cbor.ts';
import {
  admitOperation,
  OPERATIONS,
  type OperationName,
  operationsOf,
  ROLES,
} from '../../../src/mesh/operations.ts';
import { decide, initialPolicy, type Policy, readPolicy } from '../../../src/mesh/policy.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/policy');
const names = Object.keys(OPERATIONS) as OperationName[];
const first = initialPolicy({ manifests: ['00'.repeat(32)], originators: [] });
const KINDS = ['member', 'founder', 'enrol'] as const;

test('each operation is answered by exactly these roles over exactly these channels', () => {
  const table: Record<string, string> = {
    'genesis.': 'authority/founder',
    'authority.': 'authority/member,founder',
    'ceremony.': 'authority/member,founder',
    'ceremony.introduce': 'authority/founder',
    'enrol.': 'authority/enrol',
    'certificate.': 'authority/member',
    'head.': 'authority/member',
    'membership.': 'authority/member',
    'log.': 'authority/member',
    'definition.': 'authority/member',
    'witness.': 'authority/member',
    'job.': 'scheduler/member',
    'workload.': 'worker/member',
    'telemetry.': 'collector/member',
    'node.': `${ROLES.join()}/member`,
    'mesh.documents': `${ROLES.join()}/member,founder,enrol`,
    'mesh.announce': `${ROLES.join()}/member,founder`,
  };
  for (const name of names) {
    const { offeredBy, over } = OPERATIONS[name];
    const expected = table[name] ?? table[name.slice(0, name.indexOf('.') + 1)];
    assert.is(`${offeredBy.join()}/${over.join()}`, expected, name);
  }
});

test('what the table does not offer is not admitted: every name, role and channel', () => {
  for (const name of names)
    for (const role of ROLES)
      for (const kind of KINDS) {
        const { offeredBy, over } = OPERATIONS[name] as {
          offeredBy: readonly string[];
          over: readonly string[];
        };
        const offered = offeredBy.includes(role);
        const admit = () => admitOperation(name, role, kind);
        if (offered && over.includes(kind)) assert.is(admit(), name);
        else
          assert.throwsCode(
            admit,
            !offered || kind === 'member' ? 'OOTO_MESH_UNKNOWN_OPERATION' : 'OOTO_MESH_ANONYMOUS',
          );
      }
});

test('nobody without a certificate reaches anything but enrolment, genesis, and documents that everybody may see', () => {
  for (const role of ROLES)
    for (const name of operationsOf(role)) {
      const over: readonly string[] = OPERATIONS[name].over;
      assert.is(over.includes('enrol'), name.startsWith('enrol.') || name === 'mesh.documents');
      if (over.includes('founder')) assert.match(name, /^(genesis|authority|mesh|ceremony)\./);
    }
});

test('names that objects inherit are no operations', () => {
  for (const name of ['__proto__', 'constructor', 'toString', '', 'node.ping ', 'NODE.PING'])
    assert.throwsCode(() => admitOperation(name, 'authority', 'member'), 'OOTO_MESH_UNKNOWN_OPERATION');
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...ROLES), (name, role) => {
      if (!names.includes(name as OperationName))
        assert.throwsCode(() => admitOperation(name, role, 'member'), 'OOTO_MESH_UNKNOWN_OPERATION');
    }),
  );
});

test('without a rule the answer is no', () => {
  const empty = { ...first, rules: [] };
  for (const role of ROLES)
    for (const name of names)
      assert.throwsCode(() => decide(empty, { id: 'x', role, tier: 'measured' }, name), 'OOTO_POLICY_DENIED');
});

test('the decision is the one a reader of the rules comes to', () => {
  const rule = fc.record({
    roles: fc.subarray([...ROLES]),
    operations: fc.subarray(names),
    tier: fc.constantFrom(...TIERS),
  });
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 4 }),
      fc.constantFrom(...ROLES),
      fc.constantFrom(...TIERS),
      fc.constantFrom(...names),
      (rules, role, tier, name) => {
        const allows = rules.some(
          (r) =>
            (r.roles as string[]).includes(role) && r.operations.includes(name) && meetsTier(tier, r.tier),
        );
        const policy = { ...first, rules } as Policy;
        const ask = () => decide(policy, { id: 'x', role, tier }, name);
        if (allows) assert.ok(meetsTier(tier, ask().tier));
        else assert.throwsCode(ask, 'OOTO_POLICY_DENIED');
      },
    ),
  );
});

test('a tier is met by itself and by those above it', () => {
  const strength = ['software', 'authenticator', 'hardware', 'measured'];
  for (const held of TIERS)
    for (const needed of TIERS)
      assert.is(
        meetsTier(held, needed),
        strength.indexOf(held) >= strength.indexOf(needed),
        `${held} ${needed}`,
      );
});

test('the first policy lets each role do its work and nothing of the others', () => {
  const may = (role: (typeof ROLES)[number], name: OperationName) => {
    try {
      return Boolean(decide(first, { id: 'x', role, tier: 'software' }, name));
    } catch {
      return false;
    }
  };
  const common = [
    'certificate.renew',
    'certificate.renew-evidence',
    'head.current',
    'mesh.documents',
    'mesh.announce',
    'node.ping',
    'membership.publish',
    'membership.list',
    'telemetry.append',
    'authority.apply',
    'authority.actions',
    'log.checkpoint',
    'log.resource',
    'log.consistency',
  ];
  const own: Record<string, string[]> = {
    authority: [
      ...['authority.challenge', 'authority.appraise', 'authority.sign', 'authority.adopt-head'],
      ...['authority.admit', 'authority.cosign-log', 'authority.log-seen'],
      ...names.filter((name) => name.startsWith('ceremony.') && name !== 'ceremony.introduce'),
    ],
    scheduler: ['workload.execute', 'witness.cosign'],
    worker: [],
    collector: [],
    originator: [
      'definition.log',
      'witness.cosign',
      'job.submit',
      'job.chunk',
      'job.finish',
      'telemetry.summary',
    ],
  };
  for (const role of ROLES)
    assert.equal(names.filter((name) => may(role, name)).sort(), [...common, ...own[role]].sort(), role);
});

test('a policy is read strictly', () => {
  const plain = first as unknown as Record<string, CborValue>;
  assert.equal(readPolicy(plain, 'policy'), first);
  for (const wrong of [
    { ...plain, more: 1 },
    { ...plain, manifests: [] },
    { ...plain, manifests: ['00'] },
    { ...plain, manifests: ['AA'.repeat(32)] },
    { ...plain, version: -1 },
    { ...plain, rules: [{ roles: ['worker'], operations: ['node.ping'], tier: 'root' }] },
  ])
    assert.throwsCode(() => readPolicy(wrong, 'policy'), 'OOTO_ENVELOPE_FIELD');
});
