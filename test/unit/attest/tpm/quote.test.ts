/** Quotes: one from a live TPM, and every way to bend one. */
import fc from 'fast-check';
import { pcrDigest } from '../../../../src/attest/tpm/pcr.ts';
import { ATTRIBUTE, readPublicArea } from '../../../../src/attest/tpm/public-area.ts';
import { type ExpectedQuote, verifyQuote } from '../../../../src/attest/tpm/quote.ts';
import { sized } from '../../../../src/attest/tpm/wire.ts';
import { concat, u16be, u32be } from '../../../../src/base/bytes.ts';
import { isOotoError } from '../../../../src/base/errors.ts';
import { unhex } from '../../../../src/base/hex.ts';
import { equal, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import {
  ATTESTATION,
  quoted,
  type StatementFields,
  softwareKey,
  statementBy,
} from '../../../support/software-tpm.ts';
import { suite } from '../../../support/suite.ts';
import live from '../../../vectors/tpm-statements.json' with { type: 'json' };

const test = suite('TPM quote');
const crypto = testCrypto();
const QUOTE = 0x8018;

const values = new Map([0, 7, 15].map((i) => [i, new Uint8Array(32).fill(i)]));
const key = softwareKey();
const expected: ExpectedQuote = {
  attestationKey: key.publicArea,
  qualifyingData: new Uint8Array(32).fill(7),
  registers: [15, 0, 7],
  values,
};
const verify = (changes: Partial<StatementFields>, wanted: Partial<ExpectedQuote> = {}) =>
  verifyQuote(crypto, statementBy(key, QUOTE, quoted(values), changes), { ...expected, ...wanted });

const liveExpected: ExpectedQuote = {
  attestationKey: readPublicArea(unhex(live.attestationKey)),
  qualifyingData: unhex(live.qualifyingData),
  registers: [0, 7, 15],
  values: new Map(Object.entries(live.values).map(([i, value]) => [Number(i), unhex(value)])),
};
const liveQuote = { attest: unhex(live.quote.attest), signature: unhex(live.quote.signature) };

test('a quote of a live TPM verifies', () => {
  const { clock } = verifyQuote(crypto, liveQuote, liveExpected);
  ok(clock.clock > 0n);
});

test('a changed bit anywhere in a live quote is refused', () => {
  for (const part of ['attest', 'signature'] as const)
    for (let at = 0; at < liveQuote[part].length; at++) {
      const bent = liveQuote[part].slice();
      bent[at] ^= 1 << (at & 7);
      const error = refusal(() => verifyQuote(crypto, { ...liveQuote, [part]: bent }, liveExpected));
      ok(/^OOTO_ATTEST_TPM_(SIGNATURE|FORM)$/.test(error), `${part} ${at}: ${error}`);
    }
});

function refusal(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (isOotoError(error)) return error.code;
    throw error;
  }
  return 'accepted';
}

test('a crafted quote in order verifies, and gives its counts', () => {
  const { clock, firmwareVersion } = verify({});
  equal(clock, { clock: 1000n, resetCount: 5, restartCount: 2 });
  is(firmwareVersion, 0x2020n);
});

const name = (fill: number) => concat(u16be(0xb), new Uint8Array(32).fill(fill));
const selection = (banks: readonly (readonly [number, readonly number[]])[]) =>
  concat(
    u32be(banks.length),
    ...banks.map(([hash, registers]) => {
      const bits = new Uint8Array(3);
      for (const i of registers) bits[i >> 3] |= 1 << (i & 7);
      return concat(u16be(hash), Uint8Array.of(3), bits);
    }),
  );
const digest = sized(pcrDigest(crypto, values));
const covering = (...banks: (readonly [number, readonly number[]])[]) => ({
  attested: concat(selection(banks), digest),
});
const [SHA1, SHA256] = [4, 0xb];

const BENT: readonly [string, Partial<StatementFields>, string][] = [
  ['another magic: bytes that merely look like a statement', { magic: 0xff544348 }, 'MAGIC'],
  ['a certification in place of a quote', { type: 0x8017 }, 'TYPE'],
  ['a time stamp in place of a quote', { type: 0x8019 }, 'TYPE'],
  ['another signer', { signer: name(1) }, 'SIGNER'],
  ['no signer', { signer: new Uint8Array(0) }, 'SIGNER'],
  [
    'qualifying data of another challenge (replay, relay)',
    { qualifyingData: new Uint8Array(32) },
    'QUALIFYING',
  ],
  ['no qualifying data', { qualifyingData: new Uint8Array(0) }, 'QUALIFYING'],
  ['qualifying data cut short', { qualifyingData: new Uint8Array(31).fill(7) }, 'QUALIFYING'],
  ['no bank at all', covering(), 'SELECTION'],
  ['no register', covering([SHA256, []]), 'SELECTION'],
  ['fewer registers', covering([SHA256, [0, 7]]), 'SELECTION'],
  ['other registers', covering([SHA256, [0, 7, 23]]), 'SELECTION'],
  ['more registers', covering([SHA256, [0, 7, 15, 16]]), 'SELECTION'],
  ['a SHA-1 bank', covering([SHA1, [0, 7, 15]]), 'BANK'],
  ['a SHA-1 bank beside that of SHA-256', covering([SHA256, [0, 7, 15]], [SHA1, [0]]), 'BANK'],
  ['the same bank twice', covering([SHA256, [0, 7, 15]], [SHA256, [0, 7, 15]]), 'SELECTION'],
  [
    'the digest of other values',
    { attested: concat(selection([[SHA256, [0, 7, 15]]]), sized(new Uint8Array(32))) },
    'VALUES',
  ],
  ['no digest', { attested: concat(selection([[SHA256, [0, 7, 15]]]), sized(new Uint8Array(0))) }, 'VALUES'],
  ['trailing bytes', { attested: concat(quoted(values), Uint8Array.of(0)) }, 'FORM'],
  ['a flag that is no flag', { safe: 2 }, 'FORM'],
];
for (const [what, changes, code] of BENT)
  test(`refused: ${what}`, () => {
    throwsCode(() => verify(changes), `OOTO_ATTEST_TPM_${code}`);
  });

