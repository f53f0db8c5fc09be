/** What waits on streams to be read: how much memory it keeps, whoever cut the records it came in. */
import fc from 'fast-check';
import { INITIAL_CREDIT, PIECE_COST, SLACK_BYTES } from '../../../../src/channel/streams/bounds.ts';
import { type GrowthBudget, Inflow } from '../../../../src/channel/streams/inflow.ts';
import { bytes, is, ok } from '../../../support/assert.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('what waits on streams');
const KIB = 1024;
const budget = (slack = SLACK_BYTES): GrowthBudget => ({ left: 0, most: 4 * KIB * KIB, slack });

/** A piece of `size` bytes in a record of `record`. */
function pieceIn(record: number, size: number, mark = 0): Uint8Array {
  const piece = new Uint8Array(record).subarray(record - size);
  return piece.fill(mark);
}

/** All memory that is kept by what is read from it afterwards. */
function memoryOf(pieces: readonly Uint8Array[]): number {
  return [...new Set(pieces.map(({ buffer }) => buffer))].reduce(
    (sum, { byteLength }) => sum + byteLength,
    0,
  );
}

test('property: pieces keep no more memory than they are, but for the slack of a channel', () => {
  const arrival = fc.record({
    stream: fc.nat(7),
    record: fc.integer({ min: 100, max: 260 * KIB }),
    share: fc.double({ min: 0.001, max: 1, noNaN: true }),
    reads: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(arrival, { minLength: 20, maxLength: 120 }), (arrivals) => {
      const growth = budget(500 * KIB);
      const streams = Array.from({ length: 8 }, () => new Inflow(growth));
      const granted = streams.map(() => INITIAL_CREDIT);
      const waiting: number[][] = streams.map(() => []);
      for (const { stream, record, share, reads } of arrivals) {
        const size = Math.max(1, Math.min(32 * KIB, Math.floor(record * share)));
        if (granted[stream] >= size + PIECE_COST) {
          granted[stream] -= size + PIECE_COST;
          streams[stream].take({ bytes: pieceIn(record, size, size), border: false });
          waiting[stream].push(size);
        }
        for (let i = 0; i < reads && waiting[stream].length > 0; i++) {
          const size = waiting[stream].shift()!;
          bytes(streams[stream].read()!.bytes, new Uint8Array(size).fill(size));
        }
        ok(growth.slack >= 0 && growth.slack <= 500 * KIB);
      }
      const rest = streams.flatMap((stream) => {
        const pieces: Uint8Array[] = [];
        while (stream.hasPieces) pieces.push(stream.read()!.bytes);
        return pieces;
      });
      const counted = waiting.flat().reduce((sum, size) => sum + size, 0);
      ok(memoryOf(rest) <= counted + 500 * KIB, `${memoryOf(rest)} for ${counted}`);
      is(growth.slack, 500 * KIB, 'all of it is given back');
    }),
  );
});

test('a reader that keeps up gets views, a slow one copies, and what is given up gives its slack back', () => {
  const growth = budget(300 * KIB);
  const inflow = new Inflow(growth);
  const [first, second] = [pieceIn(256 * KIB, 32 * KIB), pieceIn(256 * KIB, 32 * KIB - PIECE_COST * 2)];
  inflow.take({ bytes: first, border: false });
  inflow.take({ bytes: second, border: false });
  is(inflow.read()!.bytes.buffer, first.buffer);
  const copy = inflow.read()!.bytes;
  ok(copy.buffer !== second.buffer && copy.buffer.byteLength === second.length);
  const other = new Inflow(growth);
  other.take({ bytes: pieceIn(256 * KIB, 40 * KIB), border: false });
  ok(growth.slack < 300 * KIB);
  other.discard();
  is(growth.slack, 300 * KIB);
});
