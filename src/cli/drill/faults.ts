/**
 * What can be wrong with a member in a drill. What flows through here: by its name a fault gets the running node, puts
 * itself in the place of handlers, or does a deed, and says what came of it. Protocol code knows nothing of faults.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { OotoError } from '../../base/errors.ts';
import { hex, unhex } from '../../base/hex.ts';
import { nodeClock } from '../../platform/node/clock.ts';
import { softwareSigner } from '../../platform/node/signer.ts';
import { openStore } from '../../platform/node/store.ts';
import { nodeTransport } from '../../platform/node/transports.ts';
import { decodeSigningMessage, encodeSignatureShare } from '../../threshold/signing-message.ts';
import type { NodePorts } from '../node-folder.ts';
import type { RunningNode } from '../running-node.ts';
import { Conspirator } from './conspiracy.ts';
import { CorruptCoordinator } from './corrupt-coordinator.ts';
import { dialOn, type MeetTask, meet } from './meeting.ts';

const SLOW_MS = 400;
/** Longer than any mesh head is young. */
const AHEAD_MS = 20 * 60_000;

export interface Fault {
  /** What the node gets from the machine, where that is not as it should be. */
  ports?(): NodePorts;
  /** Begins once the node is ready; what it resolves to is its deed. */
  live(running: RunningNode, task: never): Promise<unknown>;
}

export const FAULTS = {
  /** Takes its time to sign. */
  slow: { live: (running: RunningNode) => signSlowly(running) },
  /** Signs with something that is not its share. */
  'wrong-shares': { live: (running: RunningNode) => lieInSigning(running) },
  /** Coordinates an enrolment for a newcomer without evidence. */
  'without-evidence': {
    live: (running: RunningNode, task: { invite: string; folder: string }) =>
      new CorruptCoordinator(running).withoutEvidence(task),
  },
  /** Coordinates an enrolment for a TPM in software that names the endorsement key of another. */
  'fake-tpm': {
    live: (running: RunningNode, task: { invite: string; endorsementKey: string }) =>
      new CorruptCoordinator(running).withFakeTpm({ ...task, endorsementKey: unhex(task.endorsementKey) }),
  },
  /** Signs what the ringleader wants. */
  accomplice: { live: async (running: RunningNode) => void new Conspirator(running) },
  /** Has its accomplices sign a certificate that is in no log. */
  'hidden-certificate': { live: hideCertificate },
  /** Has its accomplices sign a second head of one number, and shows it. */
  'second-head': { live: showSecondHead },
  /** A node that dials others again and again. */
  traffic: { live: (running: RunningNode, task: MeetTask) => dialOn(running, task) },
  /** A node that meets some others and keeps its sessions. */
  meet: { live: (running: RunningNode, task: MeetTask) => meet(running, task) },
  /** Its clock is far ahead of the newest head. */
  'clock-ahead': { ports: clockAhead, live: async () => undefined },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

async function signSlowly({ open: { node }, authority }: RunningNode): Promise<void> {
  const { duty } = required(authority);
  node.handle('authority.sign', async (peer, body) => {
    await sleep(SLOW_MS);
    return duty.sign(peer.name, body);
  });
}

async function lieInSigning({ open: { node }, authority }: RunningNode): Promise<void> {
  const { duty } = required(authority);
  node.handle('authority.sign', (peer, body) => {
    const honest = duty.sign(peer.name, body);
    const { binding, body: said } = decodeSigningMessage(honest);
    if (said.kind !== 'share') return honest;
    const share = said.share.slice();
    share[0] ^= 1;
    return encodeSignatureShare(binding, share);
  });
}

async function hideCertificate(
  running: RunningNode,
  { name, keyFile, accomplices }: { name: string; keyFile: string; accomplices: string[] },
): Promise<object> {
  const { random, ed25519 } = running.open.crypto;
  const signer = await softwareSigner({ file: keyFile, random, ed25519 });
  const hidden = await new Conspirator(running).hiddenCertificate(name, signer, accomplices);
  return { certificate: hex(hidden.certificate), id: hidden.id };
}

async function showSecondHead(
  running: RunningNode,
  { victim, accomplices }: { victim: { id: string; address: string }; accomplices: string[] },
): Promise<object> {
  const conspirator = new Conspirator(running);
  const head = await conspirator.contradictingHead(accomplices);
  return { head: hex(head), seen: await conspirator.show(head, victim) };
}

function clockAhead(): NodePorts {
  const clock = nodeClock();
  const ahead = { ...clock, now: () => clock.now() + AHEAD_MS };
  return { clock: ahead, transport: nodeTransport(), openStore };
}

function required<T>(value: T | undefined): T {
  if (value === undefined)
    throw new OotoError('OOTO_CLI_DRILL', 'local', 'this fault is one of the authority');
  return value;
}
