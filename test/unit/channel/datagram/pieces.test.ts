/** Pieces of handshake messages and parts of messages: in any order, more than once, and within bounds. */
import fc from 'fast-check';
import { concat } from '../../../../src/base/bytes.ts';
import { DEFAULT_DATAGRAM_LIMITS } from '../../../../src/channel/datagram/limits.ts';
import { MIN_PART_BYTES, PartAssembly } from '../../../../src/channel/datagram/part-assembly.ts';
import { cutPieces, PieceCollector } from '../../../../src/channel/datagram/pieces.ts';
import type { SignedItem } from '../../../../src/channel/signed-batch.ts';
import { bytes, is, ok, throwsCode } from '../../../support/assert.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('pieces and parts');

const shuffled = <T>(list: readonly T[], keys: readonly number[]) =>
  list
    .map((item, i) => ({ item, key: keys[i % keys.length] + i * 1e-6 }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
const KEYS = fc.array(fc.nat(100), { minLength: 1, maxLength: 60 });

test('property: pieces in any order, some twice, make the message once', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 4_000 }),
      fc.integer({ min: 70, max: 1_200 }),
      KEYS,
      (message, room, keys) => {
        const pieces = cutPieces(message, room);
        const collector = new PieceCollector(4_000);
        const whole = shuffled([...pieces, ...pieces.slice(1)], keys).map((piece) => collector.add(piece));
        bytes(whole.find((one) => one !== undefined)!, message);
      },
    ),
  );
});

test('pieces out of bounds are refused and change nothing', () => {
  const collector = new PieceCollector(100);
  const piece = (index: number, count: number, length = 40) => ({
    index,
    count,
    bytes: new Uint8Array(length),
  });
  for (const bad of [piece(0, 0), piece(2, 2), piece(0, 65), piece(0, 2, 0), piece(0, 2, 101)])
    throwsCode(() => collector.add(bad), 'OOTO_CHANNEL_DATAGRAM');
  is(collector.add(piece(0, 1))?.length, 40, 'none of them began a message');
  const fresh = new PieceCollector(100);
  fresh.add(piece(0, 3));
  throwsCode(() => fresh.add(piece(1, 2)), 'OOTO_CHANNEL_DATAGRAM');
  fresh.add(piece(1, 3));
  throwsCode(() => fresh.add(piece(2, 3)), 'OOTO_CHANNEL_DATAGRAM');
  is(fresh.bytes, 80);
  is(fresh.add(piece(2, 3, 20))?.length, 100);
});

const part = (message: number, index: number, last: boolean, length = MIN_PART_BYTES): SignedItem =>
  ({
    item: { bytes: new Uint8Array(length).fill(index), fragment: { message, index, last } },
  }) as unknown as SignedItem;

test('property: parts of many messages mixed make each message once, complete', () => {
  const counts = fc.array(fc.integer({ min: 2, max: 12 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(counts, KEYS, (messages, keys) => {
      const assembly = new PartAssembly(DEFAULT_DATAGRAM_LIMITS);
      const parts = messages.flatMap((count, message) =>
        Array.from({ length: count }, (_, index) => part(message, index, index === count - 1)),
      );
      const made = shuffled(parts, keys).flatMap((one) => assembly.add(one, 0) ?? []);
      is(made.length, messages.length);
      for (const { message, items } of made)
        bytes(
          message,
          concat(...Array.from({ length: items.length }, (_, i) => new Uint8Array(MIN_PART_BYTES).fill(i))),
        );
      is(assembly.open, 0);
      for (const again of parts) is(assembly.add(again, 0), undefined, 'a message is delivered once');
    }),
  );
});

test('an open message waits its time and no longer; too many make the oldest give way', () => {
  const { partMs, partedMessages } = DEFAULT_DATAGRAM_LIMITS;
  const assembly = new PartAssembly(DEFAULT_DATAGRAM_LIMITS);
  assembly.add(part(0, 0, false), 0);
  assembly.add(part(1, 0, false), partMs);
  is(assembly.open, 1);
  is(assembly.add(part(0, 1, true), partMs), undefined, 'it was given up');
  for (let i = 2; i < 10 + partedMessages; i++) assembly.add(part(i, 0, false), partMs);
  is(assembly.open, partedMessages);
  is(assembly.add(part(1, 1, true), partMs), undefined);
  ok(assembly.add(part(9 + partedMessages, 1, true), partMs));
});

test('parts that make no message are refused', () => {
  const cases: SignedItem[][] = [
    [part(0, 0, true)],
    [part(0, 0, false, 10)],
    [part(0, 256, false)],
    [part(0, 1, true, 0)],
    [part(0, 0, false), part(0, 0, false)],
    [part(0, 3, false), part(0, 2, true)],
    [part(0, 2, true), part(0, 3, true)],
    [part(0, 2, true), part(0, 2, false)],
    [part(0, 0, false, 40_000), part(0, 1, false, 40_000)],
  ];
  for (const parts of cases) {
    const assembly = new PartAssembly(DEFAULT_DATAGRAM_LIMITS);
    throwsCode(() => parts.forEach((one) => void assembly.add(one, 0)), 'OOTO_CHANNEL_FRAME');
  }
});
