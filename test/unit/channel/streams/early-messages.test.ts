import { EarlyMessages } from '../../../../src/channel/streams/early-messages.ts';
import { equal, is } from '../../../support/assert.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('messages before the first listener');
const message = (bytes: number, memory = bytes) => ({ data: new Uint8Array(memory).subarray(0, bytes) });

test('messages wait in order, and none once they were taken', () => {
  const early = new EarlyMessages<{ data: Uint8Array }>();
  const messages = [message(1), message(0), message(300_000)];
  for (const one of messages) is(early.keep(one), true);
  equal(early.take(), messages);
  is(early.keep(message(1)), false);
  equal(early.take(), []);
});

test('where nobody listens no more than a MiB waits: of bytes, of events, of records that a message lies in', () => {
  for (const [bytes, memory, most] of [
    [2 ** 18, 2 ** 18, 3],
    [0, 0, 2 ** 12],
    [1, 2 ** 18, 3],
  ]) {
    const early = new EarlyMessages<{ data: Uint8Array }>();
    let kept = 0;
    while (early.keep(message(bytes, memory))) kept++;
    is(kept, most);
    equal(early.take(), []);
    is(early.keep(message(1)), false);
  }
});

test('messages of one record hold it once', () => {
  const early = new EarlyMessages<{ data: Uint8Array }>();
  const record = new Uint8Array(2 ** 18);
  let kept = 0;
  while (kept < 3_000 && early.keep({ data: record.subarray(kept, kept + 1) })) kept++;
  is(kept, 3_000);
  is(early.take().length, 3_000);
});
