import { approveAction, type Change, proposeAction, readProposal } from '../../../../src/authority/action.ts';
import type { LogProof } from '../../../../src/authority/credential.ts';
import { readLeaf } from '../../../../src/authority/leaf.ts';
import { OotoError } from '../../../../src/base/errors.ts';
import type { CborValue } from '../../../../src/envelope/cbor.ts';
import { readApplied, readAudit } from '../../../../src/mesh/audit/actions.ts';
import {
  AuthorityActions,
  NOTING,
  type Performer,
  replayed,
} from '../../../../src/mesh/authority/actions.ts';
import * as assert from '../../../support/assert.ts';
import { AuthorityWorld } from '../../../support/authority.ts';
import { testCrypto } from '../../../support/crypto.ts';
import type { MemoryStore } from '../../../support/memory-store.ts';
import { diskFull } from '../../../support/memory-store.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/authority/actions', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('actions'));
let world: AuthorityWorld;
let members: Map<string, AuthorityActions>;
/** Who cannot be asked. */
let away: Set<string>;
/** Numbers of the refreshes that each member led. */
let performed: string[];
let epoch: number;
let canRescue: boolean;
let onPerform: () => Promise<void>;

test.beforeEach(async () => {
  world = new AuthorityWorld(crypto, { operators: 3, operatorQuorum: 2 });
  await world.establish();
  away = new Set();
  performed = [];
  canRescue = false;
  epoch = 0;
  onPerform = async () => {};
  members = new Map(world.names.map((name) => [name, memberOn(name, world.stores.get(name)!)]));
});

/** A member's part in actions; `refresh` counts the epoch up. */
function memberOn(name: string, store: MemoryStore): AuthorityActions {
  const refreshing: Performer<'refresh'> = {
    requireDue({ number, parameters }) {
      if (parameters.epoch !== epoch) throw replayed(number);
    },
    async perform({ action }) {
      performed.push(`${name} ${action.number}`);
      await onPerform();
      epoch++;
      return { epoch };
    },
  };
  const rescuing: Performer<'rescue'> = {
    isOpen: true,
    takenBy: ({ parameters }) => parameters.members,
    requireDue() {},
    async perform({ action }) {
      performed.push(`${name} ${action.number}`);
      return { bundle: 1, rescue: new Uint8Array([7]) };
    },
  };
  const { clock, logger } = world;
  return new AuthorityActions({
    ...{ crypto, clock, logger, store, name, genesis: world.mesh.record, duty: world.duties.get(name)! },
    fellows: () => world.names.filter((other) => other !== name),
    threshold: () => 2,
    askToAdmit: async (member, encoded) => {
      if (away.has(member)) throw new OotoError('OOTO_MESH_TIMEOUT', 'peer', 'no answer');
      return (await members.get(member)!.admit(name, encoded)) as unknown as CborValue;
    },
    performers: { note: NOTING, refresh: refreshing, ...(canRescue ? { rescue: rescuing } : {}) },
  });
}

function approved(change: Change, by = [0, 1], number = 1, life = 60_000): Uint8Array {
  const created = world.clock.now();
  const frame = { mesh: world.mesh.record.meshId, number, created, expires: created + life };
  return by.reduce(
    (encoded, i) =>
      approveAction(readProposal(crypto, encoded), world.mesh.draft, world.mesh.operators[i].key),
    proposeAction(change, frame),
  );
}

const note = (text = 'hello', by = [0, 1], number = 1) =>
  approved({ kind: 'note', parameters: { text } }, by, number);
const refresh = (number = 1, from = 0) =>
  approved({ kind: 'refresh', parameters: { epoch: from } }, [0, 1], number);
const member = (name = 'a1') => members.get(name)!;
const sizes = () => world.names.map((name) => world.duties.get(name)!.log.size);
const apply = async (encoded: Uint8Array, at = 'a1') =>
  readApplied(crypto, world.authority, readProposal(crypto, encoded), await member(at).apply('w', encoded));
const audit = () =>
  readAudit(crypto, world.authority, world.names, async (name, body) => member(name).list('w', body));

test('an approved action is in every log before it is performed, by one member', async () => {
  onPerform = async () => assert.equal(sizes(), [1, 1, 1]);
  const applied = await apply(refresh(), 'a2');
  assert.equal(applied.logged, ['a2', 'a1', 'a3']);
  assert.equal(applied.facts, { epoch: 1 });
  assert.is(applied.failure, null);
  assert.equal(performed, ['a2 1']);
});

test('what has too few approvals, or is over, is nowhere written and nowhere performed', async () => {
  await assert.rejectsCode(apply(note('x', [1])), 'OOTO_ENVELOPE_THRESHOLD');
  const late = note();
  await world.clock.advance(60_001);
  await assert.rejectsCode(apply(late), 'OOTO_AUTHORITY_ACTION_EXPIRED');
  await assert.rejectsCode(member('a2').admit('a1', note('x', [1])), 'OOTO_ENVELOPE_THRESHOLD');
  assert.equal(sizes(), [0, 0, 0]);
});

