/**
 * A mesh of processes whose members are killed at any step, and what must be so when they are back. What flows through
 * here: a moment is set at one member; a ceremony is led, or newcomers join, until that member is dead; it is started
 * again, and what was begun goes on, under another leader where the one before died. Then the folders of all members
 * are read: one committee, every share of it good, nothing half made; every log whole, grown from what it was, with
 * every entry that anybody was given a proof of; no nonce used twice.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Change } from '../../src/authority/action.ts';
import { AuthorityView } from '../../src/authority/authority-view.ts';
import {
  type LogProof,
  logKeyOf,
  logOrigin,
  readCredential,
  witnessKeysOf,
  witnessName,
} from '../../src/authority/credential.ts';
import { type Founder, verifyGenesisRecord } from '../../src/authority/genesis.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { hex } from '../../src/base/hex.ts';
import { startNode } from '../../src/cli/running-node.ts';
import { createFounder } from '../../src/cli/setting-up.ts';
import { Log, verifyCheckpoint, Witness } from '../../src/log/index.ts';
import { SHARE_KEY } from '../../src/mesh/authority/founding.ts';
import { GENESIS_KEY, ROOT_KEY } from '../../src/mesh/identity.ts';
import { CREDENTIAL_KEY } from '../../src/mesh/joining.ts';
import { readFileLimited } from '../../src/platform/node/files.ts';
import { openStore } from '../../src/platform/node/store.ts';
import type { Store } from '../../src/ports.ts';
import { decodeSecretShare, groupKey, type SecretShare } from '../../src/threshold/index.ts';
import * as assert from './assert.ts';
import { signAs } from './committee.ts';
import { LedActions } from './led-actions.ts';
import { FOUNDERS, freePort, LiveMesh, untilEnded } from './live-mesh.ts';
import { auditNonces } from './member-steps.ts';
import { type Moment, setMoment } from './mortal-node.ts';

const DEADLINE_MS = 120_000;
const POLL_MS = 250;
/** Between two attempts to carry an action: a member takes one in 5 s. */
const CARRY_AGAIN_MS = 5_000;
/** Members cosign a log about a second after it has grown. */
const COSIGNED_MS = 3_000;
const MOST_NEWCOMERS = 12;
const MOST_CEREMONIES = 6;

/** What the folder of a member says. */
export interface MemberState {
  name: string;
  epoch: number;
  /** Entries of its log. */
  logSize: number;
  committee: string;
  groupKey: string;
  threshold: number;
  publicPackage: AuthorityView['publicPackage'];
  secretShare: SecretShare | undefined;
  /** Keys of whatever a ceremony has begun. */
  begun: string[];
}

/** Where a log stood. */
interface SeenLog {
  size: number;
  root: string;
}

export interface Death {
  victim: string;
  moment: Moment;
}

export class MortalAuthority {
  readonly mesh = new LiveMesh();
  readonly actions = new LedActions(this.mesh);
  readonly #stop = new AbortController();
  readonly #told: LogProof[] = [];
  readonly #logs = new Map<string, SeenLog>();
  #newcomers = 0;

  async found(): Promise<void> {
    await this.mesh.prepare();
    for (const name of FOUNDERS) this.start(name);
    await this.mesh.ready(...FOUNDERS);
  }

  start(name: string): void {
    this.mesh.start(name, process.argv[1]);
  }

  /**
   * Leads ceremonies until `victim` dies in one (it is not always among those that sign); resolves when that one has come
   * to its end at all members.
   */
  async change(
    changeFrom: (before: MemberState) => Change | Promise<Change>,
    { victim, moment }: Death,
    members: readonly string[] = FOUNDERS,
  ): Promise<void> {
    const [first, second] = FOUNDERS;
    await this.actions.carrier();
    for (let left = MOST_CEREMONIES; ; left--) {
      const before = await this.stateOf(first);
      const change = await changeFrom(before);
      const epoch = before.epoch + (change.kind === 'repair' ? 0 : 1);
      const encoded = await this.actions.approve(change);
      setMoment(this.mesh.folderOf(victim), moment);
      const failure = await this.#carry(encoded, first);
      if (await this.#hasDied(victim)) {
        this.start(victim);
        await this.#finish(encoded, victim === first ? second : first, epoch, members);
        await this.mesh.ready(victim);
        return;
      }
      assert.is(
        failure,
        null,
        `${victim} came to ${moment}, or nothing happened: ${JSON.stringify(failure)}`,
      );
      assert.ok(left > 0, `${victim} came to ${moment}`);
    }
  }

