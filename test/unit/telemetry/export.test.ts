/** Exported chains and proofs: third parties judge them alone, and no byte can be changed unseen. */
import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { hex } from '../../../src/base/hex.ts';
import type { ChainPosition } from '../../../src/telemetry/chain.ts';
import {
  type Contradiction,
  decodeContradiction,
  encodeContradiction,
  verifyContradiction,
} from '../../../src/telemetry/evidence.ts';
import { exportTelemetry, verifyTelemetry } from '../../../src/telemetry/export.ts';
import { decodeFrame, encodeFrame, type Statement } from '../../../src/telemetry/frame.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { Collecting, crypto, judge, record, resigned, signingOf, T0, WritingNode } from './chains.ts';

const test = suite('telemetry export', { timeout: 60_000 });

/** Seven records, two boots, two checkpoints. */
function sample(): WritingNode {
  const node = new WritingNode('a');
  node.append(record(1), record(2));
  node.checkpoint();
  node.now = T0 + 1000;
  node.restart();
  node.append(record(3));
  node.append(record(4), record(5), record(6), record(7));
  node.checkpoint();
  return node;
}

const verify = (file: Uint8Array, anchor?: ChainPosition) =>
  verifyTelemetry(crypto, file, anchor ? { judge, anchor } : { judge });

test('a collector’s export is judged by whoever can judge credentials', () => {
  const node = sample();
  const collecting = new Collecting();
  collecting.deliver(node.node, node.frames(), T0 + 1000);
  const file = exportTelemetry(node.node, collecting.collector.frames(node.node));
  bytes(file, exportTelemetry(node.node, node.frames()));
  const { node: shown, checkpoint, boots, checkpoints, records } = verify(file);
  equal([shown, checkpoint.records, boots, checkpoints], [node.node, 7, 2, 2]);
  equal(
    records.map(hex),
    [1, 2, 3, 4, 5, 6, 7].map((value) => hex(record(value))),
  );
});

test('frames behind the last checkpoint are left out; without one there is nothing to export', () => {
  const node = sample();
  const file = exportTelemetry(node.node, node.frames());
  node.append(record(9));
  bytes(exportTelemetry(node.node, node.frames()), file);
  throwsCode(() => exportTelemetry(node.node, node.frames().slice(0, 1)), 'OOTO_TELEMETRY_EXPORT');
  throwsCode(() => exportTelemetry(node.node, []), 'OOTO_TELEMETRY_EXPORT');
});

test('any altered byte is refused', () => {
  const node = sample();
  const file = exportTelemetry(node.node, node.frames());
  fc.assert(
    fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
      try {
        verify(file.with(at, file[at] ^ difference));
      } catch (error) {
        ok(isOotoError(error), `byte ${at}: ${error}`);
        return;
      }
      throw new Error(`byte ${at} was altered unseen`);
    }),
    { numRuns: 400 },
  );
});

test('any cut and any addition is refused', () => {
  const node = sample();
  const file = exportTelemetry(node.node, node.frames());
  for (let length = 0; length < file.length; length += 7)
    try {
      verify(file.subarray(0, length));
      throw new Error(`a file cut to ${length} bytes passed`);
    } catch (error) {
      ok(isOotoError(error), String(error));
    }
  throwsCode(() => verify(new Uint8Array([...file, 0])), 'OOTO_BASE_TRAILING');
});

/** A file of these frames, whatever they are. */
function fileOf(node: WritingNode, frames: readonly Uint8Array[]): Uint8Array {
  const file = exportTelemetry(node.node, [...frames, node.frames().at(-1)!]);
  const last = node.frames().at(-1)!.length + 4;
  const view = new DataView(file.buffer);
  const count = utf8('ooto/1 telemetry-export\0').length + 4 + utf8(node.node).length;
  view.setUint32(count, frames.length);
  return file.subarray(0, file.length - last);
}

