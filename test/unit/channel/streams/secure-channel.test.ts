/** Streams and requests over a live channel, in memory: what programs see, and what they see when something ends. */
import { Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { concat, u32be, utf8, utf8Decode } from '../../../../src/base/bytes.ts';
import { OotoError } from '../../../../src/base/errors.ts';
import { MOST_STREAMS } from '../../../../src/channel/streams/bounds.ts';
import type { ChannelStream } from '../../../../src/channel/streams/channel-stream.ts';
import { RemoteRefusal } from '../../../../src/channel/streams/failures.ts';
import type { RequestHandler } from '../../../../src/channel/streams/requests.ts';
import type { ChannelMessageEvent, SecureChannel } from '../../../../src/channel/streams/secure-channel.ts';
import { bytes, equal, is, ok, rejectsCode, throwsCode } from '../../../support/assert.ts';
import { settled } from '../../../support/manual-clock.ts';
import { streamEnds } from '../../../support/stream-ends.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('streams: channel for programs');
const ECHO: RequestHandler = (request) => request.stream();

async function nextStream(channel: SecureChannel): Promise<ChannelStream> {
  const { value } = await channel.incomingStreams().next();
  return value as ChannelStream;
}

async function opened(): Promise<
  Awaited<ReturnType<typeof streamEnds>> & { ours: ChannelStream; theirs: ChannelStream }
> {
  const ends = await streamEnds();
  const ours = await ends.left.openStream({ name: 'file' });
  return { ...ends, ours, theirs: await nextStream(ends.right) };
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return concat(...parts);
}

/** Rejects in time, with this reason. */
async function rejectsWith(promise: Promise<unknown>, reason: unknown): Promise<void> {
  const got = await promise.then(
    () => 'it resolved',
    (error) => error,
  );
  is(got, reason);
}

test('a request is answered', async () => {
  const { left, right } = await streamEnds();
  right.handle('greet', async (request) => `hello ${await request.text()} from ${request.method}`);
  is(utf8Decode(await left.request('greet', 'world')), 'hello world from greet');
  is(left.peerId, 'spiffe://test/node/bob');
  is(right.peerId, 'spiffe://test/node/alice');
  await settled();
  equal(
    [left.open, right.open],
    [
      { own: 0, others: 0 },
      { own: 0, others: 0 },
    ],
  );
});

test('both sides ask each other, many at once, more than may be open', async () => {
  const { left, right } = await streamEnds();
  for (const side of [left, right]) side.handle('echo', ECHO);
  const ask = (side: SecureChannel) =>
    Array.from({ length: 2 * MOST_STREAMS }, (_, i) => side.request('echo', u32be(i)));
  const answers = await Promise.all([...ask(left), ...ask(right)]);
  for (const [i, answer] of answers.entries()) bytes(answer, u32be(i % (2 * MOST_STREAMS)));
});

test('a large body is echoed while it is sent', async () => {
  const { left, right } = await streamEnds();
  right.handle('echo', ECHO);
  const body = new Uint8Array(3_000_000).map((_, i) => i * 31);
  bytes(await left.request('echo', body), body);
});

test('a handler may answer in parts, which stay apart', async () => {
  const { left, right } = await streamEnds();
  const parts = ['one', '', 'three', 'x'.repeat(100_000)];
  right.handle('count', (request) =>
    (async function* () {
      for await (const part of request) yield `got ${utf8Decode(part)}`;
      yield* parts;
    })(),
  );
  const heard: string[] = [];
  for await (const part of left.requestParts('count', ['a', 'b'])) heard.push(utf8Decode(part));
  equal(heard, ['got a', 'got b', ...parts]);
});

test('leaving the parts of an answer ends the handler', async () => {
  const { left, right } = await streamEnds();
  const ended: string[] = [];
  right.handle('for ever', () =>
    (async function* () {
      try {
        for (;;) yield new Uint8Array(1000);
      } finally {
        ended.push('closed');
      }
    })(),
  );
  for await (const part of left.requestParts('for ever')) {
    is(part.length, 1000);
    break;
  }
  await settled();
  equal(ended, ['closed']);
});

test('who answers nothing, fails or throws what is no error of ours', async () => {
  const { left, right } = await streamEnds();
  right.handle('nothing', () => {});
  right.handle('refuse', () => {
    throw new OotoError('OOTO_TEST_NO', 'peer', 'not for you');
  });
  right.handle('misuse', () => {
    throw new OotoError('OOTO_TEST_MISUSE', 'caller', 'secret path /etc/x');
  });
  right.handle('crash', () => {
    throw new Error('secret');
  });
  is((await left.request('nothing')).length, 0);
  const refused = (await rejectsCode(left.request('refuse'), 'OOTO_STREAM_REFUSED')) as RemoteRefusal;
  equal([refused.remoteCode, refused.remoteMessage], ['OOTO_TEST_NO', 'not for you']);
  const misuse = (await rejectsCode(left.request('misuse'), 'OOTO_STREAM_REFUSED')) as RemoteRefusal;
  equal([misuse.remoteCode, misuse.remoteMessage], ['OOTO_TEST_MISUSE', '']);
  const crash = (await rejectsCode(left.request('crash'), 'OOTO_STREAM_REFUSED')) as RemoteRefusal;
  ok(crash instanceof RemoteRefusal);
  equal([crash.remoteCode, crash.remoteMessage], ['', '']);
});

test('methods are looked up by name alone', async () => {
  const { left, right } = await streamEnds();
  right.handle('m', ECHO);
  for (const method of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'M', 'm ', 'm\0'])
    await rejectsCode(left.request(method), 'OOTO_STREAM_METHOD');
  throwsCode(() => right.handle('m', ECHO), 'OOTO_STREAM_HANDLER');
  right.unhandle('m');
  await rejectsCode(left.request('m'), 'OOTO_STREAM_METHOD');
  right.handle('__proto__', ECHO);
  is(utf8Decode(await left.request('__proto__', 'x')), 'x');
  await rejectsCode(left.request('x'.repeat(300)), 'OOTO_STREAM_NAME');
});

