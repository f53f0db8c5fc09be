import { concat, utf8, utf8Decode } from '../../../src/base/bytes.ts';
import { base64, hex } from '../../../src/base/hex.ts';
import {
  answerWitness,
  askWitness,
  formatCheckpoint,
  formatNote,
  formatWitnessRequest,
  type Log,
  readWitnessAnswer,
  verifyCheckpoint,
  Witness,
} from '../../../src/log/index.ts';
import { signNote } from '../../../src/log/note.ts';
import type { HttpResponse } from '../../../src/ports.ts';
import * as assert from '../../support/assert.ts';
import { diskFull, MemoryStore } from '../../support/memory-store.ts';
import { suite } from '../../support/suite.ts';
import { crypto, entriesFrom, flipped, grow, logOf, ORIGIN, POLICY, rootOf, signerOf } from './logs.ts';

const test = suite('log/witness-service');
const NAME = 'witness.example/w1';
const TREE_SEED = new Uint8Array(32).fill(6);
const TREE_SIGNER = {
  publicKey: crypto.mldsa44.publicKey(TREE_SEED),
  sign: (message: Uint8Array) => crypto.mldsa44.sign(TREE_SEED, message),
};
const KEYS = [signerOf(5), TREE_SIGNER].map(({ publicKey }) => ({ name: NAME, publicKey }));
const NOW = 1_679_315_147_000;

function witnessing(store = new MemoryStore()) {
  const witness = new Witness({
    ...{ crypto, store, name: NAME, signer: signerOf(5), treeSigner: TREE_SIGNER, logs: [POLICY] },
  });
  const options = {
    ...{ crypto, witness, now: () => NOW },
    commit: (changes: Parameters<MemoryStore['commit']>[0]) => store.commit(changes),
  };
  const remoteAddress = '192.0.2.1:1';
  const send = (method: string, path: string, body: Uint8Array): Promise<HttpResponse> =>
    answerWitness(options, { method, path, body, remoteAddress });
  return {
    store,
    submit: (body: string | Uint8Array) =>
      send('POST', '/add-checkpoint', typeof body === 'string' ? utf8(body) : body),
    get: (path: string) => send('GET', path, new Uint8Array()),
  };
}

const request = (log: Log, oldSize: number, proof = log.proveConsistency(oldSize)) =>
  formatWitnessRequest({ oldSize, proof, note: log.checkpoint! });

/** A note that the log's key signed, whatever it says. */
const signed = (size: number, root: Uint8Array, origin = ORIGIN, signer = signerOf(1)) => {
  const text = formatCheckpoint({ origin, size, root });
  return formatNote({ text, signatures: [signNote(crypto, text, origin, signer)] });
};

test('a log and a witness that only speak HTTP: cosigned by both keys, from size to size', async () => {
  const { log, store } = logOf(3);
  const { submit } = witnessing();
  let oldSize = 0;
  for (const count of [0, 5, 300]) {
    if (count > 0) grow(log, store, entriesFrom(log.size, count));
    const asked = askWitness(log, oldSize);
    const answer = readWitnessAnswer(crypto, asked, await submit(asked.body), KEYS);
    if (answer.kind !== 'cosigned') throw new Error('not cosigned');
    const staged = log.stageCosignatures(answer.signatures);
    store.apply(staged.changes);
    log.accept(staged);
    const { cosignatures } = verifyCheckpoint(crypto, log.checkpoint!, { ...POLICY, witnesses: KEYS });
    assert.equal(
      cosignatures.map(({ time }) => time),
      [NOW / 1000, NOW / 1000],
    );
    oldSize = log.size;
  }
});

