/**
 * The chunks of a job on their way. What flows through here: a few chunks are in flight; each answer brings output,
 * assignment, receipt and the two parties, all of which are verified before the output is handed on; a scheduler
 * that went away is looked for, given the definition again and asked for what is missing; at the end the parties
 * are shown with their newest delegations.
 */
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { readDelegation } from '../../channel/delegation.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, fields, list, object } from '../../envelope/fields.ts';
import { chunkLength, type VerifiedDefinition } from '../../workload/definition.ts';
import { requireOutput } from '../../workload/receipt.ts';
import type { MeshNode } from '../node.ts';
import { type JudgedParty, judgeParty, type Party, partyShape } from '../party.ts';
import { pause } from '../patience.ts';
import { asOotoError } from '../session.ts';
import { type ChunkRecord, MOST_PARTIES, verifyRecord } from './chunk-record.ts';

const IN_FLIGHT = 4;
const CHUNK_TIMEOUT_MS = 15 * 60_000;
const OUTPUT_BYTES_MOST = 15 * 1024 * 1024;
/** A scheduler that was away is asked again this often, this many times. */
const AGAIN_MS = 1_000;
const AGAIN_TIMES = 60;

const answerShape = {
  output: bytesBetween(0, OUTPUT_BYTES_MOST),
  receipt: bytesBetween(1, 8 * 1024),
  assignment: bytesBetween(1, 8 * 1024),
  scheduler: object(partyShape),
  worker: object(partyShape),
} as const;

/** Random access to the input; the same bytes each time it is read. */
export interface JobInput {
  bytes: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Where chunks come from and where their outputs go. */
export interface ChunkFlow {
  input: JobInput;
  /** Takes the output of each chunk, one call at a time. */
  take(index: number, output: Uint8Array): Promise<void>;
  progress(done: number, total: number): void;
  signal: AbortSignal;
}

/** A member and where it was last known to listen. */
export interface Located {
  id: string;
  addresses: readonly string[];
}

export class ChunkRun {
  readonly #node: MeshNode;
  #scheduler: Located;
  readonly #locate: () => Promise<Located>;
  readonly #definition: VerifiedDefinition;
  readonly #submission: CborValue;
  readonly #request: ChunkFlow;
  readonly #parties: Party[];
  readonly #judged: JudgedParty[];
  readonly #records: ChunkRecord[] = [];
  #taking: Promise<void> = Promise.resolve();
  #submitted: Promise<unknown> | undefined;
  #next = 0;
  #done = 0;

  constructor(
    node: MeshNode,
    scheduler: Located,
    definition: VerifiedDefinition,
    submission: CborValue,
    request: ChunkFlow,
    locate: () => Promise<Located>,
  ) {
    this.#node = node;
    this.#locate = locate;
    this.#scheduler = scheduler;
    this.#definition = definition;
    this.#submission = submission;
    this.#request = request;
    const { presentation, delegation } = node.own;
    this.#parties = [{ id: presentation.id, credential: presentation.credential, delegation }];
    this.#judged = this.#parties.map((party) => this.#judge(party));
  }

  /** Runs every chunk; the records are in their order. */
  async all(): Promise<ChunkRecord[]> {
    const total = this.#definition.chunks.length;
    const lane = async () => {
      while (this.#next < total) await this.#runOne(this.#next++);
    };
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, total) }, lane));
    return this.#records;
  }

  /** Ends the job at the scheduler; returns the parties that the records name, this node first. */
  async finish(): Promise<Party[]> {
    const body = { definition: this.#definition.digest };
    const answer = fields(
      await this.#node.ask(this.#scheduler, 'job.finish', body),
      { parties: list(object(partyShape), { max: MOST_PARTIES }) },
      'job.finish',
    );
    for (const party of answer.parties) this.#renew(party);
    const { delegation } = this.#node.own;
    this.#parties[0] = { ...this.#parties[0], delegation };
    return this.#parties;
  }

  async #runOne(index: number): Promise<void> {
    const { input, take, progress } = this.#request;
    const offset = index * this.#definition.input.chunkBytes;
    const bytes = await input.read(offset, chunkLength(this.#definition, index));
    const answer = await this.#askFor(index, bytes);
    const { output, receipt, assignment } = answer;
    const record = {
      assignment,
      receipt,
      scheduler: this.#placeOf(answer.scheduler),
      worker: this.#placeOf(answer.worker),
    };
    const { crypto } = this.#node.options;
    const { meshId } = this.#node.trust.genesis;
    const verified = verifyRecord(crypto, meshId, this.#definition, record, index, this.#judged);
    requireOutput(crypto, verified, output);
    this.#records[index] = record;
    this.#taking = this.#taking.then(() => take(index, output));
    await this.#taking;
    progress(++this.#done, this.#definition.chunks.length);
  }

  async #askFor(index: number, bytes: Uint8Array) {
    const { signal } = this.#request;
    const body = { definition: this.#definition.digest, index, bytes };
    for (let times = 0; ; times++) {
      try {
        await this.#submit();
        const answer = await this.#node.ask(this.#scheduler, 'job.chunk', body, {
          signal,
          timeoutMs: CHUNK_TIMEOUT_MS,
        });
        return fields(answer, answerShape, 'job.chunk');
      } catch (error) {
        if (signal.aborted || times >= AGAIN_TIMES || !isAway(error)) throw error;
        this.#submitted = undefined;
        await pause(this.#node.options.clock, AGAIN_MS, signal);
        this.#scheduler = await this.#locate();
      }
    }
  }

  /** Once, and once more for a scheduler that has forgotten the module since. */
  #submit(): Promise<unknown> {
    const { signal } = this.#request;
    this.#submitted ??= this.#node.ask(this.#scheduler, 'job.submit', this.#submission, { signal });
    return this.#submitted;
  }

  /** The place of a party in the list, judged when it is first seen. */
  #placeOf(party: Party): number {
    const known = this.#knownPlace(party);
    if (known >= 0) return known;
    const judged = this.#judge(party);
    if (this.#parties.length >= MOST_PARTIES)
      throw new OotoError('OOTO_MESH_PARTY', 'peer', 'too many parties take part in one job');
    this.#judged.push(judged);
    return this.#parties.push(party) - 1;
  }

  #knownPlace({ id, delegation }: Party): number {
    const { messageKey } = readDelegation(delegation).unverified;
    return this.#judged.findIndex(
      (judged) => judged.credential.id === id && equal(judged.messageKey, messageKey),
    );
  }

  /** A newer delegation of the same key takes the place of the older one. */
  #renew(party: Party): void {
    const place = this.#knownPlace(party);
    if (place < 0) return;
    this.#judged[place] = this.#judge(party);
    this.#parties[place] = party;
  }

  #judge(party: Party): JudgedParty {
    const { crypto, clock } = this.#node.options;
    return judgeParty(crypto, this.#node.trust, party, clock.now());
  }
}

/** Whether the scheduler was not there, as opposed to having refused. */
function isAway(error: unknown): boolean {
  const { code } = asOotoError(error);
  const forgot = code === 'OOTO_WORKLOAD_JOB';
  const gone = ['OOTO_MESH_DISCONNECTED', 'OOTO_MESH_CLOSED', 'OOTO_MESH_NOT_LIVE'].includes(code);
  return forgot || gone || code.startsWith('OOTO_TRANSPORT_') || code.startsWith('OOTO_CHANNEL_');
}