  /** Newcomers join until `victim` is dead; each that began has its certificate in the end. */
  async issue({ victim, moment }: Death): Promise<void> {
    const { mesh } = this;
    setMoment(mesh.folderOf(victim), moment);
    for (let left = MOST_NEWCOMERS; !(await this.#hasDied(victim)); left--) {
      assert.ok(left > 0, `${victim} came to ${moment}`);
      await this.join();
    }
    this.start(victim);
    await mesh.ready(victim);
    await this.join();
  }

  /** Somebody who is to become a member; its process waits to be called. */
  async newcomer(name: string): Promise<Founder> {
    const { mesh } = this;
    const listen = `127.0.0.1:${await freePort()}`;
    const entry = await createFounder(mesh.crypto, mesh.folderOf(name), { name, listen });
    const draft = await readFileLimited(join(mesh.folderOf(FOUNDERS[0]), 'genesis.draft'));
    await writeFile(join(mesh.folderOf(name), 'genesis.draft'), draft);
    this.start(name);
    return entry;
  }

  /** Who would be the committee with this newcomer in the place of the last member. */
  async membersWith(entry: Founder): Promise<Founder[]> {
    const { authority } = (await this.actions.carrier()).open.node.trust;
    const stay: readonly string[] = FOUNDERS.slice(0, 2);
    return [...authority.members.filter(({ name }) => stay.includes(name)), entry];
  }

  /** The process comes back without its share. */
  async loseShare(name: string): Promise<void> {
    await this.mesh.process(name).stop();
    const store = await openStore(join(this.mesh.folderOf(name), 'state'));
    await store.commit([{ delete: SHARE_KEY }]);
    await store.close();
    this.start(name);
    await this.mesh.ready(name);
  }

  /** Somebody new gets a certificate, whoever has to be asked for it, and ends; returns the members that have logged it. */
  async join(): Promise<string[]> {
    const folder = await this.mesh.invite('originator', `newcomer-${++this.#newcomers}`);
    const running = await patiently(() => startNode(folder, this.#stop.signal));
    const encoded = running.open.store.get(CREDENTIAL_KEY);
    if (!encoded) throw new Error('a newcomer has no certificate');
    const { proofs } = readCredential(encoded);
    this.#told.push(...proofs);
    await running.close();
    return proofs.map(({ log }) => log);
  }

  /** Resolves when these others have cosigned the whole log of a member. */
  async untilCosigned(name: string, others = FOUNDERS.filter((other) => other !== name)): Promise<void> {
    await patiently(async () => {
      const { logSize } = await this.stateOf(name);
      for (const other of others) assert.is((await this.seenOf(name, other))?.size, logSize);
    });
  }

  /** Nothing is lost, half made or used twice; returns what all members agree on. */
  async requireWhole(members: readonly string[] = FOUNDERS): Promise<MemberState> {
    const states = await Promise.all(members.map((name) => this.stateOf(name)));
    const [agreed] = states;
    for (const state of states) {
      assert.is(state.committee, agreed.committee, `${state.name} knows the same committee`);
      assert.is(state.groupKey, agreed.groupKey, `${state.name} knows the same group key`);
      assert.ok(state.secretShare, `${state.name} has its share`);
      assert.equal(state.begun, [], `${state.name} has nothing half made`);
    }
    this.#requireSignatures(states);
    for (const name of members) {
      await this.#requireLog(name, members);
      auditNonces(this.mesh.folderOf(name));
      const status = this.mesh.process(name).status();
      if (status) assert.equal(status.evidence, { headForks: [], logAlarms: [] }, name);
    }
    return agreed;
  }

  async stateOf(name: string): Promise<MemberState> {
    return this.#reading(name, (store, authority) => {
      const { publicPackage, committee, threshold } = authority;
      const share = store.get(SHARE_KEY);
      return {
        ...{ name, threshold, publicPackage },
        epoch: committee.epoch,
        logSize: this.#logOf(name, store, authority).size,
        committee: hex(committee.digest),
        groupKey: hex(authority.groupKey),
        secretShare: share && fitting(() => decodeSecretShare(this.mesh.crypto, publicPackage, share)),
        begun: store.range('ceremony/', 'ceremony0').map(({ key }) => key),
      };
    });
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the test is over'));
    await this.actions.close();
    await this.mesh.stop();
  }

  /** Any t of them sign. */
  #requireSignatures(states: readonly MemberState[]): void {
    const { crypto } = this.mesh;
    const message = utf8('signed after the crash');
    for (const some of choices(states, states[0].threshold)) {
      const keys = some.map(({ publicPackage, secretShare }) => ({
        ...{ publicPackage, secretShare: secretShare as SecretShare },
      }));
      const signature = signAs(crypto, { founders: some, keys }, message);
      crypto.ed25519.verify(groupKey(some[0].publicPackage), message, signature);
    }
  }