test('an action is applied once: not by the member that led, nor by another, nor after a restart', async () => {
  const encoded = refresh();
  await apply(encoded);
  for (const name of world.names) await assert.rejectsCode(apply(encoded, name), 'OOTO_MESH_ACTION_REPLAYED');
  await apply(note('n', [0, 1], 2), 'a2');
  for (const name of world.names) {
    world.restart(name, world.stores.get(name)!);
    members.set(name, memberOn(name, world.stores.get(name)!));
    await assert.rejectsCode(apply(encoded, name), 'OOTO_MESH_ACTION_REPLAYED');
    await assert.rejectsCode(apply(note('n', [1, 2], 2), name), 'OOTO_MESH_ACTION_REPLAYED');
  }
  assert.equal(performed, ['a1 1']);
  assert.equal(sizes(), [2, 2, 2]);
});

test('what failed can be finished by the same member or another, also when it has expired meanwhile', async () => {
  onPerform = async () => {
    throw new OotoError('OOTO_THRESHOLD_TOO_FEW', 'peer', 'too few');
  };
  const encoded = refresh();
  assert.is((await apply(encoded)).failure?.code, 'OOTO_THRESHOLD_TOO_FEW');
  assert.is((await apply(encoded, 'a2')).failure?.code, 'OOTO_THRESHOLD_TOO_FEW');
  onPerform = async () => {};
  await world.clock.advance(120_000);
  assert.equal((await apply(encoded)).facts, { epoch: 1 });
  assert.equal(sizes(), [1, 1, 1], 'one entry each');
  await assert.rejectsCode(apply(encoded), 'OOTO_MESH_ACTION_REPLAYED');
});

test('what is done is not begun again, though the mesh looks as it did', async () => {
  const encoded = refresh();
  await apply(encoded);
  epoch = 0;
  await assert.rejectsCode(apply(encoded), 'OOTO_MESH_ACTION_REPLAYED');
  await member('a2').finish(readProposal(crypto, encoded));
  await assert.rejectsCode(member('a2').admit('a1', encoded), 'OOTO_MESH_ACTION_REPLAYED');
});

test('one number stands for one action, at every member', async () => {
  await apply(note('first'));
  await assert.rejectsCode(apply(note('second')), 'OOTO_MESH_ACTION_NUMBER');
  const split = await apply(note('second', [0, 2], 2), 'a1');
  assert.equal(split.logged, ['a1', 'a2', 'a3']);
  assert.equal(sizes(), [2, 2, 2]);
});

test('two actions that race for one number: the log has one of them', async () => {
  const [a, b] = [note('first'), note('second')];
  const results = await Promise.allSettled([
    member().admit('x', a),
    member().admit('y', b),
    member().admit('z', a),
  ]);
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  );
  assert.is(world.duties.get('a1')!.log.size, 1);
});

test('below the threshold nothing is performed, and it can be applied again when enough are back', async () => {
  away = new Set(['a2', 'a3']);
  const alone = await apply(refresh());
  assert.is(alone.failure?.code, 'OOTO_AUTHORITY_UNAVAILABLE');
  assert.equal(
    alone.refused.map(({ member: name, code }) => `${name} ${code}`),
    ['a2 OOTO_MESH_TIMEOUT', 'a3 OOTO_MESH_TIMEOUT'],
  );
  assert.equal(performed, []);
  away = new Set(['a3']);
  assert.equal((await apply(refresh())).facts, { epoch: 1 });
});

test('a full disk leaves no entry, and nothing is done', async () => {
  world.stores.get('a1')!.beforeCommit = diskFull;
  await assert.rejectsCode(apply(refresh()), 'OOTO_STORE_WRITE');
  world.stores.get('a1')!.beforeCommit = () => {};
  assert.equal([sizes()[0], performed], [0, []]);
  await apply(refresh());
});

test('members answer each other for what is in their own logs alone', async () => {
  const encoded = refresh();
  const { digest } = readProposal(crypto, encoded);
  assert.throwsCode(() => member('a2').requireAdmitted(1, digest), 'OOTO_MESH_ACTION_UNKNOWN');
  await apply(encoded);
  assert.is(member('a2').requireAdmitted(1, digest).action.kind, 'refresh');
  assert.throwsCode(() => member('a2').requireAdmitted(1, new Uint8Array(32)), 'OOTO_MESH_ACTION_UNKNOWN');
});

test('a rescue is led once every member that it names has it in its log, and again until it is signed', async () => {
  canRescue = true;
  for (const name of world.names) members.set(name, memberOn(name, world.stores.get(name)!));
  const parameters = { version: 0, threshold: 2, members: world.names, since: 0, overlapMs: 1 };
  const rescue = approved({ kind: 'rescue', parameters });
  away.add('a3');
  // As many as must sign have it, and not all that are named.
  assert.is((await apply(rescue)).failure?.code, 'OOTO_AUTHORITY_UNAVAILABLE');
  away = new Set();
  const applied = await apply(rescue, 'a3');
  assert.is(applied.failure, null);
  assert.equal(applied.facts, { bundle: 1 });
  assert.bytes(applied.rescue!, new Uint8Array([7]));
  assert.is((await apply(rescue, 'a1')).failure, null);
  assert.equal(performed, ['a3 1', 'a1 1']);
  assert.equal(sizes(), [1, 1, 1]);
});

