/**
 * How a node comes to its certificate. What flows through here, in order: the invite names mesh and authority; the
 * node signs a request with its identity key and spends the invite on it; over an enrolment channel it is given
 * the nonces of the members, answers them with one piece of evidence, and gets certificate, proofs and head, all
 * of which it judges itself before it stores them. Renewal is the same over a member's session, without invite.
 */

import { nodeIdOf } from '../authority/certification.ts';
import {
  encodeCredential,
  logProofs,
  type ValidCredential,
  validateCredential,
} from '../authority/credential.ts';
import { HeadView, type MeshHead } from '../authority/head.ts';
import { claimInvite, type Invite } from '../authority/invite.ts';
import type { Application, Claim } from '../authority/member.ts';
import { createRequest, type EnrolmentRequest, readRequest } from '../authority/request.ts';
import { equal } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import { bytes, bytesBetween, type Fields, fields, nullable } from '../envelope/fields.ts';
import { catchUp, mayLackDocuments } from './catching-up.ts';
import { enrolmentEvidence } from './enrolment-evidence.ts';
import type { MemberDetails, MeshTrust } from './identity.ts';
import { GENESIS_KEY, memberVerifier, ROOT_KEY, readTrust } from './identity.ts';
import { challengeList } from './member-challenge.ts';
import type { MeshNode } from './node.ts';
import { OwnCredentials } from './own-credential.ts';
import type { Session } from './session.ts';

export const CREDENTIAL_KEY = 'credential/current';
/** The request that an invite is being spent on: after a crash or a refusal it is shown again, not a new one. */
const REQUEST_KEY = 'enrolment/request';

/** What the newest certificate was issued on. */
const ENROLMENT_KEY = 'credential/enrolment';

const ENROLMENT_MS = 30_000;
const OUT_OF_TIME = [
  'OOTO_AUTHORITY_CLOCK',
  'OOTO_AUTHORITY_HEAD_STALE',
  'OOTO_CERT_EXPIRED',
  'OOTO_CERT_NOT_YET_VALID',
  'OOTO_CHANNEL_DELEGATION',
];

export const issuedShape = {
  certificate: bytesBetween(1, 8 * 1024),
  proofs: logProofs,
  head: nullable(bytesBetween(1, 4 * 1024)),
} as const;

/** Asks for the nonces, then for the certificate; carried by an enrolment channel or a member's session. */
export interface Applicant {
  challenge(body: CborValue): Promise<CborValue>;
  apply(body: CborValue): Promise<CborValue>;
}

/** Joins the mesh of an invite and stores what was issued. @throws OOTO_AUTHORITY_*, OOTO_MESH_* and others. */
export async function join(
  node: MeshNode,
  invite: Invite,
  lifeMs: number,
  signal: AbortSignal,
): Promise<ValidCredential> {
  const { crypto } = node.options;
  const trust = node.trustMesh(readTrust(crypto, invite.genesis, invite.root, node.options.store));
  const request = await requestForInvite(node, trust, lifeMs);
  const signature = claimInvite(crypto, invite, request.digest);
  const claim = { kind: 'invite' as const, grant: invite.grant, signature };
  return applyAt(node, trust, request, claim, invite.addresses, signal);
}

/**
 * Comes back with the key of a certificate that has ended, where operators have rescued the mesh and let it.
 * @param credential as it was issued last
 * @throws OOTO_AUTHORITY_RETURN (peer) where they have not; OOTO_AUTHORITY_*, OOTO_MESH_* and others.
 */
export async function comeBack(
  node: MeshNode,
  credential: Uint8Array,
  lifeMs: number,
  signal: AbortSignal,
): Promise<ValidCredential> {
  const { trust } = node;
  const request = await newRequest(node, trust, lifeMs);
  const addresses = trust.authority.activeMembers.flatMap((member) => member.addresses);
  return applyAt(node, trust, request, { kind: 'return', credential }, addresses, signal);
}

