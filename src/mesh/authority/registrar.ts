/**
 * The list of members, kept by a member of the authority. What flows through here: a node publishes its own
 * record, it is verified like a handshake and stored; whoever is in the mesh may read all records, and verifies
 * them again. The list gives availability, never trust.
 */

import { OotoError } from '../../base/errors.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, fields, nullable, text } from '../../envelope/fields.ts';
import { createRecord, judgeRecord, Membership, MOST_ID_BYTES, MOST_RECORD_BYTES } from '../membership.ts';
import type { MeshNode } from '../node.ts';

const PREFIX = 'membership/';
const AFTER_PREFIX = 'membership0';
/** An answer holds about so much: it must not keep other messages of the channel waiting. */
const PAGE_BYTES = 256 * 1024;

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
    this.#node.handle('membership.list', (_, body) => {
      const { after } = fields(body, { after: nullable(text(MOST_ID_BYTES)) }, 'membership.list');
      return this.#page(after);
    });
  }

  /** The records after this id, in the order of ids, as many as one answer should hold; of revoked nodes there are none. */
  #page(after: string | null): CborValue {
    const { own, trust } = this.#node;
    const { revocations } = trust.authority;
    const all = [...this.#membership.all, { id: own.presentation.id, encoded: this.#ownRecord() }]
      .filter(({ id }) => (after === null || id > after) && revocations.nodeRevokedAt(id) === undefined)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const records: Uint8Array[] = [];
    let room = PAGE_BYTES;
    while (records.length < all.length && room > 0) {
      const { encoded } = all[records.length];
      room -= encoded.length;
      records.push(encoded);
    }
    return { records, next: records.length < all.length ? all[records.length - 1].id : null };
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
