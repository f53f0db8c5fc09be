/**
 * A day of one channel by the clocks and timers of the system, which faketime lets run 60 times as fast: 1,440
 * changes of epoch in 24 minutes. What is not injected here is what injecting hides: that timers come when they are
 * asked for, and that no clock stands still. The test starts itself as a program under faketime.
 */
import { spawn } from 'node:child_process';
import { utf8 } from '../../../src/base/bytes.ts';
import type { Channel } from '../../../src/channel/channel.ts';
import type { Moment } from '../../../src/channel/limits.ts';
import { is, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { retainedBytes } from '../../support/heap.ts';
import { hasPrograms } from '../../support/model-checkers.ts';
import { makeParty, Pair, START, seededRandom } from '../../support/network.ts';
import { NonceAudit } from '../../support/nonce-audit.ts';
import { suite } from '../../support/suite.ts';

const FLAG = '--day-of-a-channel';
const SPEED = 60;
const HOURS = Number(process.env.OOTO_SOAK_HOURS ?? 24);
const HOUR_MS = 3_600_000;
/** A process slow to wake is as slow 60 times over: a look that comes later than this is reported. */
const LOOK_MS = 1_000;
const GROWTH_BYTES = 1024 * 1024;

interface Day {
  epochs: number;
  closed: string | undefined;
  messages: number;
  sent: number;
  keys: number;
  repeats: number;
  everyKeyIsNew: boolean;
  growth: number;
  wallMs: number;
}

const at = process.argv.indexOf(FLAG);
if (at >= 0) console.log(JSON.stringify(await liveOneDay(Number(process.argv[at + 1]))));
else declareTest();

function declareTest(): void {
  const test = suite('a day of a channel by the clock', { timeout: 3_500_000 });
  if (!hasPrograms('faketime')) {
    test.unavailable('a day under faketime', 'faketime is not installed');
    return;
  }
  test(`${HOURS} hours at ${SPEED} times the speed`, async () => {
    const started = process.hrtime.bigint();
    const day = await underFaketime();
    const realMs = Number(process.hrtime.bigint() - started) / 1e6;
    is(day.closed, undefined);
    ok(realMs < (HOURS * HOUR_MS) / SPEED / 0.8, `faketime was not at work: ${realMs} ms`);
    ok(day.wallMs >= HOURS * HOUR_MS);
    ok(day.epochs >= HOURS * 60, `${day.epochs} epochs`);
    is(day.messages, day.sent);
    ok(day.keys >= 2 * day.epochs);
    is(day.repeats, 0);
    ok(day.everyKeyIsNew);
    ok(day.growth < GROWTH_BYTES, `${day.growth} bytes more are kept than after half the time`);
  });
}

async function underFaketime(): Promise<Day> {
  const begin = new Date(START.wall).toISOString().slice(0, 19).replace('T', ' ');
  const program = [process.execPath, process.argv[1], FLAG, `${HOURS}`];
  const child = spawn('faketime', ['-f', `@${begin} x${SPEED}`, ...program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TZ: 'UTC' },
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`the day ended with exit code ${code}`);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function now(): Moment {
  return { wall: Date.now(), monotonic: performance.now() };
}

async function liveOneDay(hours: number): Promise<Day> {
  const audit = new NonceAudit(hours * 60 * 16 + 1000);
  const pair = establish(audit);
  const begin = now();
  const end = begin.monotonic + hours * HOUR_MS;
  let [sent, messages, kept] = [0, 0, 0];
  while (performance.now() < end && pair.initiator.state === 'established') {
    await untilNext(pair.initiator, pair.responder);
    pair.now = now();
    for (const side of ['initiator', 'responder'] as const) pair[side].tick(pair.now);
    pair.initiator.send(utf8(`message ${sent++}`));
    pair.run();
    messages += pair.takeMessages('responder').length;
    pair.events.initiator = pair.events.initiator.filter(({ type }) => type === 'closed');
    pair.events.responder = pair.events.responder.filter(({ type }) => type === 'closed');
    if (kept === 0 && performance.now() > (begin.monotonic + end) / 2) kept = retainedBytes();
  }
  return {
    epochs: pair.initiator.status.epoch,
    closed: pair.closedBy('initiator') ?? pair.closedBy('responder'),
    messages,
    sent,
    keys: audit.keys,
    repeats: audit.repeats.length,
    everyKeyIsNew: audit.everyKeyIsNew(),
    growth: retainedBytes() - kept,
    wallMs: Date.now() - begin.wall,
  };
}

function establish(audit: NonceAudit): Pair {
  const crypto = audit.watch(testCrypto(seededRandom('a day by the clock')));
  const delegation = { notAfter: START.wall + 30 * HOUR_MS };
  const pair = new Pair({
    both: { crypto },
    parties: () => ({
      alice: makeParty(crypto, 'alice', { delegation }),
      bob: makeParty(crypto, 'bob', { delegation }),
    }),
  });
  pair.now = now();
  pair.start();
  pair.run();
  return pair;
}

/** Sleeps until one of the channels wants to be looked at, or for a while. */
function untilNext(...channels: readonly Channel[]): Promise<void> {
  const deadline = Math.min(...channels.map((channel) => channel.deadline()));
  const wait = Math.max(1, Math.min(LOOK_MS, deadline - performance.now()));
  return new Promise((resolve) => setTimeout(resolve, wait));
}
