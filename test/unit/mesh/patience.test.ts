import { OotoError } from '../../../src/base/errors.ts';
import { pause, within } from '../../../src/mesh/patience.ts';
import * as assert from '../../support/assert.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/patience');
const stopped = new OotoError('OOTO_TEST_STOP', 'caller', 'stop');

test('a pause ends with its time or with the signal, and leaves no timer', async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const over = pause(clock, 100, stop.signal);
  clock.advance(100);
  await over;
  const cut = pause(clock, 100, stop.signal);
  stop.abort(stopped);
  await assert.rejectsCode(cut, 'OOTO_TEST_STOP');
  await assert.rejectsCode(pause(clock, 100, stop.signal), 'OOTO_TEST_STOP');
  assert.is(clock.waiting, 0);
});

test('what comes in time is given, what fails is thrown, what is late is given up', async () => {
  const clock = new ManualClock();
  assert.is(await within(clock, 100, 'it', Promise.resolve(1)), 1);
  await assert.rejectsCode(within(clock, 100, 'it', Promise.reject(stopped)), 'OOTO_TEST_STOP');
  const late = within(clock, 100, 'it', new Promise(() => {}));
  clock.advance(100);
  await assert.rejectsCode(late, 'OOTO_MESH_TIMEOUT');
  assert.is(clock.waiting, 0);
});
