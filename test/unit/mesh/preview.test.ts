import fc from 'fast-check';
import { concat } from '../../../src/base/bytes.ts';
import { previewMeshId } from '../../../src/mesh/preview.ts';
import * as assert from '../../support/assert.ts';
import { ManualClock, settled } from '../../support/manual-clock.ts';
import { MemoryConnection } from '../../support/memory-transport.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/preview');

async function readAll(incoming: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of incoming) parts.push(part);
  return concat(...parts);
}

test('however the bytes are cut, the id is found and nothing of them is missing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 39, maxLength: 120 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }),
      async (bytes, cuts) => {
        const clock = new ManualClock();
        const [peer, own] = MemoryConnection.pair();
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          await peer.write(bytes.subarray(at, at + cut));
          at += cut;
        }
        const { meshId, connection } = await previewMeshId(own, clock, 5_000);
        assert.bytes(meshId, bytes.slice(7, 39));
        peer.close();
        assert.bytes(await readAll(connection.incoming), bytes);
        assert.is(clock.waiting, 0);
      },
    ),
  );
});

test('a peer that says too little in five seconds is cut off, however slowly it goes on', async () => {
  const clock = new ManualClock();
  const [peer, own] = MemoryConnection.pair();
  const preview = previewMeshId(own, clock, 5_000);
  preview.catch(() => {});
  for (let second = 0; second < 5; second++) {
    await peer.write(Uint8Array.of(1));
    await settled(2);
    clock.advance(1_000);
  }
  await assert.rejectsCode(preview, 'OOTO_MESH_SILENT');
  assert.ok(own.closed);
  assert.is(clock.waiting, 0);
});

test('a connection that ends at once is refused', async () => {
  const [peer, own] = MemoryConnection.pair();
  peer.close();
  await assert.rejectsCode(previewMeshId(own, new ManualClock(), 5_000), 'OOTO_MESH_SILENT');
});
