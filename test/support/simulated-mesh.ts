/**
 * Whole nodes in one process, over a network, clock and stores in memory: three founders and whoever joins. A test
 * moves the clock, kills a founder at a commit, and starts it again on what its store holds.
 */

import { encodeDraft, type GenesisDraft, operatorMessage } from '../../src/authority/genesis.ts';
import { createGrant, encodeGrant, type Invite } from '../../src/authority/invite.ts';
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import type { CborValue } from '../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import type { SignedDraft } from '../../src/mesh/authority/founding.ts';
import { AuthorityNode } from '../../src/mesh/authority/member.ts';
import { MeshNode } from '../../src/mesh/node.ts';
import type { Role } from '../../src/mesh/operations.ts';
import { initialPolicy } from '../../src/mesh/policy.ts';
import { KeyGenerationKey } from '../../src/threshold/index.ts';
import { MANIFEST, signerOf } from './authority.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryStore } from './memory-store.ts';
import { MemoryNetwork } from './memory-transport.ts';
import { RecordingLogger } from './recording-logger.ts';

export const LIFE_MS = 3_600_000;

export interface SimulatedFounder {
  name: string;
  node: MeshNode;
  authority: AuthorityNode;
  store: MemoryStore;
  stop: AbortController;
  started: boolean;
  failure: unknown;
}

interface FounderKeys {
  identity: Ed25519SigningKey;
  log: Ed25519SigningKey;
  witness: Ed25519SigningKey;
  keyGeneration: KeyGenerationKey;
}

export class SimulatedMesh {
  readonly crypto: Crypto;
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork();
  readonly logger = new RecordingLogger();
  readonly names = ['a1', 'a2', 'a3'];
  readonly operator: { keyid: string; key: Ed25519SigningKey };
  readonly #keys = new Map<string, FounderKeys>();
  readonly #signed: SignedDraft;

  constructor(crypto: Crypto) {
    this.crypto = crypto;
    const key = () => Ed25519SigningKey.generate(crypto);
    this.operator = { keyid: 'operator', key: key() };
    for (const name of this.names)
      this.#keys.set(name, {
        ...{ identity: key(), log: key(), witness: key() },
        keyGeneration: KeyGenerationKey.generate(crypto),
      });
    const draft = encodeDraft(this.#draft());
    const signature = this.operator.key.sign(operatorMessage(draft));
    this.#signed = { draft, operatorSignatures: [{ keyid: 'operator', signature }] };
  }

  #draft(): GenesisDraft {
    return {
      name: 'simulated',
      created: this.clock.now(),
      threshold: 2,
      founders: [...this.#keys].map(([name, { identity, log, witness, keyGeneration }]) => ({
        name,
        identityKey: identity.publicKey,
        logKey: log.publicKey,
        witnessKey: witness.publicKey,
        keyGenerationKey: keyGeneration.publicKey,
        addresses: [`${name}:1`],
      })),
      operators: [{ keyid: 'operator', publicKey: this.operator.key.publicKey }],
      operatorQuorum: 1,
      policy: initialPolicy({ manifests: [hex(MANIFEST)], originators: [] }) as unknown as CborValue,
    };
  }

  node(role: Role, name: string, identity: Ed25519SigningKey, store = new MemoryStore()): MeshNode {
    const { crypto, clock, logger } = this;
    return new MeshNode({
      ...{ crypto, clock, logger, store, role, name },
      transport: this.network.transport(name),
      signer: signerOf(identity),
      manifest: MANIFEST,
      versions: new Map(),
      epochMs: 60_000,
    });
  }

  /** A founder's process; it founds, or finds, the mesh by itself. */
  async start(name: string, store = new MemoryStore()): Promise<SimulatedFounder> {
    const { identity, ...keys } = this.#keys.get(name)!;
    const node = this.node('authority', name, identity, store);
    const stop = new AbortController();
    const authority = new AuthorityNode(node, keys, this.#signed, stop.signal);
    const founder = { name, node, authority, store, stop, started: false, failure: undefined as unknown };
    await node.peers.listen(`${name}:1`);
    authority.start(LIFE_MS).then(
      () => {
        founder.started = true;
      },
      (error) => {
        founder.failure = error;
      },
    );
    return founder;
  }

  /** The end of a process: nothing more is said or stored, and its connections break. */
  async kill(founder: SimulatedFounder): Promise<MemoryStore> {
    const left = founder.store.reopened();
    founder.store.beforeCommit = () => new Promise(() => {});
    founder.stop.abort(new Error('killed'));
    await founder.node.close();
    return left;
  }

  async founded(): Promise<SimulatedFounder[]> {
    const founders = await Promise.all(this.names.map((name) => this.start(name)));
    await this.clock.until(() => founders.every(({ started }) => started));
    return founders;
  }

  /** An invite as an operator hands it out. */
  invite({ node }: SimulatedFounder, role: Role, name: string): Invite {
    const { genesis, authority } = node.trust;
    const seed = this.crypto.random.bytes(32);
    const grant = createGrant(
      {
        mesh: genesis.meshId,
        publicKey: this.crypto.ed25519.publicKey(seed),
        id: `spiffe://${hex(genesis.meshId)}/${role}/${name}`,
        expires: this.clock.now() + 600_000,
      },
      this.operator,
    );
    const addresses = this.names.map((member) => `${member}:1`);
    return {
      grant: encodeGrant(grant),
      genesis: genesis.encoded,
      root: authority.firstRoot.der,
      addresses,
      seed,
    };
  }
}