test('dropped, swapped and repeated frames are refused', () => {
  const node = sample();
  const frames = node.frames();
  is(verify(fileOf(node, frames)).checkpoint.records, 7);
  fc.assert(
    fc.property(fc.nat(4), fc.nat(4), (i, j) => {
      const wrong = [frames.toSpliced(i, 1), frames.toSpliced(j, 0, frames[i])];
      if (i !== j) wrong.push(frames.with(i, frames[j]).with(j, frames[i]));
      for (const list of wrong)
        try {
          verify(fileOf(node, list));
          throw new Error('frames were rearranged unseen');
        } catch (error) {
          ok(isOotoError(error), String(error));
        }
    }),
  );
});

test('a file that ends before a checkpoint is cut short', () => {
  const node = sample();
  throwsCode(() => verify(fileOf(node, node.frames().slice(0, 4))), 'OOTO_TELEMETRY_TRUNCATED');
});

test('a file that ends at an earlier checkpoint is cut short for who knows more', () => {
  const node = sample();
  const short = fileOf(node, node.frames().slice(0, 2));
  is(verify(short).checkpoint.records, 2);
  throwsCode(() => verify(short, node.chain.position), 'OOTO_TELEMETRY_TRUNCATED');
  is(verify(fileOf(node, node.frames()), node.chain.position).checkpoint.records, 7);
  const other = { ...node.chain.position, head: new Uint8Array(32) };
  throwsCode(() => verify(fileOf(node, node.frames()), other), 'OOTO_TELEMETRY_TRUNCATED');
});

test('a chain whose credentials the judge does not know is refused', () => {
  const node = sample();
  const file = exportTelemetry(node.node, node.frames());
  const unknown = () => {
    throw new Error('another mesh');
  };
  throwsCode(() => verifyTelemetry(crypto, file, { judge: unknown }), 'OOTO_TELEMETRY_SIGNER');
});

/** Two checkpoints of one number. */
function contradiction(): { node: WritingNode; evidence: Contradiction } {
  const node = new WritingNode('a');
  node.append(record(1));
  node.checkpoint();
  const frame = node.frames()[1];
  const other = resigned(frame, node.signing.key, { head: new Uint8Array(32) });
  const { credential } = node.signing;
  const statement = (encoded: Uint8Array) => ({ ...decodeFrame(encoded, ''), credential }) as Statement;
  return { node, evidence: [statement(frame), statement(other)] };
}

test('a proof of contradiction stands alone', () => {
  const { node, evidence } = contradiction();
  const decoded = decodeContradiction(encodeContradiction(evidence));
  is(verifyContradiction(crypto, judge, decoded), node.node);
});

test('statements of two nodes accuse neither', () => {
  const [a, b] = ['a', 'b'].map((name) => {
    const node = new WritingNode(name);
    node.append(record(1));
    return decodeFrame(node.frames()[0], '') as Statement;
  });
  throwsCode(() => verifyContradiction(crypto, judge, [a, b]), 'OOTO_TELEMETRY_EVIDENCE');
});

test('a proof that shows nothing, or was forged, is refused', () => {
  const { node, evidence } = contradiction();
  const [first, second] = evidence;
  throwsCode(() => verifyContradiction(crypto, judge, [first, first]), 'OOTO_TELEMETRY_EVIDENCE');
  const forged = { ...second, signature: first.signature } as Statement;
  throwsCode(() => verifyContradiction(crypto, judge, [first, forged]), 'OOTO_CRYPTO_SIGNATURE');
  const { credential: _, ...bare } = second;
  throwsCode(() => verifyContradiction(crypto, judge, [first, bare as Statement]), 'OOTO_TELEMETRY_SIGNER');
  const thief = signingOf(node.node);
  const stolen = decodeFrame(resigned(encodeFrame(second as never), thief.key, {}), '');
  throwsCode(() => verifyContradiction(crypto, judge, [first, stolen as Statement]), 'OOTO_CRYPTO_SIGNATURE');
});

test('any altered byte of a proof is refused', () => {
  const encoded = encodeContradiction(contradiction().evidence);
  fc.assert(
    fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
      try {
        verifyContradiction(crypto, judge, decodeContradiction(encoded.with(at, encoded[at] ^ difference)));
      } catch (error) {
        ok(isOotoError(error), String(error));
        return;
      }
      throw new Error(`byte ${at} was altered unseen`);
    }),
    { numRuns: 300 },
  );
});
