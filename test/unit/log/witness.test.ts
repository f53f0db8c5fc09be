import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import {
  advanceView,
  decodeForkEvidence,
  encodeForkEvidence,
  ForkError,
  type ForkEvidence,
  formatWitnessRequest,
  type Log,
  parseNote,
  parseNoteSignature,
  parseWitnessRequest,
  restoreView,
  verifyCheckpoint,
  verifyForkEvidence,
  Witness,
} from '../../../src/log/index.ts';
import { equal, is, ok, thrown, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  crypto,
  entriesFrom,
  flipped,
  grow,
  logOf,
  MemoryStore,
  ORIGIN,
  openLog,
  POLICY,
  signerOf,
} from './logs.ts';

const test = suite('witnesses, views and forks');
const NAME = 'witness.example/w1';
const NOW = 1_679_315_147_900;

function witnessOver(store: MemoryStore): Witness {
  return new Witness({ crypto, store, name: NAME, signer: signerOf(5), logs: [POLICY] });
}

/** Stage, commit, accept; returns the signature line. */
function ask(witness: Witness, store: MemoryStore, log: Log, oldSize = witness.sizeOf(ORIGIN)): string {
  const request = { oldSize, proof: log.proveConsistency(oldSize), note: log.checkpoint! };
  const staged = witness.stage(request, NOW);
  store.apply(staged.changes);
  return witness.accept(staged);
}

/** Two logs with one key that part after `common` entries. */
function forked(common: number, more: number): { honest: Log; other: Log } {
  const honest = logOf(common);
  const otherStore = honest.store.copy();
  const other = openLog(otherStore);
  if (more > 0) grow(honest.log, honest.store, entriesFrom(common, more));
  grow(other, otherStore, [utf8('another entry'), ...entriesFrom(0, Math.max(0, more - 1))]);
  return { honest: honest.log, other };
}

test('a growing log is cosigned, and a reader with a quorum of one is content', () => {
  const { log, store } = logOf(3);
  const states = new MemoryStore();
  const witness = witnessOver(states);
  is(witness.sizeOf(ORIGIN), 0);
  for (const count of [0, 1, 300, 5]) {
    if (count > 0) grow(log, store, entriesFrom(log.size, count));
    const line = ask(witness, states, log);
    const staged = log.stageCosignatures([parseNoteSignature(line.trimEnd())]);
    store.apply(staged.changes);
    log.accept(staged);
    const policy = { ...POLICY, witnesses: [witness.key], quorum: 1 };
    const head = verifyCheckpoint(crypto, log.checkpoint!, policy);
    equal(head.cosignatures, [{ name: NAME, time: 1_679_315_147 }]);
    is(witnessOver(states).sizeOf(ORIGIN), log.size);
  }
});

test('nothing is signed before the state is durable', () => {
  const { log } = logOf(3);
  const states = new MemoryStore();
  const witness = witnessOver(states);
  const staged = witness.stage({ oldSize: 0, proof: [], note: log.checkpoint! }, NOW);
  equal(Object.keys(staged).sort(), ['changes', 'origin']);
  is(witness.sizeOf(ORIGIN), 0);
  throwsCode(() => witness.stage({ oldSize: 0, proof: [], note: log.checkpoint! }, NOW), 'OOTO_LOG_BUSY');
  witness.discard(staged);
  throwsCode(() => witness.accept(staged), 'OOTO_LOG_STAGED');
  ok(ask(witness, states, log).startsWith(`\u2014 ${NAME} `));
});

