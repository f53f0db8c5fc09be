/**
 * A node that watches the authority's logs for its own name. What flows through here: every minute each member's log is
 * followed from where the watch stood, which is kept in the store; what is found stands in the node's log, in its status
 * and in the store, as proof too where there is one, until an operator acknowledges it.
 */
import { hex } from '../../base/hex.ts';
import { type CborValue, decode, encode } from '../../envelope/cbor.ts';
import { bytesBetween, fields, list, text } from '../../envelope/fields.ts';
import { encodeForkEvidence, type FollowedLog } from '../../log/index.ts';
import { MAX_NOTE_BYTES } from '../../log/note.ts';
import type { MeshNode } from '../node.ts';
import { pause } from '../patience.ts';
import type { ToldAlarm } from '../status.ts';
import { exportForkFile } from './evidence-file.ts';
import { KeptAlarms } from './kept-alarms.ts';
import { LOG_FORKS, logForkKey } from './kept-evidence.ts';
import { memberLog } from './log-reader.ts';
import { type LogAlarm, MemberWatch } from './log-watch.ts';

const LOOK_MS = 60_000;
const KEPT_PREFIX = 'log-watch/';
const MOST_KEPT_BYTES = 256 * 1024;
/** Of one member; the first convinces anybody. */
const MOST_PROOFS = 16;

const keptShape = {
  note: text(MAX_NOTE_BYTES),
  edge: list(bytesBetween(0, 8 * 1024), { max: 8 }),
} as const;

export class SelfWatch {
  readonly #node: MeshNode;
  readonly #authorities: () => { id: string; name: string; addresses: readonly string[] }[];
  readonly #watches = new Map<string, MemberWatch>();
  readonly #raised: KeptAlarms;
  readonly #files = new Map<string, string>();

  constructor(
    node: MeshNode,
    authorities: () => { id: string; name: string; addresses: readonly string[] }[],
  ) {
    this.#node = node;
    this.#authorities = authorities;
    this.#raised = new KeptAlarms(node.options.crypto, node.options.store);
  }

  get alarms(): ToldAlarm[] {
    return this.#raised.open;
  }

  /** Takes an alarm away that an operator has seen; whether there was one. */
  acknowledge(alarmId: string): Promise<boolean> {
    return this.#raised.acknowledge(alarmId);
  }

  /** Files for `ooto verify` that prove what a member did, by name. */
  get files(): ReadonlyMap<string, string> {
    return this.#files;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, crypto } = this.#node.options;
    while (!signal.aborted) {
      for (const member of this.#authorities()) await this.#look(member, signal);
      const wait = LOOK_MS * (0.9 + crypto.random.bytes(1)[0] / 1_280);
      await pause(clock, wait, signal).catch(() => {});
    }
  }

  /** One look at every log. */
  async lookAtAll(signal: AbortSignal): Promise<void> {
    for (const member of this.#authorities()) await this.#look(member, signal);
  }

  async #look(
    member: { id: string; name: string; addresses: readonly string[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { logger, store } = this.#node.options;
    if (member.id === this.#node.own.presentation.id) return;
    try {
      const watch = this.#watches.get(member.name) ?? this.#watchOf(member, signal);
      this.#watches.set(member.name, watch);
      const before = watch.kept?.note;
      const seen = this.#node.seenCheckpoints.take(watch.origin);
      const events = await watch.look(seen);
      for (const event of events) if (event.event === 'alarm') await this.#raise(event);
      const { kept } = watch;
      if (kept && kept.note !== before)
        await store.commit([
          { put: `${KEPT_PREFIX}${member.name}`, value: encode({ ...kept } as unknown as CborValue) },
        ]);
    } catch (error) {
      this.#watches.delete(member.name);
      if (!signal.aborted) logger.log('debug', 'a log was not looked at', { member: member.name, error });
    }
  }

  #watchOf(
    member: { id: string; name: string; addresses: readonly string[] },
    signal: AbortSignal,
  ): MemberWatch {
    const { crypto, signer } = this.#node.options;
    const { presentation } = this.#node.own;
    const keys = new Set([hex(crypto.sha256(signer.publicKey))]);
    return new MemberWatch({
      ...{ crypto, committee: this.#node.trust.authority.committee, member: member.name },
      source: memberLog(this.#node, member, signal),
      kept: this.#kept(member.name),
      begin: 'newest checkpoint',
      watched: new Map([[presentation.id, keys]]),
    });
  }

  #kept(member: string): FollowedLog | undefined {
    const stored = this.#node.options.store.get(`${KEPT_PREFIX}${member}`);
    return stored && fields(decode(stored, { maxBytes: MOST_KEPT_BYTES }), keptShape, 'log-watch');
  }

  /** Durable before the watch moves on: what is not kept is found again. Proof comes first. */
  async #raise(alarm: LogAlarm): Promise<void> {
    const { event: _, ...said } = alarm;
    const { clock, logger } = this.#node.options;
    const told = { ...said } as ToldAlarm & { evidence?: unknown };
    delete told.evidence;
    if (alarm.alarm === 'fork') await this.#keepProof(alarm.member, encodeForkEvidence(alarm.evidence));
    if (!(await this.#raised.keep(told, clock.now()))) return;
    logger.log('error', 'a log of the authority gives cause for alarm', {
      member: alarm.member,
      what: alarm.alarm,
      ...(alarm.alarm === 'certificate' ? { id: alarm.id } : { why: alarm.reason }),
    });
  }

  async #keepProof(member: string, evidence: Uint8Array): Promise<void> {
    const { crypto, store } = this.#node.options;
    const key = logForkKey(member, hex(crypto.sha256(evidence)));
    if (store.get(key)) return;
    const before = store.range(`${LOG_FORKS}${member}-`, `${LOG_FORKS}${member}.`).length;
    if (before >= MOST_PROOFS) return;
    await store.commit([{ put: key, value: evidence }]);
    this.#files.set(key.slice(LOG_FORKS.length), exportForkFile(this.#node.trust, member, evidence));
  }
}
