/** Two ends of a channel for programs, in memory, with a seed and a clock that a test moves. */
import type { ChannelOptions } from '../../src/channel/channel.ts';
import { Channel } from '../../src/channel/channel.ts';
import { Link } from '../../src/channel/link.ts';
import { SignatureVerifier } from '../../src/channel/signature-verifier.ts';
import { SecureChannel, type SecureChannelOptions } from '../../src/channel/streams/secure-channel.ts';
import { testCrypto } from './crypto.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryConnection } from './memory-transport.ts';
import { MESH_ID, makeParty, seededRandom, verifierOf } from './network.ts';

export interface StreamEnds {
  left: SecureChannel;
  right: SecureChannel;
  links: [Link, Link];
  wires: [MemoryConnection, MemoryConnection];
  clock: ManualClock;
}

export interface StreamEndsOptions {
  channel?: Partial<ChannelOptions>;
  right?: Partial<SecureChannelOptions>;
}

export async function streamEnds({ channel = {}, right = {} }: StreamEndsOptions = {}): Promise<StreamEnds> {
  const crypto = testCrypto(seededRandom('stream ends'));
  const clock = new ManualClock();
  const [alice, bob] = [makeParty(crypto, 'alice'), makeParty(crypto, 'bob')];
  const wires = MemoryConnection.pair();
  const verifier = new SignatureVerifier(crypto, queueMicrotask);
  const common = {
    crypto,
    meshId: MESH_ID,
    verifier: verifierOf(alice, bob),
    defersSignatures: true,
    ...channel,
  };
  const linkOf = (connection: MemoryConnection, machine: Channel) =>
    new Link({ channel: machine, connection, clock, verifier });
  const links: [Link, Link] = [
    linkOf(wires[0], new Channel({ ...common, role: 'initiator', own: alice.own, expectedId: bob.own.id })),
    linkOf(wires[1], new Channel({ ...common, role: 'responder', own: bob.own })),
  ];
  const ends = {
    left: new SecureChannel({ link: links[0], role: 'initiator', clock }),
    right: new SecureChannel({ link: links[1], role: 'responder', clock, ...right }),
  };
  await Promise.all(links.map(({ established }) => established));
  return { ...ends, links, wires, clock };
}
