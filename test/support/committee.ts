/**
 * Committees for tests: members with keys of their own who generate a group key in memory and sign with it, and the
 * documents by which a mesh comes to stand under them.
 */
import { rootTbs } from '../../src/authority/certification.ts';
import {
  type CommitteeBody,
  type CommitteeRecord,
  committeeMessage,
  committeeTranscript,
  encodeCommitteeRecord,
  nextCommittee,
} from '../../src/authority/committee-record.ts';
import type { Founder } from '../../src/authority/genesis.ts';
import {
  encodeRevocations,
  type Revocation,
  type RevocationSet,
  type RevocationsDelta,
  revocationsMessage,
} from '../../src/authority/revocation.ts';
import {
  bundleMessage,
  encodeBundle,
  nextBundle,
  rescueMessage,
  type TrustBundle,
  type TrustBundleBody,
} from '../../src/authority/trust-bundle.ts';
import { assembleCertificate } from '../../src/cert/write.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import {
  type Committee,
  type GeneratedKey,
  groupKey,
  KeyGeneration,
  SigningCoordinator,
  SigningMember,
} from '../../src/threshold/index.ts';
import type { FoundedMesh, FounderKeys } from './founders.ts';

/** Who holds shares of a group key. */
export interface Group {
  founders: readonly FounderKeys[];
  keys: readonly GeneratedKey[];
}

/** As much of a group as signs. */
export interface Signers {
  founders: readonly Pick<FounderKeys, 'name'>[];
  keys: readonly Pick<GeneratedKey, 'publicPackage' | 'secretShare'>[];
}

export function groupOf({ founders, keys }: FoundedMesh): Group {
  return { founders, keys };
}

/** These members generate a group key for this epoch. */
export function newGroup(
  crypto: Crypto,
  founders: readonly FounderKeys[],
  { epoch, threshold }: { epoch: number; threshold: number },
): Group {
  const members = founders.map(({ name, keyGeneration }, i) => ({
    ...{ identifier: i + 1, name, publicKey: keyGeneration.publicKey },
  }));
  const committee: Committee = { epoch, threshold, members };
  const session = crypto.random.bytes(32);
  const machines = new Map(
    founders.map(({ name, keyGeneration: key }) => [
      name,
      new KeyGeneration({ crypto, committee, session, name, key }),
    ]),
  );
  const queue = [...machines].flatMap(([from, machine]) => machine.start().map((m) => ({ from, ...m })));
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { to, from, bytes } = next;
    queue.push(
      ...machines
        .get(to)!
        .receive(from, bytes)
        .map((message) => ({ from: to, ...message })),
    );
  }
  return { founders, keys: founders.map(({ name }) => machines.get(name)!.result!) };
}

export function groupKeyOf({ keys }: Group): Uint8Array {
  return groupKey(keys[0].publicPackage);
}

/** A signature by the group, or by as many of its members as are asked. */
export function signAs(
  crypto: Crypto,
  { keys, founders }: Signers,
  message: Uint8Array,
  count = keys[0].publicPackage.committee.threshold,
): Uint8Array {
  const { publicPackage } = keys[0];
  const session = crypto.random.bytes(32);
  const candidates = founders.slice(0, count).map(({ name }) => name);
  const members = new Map(
    candidates.map((name, i) => {
      const member = new SigningMember({ crypto, publicPackage, secretShare: keys[i].secretShare });
      member.approve({ session, message, coordinator: 'test' }, 0);
      return [name, member];
    }),
  );
  const coordinator = new SigningCoordinator({ crypto, publicPackage, session, message, candidates });
  const queue = coordinator.start(0);
  for (let next = queue.shift(); next; next = queue.shift())
    queue.push(...coordinator.receive(next.to, members.get(next.to)!.receive('test', next.bytes, 0), 0));
  return coordinator.signature!;
}

/** The body of a bundle that puts `after` in force, with its root. */
export async function bundleBody(
  crypto: Crypto,
  previous: TrustBundle,
  after: Group,
  changes: Partial<TrustBundleBody> = {},
): Promise<TrustBundleBody> {
  const created = changes.created ?? previous.created + 1_000;
  const groupKey = groupKeyOf(after);
  const tbs = await rootTbs(crypto, {
    ...{ mesh: previous.mesh, version: previous.version + 1, groupKey, created },
  });
  const root = await assembleCertificate(tbs, signAs(crypto, after, tbs));
  const retiring = [{ groupKey: previous.groupKey, until: created + 3_600_000 }];
  return { ...nextBundle(previous, { groupKey, created, retiring, root }), ...changes };
}

/** The bundle, signed by the group before it and by its own. */
export function signedBundle(
  crypto: Crypto,
  body: TrustBundleBody,
  { before, after }: { before: Group; after: Group },
): Uint8Array {
  const message = bundleMessage(body);
  const succession = { kind: 'group' as const, signature: signAs(crypto, before, message) };
  return encodeBundle(body, { own: signAs(crypto, after, message), succession });
}

/** The bundle, let in by operators. */
export function rescueBundle(
  crypto: Crypto,
  body: TrustBundleBody,
  after: Group,
  operators: readonly { keyid: string; key: { sign(message: Uint8Array): Uint8Array } }[],
): Uint8Array {
  const signatures = operators.map(({ keyid, key }) => ({ keyid, signature: key.sign(rescueMessage(body)) }));
  return encodeBundle(body, {
    own: signAs(crypto, after, bundleMessage(body)),
    succession: { kind: 'operators', signatures },
  });
}

export function memberOf(keys: FounderKeys): Founder {
  return {
    name: keys.name,
    identityKey: keys.identity.publicKey,
    logKey: keys.log.publicKey,
    witnessKey: keys.witness.publicKey,
    keyGenerationKey: keys.keyGeneration.publicKey,
    addresses: [`${keys.name}:1`],
  };
}

export function committeeBody(
  previous: CommitteeRecord,
  group: Group,
  changes: Partial<CommitteeBody> = {},
): CommitteeBody {
  const body = nextCommittee(previous, {
    created: previous.created + 1_000,
    members: group.founders.map(memberOf),
    publicPackage: group.keys[0].publicPackage,
    action: new Uint8Array(32).fill(7),
  });
  return { ...body, ...changes };
}

/** The record, certified by its members and signed by the group. */
export function signedCommittee(
  crypto: Crypto,
  body: CommitteeBody,
  group: Group,
  certifying: readonly FounderKeys[] = group.founders,
): Uint8Array {
  const certificate = certifying.map(({ keyGeneration }) => keyGeneration.sign(committeeTranscript(body)));
  return encodeCommitteeRecord(body, {
    certificate,
    signature: signAs(crypto, group, committeeMessage(body)),
  });
}

/** The version of the revocations that holds these besides, as it is sent to whoever has the version before. */
export function signedRevocations(
  crypto: Crypto,
  before: RevocationSet,
  added: readonly Revocation[],
  group: Group,
): RevocationsDelta {
  const body = before.next(crypto, added, before.body.time + 1_000);
  const statement = encodeRevocations(body, signAs(crypto, group, revocationsMessage(body)));
  return { statement, from: before.entries.length, entries: [...added] };
}
