/**
 * A scheduler's service. What flows through here: an originator submits a definition with its proofs and module,
 * then its chunks; the scheduler machine assigns each chunk to a worker that is live, and what must survive is
 * stored first; outputs come back with receipts that have been verified, and answer the request that brought the
 * chunk. A chunk's bytes are held only until it is done.
 */

import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytes, bytesBetween, fields, uint } from '../../envelope/fields.ts';
import { CHUNK_BYTES_MOST, CHUNKS_MOST } from '../../workload/definition.ts';
import type { AssignedChunk } from '../../workload/scheduler.ts';
import { Scheduler } from '../../workload/scheduler.ts';
import { knownPeer } from '../identity.ts';
import type { MeshNode } from '../node.ts';
import { originatorKey } from '../policy.ts';
import { asOotoError } from '../session.ts';
import type { Upkeep } from '../upkeep.ts';
import { offerShape } from './executing.ts';
import { liveKey, liveSession, requireDefinitionLogged } from './workload-trust.ts';

const ANSWER_GRACE_MS = 60_000;
const OUTPUT_BYTES_MOST = 15 * 1024 * 1024;

const completionShape = {
  output: bytesBetween(0, OUTPUT_BYTES_MOST),
  receipt: bytesBetween(1, 8 * 1024),
} as const;

interface HeldChunk {
  bytes: Uint8Array;
  resolve(done: CborValue): void;
  reject(error: OotoError): void;
}

export class Scheduling {
  readonly #node: MeshNode;
  readonly #upkeep: Upkeep;
  readonly #scheduler: Scheduler;
  readonly #modules = new Map<string, Uint8Array>();
  readonly #held = new Map<string, HeldChunk>();
  /** Who gave each job, and so may feed and end it. */
  readonly #owners = new Map<string, string>();
  #driving: Promise<void> = Promise.resolve();
  #cancelTimer = () => {};
  receipts = 0;