test('rollback, wrong old sizes and unproven growth are refused', () => {
  const { log, store } = logOf(5);
  const small = log.checkpoint!;
  grow(log, store, entriesFrom(5, 5));
  const states = new MemoryStore();
  const witness = witnessOver(states);
  ask(witness, states, log);
  const stage = (oldSize: number, note: string, proof: Uint8Array[] = []) =>
    witness.stage({ oldSize, proof, note }, NOW);
  throwsCode(() => stage(10, small), 'OOTO_LOG_RANGE');
  throwsCode(() => stage(5, small), 'OOTO_LOG_CONFLICT');
  throwsCode(() => stage(0, small), 'OOTO_LOG_CONFLICT');
  grow(log, store, entriesFrom(10, 5));
  throwsCode(() => stage(0, log.checkpoint!), 'OOTO_LOG_CONFLICT');
  throwsCode(() => stage(10, log.checkpoint!), 'OOTO_LOG_CONSISTENCY');
  throwsCode(() => stage(10, log.checkpoint!, log.proveConsistency(9)), 'OOTO_LOG_CONSISTENCY');
  stage(10, log.checkpoint!, log.proveConsistency(10));
});

test('unknown logs and unsigned checkpoints are refused', () => {
  const { log } = logOf(3);
  const witness = witnessOver(new MemoryStore());
  const note = log.checkpoint!;
  throwsCode(
    () => witness.stage({ oldSize: 0, proof: [], note: note.replaceAll(ORIGIN, 'other') }, NOW),
    'OOTO_LOG_ORIGIN',
  );
  const { text } = parseNote(note);
  const unsigned = `${text}\n\u2014 x AAAAAAA=\n`;
  throwsCode(() => witness.stage({ oldSize: 0, proof: [], note: unsigned }, NOW), 'OOTO_LOG_SIGNATURE');
});

test('an altered state of the witness is noticed', () => {
  const { log, store } = logOf(5);
  const states = new MemoryStore();
  ask(witnessOver(states), states, log);
  const [key] = states.content.keys();
  grow(log, store, entriesFrom(5, 1));
  const whole = states.content.get(key)!;
  for (let at = 0; at < whole.length; at++) {
    states.content.set(key, flipped(whole, at));
    throwsCode(() => witnessOver(states).sizeOf(ORIGIN), 'OOTO_LOG_STORE');
  }
});

test('a fork at one size becomes evidence, at the witness and at a reader', () => {
  const { honest, other } = forked(7, 1);
  const states = new MemoryStore();
  const witness = witnessOver(states);
  ask(witness, states, honest);
  const request = { oldSize: 8, proof: [], note: other.checkpoint! };
  requireEvidence(thrown(() => witness.stage(request, NOW)));
  const view = advanceView(crypto, POLICY, undefined, honest.checkpoint!, []);
  requireEvidence(thrown(() => advanceView(crypto, POLICY, view, other.checkpoint!, [])));
  is(witness.sizeOf(ORIGIN), 8);
});

test('a fork at different sizes becomes evidence when the log gives the proof of its other branch', () => {
  const { honest, other } = forked(6, 1);
  const otherView = advanceView(crypto, POLICY, undefined, other.checkpoint!, []);
  ok(otherView);
  // The other branch goes on; its proof from size 7 leads to its own root of 7.
  const store = new MemoryStore();
  const branch = openLog(store);
  grow(branch, store, [...entriesFrom(0, 6), utf8('another entry'), ...entriesFrom(0, 3)]);
  const view = advanceView(crypto, POLICY, undefined, honest.checkpoint!, []);
  const error = thrown(() =>
    advanceView(crypto, POLICY, view, branch.checkpoint!, branch.proveConsistency(7)),
  );
  requireEvidence(error);
});

test('evidence about an honest log, or changed evidence, shows nothing', () => {
  const { honest, other } = forked(7, 1);
  const view = advanceView(crypto, POLICY, undefined, honest.checkpoint!, []);
  const { evidence } = thrown(() => advanceView(crypto, POLICY, view, other.checkpoint!, [])) as ForkError;
  const same = { ...evidence, second: evidence.first, prefixRoot: view.root };
  throwsCode(() => verifyForkEvidence(crypto, same, POLICY), 'OOTO_LOG_EVIDENCE');
  const grown = logOf(12).log;
  const honestPair: ForkEvidence = {
    first: logOf(7).log.checkpoint!,
    second: grown.checkpoint!,
    prefixRoot: grown.rootAt(7),
    proof: grown.proveConsistency(7),
  };
  throwsCode(() => verifyForkEvidence(crypto, honestPair, POLICY), 'OOTO_LOG_EVIDENCE');
  const invented = { ...honestPair, prefixRoot: new Uint8Array(32) };
  throwsCode(() => verifyForkEvidence(crypto, invented, POLICY), 'OOTO_LOG_CONSISTENCY');
  const encoded = encodeForkEvidence(evidence);
  for (let at = 0; at < encoded.length; at++) {
    const error = thrown(() => verifyForkEvidence(crypto, decodeForkEvidence(flipped(encoded, at)), POLICY));
    ok(error instanceof OotoError, `byte ${at}`);
  }
});