test('each thing that is wrong has the status of the specification', async () => {
  const { log, store } = logOf(20);
  const { submit } = witnessing();
  const status = async (body: string) => (await submit(body)).status;
  assert.is(await status(request(log, 0)), 200);
  assert.is(await status(request(log, 20)), 200, 'the same again');
  grow(log, store, entriesFrom(20, 30));
  const root = rootOf(50);
  for (const body of ['', 'old 0', 'old 01\n\n', `old 0\n\n${'x'.repeat(80_000)}`, 'old 20\nAAAA\n\nx'])
    assert.is(await status(body), 400, body.slice(0, 20));
  assert.is(await status(request(log, 51, [])), 400, 'an old size above the new');
  const stranger = signed(50, root, ORIGIN, signerOf(9));
  assert.is(await status(formatWitnessRequest({ oldSize: 20, proof: [], note: stranger })), 403);
  const bent = log.checkpoint!.replace('\n50\n', '\n51\n');
  assert.is(await status(formatWitnessRequest({ oldSize: 20, proof: [], note: bent })), 403);
  const elsewhere = signed(50, root, 'unknown.example/log');
  assert.is(await status(formatWitnessRequest({ oldSize: 20, proof: [], note: elsewhere })), 404);
  const conflict = await submit(request(log, 10));
  assert.is(conflict.status, 409);
  assert.is(conflict.headers['content-type'], 'text/x.tlog.size');
  assert.is(utf8Decode(conflict.body), '20\n');
  const proof = log.proveConsistency(20);
  assert.is(await status(request(log, 20, [])), 422, 'no proof');
  assert.is(await status(request(log, 20, [flipped(proof[0], 3), ...proof.slice(1)])), 422);
  const other = signed(20, rootOf(19));
  assert.is(await status(formatWitnessRequest({ oldSize: 20, proof: [], note: other })), 422, 'split view');
  assert.is(await status(request(log, 20)), 200, 'nothing of all that was stored');
});

test('of a log that was never cosigned: proofs from nothing are empty, and the empty tree has one root', async () => {
  const { log } = logOf(5);
  const { submit } = witnessing();
  const extra = formatWitnessRequest({ oldSize: 0, proof: [rootOf(5)], note: log.checkpoint! });
  assert.is((await submit(extra)).status, 422);
  const empty = `${ORIGIN}\n0\n${base64(rootOf(5))}\n`;
  const note = formatNote({ text: empty, signatures: [signNote(crypto, empty, ORIGIN, signerOf(1))] });
  assert.is((await submit(formatWitnessRequest({ oldSize: 0, proof: [], note }))).status, 422);
  assert.is((await submit(request(log, 3))).status, 409);
});

test('nothing is given before it is stored, and a failure of the store is no answer', async () => {
  const { log } = logOf(5);
  const { store, submit, get } = witnessing();
  store.beforeCommit = diskFull;
  await assert.rejectsCode(submit(request(log, 0)), 'OOTO_STORE_WRITE');
  store.beforeCommit = () => {};
  const path = `/${hex(crypto.sha256(utf8(ORIGIN)))}/checkpoint`;
  assert.is((await get(path)).status, 404);
  assert.is((await submit(request(log, 0))).status, 200);
  const monitored = await get(path);
  assert.is(monitored.status, 200);
  const policy = { ...POLICY, witnesses: KEYS, quorum: 1 };
  assert.is(verifyCheckpoint(crypto, utf8Decode(monitored.body), policy).cosignatures.length, 2);
  for (const wrong of ['/', '/x/checkpoint', `${path}/`, `/${'0'.repeat(64)}/checkpoint`])
    assert.is((await get(wrong)).status, 404, wrong);
});

test('a client takes lines of known keys that hold, and no others', async () => {
  const { log } = logOf(5);
  const asked = askWitness(log, 0);
  const { body } = await witnessing().submit(asked.body);
  const read = (answer: { status: number; body: Uint8Array }, keys = KEYS) =>
    readWitnessAnswer(crypto, asked, answer, keys);
  const cosigned = read({ status: 200, body }, [KEYS[1]]);
  assert.is(cosigned.kind === 'cosigned' && cosigned.signatures.length, 1, 'the other key is not known');
  assert.equal(read({ status: 409, body: utf8('7\n') }), { kind: 'conflict', size: 7 });
  const refused = (answer: { status: number; body: Uint8Array }, code = 'OOTO_LOG_WITNESS') =>
    assert.throwsCode(() => read(answer), code);
  refused({ status: 200, body: utf8('') });
  refused({ status: 200, body: utf8('no line\n') });
  refused({ status: 200, body: Uint8Array.of(0xff, 0x0a) });
  refused({ status: 200, body: concat(...Array.from({ length: 17 }, () => body)) });
  refused({ status: 409, body: utf8('7') });
  refused({ status: 503, body });
  const [line] = utf8Decode(body).split('\n');
  const at = line.length - 10;
  const changed = line[at] === 'A' ? 'B' : 'A';
  const bent = `${line.slice(0, at)}${changed}${line.slice(at + 1)}\n`;
  refused({ status: 200, body: utf8(bent) }, 'OOTO_LOG_SIGNATURE');
});