test('a caller that aborts gets its reason, and the handler its signal', async () => {
  const { left, right } = await streamEnds();
  const signals: AbortSignal[] = [];
  right.handle('wait', (request) => {
    signals.push(request.signal);
    return new Promise(() => {});
  });
  const controller = new AbortController();
  const reason = new Error('changed my mind');
  const asked = left.request('wait', 'x', { signal: controller.signal });
  await settled();
  is(signals[0].aborted, false);
  controller.abort(reason);
  await rejectsWith(asked, reason);
  await settled();
  ok(signals[0].aborted);
  is((signals[0].reason as OotoError).code, 'OOTO_STREAM_RESET');
  await rejectsWith(left.request('wait', 'x', { signal: AbortSignal.abort(reason) }), reason);
  is(signals.length, 1, 'an aborted request is not sent');
});

test('an abort in the moment of asking counts', async () => {
  const { left, right } = await streamEnds();
  right.handle('wait', () => new Promise(() => {}));
  const reason = new Error('at once');
  const doings = [
    (signal: AbortSignal) => left.request('wait', 'x', { signal }),
    (signal: AbortSignal) => left.requestParts('wait', 'x', { signal }).next(),
    (signal: AbortSignal) => left.openStream({ signal }),
  ];
  for (const begin of doings) {
    const controller = new AbortController();
    const begun = begin(controller.signal);
    controller.abort(reason);
    await rejectsWith(begun, reason);
  }
  await settled();
  equal([left.open.own, right.open.others], [0, 0]);
});

test('a deadline rejects the caller and fires the handler’s signal', async () => {
  const { left, right, clock } = await streamEnds();
  const signals: AbortSignal[] = [];
  right.handle('wait', (request) => {
    signals.push(request.signal);
    ok(request.leftMs <= 2_000);
    return new Promise(() => {});
  });
  const asked = rejectsCode(left.request('wait', 'x', { deadlineMs: 2_000 }), 'OOTO_STREAM_DEADLINE');
  await clock.run(2_100, 100);
  await asked;
  ok(signals[0].aborted);
  is((signals[0].reason as OotoError).code, 'OOTO_STREAM_DEADLINE');
  equal([left.open.own, right.open.others], [0, 0]);
  for (const deadlineMs of [0, -5, Number.NaN, 1e12])
    await rejectsCode(left.request('wait', 'x', { deadlineMs }), 'OOTO_STREAM_DEADLINE');
});