function requireEvidence(error: unknown): void {
  ok(error instanceof ForkError, `${error}`);
  is(error.code, 'OOTO_LOG_FORK');
  equal([...error.culprits], [ORIGIN]);
  const read = decodeForkEvidence(encodeForkEvidence(error.evidence));
  equal(read, error.evidence);
  verifyForkEvidence(crypto, read, POLICY);
}

test('a view never goes back, never grows unproven, and is restored as it was', () => {
  const { log, store } = logOf(5);
  const small = log.checkpoint!;
  grow(log, store, entriesFrom(5, 5));
  const view = advanceView(crypto, POLICY, undefined, log.checkpoint!, []);
  throwsCode(() => advanceView(crypto, POLICY, view, small, []), 'OOTO_LOG_ROLLBACK');
  throwsCode(() => advanceView(crypto, POLICY, undefined, small, [log.root]), 'OOTO_LOG_CONSISTENCY');
  is(advanceView(crypto, POLICY, view, log.checkpoint!, []).size, 10);
  const restored = restoreView(crypto, POLICY, view.note);
  equal(restored, view);
  grow(log, store, entriesFrom(10, 1));
  throwsCode(() => advanceView(crypto, POLICY, restored, log.checkpoint!, []), 'OOTO_LOG_CONSISTENCY');
  const wrong = log.proveConsistency(10).map((hash) => flipped(hash, 3));
  throwsCode(() => advanceView(crypto, POLICY, restored, log.checkpoint!, wrong), 'OOTO_LOG_CONSISTENCY');
  is(advanceView(crypto, POLICY, restored, log.checkpoint!, log.proveConsistency(10)).size, 11);
});

test('a view of an empty log grows without proof', () => {
  const store = new MemoryStore();
  const log = openLog(store);
  const view = advanceView(crypto, POLICY, undefined, grow(log, store, []), []);
  grow(log, store, entriesFrom(0, 4));
  is(advanceView(crypto, POLICY, view, log.checkpoint!, log.proveConsistency(0)).size, 4);
});

test('requests are those of tlog-witness', () => {
  const { log } = logOf(9);
  const request = { oldSize: 5, proof: log.proveConsistency(5), note: log.checkpoint! };
  const text = formatWitnessRequest(request);
  ok(text.startsWith('old 5\n'));
  equal(parseWitnessRequest(text), request);
  const first = { oldSize: 0, proof: [], note: log.checkpoint! };
  is(formatWitnessRequest(first), `old 0\n\n${log.checkpoint}`);
  equal(parseWitnessRequest(formatWitnessRequest(first)), first);
  for (const bad of [
    '',
    'old 5\n',
    text.replace('old 5', 'old 05'),
    text.replace('old 5', 'old -5'),
    text.replace('old 5', 'size 5'),
    text.replace('old 5', 'old 9007199254740993'),
    text.replace('=\n', '\n'),
    text.replace('old 5\n', `old 5\n${'A'.repeat(42)}==\n`),
    text.replace('old 5\n', `old 5\n${`${'A'.repeat(43)}=\n`.repeat(64)}`),
  ])
    throwsCode(() => parseWitnessRequest(bad), 'OOTO_LOG_REQUEST');
  fc.assert(
    fc.property(fc.string(), (junk) => {
      const error = thrown(() => parseWitnessRequest(junk));
      ok(error === undefined || error instanceof OotoError);
    }),
  );
});