test('refused: counts or a clock that have fallen; accepted: a later start', () => {
  const last = { clock: 1000n, resetCount: 5, restartCount: 2 };
  const bent: Partial<StatementFields>[] = [{ resetCount: 4 }, { restartCount: 1 }, { clock: 999n }];
  for (const changes of bent) throwsCode(() => verify(changes, { clock: last }), 'OOTO_ATTEST_TPM_ROLLBACK');
  for (const changes of [
    {},
    { clock: 1001n },
    { restartCount: 3, clock: 1n },
    { resetCount: 6, restartCount: 0 },
  ])
    verify(changes, { clock: last });
});

test('refused: values that are missing or others than were quoted', () => {
  const less = new Map([...values].slice(1));
  throwsCode(() => verify({}, { values: less }), 'OOTO_ATTEST_TPM_VALUES');
  throwsCode(
    () => verify({}, { values: new Map([...values, [7, new Uint8Array(32)]]) }),
    'OOTO_ATTEST_TPM_VALUES',
  );
  throwsCode(
    () => verify({}, { values: new Map([...values, [7, new Uint8Array(20)]]) }),
    'OOTO_ATTEST_TPM_VALUES',
  );
  verify({}, { values: new Map([...values, [3, new Uint8Array(32)]]) });
});

test('a policy that names no register, or one twice, is refused as the caller’s fault', () => {
  for (const registers of [[], [7, 7], [24], [-1], [0.5]])
    throwsCode(() => verify({}, { registers }), 'OOTO_ATTEST_TPM_REGISTERS');
});

test('refused: the signature of another key', () => {
  const statement = statementBy(softwareKey(), QUOTE, quoted(values), {});
  throwsCode(() => verifyQuote(crypto, statement, expected), 'OOTO_ATTEST_TPM_SIGNATURE');
});

test('refused: an attestation key without the right attributes', () => {
  for (const wanted of ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'sign'] as const)
    refuseKey(ATTESTATION & ~ATTRIBUTE[wanted]);
  for (const unwanted of ['decrypt', 'stClear', 'x509sign', 'encryptedDuplication'] as const)
    refuseKey(ATTESTATION | ATTRIBUTE[unwanted]);
});

function refuseKey(attributes: number): void {
  const bad = softwareKey({ attributes });
  const statement = statementBy(bad, QUOTE, quoted(values), {});
  const wanted = { ...expected, attestationKey: bad.publicArea };
  throwsCode(() => verifyQuote(crypto, statement, wanted), 'OOTO_ATTEST_TPM_ATTRIBUTES');
}

test('refused: an attestation key of another scheme or hash', () => {
  const cases = [
    { parameters: [0x10, 0x10, 3, 0x10] },
    { parameters: [0x10, 0x18, 4, 3, 0x10] },
    { parameters: [6, 128, 0x43, 0x18, 0xb, 3, 0x10] },
  ];
  for (const options of cases) {
    const bad = softwareKey(options);
    const statement = statementBy(bad, QUOTE, quoted(values), {});
    const wanted = { ...expected, attestationKey: bad.publicArea };
    throwsCode(() => verifyQuote(crypto, statement, wanted), 'OOTO_ATTEST_TPM_ALGORITHM');
  }
});

test('whatever is cut or added is no structure', () => {
  const area = unhex(live.attestationKey);
  fc.assert(
    fc.property(fc.nat(area.length - 1), (at) => {
      throwsCode(() => readPublicArea(area.subarray(0, at)), 'OOTO_ATTEST_TPM_FORM');
    }),
    { numRuns: 50 },
  );
  throwsCode(() => readPublicArea(concat(area, Uint8Array.of(0))), 'OOTO_ATTEST_TPM_FORM');
  throwsCode(() => readPublicArea(new Uint8Array(5000)), 'OOTO_ATTEST_TPM_FORM');
});
