/** The check finds what was planted, names it, and says how the secret came there; it finds nothing where nothing is. */
import { equal, is, match, ok } from '../support/assert.ts';
import { suite } from '../support/suite.ts';
import { checkModule, describeLeak, type Findings } from './check.ts';
import { compile, compileCore } from './compile.ts';
import type { LeakKind } from './machine.ts';
import { OPERATIONS, type Operation, PUBLIC_EXPORTS } from './operations.ts';
import { PLANTED_ARGS, PLANTED_BESIDE_TAG, PLANTED_FILES, PLANTED_IN_CORE } from './planted.ts';

const test = suite('constant time: planted leaks', { timeout: 230_000 });

const AREAS = { inputAddress: 'a constant', outputAddress: 'a constant' };
const FOR_THE_CORE = new Set([
  'AES-256-GCM key',
  'AES-256-GCM',
  'records',
  'X25519',
  'Ed25519 signing',
  'ML-KEM-768 decapsulation',
]);
const OPENING = new Set(['AES-256-GCM', 'AES-256-GCM of many', 'records']);
const BRANCH = '(if|br_if)';
let planted: Uint8Array;

test.before(async () => {
  planted = await compile({
    args: PLANTED_ARGS,
    source: (file) => PLANTED_FILES[file.replace(/^.*[\\/]/, '')],
  });
});

/** Calls exports of the planted module with a secret in the input. */
function find(exports: readonly string[], args: number[] = [], secretBytes = 32): Findings {
  const operation: Operation = {
    name: 'planted',
    run(scene) {
      scene.secret('key', 0, secretBytes);
      for (const name of exports) scene.call(name, args);
    },
  };
  return checkModule(planted, [operation], AREAS);
}

/** Exports to call, what must be found, the innermost function and the instruction; which branch, the compiler chooses. */
const LEAKS: [exports: string[], kind: LeakKind, where: string, instruction: string][] = [
  [['secretIndex'], 'address', 'secretIndex', 'i32.load8_u'],
  [['secretStoreAddress'], 'address', 'secretStoreAddress', 'i32.store8'],
  [['secretBranch'], 'branch', 'secretBranch', BRANCH],
  [['secretLoop'], 'branch', 'secretLoop', BRANCH],
  [['secretSwitch'], 'branch', 'secretSwitch', '(if|br_if|br_table)'],
  [['secretDivision'], 'division', 'secretDivision', 'i32.div_u'],
  [['secretRemainder'], 'division', 'secretRemainder', 'i64.rem_u'],
  [['secretSelect'], 'select', 'secretSelect', 'select'],
  [['secretBitCount'], 'bit count', 'secretBitCount', 'i32.clz'],
  [['secretLength'], 'length', 'secretLength', 'memory.copy'],
  [['secretResult'], 'result', 'secretResult', 'result'],
  [['keepSecret', 'throughMemory'], 'address', 'throughMemory', 'i32.load8_u'],
  [['throughCopies'], 'address', 'throughCopies', 'i32.load8_u'],
  [['throughGlobal'], 'address', 'useGlobal', 'i32.load8_u'],
  [['inCalledFunction'], 'branch', 'inner', BRANCH],
  [['earlyExit'], 'branch', 'compareBytes', BRANCH],
];

for (const [exports, kind, where, instruction] of LEAKS)
  test(`${exports.join(', then ')}: ${kind}`, () => {
    const { leaks } = find(exports);
    ok(leaks.length > 0, 'nothing was found');
    const { leak } = leaks[0];
    is(leak.kind, kind);
    is(leak.secret, 'key');
    match(leak.instruction, new RegExp(`^${instruction}$`));
    is(leak.path.split('/').at(-1), where);
    ok(leak.path.startsWith(exports.at(-1)!), leak.path);
    match(leak.chain.join('\n'), /^secret: key\n/);
    match(describeLeak('planted', leak), new RegExp(`0x${leak.offset.toString(16)}`));
  });

test('the chain shows every function through which a secret went', () => {
  const [{ leak }] = find(['keepSecret', 'throughMemory']).leaks;
  const chain = leak.chain.join('\n');
  match(chain, /keepSecret: v128\.load 0x[0-9a-f]+, v128\.store 0x[0-9a-f]+\nthroughMemory: i32\.load8_u/);
});

test('the offset is that of the instruction in the file', () => {
  const [{ leak }] = find(['secretDivision']).leaks;
  is(planted[leak.offset], 0x6e);
});

test('a leak at one length alone shows as instructions that were not run, or as a leak', () => {
  const elsewhere = find(['onlyAtOneLength'], [76]);
  equal(elsewhere.leaks, []);
  ok(elsewhere.notRun.some((line) => line.startsWith('onlyAtOneLength: ')));
  is(find(['onlyAtOneLength'], [77]).leaks.length, 1);
});

test('an export that the table does not know is named', () => {
  ok(find(['secretIndex']).notCalled.includes('secretBranch'));
});

test('a secret that stays in memory is named', () => {
  match(find(['leavesSecret']).left.join(), /16 bytes of key/);
});

test('the same work in constant time leaks nothing', () => {
  for (const name of ['constantTimeLookup', 'constantTimeChoice', 'overwritten'])
    equal(find([name]).leaks, [], name);
  equal(
    find(['constantTimeComparison']).leaks.map(({ leak }) => leak.kind),
    ['result'],
  );
});

test('public bytes decide what they like', () => {
  for (const [[name]] of LEAKS) equal(find([name], [], 0).leaks, [], name);
});

test('leaks planted into the core are found where they are', async () => {
  const operations = OPERATIONS.filter(({ name }) => FOR_THE_CORE.has(name));
  const { leaks } = checkModule(await compileCore(PLANTED_IN_CORE), operations, PUBLIC_EXPORTS);
  const found = (operation: string, kind: LeakKind, path: RegExp): void => {
    const fitting = leaks.filter((each) => each.operation === operation && each.leak.kind === kind);
    ok(
      fitting.some(({ leak }) => path.test(leak.path)),
      `${operation}, ${kind}: found ${leaks.map(({ operation, leak }) => describeLeak(operation, leak)).join('\n')}`,
    );
  };
  found('AES-256-GCM key', 'address', /^gcmSetKey/);
  found('AES-256-GCM', 'branch', /^gcmOpen/);
  found('records', 'branch', /^recordOpen/);
  found('X25519', 'branch', /^x25519Multiply/);
  found('Ed25519 signing', 'division', /^ed25519SignFinish.*scalar/);
  found('ML-KEM-768 decapsulation', 'select', /^mlkemDecaps/);
  found('ML-KEM-768 decapsulation', 'division', /^mlkemDecaps/);
});

test('a second question beside that of the tag is found, whatever opens', async () => {
  const operations = OPERATIONS.filter(({ name }) => OPENING.has(name));
  const { leaks } = checkModule(await compileCore(PLANTED_BESIDE_TAG), operations, PUBLIC_EXPORTS);
  for (const name of OPENING) {
    const kinds = leaks.filter(({ operation }) => operation === name).map(({ leak }) => leak.kind);
    ok(kinds.includes('branch'), `${name}: ${kinds.join()}`);
  }
});
