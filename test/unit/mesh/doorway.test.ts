/** What strangers may take: load, cookies, rates and half-open handshakes, with the clock moved by hand. */
import fc from 'fast-check';
import { OotoError } from '../../../src/base/errors.ts';
import { isAdmitted, makeCookie } from '../../../src/channel/cookie.ts';
import { COOKIE_PERIOD_MS } from '../../../src/channel/cookie-secrets.ts';
import { Rates } from '../../../src/channel/rates.ts';
import { sourceOf } from '../../../src/channel/source.ts';
import { Doorway, MOST_HALF_OPEN, SOURCE_BURST } from '../../../src/mesh/doorway.ts';
import { Refusals } from '../../../src/mesh/refusals.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MESH_ID } from '../../support/network.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/doorway');
const crypto = testCrypto();
const NONE = new Uint8Array(32);

function doorway() {
  const clock = new ManualClock();
  return { clock, door: new Doorway(crypto, clock) };
}

const idle = (door: Doorway, address = '192.0.2.1:1') =>
  isAdmitted(crypto, door.guardFor(address), MESH_ID, NONE);

/** As many first messages as make the node feel loaded. */
function load(door: Doorway): void {
  for (let i = 0; i < 300; i++) door.guardFor('198.51.100.1:1').isLoaded();
}

test('an idle node asks nobody for a cookie; one with too many first messages does, for a second', () => {
  const { clock, door } = doorway();
  assert.ok(idle(door));
  assert.not(door.status.loaded);
  load(door);
  assert.ok(door.status.loaded);
  assert.not(idle(door));
  clock.advance(2_100);
  assert.ok(idle(door));
});

test('half-open handshakes make a node loaded; they are bounded, and the oldest gives way with its own code', () => {
  const { door } = doorway();
  const closed: OotoError[] = [];
  const session = () => ({ close: (reason: OotoError) => void closed.push(reason) });
  const all = Array.from({ length: MOST_HALF_OPEN }, session);
  for (const half of all) {
    door.opened(half);
    door.admitted(half);
  }
  assert.is(door.status.halfOpen, MOST_HALF_OPEN);
  assert.not(idle(door), 'it asks for cookies now');
  for (let i = 0; i < MOST_HALF_OPEN; i++) door.opened(session());
  assert.equal(closed, [], 'who was only asked crowds out nobody');
  const [late] = [session()];
  door.opened(late);
  door.admitted(late);
  assert.is(door.status.halfOpen, MOST_HALF_OPEN);
  assert.equal(
    closed.map(({ code }) => code),
    ['OOTO_MESH_UNPROVEN', 'OOTO_MESH_HALF_OPEN'],
  );
  door.settled(all[5]);
  door.settled(all[5]);
  assert.is(door.status.halfOpen, MOST_HALF_OPEN - 1);
});

test('a cookie is valid for its period and one more, for its source alone, and strangers leave no trace', () => {
  const { clock, door } = doorway();
  const cookie = makeCookie(crypto, door.guardFor('192.0.2.1:1000'), MESH_ID);
  const brings = (address: string) => {
    load(door);
    return isAdmitted(crypto, door.guardFor(address), MESH_ID, cookie);
  };
  assert.not(brings('192.0.2.2:1000'));
  assert.is(door.status.sources, 0, 'nobody has shown an address yet');
  assert.ok(brings('192.0.2.1:9'), 'the port may change');
  assert.is(door.status.sources, 1);
  clock.advance(COOKIE_PERIOD_MS);
  assert.ok(brings('192.0.2.1:1000'));
  clock.advance(COOKIE_PERIOD_MS - 1);
  assert.ok(brings('192.0.2.1:1000'));
  clock.advance(1);
  assert.not(brings('192.0.2.1:1000'));
  assert.is(door.status.cookiesAsked, 1);
  assert.is(door.status.cookiesBrought, 3);
});

