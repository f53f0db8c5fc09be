/**
 * As many corrupt members as it takes to sign: what the threat model does not promise to withstand must still leave
 * proof, or be of no use. What flows through here: the ringleader sends its accomplices what it wants signed; they
 * sign it with their real shares, without judging it and without an entry in any log.
 */
import { leafTbs, nodeIdOf } from '../../authority/certification.ts';
import { encodeCredential } from '../../authority/credential.ts';
import { encodeHead, headMessage, type MeshHead } from '../../authority/head.ts';
import { createRequest } from '../../authority/request.ts';
import { isOotoError, OotoError } from '../../base/errors.ts';
import { assembleCertificate } from '../../cert/write.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, bytes as bytesOf, fields, literal } from '../../envelope/fields.ts';
import type { AuthorityDuty } from '../../mesh/authority/duty.ts';
import { SHARE_KEY } from '../../mesh/authority/founding.ts';
import { signWithGroup } from '../../mesh/authority/group-signature.ts';
import { storedCredential } from '../../mesh/joining.ts';
import type { Signer } from '../../ports.ts';
import { decodeSecretShare, SigningMember } from '../../threshold/index.ts';
import type { RunningNode } from '../running-node.ts';

const LIFE_MS = 600_000;
const MESSAGE_BYTES = 8 * 1024;

const plotShape = {
  kind: literal('plot'),
  session: bytesOf(32),
  message: bytesBetween(1, MESSAGE_BYTES),
} as const;

export class Conspirator {
  readonly #running: RunningNode;
  readonly #duty: AuthorityDuty;
  readonly #signing: SigningMember;

  /** Takes part from now on, besides its duty. */
  constructor(running: RunningNode) {
    const { node, store, crypto } = running.open;
    const { publicPackage } = node.trust.authority;
    const share = store.get(SHARE_KEY);
    if (!running.authority || !share)
      throw new OotoError('OOTO_CLI_DRILL', 'local', 'this node has no share');
    this.#running = running;
    this.#duty = running.authority.duty;
    const secretShare = decodeSecretShare(crypto, publicPackage, share);
    this.#signing = new SigningMember({ crypto, publicPackage, secretShare });
    node.handle('authority.appraise', async (peer, body) => {
      if (!isPlot(body)) return (await this.#duty.appraise(peer.name, body)) as unknown as CborValue;
      return this.#agree(peer.name, body);
    });
    node.handle('authority.sign', (peer, body) => this.#sign(peer.name, body));
  }

  /** A certificate for a node that nobody invited, signed by the group; in no log. */
  async hiddenCertificate(name: string, signer: Signer, accomplices: readonly string[]) {
    const { crypto, clock } = this.#running.open.node.options;
    const { authority } = this.#running.open.node.trust;
    const request = await createRequest(
      crypto,
      {
        mesh: authority.meshId,
        id: nodeIdOf(authority.meshId, 'worker', name),
        key: { algorithm: signer.algorithm, bytes: signer.publicKey },
        life: LIFE_MS,
        tier: 'software',
        nonce: crypto.random.bytes(16),
      },
      signer,
    );
    const tbs = await leafTbs(crypto, authority, request, clock.now());
    const certificate = await assembleCertificate(tbs, await this.#signTogether(tbs, accomplices));
    return { certificate, id: request.id };
  }

  /** A head with the number of the newest one that names another revocation set. */
  async contradictingHead(accomplices: readonly string[]): Promise<Uint8Array> {
    const { node } = this.#running.open;
    const { revocations, ...head } = this.#newestHead;
    const { mesh, number, time, expires, bundle, policy, committee } = head;
    const other = { ...revocations, digest: node.options.crypto.sha256(revocations.digest) };
    const body = { mesh, number, time, expires, bundle, policy, committee, revocations: other };
    return encodeHead(body, await this.#signTogether(headMessage(body), accomplices));
  }

  /** Shows this head, with its own true certificate, to a node; resolves to what came of it. */
  async show(head: Uint8Array, victim: { id: string; address: string }): Promise<string> {
    const { node } = this.#running.open;
    const valid = storedCredential(node);
    if (!valid) throw new OotoError('OOTO_CLI_DRILL', 'local', 'this node has no certificate');
    const { meshId } = node.trust.authority;
    const { certificate, proofs } = valid.credential;
    await node.becomeMember(
      {
        ...{ id: valid.id, meshId, subject: valid.tbsSha256, notAfter: valid.notAfter },
        credential: encodeCredential({ certificate, proofs, head }),
      },
      valid.tier,
    );
    return node.peers.dial(meshId, victim.address, victim.id).then(
      () => 'accepted',
      (error) => (isOotoError(error) ? error.code : String(error)),
    );
  }

  get #newestHead(): MeshHead {
    const { current } = this.#running.open.node.head;
    if (!current) throw new OotoError('OOTO_CLI_DRILL', 'local', 'this node has seen no head');
    return current;
  }

  async #signTogether(message: Uint8Array, accomplices: readonly string[]): Promise<Uint8Array> {
    const { node } = this.#running.open;
    const { crypto, clock, name } = node.options;
    const session = crypto.random.bytes(32);
    const plot = { kind: 'plot' as const, session, message };
    this.#agree(name, plot);
    await Promise.all(accomplices.map((member) => this.#ask(member, 'authority.appraise', plot)));
    return signWithGroup({
      ...{ crypto, clock, session, message, publicPackage: node.trust.authority.publicPackage },
      candidates: [name, ...accomplices],
      ask: async (member, bytes) => {
        const body = { message: bytes };
        if (member === name) return this.#sign(name, body);
        return (await this.#ask(member, 'authority.sign', body)) as Uint8Array;
      },
    });
  }

  #agree(coordinator: string, body: CborValue): null {
    const { session, message } = fields(body, plotShape, 'plot');
    this.#signing.approve({ session, message, coordinator }, this.#now);
    return null;
  }

  /** With the share alone where the duty knows of no such session. */
  #sign(coordinator: string, body: CborValue): Uint8Array {
    const { message } = fields(body, { message: bytesBetween(1, 64 * 1024) }, 'authority.sign');
    try {
      return this.#signing.receive(coordinator, message, this.#now);
    } catch (error) {
      if (!isOotoError(error, 'OOTO_THRESHOLD_NOT_APPROVED')) throw error;
      return this.#duty.sign(coordinator, body);
    }
  }

  #ask(
    member: string,
    operation: 'authority.appraise' | 'authority.sign',
    body: CborValue,
  ): Promise<CborValue> {
    const { node } = this.#running.open;
    const { authority } = node.trust;
    const { meshId } = authority;
    const addresses = authority.memberNamed(member)?.addresses ?? [];
    return node.ask({ id: nodeIdOf(meshId, 'authority', member), addresses }, operation, body);
  }

  get #now(): number {
    return this.#running.open.node.options.clock.monotonic();
  }
}

function isPlot(body: CborValue): boolean {
  return typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'plot';
}
