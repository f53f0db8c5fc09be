/** Whoever has connected and begun no handshake: what is looked at, how long, and what is handed on. */
import fc from 'fast-check';
import { concat, u32be } from '../../../src/base/bytes.ts';
import { encodePreamble } from '../../../src/channel/preamble.ts';
import { FRAME } from '../../../src/channel/wire.ts';
import { Stranger } from '../../../src/mesh/stranger.ts';
import * as assert from '../../support/assert.ts';
import { ManualClock, settled } from '../../support/manual-clock.ts';
import { MemoryConnection } from '../../support/memory-transport.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/stranger');
const MESH = new Uint8Array(32).fill(7);
const COOKIE = new Uint8Array(32).fill(9);

function hello(cookie: Uint8Array, rest: Uint8Array): Uint8Array {
  const content = concat(Uint8Array.of(FRAME.hello), encodePreamble(MESH, cookie), rest);
  return concat(u32be(content.length), content);
}

async function readAll(incoming: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of incoming) parts.push(part);
  return concat(...parts);
}

async function writeInPieces(peer: MemoryConnection, bytes: Uint8Array, cuts: readonly number[]) {
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (at < bytes.length) await peer.write(bytes.subarray(at, at + cut));
    at += cut;
  }
}

const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 8 });
const rest = fc.uint8Array({ minLength: 1, maxLength: 120 });

test('however the bytes are cut, the head is found and nothing of them is missing', async () => {
  await fc.assert(
    fc.asyncProperty(rest, cuts, async (bytes, pieces) => {
      const clock = new ManualClock();
      const [peer, own] = MemoryConnection.pair();
      const stranger = new Stranger(own, clock);
      const sent = hello(COOKIE, bytes);
      await writeInPieces(peer, sent, pieces);
      const { meshId, preamble } = await stranger.firstMessage();
      assert.bytes(meshId, MESH);
      assert.bytes(preamble, encodePreamble(MESH, COOKIE));
      peer.close();
      assert.bytes(await readAll(stranger.connection.incoming), sent);
      assert.is(clock.waiting, 0);
    }),
  );
});

test('whoever is asked for a cookie is heard from its next message on, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(rest, rest, cuts, async (first, second, pieces) => {
      const [peer, own] = MemoryConnection.pair();
      const stranger = new Stranger(own, new ManualClock());
      const again = hello(COOKIE, second);
      const before = hello(new Uint8Array(32), first);
      const writing = writeInPieces(peer, concat(before, again), pieces);
      await stranger.firstMessage();
      const { preamble } = await stranger.askForCookie(COOKIE);
      await writing;
      assert.bytes(preamble, encodePreamble(MESH, COOKIE));
      assert.bytes(own.written[0], concat(u32be(33), Uint8Array.of(FRAME.cookie), COOKIE));
      peer.close();
      assert.bytes(await readAll(stranger.connection.incoming), again);
    }),
  );
});

test('what a stranger is sent is one answer, shorter than anything it can have sent for it', async () => {
  const [peer, own] = MemoryConnection.pair();
  const stranger = new Stranger(own, new ManualClock());
  await peer.write(hello(new Uint8Array(32), Uint8Array.of(1)).subarray(0, 71));
  await stranger.firstMessage();
  stranger.askForCookie(COOKIE).catch(() => {});
  await settled();
  assert.equal(
    own.written.map(({ length }) => length),
    [37],
  );
  peer.close();
});

test('a peer that says too little in five seconds is cut off, however slowly it goes on', async () => {
  const clock = new ManualClock();
  const [peer, own] = MemoryConnection.pair();
  const first = new Stranger(own, clock).firstMessage();
  first.catch(() => {});
  for (let second = 0; second < 5; second++) {
    await peer.write(Uint8Array.of(1));
    await settled(2);
    clock.advance(1_000);
  }
  await assert.rejectsCode(first, 'OOTO_MESH_SILENT');
  assert.ok(own.closed);
  assert.is(clock.waiting, 0);
});

test('a connection that ends at once is refused, and so is any other frame', async () => {
  const [peer, own] = MemoryConnection.pair();
  peer.close();
  await assert.rejectsCode(new Stranger(own, new ManualClock()).firstMessage(), 'OOTO_MESH_SILENT');
  const good = hello(COOKIE, Uint8Array.of(1));
  const changed = (at: number, value: number) => good.map((byte, i) => (i === at ? value : byte));
  for (const frame of [changed(4, FRAME.batch), changed(0, 1), changed(3, 10)]) {
    const [left, right] = MemoryConnection.pair();
    await left.write(frame);
    await assert.rejectsCode(new Stranger(right, new ManualClock()).firstMessage(), 'OOTO_CHANNEL_FRAME');
  }
});
