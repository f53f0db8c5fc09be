import fc from 'fast-check';
import { Bundle, messagesOf } from '../../../../src/channel/pool/bundle.ts';
import { FlowWindow } from '../../../../src/channel/pool/window.ts';
import { equal, is } from '../../../support/assert.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('bundles and windows');

test('messages come out of a bundle as they went in, and the bundle is empty then', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 9_000 }), { minLength: 1, maxLength: 20 }),
      (messages) => {
        const bundle = new Bundle();
        const bytes = messages.map((message) => bundle.add(message)).reduce((sum, count) => sum + count, 0);
        const taken = bundle.take() as Uint8Array;
        is(taken.length, bytes);
        equal([...messagesOf(taken)], messages);
        is(bundle.take(), undefined);
      },
    ),
  );
});

test('what is added is a copy', () => {
  const [bundle, message] = [new Bundle(), Uint8Array.of(1)];
  bundle.add(message);
  message[0] = 2;
  equal([...messagesOf(bundle.take() as Uint8Array)], [Uint8Array.of(1)]);
});

test('whoever waits for room goes on when there is some, and at the end', async () => {
  const window = new FlowWindow(10);
  window.posted(15);
  let rooms = 0;
  const waiting = [window.room(), window.room()].map((room) => room.then(() => rooms++));
  window.taken(5);
  await Promise.resolve();
  is(rooms, 0);
  window.taken(1);
  await Promise.all(waiting);
  is(rooms, 2);
  window.posted(100);
  const last = window.room();
  window.end();
  await last;
  is(window.isFull, false);
});