test('handlers that go on after their callers gave up count as running', async () => {
  const { left, right } = await streamEnds();
  right.handle('hang', () => new Promise(() => {}));
  for (let i = 0; i < MOST_STREAMS; i++) {
    const controller = new AbortController();
    const asked = left.request('hang', undefined, { signal: controller.signal }).catch(() => {});
    await settled(2);
    controller.abort();
    await asked;
  }
  await rejectsCode(left.request('hang'), 'OOTO_STREAM_BUSY');
});

test('of two readers of one body the second is refused at once, and the first gets all', async () => {
  const { left, right } = await streamEnds();
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  right.handle('read', async (request) => {
    const first = request.text();
    await rejectsCode(request.bytes(), 'OOTO_STREAM_READER');
    throwsCode(() => request.parts(), 'OOTO_STREAM_READER');
    throwsCode(() => request.stream(), 'OOTO_STREAM_READER');
    goOn();
    return first;
  });
  const body = (async function* () {
    yield 'one ';
    await gate;
    yield 'two';
  })();
  is(utf8Decode(await left.request('read', body)), 'one two');
});

test('an answer beyond what is wanted is refused, and the stream given up', async () => {
  const { left, right } = await streamEnds();
  right.handle('much', () => new Uint8Array(5_000));
  await rejectsCode(left.request('much', undefined, { mostBytes: 4_999 }), 'OOTO_STREAM_SIZE');
  is((await left.request('much', undefined, { mostBytes: 5_000 })).length, 5_000);
  right.handle('measure', async (request) => `${(await request.bytes(10)).length}`);
  const error = (await rejectsCode(
    left.request('measure', 'x'.repeat(11)),
    'OOTO_STREAM_REFUSED',
  )) as RemoteRefusal;
  is(error.remoteCode, 'OOTO_STREAM_SIZE');
});

test('a body whose source fails fails the request', async () => {
  const { left, right } = await streamEnds();
  const heard: unknown[] = [];
  right.handle('take', async (request) => {
    await request.bytes().catch((error) => heard.push(error.code));
  });
  const failure = new Error('disk');
  const body = (async function* () {
    yield utf8('first');
    throw failure;
  })();
  await rejectsWith(left.request('take', body), failure);
  await settled();
  equal(heard, ['OOTO_STREAM_RESET']);
  await rejectsCode(left.request('take', [5] as unknown as string[]), 'OOTO_STREAM_BODY');
});

test('an answer that comes before the body is read ends the body', async () => {
  const { left, right } = await streamEnds();
  right.handle('early', () => 'enough');
  let closed = false;
  const body = (async function* () {
    try {
      for (;;) yield new Uint8Array(50_000);
    } finally {
      closed = true;
    }
  })();
  is(utf8Decode(await left.request('early', body)), 'enough');
  await settled();
  ok(closed);
  equal([left.open.own, right.open.others], [0, 0]);
});

test('a stream carries bytes both ways, with its name', async () => {
  const { ours, theirs } = await opened();
  is(theirs.name, 'file');
  const sent = new Uint8Array(500_000).map((_, i) => i * 13);
  const heard = readAll(theirs);
  const writer = ours.writable.getWriter();
  await writer.write(sent.subarray(0, 1_000));
  await writer.write(sent.subarray(1_000));
  await writer.close();
  bytes(await heard, sent);
  const back = theirs.writable.getWriter();
  await back.write(utf8('done'));
  await back.close();
  bytes(await readAll(ours), utf8('done'));
  await ours.closed;
  await theirs.closed;
});

test('a slow reader holds the writer back, and no other stream', async () => {
  const { left, right, ours, theirs } = await opened();
  right.handle('echo', ECHO);
  const writer = ours.writable.getWriter();
  let written = 0;
  const writing = (async () => {
    for (; written < 100; written++) await writer.write(new Uint8Array(16_384));
    await writer.close();
  })();
  await settled();
  ok(written <= 5, `${written} chunks of 16 KiB were taken by a reader that does not read`);
  is(utf8Decode(await left.request('echo', 'through')), 'through');
  is((await readAll(theirs)).length, 100 * 16_384);
  await writing;
});

test('cancelling a reader stops the writer alone', async () => {
  const { ours, theirs } = await opened();
  await theirs.readable.cancel('enough');
  await settled();
  const writer = ours.writable.getWriter();
  await rejectsCode(writer.write(utf8('x')), 'OOTO_STREAM_STOPPED');
  const back = theirs.writable.getWriter();
  await back.write(utf8('still here'));
  await back.close();
  bytes(await readAll(ours), utf8('still here'));
});