  constructor(node: MeshNode, upkeep: Upkeep) {
    const { crypto, store, logger } = node.options;
    const { meshId, id } = node.own.presentation;
    this.#node = node;
    this.#upkeep = upkeep;
    this.#scheduler = new Scheduler({
      crypto,
      store,
      mesh: meshId,
      id,
      trust: {
        originatorKey: (name) => originatorKey(node.policy, name),
        requireLogged: (definition, proofs) =>
          requireDefinitionLogged(crypto, node.trust, definition, proofs),
        nodeKey: (worker) => liveKey(node, worker, 'worker'),
        requireAttested: (worker, attestation) => {
          if (!liveSession(node, worker, 'worker').attestation.hasAccepted(attestation))
            throw new OotoError(
              'OOTO_WORKLOAD_ATTESTATION',
              'peer',
              'the receipt names evidence not accepted here',
            );
        },
      },
    });
    for (const error of this.#scheduler.restore())
      logger.log('warn', 'a job was not taken up again', { error });
    node.handle('job.submit', (peer, body) => this.#submit(peer.id, body));
    node.handle('job.chunk', (peer, body) => this.#takeChunk(peer.id, body));
    node.handle('job.finish', (peer, body) => this.#finish(peer.id, body));
  }

  close(): void {
    this.#cancelTimer();
  }

  async #submit(peer: string, body: CborValue): Promise<CborValue> {
    const { envelope, proofs, module } = fields(
      body,
      { envelope: offerShape.envelope, proofs: offerShape.proofs, module: offerShape.module },
      'job.submit',
    );
    const { clock, store } = this.#node.options;
    const { definition, changes } = this.#scheduler.submit(envelope, proofs, clock.now());
    this.#requireOwner(definition.digest, peer);
    this.#scheduler.admitModule(definition.digest, module);
    await store.commit(changes);
    this.#owners.set(hex(definition.digest), peer);
    this.#modules.set(hex(definition.digest), module);
    await this.#upkeep.look();
    await this.#meetWorkers();
    return { digest: definition.digest };
  }

  #takeChunk(peer: string, body: CborValue): Promise<CborValue> {
    const {
      definition,
      index,
      bytes: chunk,
    } = fields(
      body,
      { definition: bytes(32), index: uint(CHUNKS_MOST - 1), bytes: bytesBetween(0, CHUNK_BYTES_MOST) },
      'job.chunk',
    );
    this.#requireOwner(definition, peer);
    const key = chunkKey(definition, index);
    if (this.#held.has(key))
      throw new OotoError('OOTO_WORKLOAD_CHUNK', 'peer', 'this chunk is being worked on');
    this.#scheduler.admitChunk(definition, index, chunk);
    const done = new Promise<CborValue>((resolve, reject) => {
      this.#held.set(key, { bytes: chunk, resolve, reject });
    });
    this.#driveAgain(async () => {
      if (this.#scheduler.receipts(definition).some((receipt) => receipt.chunk === index))
        await this.#node.options.store.commit(this.#scheduler.reopen(definition, index));
    });
    return done;
  }

  /** @throws OOTO_WORKLOAD_OWNER (peer) when another node gave this job. */
  #requireOwner(definition: Uint8Array, peer: string): void {
    const owner = this.#owners.get(hex(definition));
    if (owner !== undefined && owner !== peer)
      throw new OotoError('OOTO_WORKLOAD_OWNER', 'peer', 'another node has given this job');
  }

  get #ownParty(): { id: string; credential: Uint8Array; delegation: Uint8Array } {
    const { presentation, delegation } = this.#node.own;
    return { id: presentation.id, credential: presentation.credential, delegation };
  }

  /** Ends a job, and shows the newest credentials of this node and of the workers that are live. */
  async #finish(peer: string, body: CborValue): Promise<CborValue> {
    const { definition } = fields(body, { definition: bytes(32) }, 'job.finish');
    this.#requireOwner(definition, peer);
    const workers = this.#upkeep.membership.withRole('worker').flatMap(({ id }) => {
      const session = this.#node.peers.with(this.#node.trust.genesis.meshId, id);
      return session ? [{ ...session.party }] : [];
    });
    await this.#node.options.store.commit(this.#scheduler.close(definition));
    this.#modules.delete(hex(definition));
    this.#owners.delete(hex(definition));
    return { parties: [this.#ownParty, ...workers] };
  }

  async #meetWorkers(): Promise<void> {
    const workers = await this.#upkeep.find('worker');
    await Promise.allSettled(
      workers.map(async ({ id, addresses }) => {
        const session = await this.#node.session(id, addresses);
        const { tier } = knownPeer(session.peer);
        if (!session.ended) this.#scheduler.nodeReady({ id, tier, labels: [] });
      }),
    );
  }

  /** One round at a time: changes are stored before assignments go out. */
  #driveAgain(before: () => Promise<void> = async () => {}): void {
    this.#driving = this.#driving
      .then(before)
      .then(() => this.#drive())
      .catch((error) => {
        this.#node.options.logger.log('error', 'scheduling failed', { error });
      });
  }

  async #drive(): Promise<void> {
    const { clock, store } = this.#node.options;
    this.#scheduler.tick(clock.now());
    const { assigned, changes } = this.#scheduler.assign(this.#node.own.messageKey, clock.now());
    if (changes.length > 0) await store.commit(changes);
    for (const assignment of assigned) void this.#send(assignment);
    this.#takeEvents();
    this.#setTimer();
  }

  async #send(assigned: AssignedChunk): Promise<void> {
    const { definition, chunk, node, id, assignment, proofs, deadline } = assigned;
    const held = this.#held.get(chunkKey(definition.digest, chunk));
    const module = this.#modules.get(hex(definition.digest));
    const { clock, store, logger } = this.#node.options;
    try {
      if (!held || !module)
        throw new OotoError('OOTO_WORKLOAD_BUSY', 'local', 'the bytes of the chunk are not here');
      const addresses = this.#upkeep.membership.get(node)?.addresses ?? [];
      const offer = { envelope: definition.envelope, proofs, assignment, module, chunk: held.bytes };
      const timeoutMs = Math.max(1, deadline - clock.now() + ANSWER_GRACE_MS);
      const answer = await this.#node.ask({ id: node, addresses }, 'workload.execute', offer, { timeoutMs });
      const completion = fields(answer, completionShape, 'completion');
      const { changes } = this.#scheduler.complete(id, node, completion);
      await store.commit(changes);
      this.receipts++;
      this.#held.delete(chunkKey(definition.digest, chunk));
      const worker = { ...liveSession(this.#node, node, 'worker').party };
      held.resolve({ ...completion, assignment, scheduler: this.#ownParty, worker });
    } catch (error) {
      logger.log('warn', 'a chunk was not run', { peer: node, chunk, error });
      this.#failed(assigned, error);
    }
    this.#driveAgain();
  }

  #failed({ id, node }: AssignedChunk, error: unknown): void {
    const { code } = asOotoError(error);
    const isGone =
      code.startsWith('OOTO_TRANSPORT_') || code === 'OOTO_MESH_CLOSED' || code.startsWith('OOTO_CHANNEL_');
    try {
      if (isGone || code === 'OOTO_MESH_DISCONNECTED') this.#scheduler.nodeGone(node);
      else this.#scheduler.fail(id, node, error, this.#node.options.clock.now());
    } catch {
      // The assignment is no longer open: it was taken back, or judged and failed already.
    }
  }

  #takeEvents(): void {
    for (const event of this.#scheduler.takeEvents())
      if (event.kind === 'failed')
        for (let index = 0; index < event.definition.chunks.length; index++) {
          const key = chunkKey(event.definition.digest, index);
          this.#held.get(key)?.reject(event.error);
          this.#held.delete(key);
        }
  }

  #setTimer(): void {
    this.#cancelTimer();
    if (this.#held.size === 0) return;
    this.#cancelTimer = this.#node.options.clock.after(1_000, () =>
      this.#driveAgain(() => this.#meetWorkers()),
    );
  }
}

function chunkKey(definition: Uint8Array, index: number): string {
  return `${hex(definition)}/${index}`;
}
