/** Proofs of single messages: what they prove, what they hide, and what cannot be made of them. */
import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { hex } from '../../../src/base/hex.ts';
import type { CredentialVerifier } from '../../../src/channel/credential.ts';
import { MAX_PROOF_BYTES, verifyMessageProof } from '../../../src/channel/proof.ts';
import { exportMessageProof, ProofMaker } from '../../../src/channel/proof-maker.ts';
import type { SignedItem } from '../../../src/channel/signed-batch.ts';
import { type CborValue, decode, encode } from '../../../src/envelope/cbor.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { MESH_ID, makeParty, Pair, START, verifierOf } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('message proofs', { timeout: 30_000 });

interface Sent {
  pair: Pair;
  items: (readonly SignedItem[])[];
}

/** Messages that the responder received in one flush. */
function sent(...messages: readonly Uint8Array[]): Sent {
  const pair = Pair.established();
  for (const message of messages) pair.initiator.send(message);
  pair.run();
  const items = pair.events.responder.flatMap((event) => (event.type === 'message' ? [event.items] : []));
  return { pair, items };
}

const contextOf = ({ pair }: Sent) => ({
  meshId: MESH_ID,
  verifier: verifierOf(pair.alice, pair.bob),
  at: START,
});

test('a proof shows message, sender, receiver and place to somebody who was not there', () => {
  const run = sent(utf8('one'), utf8('two'), utf8('three'));
  const proof = exportMessageProof(run.pair.crypto, run.items[1]);
  const proven = verifyMessageProof(run.pair.crypto, proof, contextOf(run));
  bytes(proven.message, utf8('two'));
  is(proven.sender.id, run.pair.alice.own.id);
  is(proven.receiver.id, run.pair.bob.own.id);
  bytes(proven.sessionId, run.pair.responder.sessionId!);
  is(proven.counter, 0);
});

test('property: every message of a batch of any size can be proven', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 }), (messages) => {
      const run = sent(...messages);
      run.items.forEach((items, i) => {
        const proof = exportMessageProof(run.pair.crypto, items);
        bytes(verifyMessageProof(run.pair.crypto, proof, contextOf(run)).message, messages[i]);
      });
    }),
    { numRuns: 10 },
  );
});

test('a message in parts is proven as one message', () => {
  const long = new Uint8Array(700_000).map((_, i) => i);
  const run = sent(utf8('before'), long, utf8('after'));
  const proof = exportMessageProof(run.pair.crypto, run.items[1]);
  bytes(verifyMessageProof(run.pair.crypto, proof, contextOf(run)).message, long);
});

test('a proof holds nothing of the other messages of its batch', () => {
  const run = sent(utf8('a very secret neighbour'), utf8('shown'));
  const { crypto } = run.pair;
  const proof = hex(exportMessageProof(crypto, run.items[1]));
  ok(!proof.includes(hex(utf8('secret neighbour'))));
  ok(!proof.includes(hex(crypto.sha256(utf8('\0a very secret neighbour')))), 'a guess can be tested');
  const salts = run.items[0][0].batch.items.salts;
  ok(!proof.includes(hex(salts.slice(0, 16))), 'the salt of the neighbour is shown');
  ok(proof.includes(hex(salts.slice(16, 32))));
});

test('any changed byte of a proof is refused', () => {
  const run = sent(utf8('one'), utf8('two'), utf8('three'));
  const { crypto } = run.pair;
  const proof = exportMessageProof(crypto, run.items[2]);
  for (let at = 0; at < proof.length; at++) {
    try {
      verifyMessageProof(crypto, proof.with(at, proof[at] ^ 1), contextOf(run));
    } catch (error) {
      ok(isOotoError(error), `byte ${at}: ${error}`);
      continue;
    }
    throw new Error(`byte ${at} may be changed`);
  }
});

type Edit = (proof: Record<string, CborValue>, parts: Record<string, CborValue>[]) => void;

function edited(run: Sent, which: number, edit: Edit): () => unknown {
  const proof = decode(exportMessageProof(run.pair.crypto, run.items[which]), { maxBytes: MAX_PROOF_BYTES });
  const copy = { ...(proof as Record<string, CborValue>) };
  const parts = (copy.parts as Record<string, CborValue>[]).map((part) => ({ ...part }));
  copy.parts = parts;
  edit(copy, parts);
  return () => verifyMessageProof(run.pair.crypto, encode(copy), contextOf(run));
}

