/**
 * The door for pages that are members of a mesh. What flows through here, in order: an invite names mesh and authority;
 * the page's key is one that no script can read, certified by the platform's authenticator if there is one; rules, invite
 * and key make a certificate, of tier `authenticator` or `software`; from then on the page keeps its sessions,
 * certificate and delegation by itself, and asks members what policy lets it ask.
 */
import { policyInFile } from './attest/appraisal-policy.ts';
import { readNodeId } from './authority/certification.ts';
import { readGrant, readInvite } from './authority/invite.ts';
import { OotoError } from './base/errors.ts';
import { createBrowserCrypto } from './browser.ts';
import type { Tier } from './cert/tier.ts';
import type { Crypto } from './crypto/index.ts';
import type { CborValue } from './envelope/cbor.ts';
import { readTrust } from './mesh/identity.ts';
import { join, present, storedCredential } from './mesh/joining.ts';
import { authenticatorProver, type KeyFinding } from './mesh/key-proving.ts';
import { MeshNode } from './mesh/node.ts';
import { OPERATIONS, type OperationName, type Role } from './mesh/operations.ts';
import { Upkeep } from './mesh/upkeep.ts';
import { platformAuthenticator } from './platform/browser/authenticator.ts';
import { browserClock } from './platform/browser/clock.ts';
import { memoryStore } from './platform/browser/memory-store.ts';
import { keyPairSigner, newKeyPair } from './platform/browser/signer.ts';
import { webSocketTransport } from './platform/browser/web-socket.ts';
import type { Authenticator, Logger, Store, Transport } from './ports.ts';

export type { Authenticator, KeyFinding, Store, Tier };
export { createBrowserCrypto, newKeyPair, platformAuthenticator };

const LIFE_MS = 4 * 3_600_000;
const EPOCH_MS = 60_000;
const SILENT: Logger = { log() {} };

/** What a page may bring itself; whatever is absent is made, and ends with the page. */
export interface JoinOptions {
  /** The content of the invite's file. */
  readonly invite: Uint8Array;
  /** SHA-256 that policy lists as the program of this page, 32 bytes. */
  readonly manifest: Uint8Array;
  /** Certifies the key, which makes tier `authenticator` where the rules pin its maker. The user is asked each time. */
  readonly authenticator?: Authenticator | undefined;
  /** The content of a file of rules that the operators have signed since the mesh was founded. */
  readonly rules?: Uint8Array | undefined;
  /** From an earlier visit, with the store of that visit. */
  readonly keys?: CryptoKeyPair | undefined;
  readonly store?: Store | undefined;
  readonly crypto?: Crypto | undefined;
  readonly transport?: Transport | undefined;
  readonly logger?: Logger | undefined;
  /** The life that is asked for the certificate, in milliseconds; it is renewed at a quarter of it. */
  readonly lifeMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a page is in its mesh. */
export interface MemberStatus {
  /** SPIFFE ID. */
  readonly id: string;
  /** Of the certificate. */
  readonly tier: Tier;
  /** What the key is worth by the rules, and why. */
  readonly key: KeyFinding;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
  /** The peers of live sessions, and what tier each has shown. */
  readonly sessions: readonly { readonly peer: string; readonly tier: Tier }[];
}

/** A page that is a member. */
export class MeshMember {
  readonly #node: MeshNode;
  readonly #upkeep: Upkeep;
  readonly #key: KeyFinding;
  readonly #life: AbortController;

  /** Made by {@link joinMesh}. */
  constructor(node: MeshNode, upkeep: Upkeep, key: KeyFinding, life: AbortController) {
    this.#node = node;
    this.#upkeep = upkeep;
    this.#key = key;
    this.#life = life;
  }

  get status(): MemberStatus {
    const { id, tier, notAfter } = this.#upkeep.credential;
    const sessions = this.#node.peers.sessions.flatMap(({ peerId: peer, shown }) =>
      peer !== undefined && shown ? [{ peer, tier: shown.tier }] : [],
    );
    return { id, tier, key: this.#key, notAfter, sessions };
  }

  /**
   * Asks the first member of the authority that answers.
   * @throws OOTO_POLICY_DENIED (peer) where policy does not let this page ask, and what the operation throws.
   */
  async ask(operation: string, body: CborValue = null): Promise<CborValue> {
    if (!Object.hasOwn(OPERATIONS, operation))
      throw new OotoError('OOTO_MESH_OPERATION', 'caller', `there is no operation ${operation}`);
    let failure: unknown;
    for (const member of this.#upkeep.authorities) {
      try {
        return await this.#node.ask(member, operation as OperationName, body);
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  async close(): Promise<void> {
    this.#life.abort(new OotoError('OOTO_MESH_CLOSED', 'local', 'the member was closed'));
    await this.#node.close();
  }
}

/**
 * Joins by the invite, or comes back with what `store` and `keys` hold of an earlier visit.
 * @throws OOTO_MESH_*, OOTO_AUTHORITY_*, OOTO_ATTEST_* and others, as a node's join.
 */
export async function joinMesh(options: JoinOptions): Promise<MeshMember> {
  const { crypto = await createBrowserCrypto(), store = memoryStore(), authenticator, rules } = options;
  const invite = readInvite(options.invite);
  const { role, name } = readNodeId(readGrant(invite.grant).id);
  const signer = await keyPairSigner(options.keys ?? (await newKeyPair()));
  const life = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, life.signal]) : life.signal;
  const node = new MeshNode({
    ...{ crypto, store, signer, name, role: role as Role, epochMs: EPOCH_MS },
    clock: browserClock(),
    logger: options.logger ?? SILENT,
    transport: options.transport ?? webSocketTransport(),
    manifest: options.manifest,
    versions: new Map(),
    keyProver: authenticator && authenticatorProver(crypto, authenticator, store),
  });
  try {
    const trust = node.trustMesh(readTrust(crypto, invite.genesis, invite.root, store));
    if (rules) await node.adoptRules(policyInFile(rules));
    const { lifeMs = LIFE_MS } = options;
    const stored = storedCredential(node);
    if (stored) await present(node, stored);
    const credential = stored ?? (await join(node, invite, lifeMs, signal));
    const upkeep = new Upkeep({ ...{ node, credential, lifeMs, signal }, addresses: [] });
    await upkeep.refresh();
    void upkeep.run();
    return new MeshMember(node, upkeep, await node.findKey(trust), life);
  } catch (error) {
    life.abort(error);
    await node.close();
    throw error;
  }
}
