/**
 * Attacks without a certificate: one for every operation in the table, so that a new operation has its attack from
 * its first day. What flows through here: a fresh key and a request it signs itself open an enrolment channel, the
 * only one a stranger may ask for; over it the operation is asked. Where even enrolment begins with a right, the
 * right is an invite that no operator granted.
 */
import { nodeIdOf } from '../../authority/certification.ts';
import { claimInvite, createGrant, encodeGrant } from '../../authority/invite.ts';
import type { EnrolmentRequest } from '../../authority/request.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { Ed25519SigningKey } from '../../envelope/keys.ts';
import { newRequest } from '../../mesh/joining.ts';
import { OPERATIONS, type Operation, type OperationName } from '../../mesh/operations.ts';
import { OwnCredentials } from '../../mesh/own-credential.ts';
import type { Attack } from './attack.ts';
import { type Attacker, PATIENCE_MS } from './attacker.ts';

const LIFE_MS = 60_000;

/** In the order of the table. */
export function anonymousAttacks(): Attack[] {
  return (Object.keys(OPERATIONS) as OperationName[]).map((operation) => ({
    name: `anonymous-${operation}`,
    by: 'outsider',
    victim: OPERATIONS[operation].offeredBy[0],
    run: async (attacker, target) => {
      const request = await newRequest(attacker.open.node, attacker.trust, LIFE_MS);
      const session = await attacker.approach(target, await enrolling(attacker, request));
      return session.request(operation, bodyOf(attacker, operation, request), { timeoutMs: PATIENCE_MS });
    },
  }));
}

async function enrolling({ open, meshId }: Attacker, request: EnrolmentRequest) {
  const { crypto, clock, signer } = open.node.options;
  const presentation = {
    kind: 'enrol' as const,
    id: request.id,
    meshId,
    subject: request.digest,
    credential: request.encoded,
    notAfter: clock.now() + LIFE_MS,
  };
  const own = await OwnCredentials.create({ crypto, clock, signer }, presentation);
  return own.forChannel();
}

/** What an enrolling node would send; for all other operations it does not come to the body. */
function bodyOf(attacker: Attacker, operation: OperationName, request: EnrolmentRequest): CborValue {
  const { over }: Operation = OPERATIONS[operation];
  if (!over.includes('enrol')) return null;
  const right = inventedRight(attacker, request);
  if (operation === 'mesh.documents') return { bundle: 0, committee: 0, revocations: 0, right };
  const opening = { request: request.encoded, claim: right };
  if (operation === 'enrol.challenge') return opening;
  const nonces = attacker.trust.genesis.draft.founders.map(({ name: member }) => ({
    member,
    nonce: attacker.open.crypto.random.bytes(32),
  }));
  return { ...opening, nonces, evidence: new Uint8Array(1) };
}

/** An invite in every respect but one: the operator's name stands under it, not the operator's signature. */
function inventedRight({ open, trust }: Attacker, request: EnrolmentRequest): CborValue {
  const { crypto, node } = open;
  const { meshId, draft, encoded: genesis } = trust.genesis;
  const seed = crypto.random.bytes(32);
  const [{ keyid }] = draft.operators;
  const grant = encodeGrant(
    createGrant(
      {
        mesh: meshId,
        publicKey: crypto.ed25519.publicKey(seed),
        id: nodeIdOf(meshId, node.options.role, node.options.name),
        expires: node.options.clock.now() + LIFE_MS,
      },
      { keyid, key: Ed25519SigningKey.generate(crypto) },
    ),
  );
  const invite = { grant, genesis, root: trust.authority.firstRoot.der, addresses: [], seed };
  return { kind: 'invite', grant, signature: claimInvite(crypto, invite, request.digest) };
}