test('a part cannot pass for a message, nor a message lack parts or order', () => {
  const run = sent(new Uint8Array(700_000));
  const wrong: Edit[] = [
    (_, parts) => {
      parts.length = 1;
      parts[0].fragment = null;
    },
    (_, parts) => void parts.pop(),
    (_, parts) => void parts.reverse(),
    (_, parts) => void parts.splice(1, 1),
  ];
  throwsCode(edited(run, 0, wrong[0]), 'OOTO_CHANNEL_SIGNATURE');
  const withPlaceAsText: Edit = (_, parts) => {
    const place = new Uint8Array(13);
    parts.length = 1;
    Object.assign(parts[0], { fragment: null, bytes: concat(place, parts[0].bytes as Uint8Array) });
  };
  throwsCode(edited(run, 0, withPlaceAsText), 'OOTO_CHANNEL_SIGNATURE');
  for (const edit of wrong.slice(1)) throwsCode(edited(run, 0, edit), 'OOTO_CHANNEL_PROOF');
});

test('parts of two messages make none, nor does one part alone', () => {
  const run = sent(new Uint8Array(700_000).fill(1), new Uint8Array(700_000).fill(2));
  const other = decode(exportMessageProof(run.pair.crypto, run.items[1]), { maxBytes: MAX_PROOF_BYTES });
  const others = (other as Record<string, CborValue>).parts as Record<string, CborValue>[];
  const last = others.length - 1;
  for (const edit of [
    (_, parts) => void parts.splice(last, 1, others[last]),
    (_, parts) => void parts.splice(0, 1, others[0]),
    (_, parts) => {
      parts.splice(0, last);
      const fragment = parts[0].fragment as Record<string, CborValue>;
      parts[0].fragment = { ...fragment, index: 0 };
    },
  ] satisfies Edit[])
    throwsCode(edited(run, 0, edit), 'OOTO_CHANNEL_PROOF');
});

test('the verifier hears of each party in its own role', () => {
  const run = sent(utf8('one'));
  const roles: [string, string][] = [];
  const verifier: CredentialVerifier = (presented, now) => {
    roles.push([presented.id, presented.role]);
    return contextOf(run).verifier(presented, now);
  };
  const proof = exportMessageProof(run.pair.crypto, run.items[0]);
  verifyMessageProof(run.pair.crypto, proof, { ...contextOf(run), verifier });
  equal(roles, [
    [run.pair.alice.own.id, 'initiator'],
    [run.pair.bob.own.id, 'responder'],
  ]);
});

test('a path is exactly as long as index and leaf count call for', () => {
  const run = sent(...Array.from({ length: 40 }, (_, i) => utf8(`message ${i}`)));
  const withPath = (change: (path: CborValue[]) => CborValue[]) =>
    edited(run, 35, (_, parts) => {
      parts[0].path = change(parts[0].path as CborValue[]);
    });
  const digest = new Uint8Array(32);
  throwsCode(
    withPath((path) => [...path, digest]),
    'OOTO_CHANNEL_PROOF',
  );
  throwsCode(
    withPath((path) => path.slice(1)),
    'OOTO_CHANNEL_PROOF',
  );
  throwsCode(
    withPath((path) => [digest, ...path.slice(1)]),
    'OOTO_CHANNEL_SIGNATURE',
  );
  const moved = edited(run, 35, (_, parts) => void Object.assign(parts[0], { leafIndex: 40 }));
  throwsCode(moved, 'OOTO_CHANNEL_PROOF');
});

