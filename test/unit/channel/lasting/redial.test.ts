/** Channels that are opened again: when, after how long, and when not. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { type Fault, OotoError } from '../../../../src/base/errors.ts';
import { BackOff, isMendable } from '../../../../src/channel/lasting/back-off.ts';
import { Redial, type RedialOptions, type Waiting } from '../../../../src/channel/lasting/redial.ts';
import { equal, is, ok } from '../../../support/assert.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('redial');
const UNREACHABLE = new OotoError('OOTO_TRANSPORT_UNREACHABLE', 'environment', 'nobody');
const REFUSED = new OotoError('OOTO_CHANNEL_CREDENTIAL', 'peer', 'not let in');

/** A channel in name only. */
class Stand {
  end!: (error?: OotoError) => void;
  readonly closed = new Promise<OotoError | undefined>((resolve) => {
    this.end = resolve;
  });
  close(): void {
    this.end();
  }
}

/** Attempts fail with these errors, in order; `undefined` succeeds, and so does every attempt after them. */
function redialling(errors: (unknown | undefined)[], options: Partial<RedialOptions<Stand>> = {}) {
  const clock = new ManualClock();
  const stands: Stand[] = [];
  const told: string[] = [];
  const delays: number[] = [];
  let attempts = 0;
  const redial = new Redial<Stand>({
    clock,
    random: seededRandom('redial'),
    open: async () => {
      const error = errors[attempts++];
      if (error) throw error;
      const stand = new Stand();
      stands.push(stand);
      return stand;
    },
    ...options,
  });
  for (const type of ['connected', 'waiting', 'closed'])
    redial.addEventListener(type, (event) => {
      told.push(type);
      if (type === 'waiting') delays.push(((event as CustomEvent).detail as Waiting).delayMs);
    });
  return { redial, clock, stands, told, delays, attempts: () => attempts };
}

test('property: waits are drawn from a bound that doubles up to the ceiling, and begin anew after a steady time', () => {
  const stood = fc.oneof({ weight: 9, arbitrary: fc.nat(29_999) }, fc.integer({ min: 30_000, max: 60_000 }));
  fc.assert(
    fc.property(fc.nat(1e6), fc.array(stood, { minLength: 20, maxLength: 40 }), (seed, times) => {
      const backOff = new BackOff(seededRandom(`back-off ${seed}`), {
        firstMs: 100,
        ceilingMs: 5_000,
        steadyMs: 30_000,
      });
      let bound = 100;
      for (const stood of times) {
        if (stood >= 30_000) bound = 100;
        const wait = backOff.next(stood);
        ok(Number.isInteger(wait) && wait >= 0 && wait < bound, `${wait} of ${bound}`);
        bound = Math.min(5_000, bound * 2);
      }
    }),
  );
});

test('waits are spread over all of their bound', () => {
  const waits = Array.from({ length: 200 }, (_, i) => new BackOff(seededRandom(`${i}`)).next());
  ok(Math.min(...waits) < 25 && Math.max(...waits) > 475);
});

test('it dials again until somebody answers, and again when the channel ends', async () => {
  const { redial, clock, stands, told, delays } = redialling([UNREACHABLE, UNREACHABLE]);
  await clock.run(5_000);
  equal(told, ['waiting', 'waiting', 'connected']);
  is(redial.current, stands[0]);
  stands[0].end(new OotoError('OOTO_CHANNEL_SILENT', 'peer', 'gone'));
  await settled();
  is(redial.current, undefined);
  await clock.run(5_000);
  is(stands.length, 2);
  stands[1].end();
  await clock.run(10_000);
  is(stands.length, 3, 'an end that the peer wished is no reason to stay away');
  ok(delays[2] < 2_000);
  redial.close();
  is(await redial.closed, undefined);
  is(told[told.length - 1], 'closed');
  is(clock.waiting, 0);
});

test('what no attempt can mend ends it at once, with that error', async () => {
  for (const error of [REFUSED, new OotoError('OOTO_TRANSPORT_ADDRESS', 'caller', 'no address')]) {
    const { redial, clock, told, attempts } = redialling([UNREACHABLE, error]);
    await clock.run(5_000);
    is(await redial.closed, error);
    equal(told, ['waiting', 'closed']);
    is(attempts(), 2);
    is(clock.waiting, 0);
  }
  const { redial } = redialling([new TypeError('a mistake')]);
  is((await redial.closed)?.code, 'OOTO_CHANNEL_INTERNAL');
});

test('a channel that ends with such an error is not opened again', async () => {
  const { redial, clock, stands, attempts } = redialling([]);
  await settled();
  stands[0].end(new OotoError('OOTO_CHANNEL_SIGNATURE', 'peer', 'a lie'));
  is((await redial.closed)?.code, 'OOTO_CHANNEL_SIGNATURE');
  await clock.run(60_000, 10_000);
  is(attempts(), 1);
});

test('its signal ends it: before, while it waits, while it dials, while a channel stands', async () => {
  for (const errors of [[UNREACHABLE], []]) {
    const abort = new AbortController();
    const { redial, clock, stands } = redialling(errors, { signal: abort.signal });
    await settled();
    abort.abort();
    is(await redial.closed, undefined);
    is(clock.waiting, 0);
    is(redial.current, undefined);
    if (stands[0]) is(await stands[0].closed, undefined);
  }
  const { redial, attempts } = redialling([], { signal: AbortSignal.abort() });
  is(await redial.closed, undefined);
  is(attempts(), 0);
  const late = new Stand();
  const dialling = redialling([], {
    open: (signal) => new Promise((yes) => signal.addEventListener('abort', () => yes(late))),
  });
  await settled();
  dialling.redial.close();
  is(await dialling.redial.closed, undefined);
  is(await late.closed, undefined, 'a channel that came about too late is ended');
  equal(dialling.told, ['closed']);
});

test('mendable is what befalls bytes or presence; who a peer is, and mistakes of the caller, are not', () => {
  const error = (code: string, fault: Fault) => new OotoError(code, fault, '');
  for (const [code, fault] of [
    ['OOTO_TRANSPORT_UNREACHABLE', 'environment'],
    ['OOTO_CHANNEL_TRUNCATED', 'peer'],
    ['OOTO_CHANNEL_SILENT', 'peer'],
    ['OOTO_CRYPTO_AUTHENTICATION', 'peer'],
  ] as const)
    ok(isMendable(error(code, fault)) && !isMendable(error(code, 'caller')), code);
  const documented = readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(OOTO_\w+)` \| ([^|]+) \|/gm);
  for (const [, code, faults] of documented)
    if (faults.trim() === 'caller') ok(!isMendable(error(code, 'caller')), code);
  for (const what of [
    'KIND',
    'PEER_ID',
    'SELF',
    'CREDENTIAL',
    'DELEGATION',
    'TRANSCRIPT',
    'CONFIRMATION',
    'MESH',
  ])
    ok(!isMendable(error(`OOTO_CHANNEL_${what}`, 'peer')), what);
  for (const what of ['VERSION', 'SIGNATURE', 'EPOCH_SIGNATURE', 'END', 'ORDER', 'SIZE'])
    ok(!isMendable(error(`OOTO_CHANNEL_${what}`, 'peer')), what);
  ok(!isMendable(error('OOTO_POLICY_DENIED', 'peer')));
  ok(!isMendable(new Error('anything')));
});