test('aborting a stream ends it for both sides, in every place where somebody waits', async () => {
  const { ours, theirs } = await opened();
  const reason = new Error('no more');
  const [reading, closing] = [ours.readable.getReader().read(), ours.closed];
  const far = theirs.readable.getReader().read();
  ours.abort(reason);
  await Promise.all([rejectsWith(reading, reason), rejectsWith(closing, reason)]);
  await rejectsCode(far, 'OOTO_STREAM_RESET');
  await rejectsCode(theirs.writable.getWriter().write(utf8('x')), 'OOTO_STREAM_RESET');
  is((theirs.signal.reason as OotoError).code, 'OOTO_STREAM_RESET');
});

test('an abort signal given with the stream gives it up', async () => {
  const { left, right } = await streamEnds();
  const controller = new AbortController();
  const ours = await left.openStream({ signal: controller.signal });
  const theirs = await nextStream(right);
  const reason = new Error('stop');
  controller.abort(reason);
  await rejectsWith(ours.closed, reason);
  await rejectsCode(theirs.closed, 'OOTO_STREAM_RESET');
});

test('leaving `using` gives a stream up', async () => {
  const { ours, theirs } = await opened();
  await ours[Symbol.asyncDispose]();
  await rejectsCode(theirs.closed, 'OOTO_STREAM_RESET');
});

test('a cut connection fails every reader, writer and request with the one error', async () => {
  const { left, right, wires, ours, theirs } = await opened();
  right.handle('wait', () => new Promise(() => {}));
  const writer = ours.writable.getWriter();
  const waiting = [
    ours.readable.getReader().read(),
    writer.write(new Uint8Array(1_000_000)),
    ours.closed,
    left.request('wait'),
    left.requestParts('wait').next(),
    theirs.closed,
  ].map((promise) =>
    promise.then(
      () => undefined,
      (error) => error as OotoError,
    ),
  );
  const blocked = Array.from({ length: MOST_STREAMS }, () => left.openStream().catch((error) => error));
  await settled();
  wires[0].close();
  const errors = await Promise.all(waiting);
  for (const error of errors.slice(0, 5)) is(error, errors[0]);
  is(errors[0]?.code, 'OOTO_CHANNEL_TRUNCATED');
  is(errors[5]?.code, 'OOTO_CHANNEL_TRUNCATED');
  for (const one of await Promise.all(blocked))
    if (one instanceof Error) is(one, errors[0]);
    else await rejectsWith(one.closed, errors[0]);
  await rejectsWith(left.request('late'), errors[0]);
  await rejectsWith(left.openStream(), errors[0]);
  is((await left.closed)?.code, 'OOTO_CHANNEL_TRUNCATED');
  is(
    await right
      .incomingStreams()
      .next()
      .then(async ({ value }) => value?.name),
    '',
  );
});

test('a channel that is closed here or there says so', async () => {
  const { left, right, ours, theirs } = await opened();
  let closed: unknown = 'not yet';
  right.addEventListener('close', (event) => {
    closed = (event as Event & { error?: unknown }).error;
  });
  const [here, there] = [ours.closed, theirs.closed];
  await left.close();
  is((await rejectsCode(here, 'OOTO_STREAM_CLOSED')).fault, 'local');
  is((await rejectsCode(there, 'OOTO_STREAM_CLOSED')).fault, 'peer');
  is(await left.closed, undefined);
  is(await right.closed, undefined);
  await settled();
  is(closed, undefined);
  await left[Symbol.asyncDispose]();
});

test('a peer that breaks a rule closes the channel, and this side knows why', async () => {
  const { links, right } = await streamEnds();
  const waiting = right.request('anything');
  links[0].send(Uint8Array.of(3, 0, 0, 0, 9, 1));
  const error = await right.closed;
  is(error?.code, 'OOTO_STREAM_UNKNOWN');
  await rejectsWith(waiting, error);
  ok(await links[0].closed, 'the other side saw it end');
});

test('single messages go beside streams', async () => {
  const { left, right } = await streamEnds();
  const heard: Uint8Array[] = [];
  right.addEventListener('message', (event) => heard.push((event as ChannelMessageEvent).data.slice()));
  left.send(utf8('one'));
  left.send(new Uint8Array());
  await settled();
  equal(heard, [utf8('one'), new Uint8Array()]);
});