test('nobody puts himself in the place of sender or receiver by delegating to their message key', () => {
  const run = sent(utf8('one'));
  const { pair } = run;
  for (const role of ['sender', 'receiver'] as const) {
    const { messageKey } = (role === 'sender' ? pair.alice : pair.bob).own;
    const mallory = makeParty(pair.crypto, 'mallory', { delegation: { messageKey: messageKey.publicKey } });
    const { kind, id, credential, delegation } = mallory.own;
    const proof = decode(exportMessageProof(pair.crypto, run.items[0]), { maxBytes: MAX_PROOF_BYTES });
    const forged = encode({
      ...(proof as Record<string, CborValue>),
      [role]: { kind, id, credential, delegation },
    });
    const context = { ...contextOf(run), verifier: verifierOf(pair.alice, pair.bob, mallory) };
    throwsCode(() => verifyMessageProof(pair.crypto, forged, context), 'OOTO_CHANNEL_SIGNATURE');
  }
});

test('sender, receiver, direction and place cannot be exchanged', () => {
  const run = sent(utf8('one'));
  const refuses = (code: string, changes: (proof: Record<string, CborValue>) => Record<string, CborValue>) =>
    throwsCode(
      edited(run, 0, (proof) => void Object.assign(proof, changes(proof))),
      code,
    );
  refuses('OOTO_CHANNEL_SIGNATURE', ({ sender, receiver }) => ({ sender: receiver, receiver: sender }));
  refuses('OOTO_CHANNEL_SIGNATURE', ({ sender }) => ({ receiver: sender }));
  refuses('OOTO_CHANNEL_SIGNATURE', () => ({ direction: 2 }));
  refuses('OOTO_CHANNEL_SIGNATURE', () => ({ epoch: 1 }));
  refuses('OOTO_CHANNEL_SIGNATURE', () => ({ sessionId: new Uint8Array(32) }));
  refuses('OOTO_CHANNEL_SIGNATURE', () => ({ epochHash: new Uint8Array(32) }));
  refuses('OOTO_CHANNEL_PROOF', () => ({ direction: 0 }));
  refuses('OOTO_CHANNEL_PROOF', () => ({ meshId: new Uint8Array(32) }));
  throwsCode(
    edited(run, 0, (_, parts) => void Object.assign(parts[0], { counter: 1 })),
    'OOTO_CHANNEL_SIGNATURE',
  );
});

test('a proof is judged at the time asked for, by whom the verifier knows', () => {
  const run = sent(utf8('one'));
  const proof = exportMessageProof(run.pair.crypto, run.items[0]);
  const late = { ...contextOf(run), at: { wall: START.wall + 3_600_000, monotonic: 0 } };
  throwsCode(() => verifyMessageProof(run.pair.crypto, proof, late), 'OOTO_CHANNEL_DELEGATION');
  const stranger = { ...contextOf(run), verifier: verifierOf(run.pair.bob) };
  throwsCode(() => verifyMessageProof(run.pair.crypto, proof, stranger), 'OOTO_TEST_UNKNOWN_PARTY');
});

test('a batch is read once, however many of its messages are proven', () => {
  const run = sent(...Array.from({ length: 200 }, (_, i) => utf8(`${i}`)));
  const { crypto } = run.pair;
  let reads = 0;
  const leaves: typeof crypto.saltedTree.leaves = (items) => {
    reads++;
    return crypto.saltedTree.leaves(items);
  };
  const maker = new ProofMaker({ ...crypto, saltedTree: { ...crypto.saltedTree, leaves } });
  const proofs = run.items.map((items) => maker.prove(items));
  is(reads, 1);
  is(run.items[0][0].batch.items.count, 200);
  proofs.forEach((proof, i) => {
    if (i % 20 > 0) return;
    bytes(verifyMessageProof(crypto, proof, contextOf(run)).message, utf8(`${i}`));
  });
});

test('no proof is made of bytes that were changed since they came, nor of their neighbours', () => {
  for (const proven of [0, 1]) {
    const run = sent(utf8('one'), utf8('two'));
    const { crypto } = run.pair;
    run.items[0][0].item.bytes[0] ^= 1;
    throwsCode(() => exportMessageProof(crypto, run.items[proven]), 'OOTO_CHANNEL_PROOF');
  }
  const run = sent(utf8('one'), utf8('two'));
  const maker = new ProofMaker(run.pair.crypto);
  maker.prove(run.items[0]);
  run.items[1][0].item.bytes[0] ^= 1;
  throwsCode(() => maker.prove(run.items[1]), 'OOTO_CHANNEL_PROOF');
  maker.prove(run.items[0]);
});