test('a cookie after a long silence is worth nothing', () => {
  const { clock, door } = doorway();
  const cookie = makeCookie(crypto, door.guardFor('192.0.2.1:1000'), MESH_ID);
  clock.advance(10 * COOKIE_PERIOD_MS);
  load(door);
  assert.not(isAdmitted(crypto, door.guardFor('192.0.2.1:1000'), MESH_ID, cookie));
});

test('whoever has shown its address gets a burst, then 20 a second; others are not touched by that', () => {
  const { clock, door } = doorway();
  const begin = (address: string) => {
    const guard = door.guardFor(address);
    const cookie = makeCookie(crypto, guard, MESH_ID);
    load(door);
    return isAdmitted(crypto, guard, MESH_ID, cookie);
  };
  for (let i = 0; i < SOURCE_BURST; i++) assert.ok(begin('[2001:db8::1]:1'));
  assert.throwsCode(() => begin('[2001:db8::2]:1'), 'OOTO_MESH_SOURCE_RATE');
  assert.ok(begin('[2001:db8:0:1::1]:1'), 'another /64');
  clock.advance(50);
  assert.ok(begin('[2001:db8::3]:1'));
  assert.throwsCode(() => begin('[2001:db8::3]:1'), 'OOTO_MESH_SOURCE_RATE');
});

test('sources: an IPv4 address, mapped or not, or the first 64 bits of an IPv6 address', () => {
  const same = (a: string, b: string) => assert.is(sourceOf(a), sourceOf(b), `${a} and ${b}`);
  same('192.0.2.1:1', '192.0.2.1:2');
  same('192.0.2.1:1', '[::ffff:192.0.2.1]:1');
  same('[2001:db8::1]:1', '[2001:DB8:0:0:ffff::]:2');
  same('[fe80::1%eth0]:1', '[fe80::2%eth1]:1');
  same('[::1]:1', '[0:0:0:0:0:0:0:2]:1');
  for (const other of ['192.0.2.2:1', '[2001:db8:1::1]:1', 'a:1'])
    assert.is.not(sourceOf(other), sourceOf('192.0.2.1:1'));
  assert.is.not(sourceOf('[2001:db8::1]:1'), sourceOf('[2001:db8:0:1::1]:1'));
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => sourceOf(text).length <= 64));
  fc.assert(
    fc.property(fc.ipV6(), fc.nat(65535), (host, port) =>
      /::\/64$|^\d+(\.\d+){3}$/.test(sourceOf(`[${host}]:${port}`)),
    ),
  );
});

test('rates agree with a model, and never remember more than they may', () => {
  const steps = fc.array(fc.tuple(fc.nat(30), fc.nat(400)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (taken) => {
      const rates = new Rates({ perSecond: 20, burst: 5, most: 1_000 });
      const model = new Map<number, number[]>();
      let now = 0;
      for (const [key, wait] of taken) {
        now += wait;
        const [tokens = 5, at = now] = model.get(key) ?? [];
        const there = Math.min(5, tokens + (now - at) / 50);
        const admitted = there >= 1;
        model.set(key, [admitted ? there - 1 : there, now]);
        assert.is(rates.take(String(key), now), admitted);
      }
    }),
  );
  const rates = new Rates({ perSecond: 20, burst: 5, most: 100 });
  for (let i = 0; i < 1_000; i++) rates.take(`k${i}`, 0);
  assert.is(rates.size, 100);
  rates.take('late', 10_000);
  assert.is(rates.size, 1, 'full buckets are forgotten');
});

test('of a flood of refusals all are counted and few are logged', () => {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const refusals = new Refusals(clock, logger);
  const refuse = () => refusals.note(new OotoError('OOTO_TEST_X', 'peer', 'no'), { phase: 'connection' });
  for (let i = 0; i < 1_000; i++) refuse();
  assert.is(logger.codes('refused').length, 32);
  clock.advance(1_000);
  refuse();
  assert.is(logger.codes('refused').length, 33);
  assert.equal(refusals.counts, { OOTO_TEST_X: 1_001 });
});
