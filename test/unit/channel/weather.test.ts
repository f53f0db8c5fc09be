/**
 * Channels over a wire that delays, parts, loses, doubles, reorders and changes frames, from seed to seed: nothing is
 * lost, doubled or out of order, or the channel closes; and what harms no stream closes none.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { equal as sameBytes, utf8, utf8Decode } from '../../../src/base/bytes.ts';
import type { ChannelLimits } from '../../../src/channel/limits.ts';
import { equal, is, ok } from '../../support/assert.ts';
import { Pair, type Side, WITHOUT_LIFE_SIGNS } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';
import { type Deed, type Faults, Weather } from '../../support/weather.ts';

const test = suite('channels in all weathers', { timeout: 60_000 });
const MINUTE = 60_000;
/** Enough for two changes of epoch, and for whatever must be noticed. */
const LONG_MS = 5 * MINUTE;
const SIDES = ['initiator', 'responder'] as const;
const START_BOTH: Deed[] = SIDES.map((side) => ({ at: 0, side, act: 'start' }));

interface Played {
  pair: Pair;
  weather: Weather;
  sent: Record<Side, string[]>;
}

/** Both sides speak now and then, once the handshake had time; a seed says when. */
function play(seed: number, faults: Faults, limits: Partial<ChannelLimits> = {}, messages = 12): Played {
  const pair = new Pair({ seed: `weather ${seed}`, both: { limits } });
  const weather = new Weather(pair, seed, faults);
  weather.play(START_BOTH, 4_900);
  const sent: Played['sent'] = { initiator: [], responder: [] };
  const script: Deed[] = [];
  for (let i = 0; i < messages; i++)
    for (const side of SIDES) {
      if (pair[side].state !== 'established') continue;
      const text = `${side} ${i}`;
      sent[side].push(text);
      const at = 5_000 + i * 16_000 + ((seed * 7919 + i * 104_729) % 15_000);
      script.push({ at, side, act: { send: utf8(text) } });
      if ((seed + i) % 5 === 0) script.push({ at: at + 1, side, act: 'renewEpoch' });
    }
  weather.play(script, LONG_MS);
  return { pair, weather, sent };
}

const heard = ({ weather }: Played, side: Side) => weather.received[side].map((bytes) => utf8Decode(bytes));
const other = (side: Side): Side => (side === 'initiator' ? 'responder' : 'initiator');

test('property: delay, parting and clocks apart harm nothing: all arrives, in order, through epoch after epoch', () => {
  const weather = fc.record({
    seed: fc.nat(1e6),
    delay: fc.integer({ min: 1, max: 900 }),
    from: fc.integer({ min: 6_000, max: 150_000 }),
    length: fc.integer({ min: 1, max: 20_000 }),
    skewMs: fc.integer({ min: -100_000, max: 100_000 }),
  });
  fc.assert(
    fc.property(weather, ({ seed, delay, from, length, skewMs }) => {
      const faults: Faults = { delayMs: [1, delay], partings: [[from, from + length]], skewMs };
      const played = play(seed, faults);
      for (const side of SIDES) {
        is(played.pair.closedBy(side), undefined);
        equal(heard(played, side), played.sent[other(side)]);
        is(played.sent[side].length, 12);
      }
      ok(played.pair.initiator.status.epoch >= 3);
    }),
    { numRuns: 20 },
  );
});

test('property: whatever befalls frames, what is heard is what was said, up to where a side closed', () => {
  const chance = fc.double({ min: 0, max: 0.08, noNaN: true });
  const faults = fc.record({ lose: chance, double: chance, overtake: chance, change: chance });
  fc.assert(
    fc.property(fc.nat(1e6), faults, (seed, chances) => {
      const played = play(seed, { ...chances, delayMs: [1, 200] });
      for (const side of SIDES) {
        const [got, said] = [heard(played, side), played.sent[other(side)]];
        equal(got, said.slice(0, got.length));
        if (played.weather.harm === 0) is(got.length, said.length);
      }
      if (played.weather.harm > 0)
        ok(
          SIDES.some((side) => played.pair[side].state === 'closed'),
          played.weather.diagram(),
        );
    }),
    { numRuns: 60 },
  );
});

test('any one frame of a run lost, doubled, overtaken or changed is noticed, at the seams of epochs too', () => {
  const script: Deed[] = [...START_BOTH];
  for (const at of [1_000, 2_000])
    for (const side of SIDES) {
      script.push({ at, side: 'initiator', act: 'renewEpoch' });
      for (let ms = 0; ms <= 50; ms += 5)
        script.push({ at: at + ms, side, act: { send: utf8(`${at + ms}`) } });
    }
  const run = (strike?: Faults['strike']) => {
    const weather = new Weather(new Pair({ seed: 'strike' }), 1, strike ? { strike } : {});
    weather.play(script, 4_900);
    return weather;
  };
  const whole = run();
  is(whole.received.initiator.length, 22);
  for (const fate of ['lost', 'doubled', 'overtaken', 'changed'] as const)
    for (let frame = 4; frame < whole.passages.length; frame++) {
      const weather = run({ frame, fate });
      const last = whole.passages.slice(frame + 1).every(({ from }) => from !== whole.passages[frame].from);
      if (last) continue;
      ok(
        SIDES.some((side) => weather.closed(side) !== undefined),
        `${fate} ${frame}\n${weather.diagram()}`,
      );
    }
});

test('a link parted for longer than a peer may be silent closes both sides', () => {
  const played = play(1, { partings: [[20_000, 75_000]] });
  for (const side of SIDES) is(played.pair.closedBy(side), 'OOTO_CHANNEL_SILENT');
});

test('a link parted for longer than an epoch lives closes both sides', () => {
  const played = play(1, { partings: [[20_000, 140_000]] }, WITHOUT_LIFE_SIGNS);
  for (const side of SIDES) is(played.pair.closedBy(side), 'OOTO_CHANNEL_EPOCH_OVERDUE');
});

test('a peer whose clock runs more than two minutes ahead is not believed', () => {
  const played = play(1, { skewMs: -200_000 });
  ok(SIDES.some((side) => played.pair.closedBy(side) === 'OOTO_CHANNEL_DELEGATION'));
});

test('the same seed gives the same run, to the byte', () => {
  const faults = { lose: 0.01, overtake: 0.01, delayMs: [1, 300] } as const;
  const [one, two] = [play(7, faults), play(7, faults)];
  is(one.weather.diagram(), two.weather.diagram());
  one.weather.received.responder.forEach((message, i) => {
    ok(sameBytes(message, two.weather.received.responder[i]));
  });
  ok(play(8, faults).weather.diagram() !== one.weather.diagram());
});

test('the diagram in docs/protocol.md is that of a run', () => {
  const weather = new Weather(new Pair({ seed: 'diagram' }), 1);
  const script: Deed[] = [
    ...START_BOTH,
    { at: 1_000, side: 'initiator', act: { send: utf8('a question') } },
    { at: 2_000, side: 'responder', act: 'renewEpoch' },
    { at: 2_015, side: 'responder', act: { send: utf8('an answer') } },
    { at: 3_000, side: 'initiator', act: 'close' },
  ];
  weather.play(script, 10_000);
  const [, drawn] = /```mermaid\n([\s\S]*?)\n```/.exec(readFileSync('docs/protocol.md', 'utf8')) ?? [];
  is(drawn, weather.diagram());
});