test('the memory of a message that was spent is given back, that of another is not', async () => {
  const { left, right } = await streamEnds();
  const heard: Uint8Array[] = [];
  right.addEventListener('message', (event) => {
    const message = event as ChannelMessageEvent;
    if (heard.push(message.data) === 1) message.spend();
  });
  for (const byte of [1, 2]) {
    left.send(new Uint8Array(50_000).fill(byte));
    await settled();
  }
  equal(
    heard.map(({ length }) => length),
    [0, 50_000],
  );
  bytes(heard[1], new Uint8Array(50_000).fill(2));
});

test('Node’s pipeline carries a gzip stream over the channel and back', async () => {
  const { ours, theirs } = await opened();
  const sent = new Uint8Array(1_000_000).map((_, i) => (i * i) >> 7);
  const heard: Buffer[] = [];
  const from = ({ readable }: ChannelStream) => Readable.fromWeb(readable as never);
  const to = ({ writable }: ChannelStream) => Writable.fromWeb(writable as never);
  await Promise.all([
    pipeline(
      async function* () {
        for (let at = 0; at < sent.length; at += 70_000) yield sent.slice(at, at + 70_000);
      },
      createGzip(),
      to(ours),
    ),
    pipeline(from(theirs), createGunzip(), createGzip(), to(theirs)),
    pipeline(from(ours), createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) heard.push(chunk);
    }),
  ]);
  bytes(concat(...heard), sent);
});

test('Node’s Duplex echoes through its own pipe', async () => {
  const { ours, theirs } = await opened();
  const sent = new Uint8Array(300_000).map((_, i) => i * 3);
  const [near, far] = [ours, theirs].map((stream) => Duplex.fromWeb(stream as never));
  far.pipe(far);
  near.end(sent);
  bytes(await readAll(near), sent);
});

test('CompressionStream and pipeTo go over the channel', async () => {
  const { ours, theirs } = await opened();
  const sent = new Uint8Array(400_000).map((_, i) => i >> 5);
  const source = new Blob([sent]).stream().pipeThrough(new CompressionStream('deflate'));
  const sending = source.pipeTo(ours.writable as WritableStream);
  const inflated = theirs.readable.pipeThrough(
    new DecompressionStream('deflate') as never,
  ) as ReadableStream<Uint8Array>;
  bytes(await readAll(inflated as never), sent);
  await sending;
});

test('destroying a Node stream on either side ends the other with an error', async () => {
  const { ours, theirs } = await opened();
  const [near, far] = [ours, theirs].map((stream) => Duplex.fromWeb(stream as never));
  const seen = new Promise<Error>((resolve) => far.once('error', resolve));
  far.resume();
  near.on('error', () => {});
  near.destroy(new Error('gone'));
  is(((await seen) as OotoError).code, 'OOTO_STREAM_RESET');
});

test('of streams that nobody takes and the peer resets, nothing is kept', async () => {
  const { left, right } = await streamEnds();
  const name = (i: number) => `${i}`.padStart(200, 'x');
  for (let i = 0; i < 400; i++) (await left.openStream({ name: name(i) })).abort();
  await settled();
  const kept = await left.openStream({ name: 'kept' });
  await settled();
  is((await nextStream(right)).name, 'kept');
  kept.abort();
});

test('a peer that never gives places back holds up no request beyond its deadline', async () => {
  const { left, right, links, clock } = await streamEnds();
  right.handle('hang', () => new Promise(() => {}));
  for (let i = 0; i < MOST_STREAMS; i++)
    left.request('hang', undefined, { deadlineMs: 60_000 }).catch(() => {});
  await settled();
  links[1].onMessage = () => {};
  const late = rejectsCode(left.request('hang', undefined, { deadlineMs: 2_000 }), 'OOTO_STREAM_DEADLINE');
  await clock.run(2_100);
  await late;
});

test('a handler that fails with a code of no known form fails its request, and no other', async () => {
  const { left, right } = await streamEnds();
  right.handle('echo', ECHO);
  right.handle('odd', () => {
    throw new OotoError('not a code', 'peer', 'why');
  });
  const refused = (await rejectsCode(left.request('odd'), 'OOTO_STREAM_REFUSED')) as RemoteRefusal;
  equal([refused.remoteCode, refused.remoteMessage], ['', 'why']);
  is(utf8Decode(await left.request('echo', 'still here')), 'still here');
});
