/** A link over real sockets, through a proxy that cuts it in the midst of a transfer, again and again. */
import { connect, createServer, type Socket } from 'node:net';
import { readU32be, u32be } from '../../../../src/base/bytes.ts';
import { type LastingLink, openLastingLink } from '../../../../src/channel/lasting/lasting-link.ts';
import { Resumptions } from '../../../../src/channel/lasting/resumptions.ts';
import { SignatureVerifier } from '../../../../src/channel/signature-verifier.ts';
import { nodeClock } from '../../../../src/platform/node/clock.ts';
import { tcpTransport } from '../../../../src/platform/node/transport.ts';
import { is, ok } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { MESH_ID, makeParty, START, seededRandom, verifierOf } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('lasting links over sockets', { timeout: 30_000 });
const MESSAGES = 600;
const MESSAGE_BYTES = 10_000;
const CUTS = 6;

/** Passes bytes on to `target`; the first connections break after so many bytes, both ways counted. */
async function cuttingProxy(target: number) {
  const open = new Set<Socket>();
  let accepted = 0;
  const server = createServer((near) => {
    let left = accepted++ < CUTS ? 400_000 + accepted * 123_457 : Number.POSITIVE_INFINITY;
    const far = connect(target, '127.0.0.1');
    const breakOff = () => [near, far].map((socket) => socket.destroy());
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      open.add(from);
      from.on('error', breakOff).on('close', breakOff);
      from.on('data', (chunk) => {
        left -= chunk.length;
        if (left < 0) {
          to.write(chunk.subarray(0, Math.floor(chunk.length / 2)), breakOff);
          from.pause();
        } else if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const close = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return { port, close, accepted: () => accepted };
}

test('a proxy cuts TCP in the midst of a transfer both ways: nothing is lost or doubled', async () => {
  const crypto = testCrypto(seededRandom('sockets'));
  const real = nodeClock();
  const clock = { ...real, after: real.after, monotonic: real.monotonic, now: () => START.wall };
  const [alice, bob] = [makeParty(crypto, 'alice'), makeParty(crypto, 'bob')];
  const verifier = new SignatureVerifier(crypto, setImmediate);
  const transport = tcpTransport();
  const listener = await transport.listen('127.0.0.1:0');
  const resumptions = new Resumptions(clock, MESH_ID);
  const proxy = await cuttingProxy(Number(listener.address.split(':')[1]));
  const address = `127.0.0.1:${proxy.port}`;
  const common = { crypto, meshId: MESH_ID, verifier: verifierOf(alice, bob), defersSignatures: true };
  const limits = { waitBytes: 1_500_000, backOff: { firstMs: 5, ceilingMs: 5 } };

  let acceptedLink!: (link: LastingLink) => void;
  const right = new Promise<LastingLink>((resolve) => {
    acceptedLink = resolve;
  });
  const accepting = (async () => {
    for await (const incoming of listener.connections) {
      const connection = await resumptions.sift(incoming).catch(() => undefined);
      const channel = { ...common, role: 'responder' as const, own: bob.own };
      if (connection)
        acceptedLink(openLastingLink({ channel, connection, clock, verifier, resumptions, limits }));
    }
  })();
  const left = openLastingLink({
    channel: { ...common, role: 'initiator', own: alice.own, expectedId: bob.own.id },
    connection: await transport.dial(address),
    dial: (signal) => transport.dial(address, { signal }),
    clock,
    verifier,
    limits,
  });

  const transfer = async ({ link }: LastingLink) => {
    for (let i = 0; i < MESSAGES; i++) {
      const message = new Uint8Array(MESSAGE_BYTES).fill(i & 0xff);
      message.set(u32be(i));
      if (!link.send(message)) await link.drained();
    }
  };
  const receive = ({ link }: LastingLink) =>
    new Promise<void>((resolve, reject) => {
      let next = 0;
      link.onMessage = (message) => {
        try {
          is(readU32be(message), next++);
          is(message.length, MESSAGE_BYTES);
          is(message[MESSAGE_BYTES - 1], (next - 1) & 0xff);
        } catch (error) {
          reject(error as Error);
        }
        if (next === MESSAGES) resolve();
      };
      void link.closed.then((error) => reject(error ?? new Error('closed')));
    });
  await left.link.established;
  const [near, far] = [left, await right];
  await far.link.established;
  await Promise.all([receive(near), receive(far), transfer(near), transfer(far)]);
  ok(proxy.accepted() >= CUTS, `${proxy.accepted()} connections`);
  near.link.close();
  await far.link.closed;
  proxy.close();
  await listener.close();
  await accepting;
  is(resumptions.size, 0);
});