  /** Whole, grown from what it was, and not behind what anybody has seen of it. */
  async #requireLog(name: string, members: readonly string[]): Promise<void> {
    const seen = await Promise.all(
      members.filter((other) => other !== name).map((other) => this.seenOf(name, other)),
    );
    await this.#reading(name, (store, authority) => {
      const log = this.#logOf(name, store, authority);
      log.audit();
      for (const earlier of [this.#logs.get(name), ...seen]) {
        if (!earlier) continue;
        assert.ok(log.size >= earlier.size, `${name} has every entry that was seen`);
        assert.is(hex(log.rootAt(earlier.size)), earlier.root, `${name} has grown from what was seen`);
      }
      for (const { log: of, index, leaf } of this.#told)
        if (of === name) assert.bytes(log.entry(index), leaf, `${name}, entry ${index}`);
      this.#logs.set(name, { size: log.size, root: hex(log.root) });
    });
  }

  #logOf(name: string, store: Store, { committee, meshId }: AuthorityView): Log {
    const { crypto } = this.mesh;
    const { publicKey } = logKeyOf(committee, name);
    const origin = logOrigin(meshId, name);
    return new Log({ crypto, store, prefix: 'log/', origin, signer: { publicKey, sign: cannotSign } });
  }

  /** What `witness` has cosigned of the log of `name`. */
  seenOf(name: string, witness: string): Promise<SeenLog | undefined> {
    const { crypto } = this.mesh;
    return this.#reading(witness, (store, authority) => {
      const key = logKeyOf(authority.committee, name);
      const own = witnessName(authority.meshId, witness);
      const cosigner = witnessKeysOf(authority.committee).find((each) => each.name === own);
      if (!cosigner) return undefined;
      const signer = { publicKey: cosigner.publicKey, sign: cannotSign };
      const logs = [{ origin: key.name, keys: [key] }];
      const note = new Witness({ crypto, store, name: own, signer, logs }).checkpointOf(key.name);
      if (note === undefined) return undefined;
      const { size, root } = verifyCheckpoint(crypto, note, logs[0]);
      return { size, root: hex(root) };
    });
  }

  /** The store of a member, which may be running. */
  async #reading<T>(name: string, read: (store: Store, authority: AuthorityView) => T): Promise<T> {
    const { crypto } = this.mesh;
    const store = await openStore(join(this.mesh.folderOf(name), 'state'));
    try {
      const genesis = verifyGenesisRecord(crypto, store.get(GENESIS_KEY) ?? new Uint8Array());
      return read(store, AuthorityView.open(crypto, genesis, store, store.get(ROOT_KEY)));
    } finally {
      await store.close();
    }
  }

  /** Whether it was killed; what it does last it does within a moment. */
  async #hasDied(victim: string): Promise<boolean> {
    const child = this.mesh.process(victim);
    await untilEnded(child, COSIGNED_MS).catch(() => {});
    if (child.running) return false;
    assert.is(child.exitCode, null, `${victim} was killed, and did not end by itself: ${child.lastWords}`);
    return true;
  }

  /** Why it was not performed, or null; members take so many actions at a time. */
  async #carry(encoded: Uint8Array, lead: string): Promise<unknown> {
    for (;;) {
      const failure = await this.actions.carry(encoded, lead).then(
        (applied) => applied.failure,
        (error) => error,
      );
      if (failure?.code !== 'OOTO_MESH_ACTION_RATE') return failure;
      await pause(CARRY_AGAIN_MS);
    }
  }

  /** Carries the action again, as its operators would, until every member is where it leads. */
  async #finish(encoded: Uint8Array, lead: string, epoch: number, members: readonly string[]): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    let carried = Number.NEGATIVE_INFINITY;
    let last: unknown;
    for (;;) {
      const states = await Promise.all(members.map((name) => this.stateOf(name).catch(() => undefined)));
      const isDone = (state: MemberState) => state.epoch === epoch && state.begun.length === 0;
      if (states.every((state) => state?.secretShare && isDone(state))) return;
      if (performance.now() > deadline) throw new Error(`it does not go on: ${last}`);
      if (performance.now() > carried + CARRY_AGAIN_MS) {
        last = await this.#carry(encoded, lead);
        carried = performance.now();
      }
      await pause(POLL_MS);
    }
  }
}

/** Again and again, until it goes through. */
export async function patiently<T>(step: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + DEADLINE_MS; ; ) {
    try {
      return await step();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(POLL_MS);
    }
  }
}

function fitting<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

function choices<T>(all: readonly T[], count: number): T[][] {
  if (count === 0) return [[]];
  return all.flatMap((one, i) => choices(all.slice(i + 1), count - 1).map((others) => [one, ...others]));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function cannotSign(): never {
  throw new Error('a reader signs nothing');
}
