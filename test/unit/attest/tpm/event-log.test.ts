/** Event logs: what replays to proven registers, and what must not be believed. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { replayEventLog, verifyEventLog } from '../../../../src/attest/tpm/event-log.ts';
import { concat, utf8 } from '../../../../src/base/bytes.ts';
import { isOotoError } from '../../../../src/base/errors.ts';
import { bytes, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('TCG event log');
const crypto = testCrypto();
const [SHA1, SHA256] = [4, 0xb];
const EV_NO_ACTION = 3;

const u32le = (value: number) => Uint8Array.of(value, value >> 8, value >> 16, value >>> 24);
const u16le = (value: number) => Uint8Array.of(value, value >> 8);
const sha = (name: string, ...parts: Uint8Array[]) => {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

function legacy(register: number, type: number, data: Uint8Array): Uint8Array {
  const digest = type === EV_NO_ACTION ? new Uint8Array(20) : sha('sha1', data);
  return concat(u32le(register), u32le(type), digest, u32le(data.length), data);
}

interface Extra {
  digest?: Uint8Array;
  algorithms?: readonly number[];
}
function agile(
  register: number,
  type: number,
  data: Uint8Array,
  { digest, algorithms = [SHA1, SHA256] }: Extra = {},
) {
  const digests = algorithms.map((algorithm) => {
    const own = algorithm === SHA1 ? sha('sha1', data) : (digest ?? sha('sha256', data));
    return concat(u16le(algorithm), own);
  });
  return concat(
    ...[u32le(register), u32le(type), u32le(digests.length), ...digests],
    ...[u32le(data.length), data],
  );
}

function header(...algorithms: readonly [number, number][]): Uint8Array {
  const listed = algorithms.flatMap(([algorithm, size]) => [u16le(algorithm), u16le(size)]);
  const fixed = [utf8('Spec ID Event03\0'), u32le(0), Uint8Array.of(0, 2, 0, 2), u32le(algorithms.length)];
  return legacy(0, EV_NO_ACTION, concat(...fixed, ...listed, Uint8Array.of(0)));
}

const HEADER = header([SHA1, 20], [SHA256, 32]);
const [A, B, C] = ['firmware', 'option ROM', 'boot loader'].map(utf8);
const log = concat(
  HEADER,
  agile(0, 8, A),
  agile(2, 6, B),
  agile(0, 0x80000008, C, { digest: sha('sha256', A) }),
);
const zeros = new Uint8Array(32);
const extend = (value: Uint8Array, ...digests: Uint8Array[]) =>
  digests.reduce((before, digest) => sha('sha256', before, digest), value);
const [a, b] = [sha('sha256', A), sha('sha256', B)];

test('a crypto-agile log replays, and hands out only data that its digest proves', () => {
  const { measurements, values } = replayEventLog(crypto, log);
  bytes(values.get(0)!, extend(zeros, a, a));
  bytes(values.get(2)!, extend(zeros, b));
  is(measurements.length, 3);
  bytes(measurements[0].data!, A);
  is(measurements[2].data, undefined, 'data that does not hash to its digest');
});

test('registers that the log does not extend must be as at the start', () => {
  const proven = new Map([
    [0, extend(zeros, a, a)],
    [2, extend(zeros, b)],
    [7, zeros],
    [17, zeros.slice().fill(0xff)],
  ]);
  verifyEventLog(crypto, log, proven);
  throwsCode(() => verifyEventLog(crypto, log, new Map([[7, a]])), 'OOTO_ATTEST_LOG_VALUES');
});

test('refused: events added, left out, in another order, or of another register', () => {
  const proven = new Map([
    [0, extend(zeros, a, b)],
    [2, zeros],
  ]);
  const events = [agile(0, 8, A), agile(0, 8, B)];
  verifyEventLog(crypto, concat(HEADER, ...events), proven);
  const bent = [[events[0]], [...events, events[1]], [events[1], events[0]], [events[0], agile(2, 8, B)]];
  for (const list of bent)
    throwsCode(() => verifyEventLog(crypto, concat(HEADER, ...list), proven), 'OOTO_ATTEST_LOG_VALUES');
});

test('what is said of registers that nothing has proven is not handed out', () => {
  const proven = new Map([[0, extend(zeros, a, a)]]);
  const { measurements, values } = verifyEventLog(crypto, concat(log, agile(4, 8, C)), proven);
  is(measurements.map(({ register }) => register).join(), '0,0');
  is([...values.keys()].join(), '0');
});

test('a type says nothing: relabelled events give the same, and one made EV_NO_ACTION is missed', () => {
  const proven = new Map([[0, extend(zeros, a)]]);
  const told = [8, 1, 0x80000001].map((type) =>
    verifyEventLog(crypto, concat(HEADER, agile(0, type, A)), proven),
  );
  for (const { measurements } of told) is(JSON.stringify(measurements), JSON.stringify(told[0].measurements));
  const hidden = concat(HEADER, agile(0, EV_NO_ACTION, A));
  throwsCode(() => verifyEventLog(crypto, hidden, proven), 'OOTO_ATTEST_LOG_VALUES');
});

test('the start-up locality counts as far as register 0 proves it', () => {
  const started = agile(0, EV_NO_ACTION, concat(utf8('StartupLocality\0'), Uint8Array.of(3)));
  const initial = zeros.slice();
  initial[31] = 3;
  const told = concat(HEADER, started, agile(0, 8, A));
  verifyEventLog(crypto, told, new Map([[0, extend(initial, a)]]));
  throwsCode(() => verifyEventLog(crypto, told, new Map([[0, extend(zeros, a)]])), 'OOTO_ATTEST_LOG_VALUES');
});

test('a legacy log is read, but has no SHA-256 bank', () => {
  throwsCode(() => replayEventLog(crypto, concat(legacy(0, 8, A), legacy(1, 6, B))), 'OOTO_ATTEST_LOG_BANK');
  is(replayEventLog(crypto, legacy(0, EV_NO_ACTION, A)).measurements.length, 0);
});

test('a log with the SHA-1 bank alone has no SHA-256 bank', () => {
  const only = concat(header([SHA1, 20]), agile(0, 8, A, { algorithms: [SHA1] }));
  throwsCode(() => replayEventLog(crypto, only), 'OOTO_ATTEST_LOG_BANK');
});

test('refused as no log: registers that are none, digests that lack, twice, or unannounced, and sizes that lie', () => {
  const bent = [
    agile(24, 8, A),
    agile(0, 8, A, { algorithms: [SHA256] }),
    agile(0, 8, A, { algorithms: [SHA256, SHA256] }),
    agile(0, 8, A, { algorithms: [SHA1, 0xc] }),
    agile(0, 8, A).subarray(1),
    Uint8Array.of(0),
  ];
  for (const event of bent)
    throwsCode(() => replayEventLog(crypto, concat(HEADER, event)), 'OOTO_ATTEST_LOG_FORM');
  for (const head of [header([SHA256, 20]), header([SHA256, 32], [SHA256, 32]), header()])
    throwsCode(() => replayEventLog(crypto, head), 'OOTO_ATTEST_LOG_FORM');
  throwsCode(() => replayEventLog(crypto, new Uint8Array(2 ** 20 + 1)), 'OOTO_ATTEST_LOG_FORM');
});

test('whatever the bytes, the answer is a replay or a refusal', () => {
  fc.assert(
    fc.property(fc.nat(log.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const bent = log.slice();
      bent[at] ^= mask;
      try {
        replayEventLog(crypto, bent);
      } catch (error) {
        ok(isOotoError(error) && error.code.startsWith('OOTO_ATTEST_LOG_'), String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('what is not extended may name any register', () => {
  const remark = agile(0xffff_ffff, EV_NO_ACTION, A);
  is(replayEventLog(crypto, concat(HEADER, remark, agile(0, 8, A))).measurements.length, 1);
  throwsCode(() => replayEventLog(crypto, concat(HEADER, agile(0xffff_ffff, 8, A))), 'OOTO_ATTEST_LOG_FORM');
});
