/**
 * The list of members, kept by a member of the authority. What flows through here: a node publishes its own
 * record, it is verified like a handshake and stored; whoever is in the mesh may read all records, and verifies
 * them again. The list gives availability, never trust.
 */

import { HeadView } from '../authority/head.ts';
import { OotoError } from '../base/errors.ts';
import type { CborValue } from '../envelope/cbor.ts';
import { bytesBetween } from '../envelope/fields.ts';
import { memberVerifier } from './identity.ts';
import {
  createRecord,
  Membership,
  type MembershipRecord,
  MOST_RECORD_BYTES,
  verifyRecord,
} from './membership.ts';
import type { MeshNode } from './node.ts';

const PREFIX = 'membership/';
const AFTER_PREFIX = 'membership0';

export class Registrar {
  readonly #node: MeshNode;
  readonly #membership = new Membership();

  constructor(node: MeshNode) {
    this.#node = node;
    for (const { value } of node.options.store.range(PREFIX, AFTER_PREFIX)) this.#restore(value);
  }

  serve(): void {
    this.#node.handle('membership.publish', async (peer, body) => {
      const record = judgeRecord(this.#node, bytesBetween(1, MOST_RECORD_BYTES)(body, 'membership.publish'));
      if (record.id !== peer.id)
        throw new OotoError('OOTO_MESH_MEMBERSHIP', 'peer', 'a node publishes its own record and no other');
      if ((this.#membership.get(record.id)?.sequence ?? 0) >= record.sequence) return null;
      await this.#node.options.store.commit([
        { put: `${PREFIX}${record.role}/${record.name}`, value: record.encoded },
      ]);
      this.#membership.keep(record);
      return null;
    });
    this.#node.handle(
      'membership.list',
      (): CborValue => [this.#ownRecord(), ...this.#membership.all.map(({ encoded }) => encoded)],
    );
  }

  /** This member's own, with the addresses that the committee's record gives it. */
  #ownRecord(): Uint8Array {
    const { own, trust, options } = this.#node;
    const member = trust.authority.memberNamed(options.name);
    return createRecord(own, member?.addresses ?? [], options.clock.now());
  }

  /** A record that has lapsed meanwhile is forgotten; its node publishes a new one. */
  #restore(encoded: Uint8Array): void {
    try {
      this.#membership.keep(judgeRecord(this.#node, encoded));
    } catch (error) {
      this.#node.options.logger.log('debug', 'a stored membership record is over', { error });
    }
  }
}

/** @throws what {@link verifyRecord} throws. */
export function judgeRecord(node: MeshNode, encoded: Uint8Array): MembershipRecord {
  const { crypto, clock } = node.options;
  const { trust } = node;
  const shown = new HeadView(crypto, trust.authority, node.head.current?.encoded);
  const verifier = memberVerifier(crypto, trust, shown, (head) => shown.accept(head));
  return verifyRecord(crypto, verifier, trust.authority.meshId, encoded, clock.now());
}
