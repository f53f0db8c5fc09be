/**
 * The epoch machine under spin: over an ordered stream as src/channel has it, over datagrams as a carrier would have
 * to keep it. Every guard of the models is taken away once, and the checker must find what that breaks.
 */
import { is, ok } from '../../support/assert.ts';
import { checkWithSpin, hasPrograms, type SpinCheck } from '../../support/model-checkers.ts';
import { suite } from '../../support/suite.ts';

const test = suite('models of the epochs', { timeout: 1_800_000 });
const STREAM = 'epoch-stream.pml';
const DATAGRAM = 'epoch-datagram.pml';

const bounds = (epochs: number, faults: number, forgeries: number) => [
  `EPOCHS=${epochs}`,
  `FAULTS=${faults}`,
  `FORGERIES=${forgeries}`,
];
const TIMELY = ['TIMELY', ...bounds(3, 0, 0)];

const HOLDS: readonly [title: string, model: string, check: SpinCheck, atLeast: number][] = [
  ['one change, two faults', STREAM, { defines: bounds(1, 2, 0) }, 1e6],
  ['one change, a fault and a thief', STREAM, { defines: bounds(1, 1, 1) }, 1e6],
  ['two changes, a fault', STREAM, { defines: bounds(2, 1, 0) }, 1e6],
  ['two changes, a thief', STREAM, { defines: bounds(2, 0, 1) }, 1e6],
  ['two messages at a time, a thief', STREAM, { defines: ['MESSAGES=2', ...bounds(1, 0, 1)] }, 1e5],
  ['sides that end the channel, a thief', STREAM, { defines: ['CLOSES', ...bounds(1, 0, 1)] }, 1e5],
  ['no fault: three changes and nobody closes', STREAM, { defines: TIMELY }, 1e4],
  ['no fault: three changes are reached', STREAM, { defines: TIMELY, claim: 'ended' }, 1e4],
  [
    'a fault: each side comes to the end or closes',
    STREAM,
    { defines: bounds(1, 1, 0), claim: 'ended' },
    1e5,
  ],
  ['two changes, two losses in a row, two copies', DATAGRAM, { defines: ['LOSSES=2', 'COPIES=2'] }, 1e5],
  ['fair loss: two changes are reached', DATAGRAM, { claim: 'changed' }, 1e4],
];

const BREAKS: readonly [model: string, check: SpinCheck][] = [
  ...[
    'NO_SIGNATURE',
    'SIGNATURE_WITHOUT_TRANSCRIPT',
    'SWITCH_BEFORE_VERIFY',
    'DATA_OPENS_EPOCH',
    'LATE_CLOCK',
    'NO_LIMIT',
    'NO_BATCHES',
  ].map((mutant): [string, SpinCheck] => [STREAM, { defines: [mutant, ...bounds(1, 1, 1)] }]),
  [STREAM, { defines: ['NO_NUMBER', 'MESSAGES=2', ...bounds(1, 0, 1)] }],
  // The numbers of batches say what the counters of records say, so both must go before anything is missed.
  [STREAM, { defines: ['NO_COUNTER', 'NO_NUMBER', ...bounds(1, 1, 0)] }],
  [STREAM, { defines: ['NO_COUNT', 'NO_BATCHES', ...bounds(1, 1, 0)] }],
  [STREAM, { defines: ['UNSIGNED_END', 'CLOSES', ...bounds(1, 0, 1)] }],
  [STREAM, { defines: ['OFFER_ON_OFFER', ...TIMELY] }],
  ...['SWITCH_BEFORE_VERIFY', 'DATA_OPENS_EPOCH', 'NO_WINDOW'].map((mutant): [string, SpinCheck] => [
    DATAGRAM,
    { defines: [mutant] },
  ]),
  ...['FRESH_ANSWER', 'FRESH_OFFER', 'NO_RESEND'].map((mutant): [string, SpinCheck] => [
    DATAGRAM,
    { defines: [mutant], claim: 'changed' },
  ]),
];

if (hasPrograms('spin', 'gcc')) {
  for (const [title, model, check, atLeast] of HOLDS)
    test(`${model}: ${title}`, async () => {
      const { states, violation } = await checkWithSpin(model, check);
      is(violation, undefined);
      ok(states >= atLeast, `only ${states} states`);
    });
  for (const [model, check] of BREAKS)
    test(`${model}: the mutant ${check.defines?.[0]} is found`, async () => {
      ok((await checkWithSpin(model, check)).violation !== undefined);
    });
} else test.unavailable('the epochs under spin', 'spin or gcc is not installed');