/** By the first member of the authority that goes through with it. */
async function applyAt(
  node: MeshNode,
  trust: MeshTrust,
  request: EnrolmentRequest,
  claim: Claim,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<ValidCredential> {
  await standAsApplicant(node, trust, request);
  node.following.right = claim;
  const failures: Failures = { dialling: [], asking: [] };
  try {
    for (const address of addresses) {
      signal.throwIfAborted();
      const joined = await joinThrough(node, trust, request, claim, address, signal, failures);
      if (joined) return joined;
    }
    throw whyNotJoined(failures);
  } finally {
    node.following.right = undefined;
  }
}

interface Failures {
  dialling: unknown[];
  asking: unknown[];
}

/** By one member that coordinates; what stops it may not stop the next. */
async function joinThrough(
  node: MeshNode,
  trust: MeshTrust,
  request: EnrolmentRequest,
  claim: Claim,
  address: string,
  signal: AbortSignal,
  failures: Failures,
): Promise<ValidCredential | undefined> {
  let session: Session;
  try {
    session = await dialMember(node, trust, request, address, signal);
  } catch (error) {
    failures.dialling.push(error);
    return undefined;
  }
  const options = { signal, timeoutMs: ENROLMENT_MS };
  try {
    await node.following.caughtUp(session, 'enrol.challenge');
    return await obtain(node, trust, request, claim, {
      challenge: (body) => session.request('enrol.challenge', body, options),
      apply: (body) => session.request('enrol.evidence', body, options),
    });
  } catch (error) {
    failures.asking.push(error);
    return undefined;
  } finally {
    session.close();
  }
}

/** A member that cannot be judged with what an invite says may have come into the committee since, or a group key. */
async function dialMember(
  node: MeshNode,
  trust: MeshTrust,
  request: EnrolmentRequest,
  address: string,
  signal: AbortSignal,
): Promise<Session> {
  const dial = () => node.peers.dial(trust.genesis.meshId, address, undefined, { signal });
  try {
    return await dial();
  } catch (error) {
    const hasMore =
      mayLackDocuments(error) &&
      (await catchUp(node, trust, request, address, signal).catch((refusal) => {
        if (isOotoError(refusal, 'OOTO_AUTHORITY_REVOKED')) throw refusal;
        return false;
      }));
    if (!hasMore) throw error;
    return dial();
  }
}

/** What a member said tells more than that another could not be reached. */
function whyNotJoined({ dialling, asking }: Failures): unknown {
  if (asking.length > 0) return asking[0];
  const refused = dialling.find((error) => isOotoError(error, 'OOTO_AUTHORITY_REVOKED'));
  if (refused) return refused;
  const outOfTime = dialling.find((error) => isOotoError(error) && OUT_OF_TIME.includes(error.code));
  if (outOfTime) return clockError(outOfTime);
  return new OotoError('OOTO_MESH_UNAVAILABLE', 'environment', 'no member of the authority can be reached', {
    cause: dialling.at(-1),
    hint: 'the invite names the addresses; is one of them up, and the clock of this machine right?',
  });
}

/** From request to stored credential, by whatever right and over whatever carries it. */
export async function obtain(
  node: MeshNode,
  trust: MeshTrust,
  request: EnrolmentRequest,
  claim: Claim,
  applicant: Applicant,
): Promise<ValidCredential> {
  const { crypto, clock, store } = node.options;
  const challenges = challengeList(
    await applicant.challenge({ request: request.encoded, claim: { ...claim } }),
    'challenges',
  );
  const { evidence, quote } = await enrolmentEvidence(node, trust, request, challenges);
  const nonces = challenges.map(({ member, nonce }) => ({ member, nonce }));
  const application: Application = { request: request.encoded, claim, nonces, evidence };
  const answer = await applicant.apply(plain(application));
  const issued = fields(answer, issuedShape, 'issued certificate');
  const encoded = encodeCredential(issued);
  const valid = validateCredential(crypto, trust, encoded, { time: clock.now(), expectedId: request.id });
  if (!equal(valid.publicKey.bytes, request.key.bytes))
    throw new OotoError(
      'OOTO_MESH_ENROLMENT',
      'peer',
      'the certificate is for another key than this node has',
    );
  if (issued.head) await adoptIfKnown(node, issued.head);
  await store.commit([
    { put: CREDENTIAL_KEY, value: encoded },
    { put: ROOT_KEY, value: trust.authority.firstRoot.der },
    { put: GENESIS_KEY, value: trust.genesis.encoded },
    {
      put: ENROLMENT_KEY,
      value: encode({ request: request.digest, evidence: crypto.sha256(evidence), quote }),
    },
    { delete: REQUEST_KEY },
  ]);
  await present(node, valid);
  return valid;
}

/** A head that names documents which are not here yet is asked for again, with them, by whoever keeps this node up. */
async function adoptIfKnown(node: MeshNode, head: Uint8Array): Promise<void> {
  try {
    await node.following.adopt(head);
  } catch (error) {
    if (!isOotoError(error) || error.code !== 'OOTO_AUTHORITY_HEAD_DOCUMENTS') throw error;
  }
}

/** Presents a valid credential with the newest head this node knows. */
export async function present(node: MeshNode, valid: ValidCredential): Promise<void> {
  const { certificate, proofs } = valid.credential;
  const head = node.head.current?.encoded ?? null;
  const presentation = {
    id: valid.id,
    meshId: node.trust.genesis.meshId,
    subject: valid.tbsSha256,
    credential: encodeCredential({ certificate, proofs, head }),
    notAfter: valid.notAfter,
  };
  await node.becomeMember(presentation, valid.tier);
}

/** The credential in the store, if it is still valid. */
export function storedCredential(node: MeshNode): ValidCredential | undefined {
  const { crypto, clock, store } = node.options;
  const genesis = store.get(GENESIS_KEY);
  const root = store.get(ROOT_KEY);
  const credential = store.get(CREDENTIAL_KEY);
  if (!genesis || !root || !credential) return undefined;
  const trust = node.knownTrust ?? node.trustMesh(readTrust(crypto, genesis, root, store));
  try {
    return validateCredential(crypto, trust, credential, { time: clock.now() });
  } catch (error) {
    if (!isOotoError(error)) throw error;
    if (hasEnded(error)) return undefined;
    throw error.code === 'OOTO_CERT_NOT_YET_VALID' ? clockError(error) : error;
  }
}

/** Its time is over, or that of the group key that signed it. */
function hasEnded({ code }: OotoError): boolean {
  return code === 'OOTO_CERT_EXPIRED' || code === 'OOTO_CERT_ISSUER';
}

/** The credential in the store whose time is over, as it was issued; undefined where there is none. */
export function endedCredential(node: MeshNode): Uint8Array | undefined {
  return storedCredential(node) ? undefined : node.options.store.get(CREDENTIAL_KEY);
}

/** What the newest certificate was issued on. All are SHA-256; `quote` is null for a node without a TPM. */
export type EnrolmentRecord = Fields<typeof enrolmentShape>;
const enrolmentShape = { request: bytes(32), evidence: bytes(32), quote: nullable(bytes(32)) } as const;

/** The last enrolment or renewal of this node, if it is known. */
export function lastEnrolment({ options: { store } }: MeshNode): EnrolmentRecord | undefined {
  const stored = store.get(ENROLMENT_KEY);
  return stored && fields(decode(stored, { maxBytes: 256 }), enrolmentShape, 'enrolment');
}

export async function newRequest(
  node: MeshNode,
  trust: MeshTrust,
  lifeMs: number,
): Promise<EnrolmentRequest> {
  const { crypto, signer, role, name, tpm } = node.options;
  const keys = node.provesByTpm(trust.policy) ? tpm?.keys : undefined;
  const { algorithm, publicKey } = signer;
  const { meshId } = trust.genesis;
  return createRequest(
    crypto,
    {
      mesh: meshId,
      id: nodeIdOf(meshId, role, name),
      key: { algorithm, bytes: publicKey },
      life: Math.min(lifeMs, trust.policy.certificateLifeMs),
      tier: (await node.findKey(trust)).tier,
      nonce: crypto.random.bytes(16),
      ...(keys ? { tpm: keys } : {}),
    },
    signer,
  );
}

/**
 * Members bind an invite to the first request they see with it, so that request must outlive this process: it is
 * stored before it is shown to anybody, and taken up again as long as it asks for the same.
 */
async function requestForInvite(node: MeshNode, trust: MeshTrust, lifeMs: number): Promise<EnrolmentRequest> {
  const { crypto, store, signer, role, name } = node.options;
  const { meshId } = trust.genesis;
  const stored = store.get(REQUEST_KEY);
  const earlier = stored && readRequest(crypto, stored);
  const isSame =
    earlier &&
    equal(earlier.mesh, meshId) &&
    earlier.id === nodeIdOf(meshId, role, name) &&
    equal(earlier.key.bytes, signer.publicKey);
  if (isSame) return earlier;
  const request = await newRequest(node, trust, lifeMs);
  await store.commit([{ put: REQUEST_KEY, value: request.encoded }]);
  return request;
}

async function standAsApplicant(node: MeshNode, trust: MeshTrust, request: EnrolmentRequest): Promise<void> {
  const { crypto, clock, signer } = node.options;
  const { meshId } = trust.genesis;
  const own = await OwnCredentials.create(
    { crypto, clock, signer },
    {
      kind: 'enrol',
      id: request.id,
      meshId,
      subject: request.digest,
      credential: request.encoded,
      notAfter: clock.now() + ENROLMENT_MS,
    },
  );
  const verifier = applicantVerifier(node, trust);
  node.peers.join({ meshId, own: () => own.forChannel(), verifier, accept: [] });
}

/** A member that answers has kept what it shows valid by its own clock: where it is not by ours, clocks differ. */
function clockError(cause: unknown): OotoError {
  const { message } = cause as OotoError;
  return new OotoError(
    'OOTO_AUTHORITY_CLOCK',
    'environment',
    `this clock is not that of the mesh: ${message}`,
    {
      cause,
      hint: 'set the clock of this machine',
    },
  );
}

/**
 * Any authority member will do; it is judged like every member, and shows the head this node has not seen yet. How
 * old that head is says nothing yet about whose clock is wrong: the delegation, which is young, decides after it.
 */
function applicantVerifier(node: MeshNode, trust: MeshTrust): ReturnType<typeof memberVerifier> {
  const { crypto } = node.options;
  return (presented, now) => {
    const shown = new HeadView(crypto, trust.authority, undefined);
    const anyAge = {
      stage: (encoded: Uint8Array, time: number) => shown.stage(encoded, time),
      requireFresh: (time: number, _age: number, head?: MeshHead) =>
        shown.requireFresh(time, Number.POSITIVE_INFINITY, head),
    };
    const identity = memberVerifier(crypto, trust, anyAge, (head) => shown.accept(head))(presented, now);
    if ((identity.details as MemberDetails).role !== 'authority')
      throw new OotoError('OOTO_MESH_ENROLMENT', 'peer', 'only members of the authority take enrolments');
    return identity;
  };
}

function plain(application: Application): CborValue {
  return {
    ...application,
    claim: { ...application.claim },
    nonces: application.nonces.map((nonce) => ({ ...nonce })),
  } as CborValue;
}