test('what operators let in is in the log once, with their names and the number of their action', async () => {
  const { digest } = readProposal(crypto, note());
  await member().apply('w', note());
  const { bundle, committee } = world.authority;
  const encoded = new Uint8Array([1, 2, 3]);
  const admitted = { ...bundle, version: 1, encoded, operators: ['operator', 'operator-2'] };
  const record = { ...committee, action: digest };
  const first = await member().logRescue(admitted, record);
  const again = await member().logRescue(admitted, record);
  assert.is(again.index, first.index);
  assert.is(world.duties.get('a1')!.log.size, 2);
  assert.equal(readLeaf(first.leaf), {
    ...{ kind: 'action', action: 'rescue', number: 1, digest: bundle.digest },
    ...{ approvals: crypto.sha256(encoded), operators: ['operator', 'operator-2'] },
  });
});

test('a kind that nobody performs is refused before it is written', async () => {
  const parameters = { version: 0, threshold: 2, members: ['a1', 'a2', 'a3'], since: 0, overlapMs: 0 };
  const rescue = approved({ kind: 'rescue', parameters });
  await assert.rejectsCode(apply(rescue), 'OOTO_MESH_ACTION_KIND');
  assert.equal(sizes(), [0, 0, 0]);
});

test('one action at a time is led by a member, and nobody asks without end', async () => {
  let go = () => {};
  onPerform = () => new Promise((resolve) => (go = resolve));
  const running = apply(refresh());
  while (performed.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await assert.rejectsCode(apply(note('x', [0, 1], 2)), 'OOTO_MESH_ACTION_BUSY');
  go();
  await running;
  const codes = new Set<string>();
  for (let i = 0; i < 40; i++)
    await member()
      .apply('flood', new Uint8Array(9))
      .catch(({ code }: OotoError) => codes.add(code));
  assert.ok(codes.has('OOTO_MESH_ACTION_RATE'));
  await apply(note('y', [0, 1], 3));
});

test('the audit names every action, who approved it and whose log proves it', async () => {
  for (let number = 1; number <= 5; number++) await apply(note(`n${number}`, [0, 2], number));
  away = new Set(['a3']);
  await world.clock.advance(60_000);
  await apply(note('without a3', [1, 2], 9));
  const { actions, failed } = await audit();
  assert.equal(failed, []);
  assert.equal(
    actions.map(({ action }) => action.number),
    [1, 2, 3, 4, 5, 9],
  );
  assert.equal(actions[0].operators, ['operator', 'operator-3']);
  assert.equal(actions[5].logged, [
    { member: 'a1', index: 5 },
    { member: 'a2', index: 5 },
  ]);
});

test('an audit that does not verify is its member’s fault, and none of it is believed', async () => {
  await apply(note());
  const forged: Record<string, (page: { encoded: Uint8Array; proof: LogProof }[]) => unknown> = {
    OOTO_ENVELOPE_THRESHOLD: ([{ proof }]) => [{ encoded: note('hello', [0]), proof }],
    OOTO_MESH_AUDIT: ([{ proof }]) => [{ encoded: note('other'), proof }],
    OOTO_LOG_INCLUSION: ([{ encoded, proof }]) => [{ encoded, proof: { ...proof, index: 1 } }],
  };
  for (const [code, forge] of Object.entries(forged)) {
    const { actions, failed } = await readAudit(
      crypto,
      world.authority,
      ['a1'],
      async (name, body) => forge(member(name).list('w', body) as never) as CborValue,
    );
    assert.equal(actions, []);
    assert.is((failed[0].error as OotoError).code, code);
  }
  const borrowed = await readAudit(crypto, world.authority, ['a1'], async (_, body) =>
    member('a2').list('w', body),
  );
  assert.is((borrowed.failed[0].error as OotoError).code, 'OOTO_MESH_AUDIT');
});

test('a leader’s word about others counts only with their proofs', async () => {
  const encoded = note();
  const answer = (await member().apply('w', encoded)) as unknown as {
    members: { member: string; proof: LogProof }[];
  };
  const [first, second] = answer.members;
  for (const twisted of [
    { ...answer, members: [first, first] },
    { ...answer, number: 2 },
  ])
    assert.throwsCode(
      () =>
        readApplied(crypto, world.authority, readProposal(crypto, encoded), twisted as unknown as CborValue),
      'OOTO_MESH_AUDIT',
    );
  const lie = { ...answer, members: [{ member: 'a3', proof: second.proof }] } as unknown as CborValue;
  assert.throwsCode(
    () => readApplied(crypto, world.authority, readProposal(crypto, encoded), lie),
    'OOTO_MESH_AUDIT',
  );
});
