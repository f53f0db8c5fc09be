import { OotoError } from '../../../src/base/errors.ts';
import { Exchange } from '../../../src/mesh/exchange.ts';
import type { Message } from '../../../src/mesh/message.ts';
import * as assert from '../../support/assert.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/exchange');

function world() {
  const clock = new ManualClock();
  const sent: Message[] = [];
  const exchange = new Exchange(clock);
  const ask = (options = {}) => exchange.ask('node.ping', null, (message) => sent.push(message), options);
  return { clock, sent, exchange, ask };
}

test('numbers rise, and each answer settles its own request and no other', async () => {
  const { exchange, ask, sent, clock } = world();
  const [first, second] = [ask(), ask()];
  assert.equal(
    sent.map((message) => 'id' in message && message.id),
    [1, 2],
  );
  exchange.settle({ kind: 'response', id: 2, body: 'two' });
  exchange.settle({ kind: 'response', id: 2, body: 'again' });
  exchange.settle({ kind: 'response', id: 7, body: 'nobody asked' });
  exchange.settle({ kind: 'refusal', id: 1, code: 'OOTO_POLICY_DENIED', message: 'no' });
  assert.is(await second, 'two');
  const refusal = await assert.rejectsCode(first, 'OOTO_POLICY_DENIED');
  assert.is(refusal.fault, 'peer');
  assert.is(clock.waiting, 0);
});

test('deadline, signal and end each reject once and leave no timer', async () => {
  const { clock, ask, exchange } = world();
  const late = ask({ timeoutMs: 10 });
  late.catch(() => {});
  clock.advance(10);
  await assert.rejectsCode(late, 'OOTO_MESH_TIMEOUT');
  const stop = new AbortController();
  const aborted = ask({ signal: stop.signal });
  stop.abort(new OotoError('OOTO_TEST_STOP', 'caller', 'stop'));
  await assert.rejectsCode(aborted, 'OOTO_TEST_STOP');
  await assert.rejectsCode(ask({ signal: stop.signal }), 'OOTO_TEST_STOP');
  const waiting = [ask(), ask()];
  const closed = new OotoError('OOTO_MESH_CLOSED', 'local', 'over');
  exchange.end(closed);
  for (const request of [...waiting, ask()]) await assert.rejectsCode(request, 'OOTO_MESH_CLOSED');
  assert.is(clock.waiting, 0);
});

test('at most 1,024 requests are in flight', async () => {
  const { ask, exchange } = world();
  const waiting = Array.from({ length: 1024 }, () => ask());
  await assert.rejectsCode(ask(), 'OOTO_MESH_BUSY');
  exchange.end(new OotoError('OOTO_MESH_CLOSED', 'local', 'over'));
  assert.ok((await Promise.allSettled(waiting)).every(({ status }) => status === 'rejected'));
});

test('a request that cannot be sent is rejected at once and leaves nothing behind', async () => {
  const { exchange, clock } = world();
  const request = exchange.ask('node.ping', null, () => {
    throw new OotoError('OOTO_CHANNEL_SIZE', 'caller', 'too long');
  });
  await assert.rejectsCode(request, 'OOTO_CHANNEL_SIZE');
  assert.is(clock.waiting, 0);
});
