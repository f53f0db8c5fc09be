/** Checkpoints that were verified before: known again by their every byte, under their own key alone. */
import { KnownCheckpoints } from '../../../src/authority/known-checkpoints.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { formatCheckpoint } from '../../../src/log/checkpoint.ts';
import { formatNote, parseNote, signNote } from '../../../src/log/note.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/known-checkpoints');
const crypto = testCrypto(seededRandom('known checkpoints'));
const signer = Ed25519SigningKey.generate(crypto);
const log = { name: 'mesh/log/a1', publicKey: signer.publicKey };

function noteOf(size: number, key = signer): string {
  const text = formatCheckpoint({ origin: log.name, size, root: new Uint8Array(32).fill(size % 256) });
  return formatNote({ text, signatures: [signNote(crypto, text, log.name, key)] });
}

/** Counts signatures that are checked. */
function counting(): { crypto: Crypto; checked: () => number } {
  let count = 0;
  const verify: Crypto['ed25519']['verify'] = (...args) => {
    count++;
    return crypto.ed25519.verify(...args);
  };
  const ed25519 = Object.assign(Object.create(crypto.ed25519), { verify });
  return { crypto: Object.assign(Object.create(crypto), { ed25519 }), checked: () => count };
}

test('a checkpoint is verified once and says the same again', () => {
  const { crypto, checked } = counting();
  const known = new KnownCheckpoints(crypto);
  const first = known.verified(log, noteOf(7));
  assert.is(first.size, 7);
  assert.equal(known.verified(log, noteOf(7)), first);
  assert.is(checked(), 1);
});

test('what is known vouches for nothing else: not for another signature, size, log or key', () => {
  const known = new KnownCheckpoints(crypto);
  const note = noteOf(7);
  known.verified(log, note);
  const stranger = Ed25519SigningKey.generate(crypto);
  const [forged] = parseNote(noteOf(7, stranger)).signatures;
  const { text, signatures } = parseNote(note);
  const [good] = signatures;
  const bent = good.signature.slice();
  bent[10] ^= 1;
  const refused: [typeof log, string][] = [
    [log, formatNote({ text, signatures: [{ ...good, signature: bent }] })],
    [log, formatNote({ text, signatures: [forged] })],
    [log, formatNote({ text: text.replace('\n7\n', '\n8\n'), signatures })],
    [log, formatNote({ text, signatures: [good, forged] })],
    [{ ...log, name: 'mesh/log/a2' }, note],
    [{ ...log, publicKey: stranger.publicKey }, note],
  ];
  for (const [key, shown] of refused) assert.throws(() => known.verified(key, shown));
  assert.is(known.size, 1);
});

test('no more are kept than a bound, and the one that was not asked for longest goes', () => {
  const known = new KnownCheckpoints(crypto);
  for (let size = 1; size <= 4_096; size++) known.verified(log, noteOf(size));
  known.verified(log, noteOf(1));
  known.verified(log, noteOf(5_000));
  assert.is(known.size, 4_096);
});
