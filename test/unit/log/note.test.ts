import { concat, u64be, utf8 } from '../../../src/base/bytes.ts';
import { base64, hex, unbase64 } from '../../../src/base/hex.ts';
import {
  cosign,
  cosignatureTime,
  cosignTree,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  type Note,
  type NoteKey,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  verifyCheckpoint,
} from '../../../src/log/index.ts';
import { isSignedBy, noteKeyId, signNote } from '../../../src/log/note.ts';
import { bytes, equal, is, ok, thrown, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { crypto, LOG_KEY, LOG_SIGNER, ORIGIN, POLICY, rootOf, signerOf } from './logs.ts';

const test = suite('signed notes and checkpoints');

/** golang.org/x/mod/sumdb/note. */
const GO = {
  key: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  seed: 'AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz',
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  line: '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
};

/** A head of a public log as its witnesses cosigned it (May 2026). */
const PUBLIC = {
  note: `arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

\u2014 arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
\u2014 arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
\u2014 transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
\u2014 witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
\u2014 remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
\u2014 witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
`,
  log: 'arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f',
  witnesses: [
    'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2',
    'witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv',
    'transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM',
    'witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO',
  ],
};

test("Go's note is written and read byte for byte", () => {
  const key = parseVerifierKey(crypto, GO.key);
  is(formatVerifierKey(crypto, 'ed25519', key), GO.key);
  const seed = unbase64(GO.seed).slice(1);
  const signer = {
    publicKey: crypto.ed25519.publicKey(seed),
    sign: (message: Uint8Array) => crypto.ed25519.sign(seed, message),
  };
  const note = { text: GO.text, signatures: [signNote(crypto, GO.text, key.name, signer)] };
  is(formatNote(note), `${GO.text}\n${GO.line}`);
  const parsed = parseNote(`${GO.text}\n${GO.line}`);
  equal(parsed, note);
  ok(isSignedBy(crypto, parsed, key));
});

test('a head of a public log verifies with its log key and four witnesses', () => {
  const witnesses = PUBLIC.witnesses.map((text) => parseVerifierKey(crypto, text));
  const origin = 'arche2025h1.staging.ct.transparency.dev';
  const policy = { origin, keys: [parseVerifierKey(crypto, PUBLIC.log)], witnesses, quorum: 4 };
  const head = verifyCheckpoint(crypto, PUBLIC.note, policy);
  is(head.size, 1432088532);
  is(base64(head.root), 'U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=');
  equal(new Set(head.cosignatures.map(({ time }) => time)), new Set([0x6a122120]));
  throwsCode(() => verifyCheckpoint(crypto, PUBLIC.note, { ...policy, quorum: 5 }), 'OOTO_LOG_QUORUM');
  const other = PUBLIC.note.replace('1432088532', '1432088533');
  throwsCode(() => verifyCheckpoint(crypto, other, policy), 'OOTO_LOG_SIGNATURE');
});

test('the example of tlog-cosignature has the key id form of its type', () => {
  const line =
    'jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==';
  is(unbase64(line).length, 4 + 8 + 64);
});

test('key ids differ by name, type and key', () => {
  const key = { name: 'a', publicKey: signerOf(1).publicKey };
  const ids = [
    noteKeyId(crypto, 'ed25519', key),
    noteKeyId(crypto, 'cosignature', key),
    noteKeyId(crypto, 'ed25519', { ...key, name: 'b' }),
    noteKeyId(crypto, 'ed25519', { ...key, publicKey: signerOf(2).publicKey }),
  ];
  is(new Set(ids.map(hex)).size, 4);
});

test('notes of any other form are refused', () => {
  const good = `${GO.text}\n${GO.line}`;
  const bad = [
    '',
    GO.text,
    `${GO.text}\n`,
    `${GO.text}${GO.line}`,
    good.slice(0, -1),
    `${good}\n`,
    `${good}x`,
    good.replace('\u2014 ', '- '),
    good.replace('\u2014 ', '\u2014  '),
    good.replace('PeterNeumann x', 'Peter Neumann x'),
    good.replace('PeterNeumann x', 'Peter+Neumann x'),
    good.replace('PeterNeumann x', 'Peter\u00a0Neumann x'),
    good.replace('AM=', 'AN='),
    good.replace('AM=', 'AM'),
    good.replace('problem,', 'prob\tlem,'),
    good.replace('problem,', 'prob\rlem,'),
    good.replace('problem,', 'prob\u0000lem,'),
    good.replace('problem,', 'prob\ud800lem,'),
    good.replace(GO.line, '\u2014 PeterNeumann x08gow==\n'),
    `${GO.text}\n${GO.line.repeat(65)}`,
    `${'x'.repeat(70_000)}\n\n${GO.line}`,
  ];
  for (const note of bad) throwsCode(() => parseNote(note), 'OOTO_LOG_NOTE');
});

test('checkpoints of any other form are refused', () => {
  const root = base64(rootOf(3));
  const good = `${ORIGIN}\n3\n${root}\n`;
  equal(parseCheckpoint(good), { origin: ORIGIN, size: 3, root: rootOf(3) });
  equal(parseCheckpoint(`${good}extension\n`), { origin: ORIGIN, size: 3, root: rootOf(3) });
  is(formatCheckpoint({ origin: ORIGIN, size: 3, root: rootOf(3) }), good);
  const bad = [
    '',
    `${ORIGIN}\n3\n`,
    `\n3\n${root}\n`,
    `${ORIGIN}\n03\n${root}\n`,
    `${ORIGIN}\n-3\n${root}\n`,
    `${ORIGIN}\n3.0\n${root}\n`,
    `${ORIGIN}\n9007199254740992\n${root}\n`,
    `${ORIGIN}\n3\n${root.slice(4)}\n`,
    `${ORIGIN}\n3\n${root}`,
    `${good}\n`,
    `${good}\nlater\n`,
    `${ORIGIN}\n3\n${root.replace('=', '')}\n`,
  ];
  for (const text of bad) throwsCode(() => parseCheckpoint(text), 'OOTO_LOG_CHECKPOINT');
  throwsCode(
    () => formatCheckpoint({ origin: 'two\nlines', size: 3, root: rootOf(3) }),
    'OOTO_LOG_CHECKPOINT',
  );
});

const text = formatCheckpoint({ origin: ORIGIN, size: 3, root: rootOf(3) });
const signed = { text, signatures: [signNote(crypto, text, ORIGIN, LOG_SIGNER)] };

test('unknown signatures are ignored; a wrong one of a known key refuses the note', () => {
  const stranger = signNote(crypto, text, 'stranger', signerOf(9));
  const note = formatNote({ text, signatures: [stranger, ...signed.signatures] });
  is(verifyCheckpoint(crypto, note, POLICY).size, 3);
  const nameless = { ...signed.signatures[0], name: 'stranger' };
  throwsCode(
    () => verifyCheckpoint(crypto, formatNote({ text, signatures: [nameless] }), POLICY),
    'OOTO_LOG_SIGNATURE',
  );
  throwsCode(
    () => verifyCheckpoint(crypto, formatNote({ text, signatures: [stranger] }), POLICY),
    'OOTO_LOG_SIGNATURE',
  );
  const wrong = { ...signed.signatures[0], signature: stranger.signature };
  const both = formatNote({ text, signatures: [...signed.signatures, wrong] });
  throwsCode(() => verifyCheckpoint(crypto, both, POLICY), 'OOTO_LOG_SIGNATURE');
});

test('a checkpoint of another log, or an empty tree with a root, is refused', () => {
  const note = formatNote(signed);
  throwsCode(() => verifyCheckpoint(crypto, note, { ...POLICY, origin: 'other' }), 'OOTO_LOG_ORIGIN');
  const empty = formatCheckpoint({ origin: ORIGIN, size: 0, root: rootOf(3) });
  const lie = formatNote({ text: empty, signatures: [signNote(crypto, empty, ORIGIN, LOG_SIGNER)] });
  throwsCode(() => verifyCheckpoint(crypto, lie, POLICY), 'OOTO_LOG_CHECKPOINT');
});

/** Of a note with this text and these lines. */
const timeOf = (note: Note, witness: NoteKey) =>
  cosignatureTime(crypto, note, parseCheckpoint(note.text), witness);

test('a cosignature carries its time, and only the time it signs', () => {
  const signer = signerOf(5);
  const witness = { name: 'witness.example/w1', publicKey: signer.publicKey };
  const cosigned = {
    text,
    signatures: [...signed.signatures, cosign(crypto, text, 1679315147, witness.name, signer)],
  };
  is(timeOf(parseNote(formatNote(cosigned)), witness), 1679315147);
  is(timeOf(signed, witness), undefined);
  const [, line] = cosigned.signatures;
  for (let at = 0; at < line.signature.length; at++) {
    const signature = line.signature.slice();
    signature[at] ^= 4;
    const altered = { text, signatures: [...signed.signatures, { ...line, signature }] };
    throwsCode(() => timeOf(altered, witness), 'OOTO_LOG_SIGNATURE');
  }
  const short = { text, signatures: [{ ...line, signature: line.signature.subarray(1) }] };
  throwsCode(() => timeOf(short, witness), 'OOTO_LOG_SIGNATURE');
});

test('the message of a cosignature is the one of the specification', () => {
  let message = new Uint8Array();
  const recorder = {
    publicKey: signerOf(5).publicKey,
    sign: (said: Uint8Array) => {
      message = said.slice();
      return new Uint8Array(64);
    },
  };
  cosign(crypto, text, 1679315147, 'w', recorder);
  bytes(message, utf8(`cosignature/v1\ntime 1679315147\n${text}`));
});

test('a witness cosigns trees with ML-DSA-44, over the structure of the specification', () => {
  const seed = new Uint8Array(32).fill(9);
  const publicKey = crypto.mldsa44.publicKey(seed);
  let message = new Uint8Array();
  const signer = {
    publicKey,
    sign: (said: Uint8Array) => {
      message = said.slice();
      return crypto.mldsa44.sign(seed, said);
    },
  };
  const witness = { name: 'witness.example/w1', publicKey };
  const head = parseCheckpoint(text);
  const line = cosignTree(crypto, head, 1679315147, witness.name, signer);
  const named = (name: string) => concat(Uint8Array.of(name.length), utf8(name));
  const parts = [utf8('subtree/v1\n\0'), named(witness.name), u64be(1679315147), named(ORIGIN)];
  bytes(message, concat(...parts, u64be(0), u64be(head.size), head.root));
  const cosigned = { text, signatures: [...signed.signatures, line] };
  is(timeOf(parseNote(formatNote(cosigned)), witness), 1679315147);
  const policy = { ...POLICY, witnesses: [witness], quorum: 1 };
  equal(verifyCheckpoint(crypto, formatNote(cosigned), policy).cosignatures, [
    { name: witness.name, time: 1679315147 },
  ]);
  for (const at of [0, 7, 8, 2000, line.signature.length - 1]) {
    const signature = line.signature.slice();
    signature[at] ^= 4;
    const altered = { text, signatures: [...signed.signatures, { ...line, signature }] };
    throwsCode(() => timeOf(altered, witness), 'OOTO_LOG_SIGNATURE');
  }
  const other = formatCheckpoint({ ...head, size: head.size + 1 });
  throwsCode(() => timeOf({ ...cosigned, text: other }, witness), 'OOTO_LOG_SIGNATURE');
  const short = { text, signatures: [{ ...line, signature: line.signature.subarray(1) }] };
  throwsCode(() => timeOf(short, witness), 'OOTO_LOG_SIGNATURE');
  const key = formatVerifierKey(crypto, 'treeCosignature', witness);
  equal(parseVerifierKey(crypto, key), { ...witness, type: 'treeCosignature' });
});

test('one witness counts once in a quorum', () => {
  const signer = signerOf(5);
  const witness = { name: 'witness.example/w1', publicKey: signer.publicKey };
  const twice = [1, 2].map((time) => cosign(crypto, text, time, witness.name, signer));
  const note = formatNote({ text, signatures: [...signed.signatures, ...twice] });
  const policy = { ...POLICY, witnesses: [witness], quorum: 1 };
  equal(verifyCheckpoint(crypto, note, policy).cosignatures, [{ name: witness.name, time: 2 }]);
  throwsCode(() => verifyCheckpoint(crypto, note, { ...policy, quorum: 2 }), 'OOTO_LOG_QUORUM');
  const doubled = { ...policy, witnesses: [witness, witness], quorum: 2 };
  throwsCode(() => verifyCheckpoint(crypto, note, doubled), 'OOTO_LOG_QUORUM');
});

test('a plain signature of a witness key is no cosignature, and the reverse', () => {
  const signer = signerOf(5);
  const witness = { name: ORIGIN, publicKey: signer.publicKey };
  const plain = { text, signatures: [...signed.signatures, signNote(crypto, text, ORIGIN, signer)] };
  is(timeOf(plain, witness), undefined);
  const cosigned = { text, signatures: [cosign(crypto, text, 1, ORIGIN, LOG_SIGNER)] };
  is(isSignedBy(crypto, cosigned, LOG_KEY), false);
});

test('verifier keys with any changed part are refused', () => {
  for (const key of [
    '',
    'a',
    'a+b',
    GO.key.replace('c7', 'c8'),
    GO.key.replace('c74f', 'C74F'),
    GO.key.replace('Peter', 'Petra'),
    GO.key.replace('ARpc', 'Arpc'),
    `${GO.key}AAAA`,
    GO.key.slice(0, -4),
  ])
    throwsCode(() => parseVerifierKey(crypto, key), 'OOTO_LOG_KEY');
  ok(thrown(() => parseVerifierKey(crypto, GO.key)) === undefined);
});
