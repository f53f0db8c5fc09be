/** Every byte of every handshake message, changed one at a time: the handshake never completes. */
import { is, ok } from '../../support/assert.ts';
import { Pair } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('every byte of a handshake', { timeout: 230_000 });

/** Lengths of the flights: hello, reply, finish, confirmation. */
function flightLengths(): number[] {
  const lengths: number[] = [];
  const pair = new Pair();
  pair.tamper = (bytes) => {
    lengths.push(bytes.length);
    return [bytes];
  };
  pair.start();
  pair.run();
  return lengths;
}

function runChanged(nth: number, at: number): Pair {
  const pair = new Pair();
  let flight = 0;
  pair.tamper = (bytes) => [flight++ === nth ? bytes.with(at, bytes[at] ^ (1 << (at % 8))) : bytes];
  pair.start();
  pair.run();
  pair.advance(5_000);
  return pair;
}

flightLengths().forEach((length, nth) => {
  test(`flight ${nth}, ${length} bytes`, () => {
    for (let at = 0; at < length; at++) {
      const pair = runChanged(nth, at);
      is(pair.initiator.state, 'closed', `byte ${at}`);
      const known = pair.events.responder.some(({ type }) => type === 'established');
      ok(nth === 3 || !known, `byte ${at}: the responder came to a session`);
    }
  });
});
