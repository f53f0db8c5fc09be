/**
 * Evidence that outlives keys: certificates, logs and receipts as files that anybody verifies who knows the mesh's
 * id. What flows through here: a writer puts all that a judgement needs into one PEM bundle of fixed blocks; a
 * verifier reads it strictly, so that no byte goes unjudged, and names the check that failed. The root of trust
 * never comes from the file: the genesis record in it must have the mesh id for its digest.
 */

import { AuthorityView, authorityDocuments } from '../../authority/authority-view.ts';
import { readNodeId } from '../../authority/certification.ts';
import type { CommitteeRecord } from '../../authority/committee-record.ts';
import {
  encodeCredential,
  logKeyOf,
  logProofs,
  readCredential,
  requireLogged,
  validateCredential,
  witnessKeysOf,
} from '../../authority/credential.ts';
import { type GenesisRecord, verifyGenesisRecord } from '../../authority/genesis.ts';
import { headsContradict, peekHead, verifyHead } from '../../authority/head.ts';
import { equal, utf8, utf8Decode } from '../../base/bytes.ts';
import { isOotoError, OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import { type PemBlock, pemDecode, pemEncode } from '../../base/pem.ts';
import { readCertificate } from '../../cert/certificate.ts';
import { MAX_CERTIFICATE_BYTES } from '../../cert/profile.ts';
import type { Root } from '../../cert/validate.ts';
import { readDelegation } from '../../channel/delegation.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../../envelope/cbor.ts';
import { bytesBetween, fields, list, object, text } from '../../envelope/fields.ts';
import {
  decodeForkEvidence,
  parseCheckpoint,
  parseNote,
  verifyCheckpoint,
  verifyExportedLog,
  verifyForkEvidence,
} from '../../log/index.ts';
import { verifyDefinition } from '../../workload/definition.ts';
import { readReceipt } from '../../workload/receipt.ts';
import { type MeshTrust, policyOf } from '../identity.ts';
import {
  chunkRecordShape,
  encodeRecord,
  MOST_PARTIES,
  receiptsOrigin,
  verifyRecord,
} from '../jobs/chunk-record.ts';
import type { JobResult } from '../jobs/job.ts';
import { judgeParty, type Party, partyShape } from '../party.ts';
import { originatorKey } from '../policy.ts';

const MOST_BYTES = 256 * 1024 * 1024;
const MOST_CHUNKS = 4096;
const MOST_FORK_BYTES = 160 * 1024;
/** Of the documents of the authority, each of up to 64 bundles or 16 committees. */
const MOST_PORTIONS = 1024;

const BLOCKS = {
  certificate: ['CERTIFICATE', 'CERTIFICATE', 'OOTO PROOFS', 'OOTO AUTHORITY', 'OOTO GENESIS'],
  receipts: [
    'OOTO RECEIPTS',
    'OOTO DEFINITION',
    'OOTO PROOFS',
    'OOTO PARTIES',
    'OOTO CHECKPOINT',
    'OOTO AUTHORITY',
    'OOTO GENESIS',
  ],
  log: ['OOTO LOG', 'OOTO AUTHORITY', 'OOTO GENESIS'],
  fork: ['OOTO LOG FORK', 'OOTO AUTHORITY', 'OOTO GENESIS'],
  heads: ['OOTO HEAD FORK', 'OOTO AUTHORITY', 'OOTO GENESIS'],
} as const;

export type EvidenceKind = keyof typeof BLOCKS;

/** What a verified file shows. */
export interface EvidenceSummary {
  kind: EvidenceKind;
  /** Hexadecimal. */
  mesh: string;
  /** For people: what was found, by name. */
  facts: Record<string, string | number>;
}

/** A node's certificate with the proofs that it was logged; OpenSSL reads the first two blocks. */
export function exportCertificate(trust: MeshTrust, credential: Uint8Array): string {
  const { certificate, proofs } = readCredential(credential);
  const { authority } = trust;
  const issuer = issuerOf(authority, certificate);
  return bundle('certificate', authority, [certificate, issuer.der, plain(proofs)]);
}

/** A whole log of a member of the authority. */
export function exportLogFile({ authority }: MeshTrust, member: string, exported: Uint8Array): string {
  return bundle('log', authority, [encode({ member, exported })]);
}

/** Proof that a member's log contradicts itself: two heads that it signed. */
export function exportForkFile(
  { authority }: Pick<MeshTrust, 'authority'>,
  member: string,
  evidence: Uint8Array,
): string {
  return bundle('fork', authority, [encode({ member, evidence })]);
}

/** Proof that the authority signed two mesh heads that contradict each other. */
export function exportHeadForkFile(
  { authority }: Pick<MeshTrust, 'authority'>,
  first: Uint8Array,
  second: Uint8Array,
): string {
  return bundle('heads', authority, [encode({ first, second })]);
}

/** The receipts of a job with everything that a judgement of them needs. */
export function exportReceipts(trust: MeshTrust, job: JobResult): string {
  const parties = job.parties.map(({ id, credential, delegation }) => {
    const { certificate, proofs } = readCredential(credential);
    return { id, delegation, credential: encodeCredential({ certificate, proofs, head: null }) };
  });
  return bundle('receipts', trust.authority, [
    plain(job.records),
    job.definition.envelope,
    plain(job.proofs),
    plain(parties),
    utf8(job.checkpoint),
  ]);
}

/**
 * Judges a file against the mesh of this id, at `now` (milliseconds since 1970) where it carries no time itself.
 * @throws OOTO_VERIFY_* (peer), one code for each check; the check that failed is in the message.
 */
export function verifyEvidence(
  crypto: Crypto,
  file: string,
  meshId: Uint8Array,
  now: number,
): EvidenceSummary {
  const { kind, blocks } = check('form', () => readBundle(file));
  const content = blocks.map(({ bytes }) => bytes);
  const [documents, record] = content.slice(-2);
  const genesis = check('genesis', () => verifyGenesisRecord(crypto, record, meshId));
  const authority = check('authority', () => readAuthority(crypto, genesis, documents));
  const facts = verifiers[kind](crypto, authority, content, now);
  return { kind, mesh: hex(genesis.meshId), facts };
}

const authorityShape = {
  /** The certificate of the first group key, DER. */
  root: bytesBetween(1, MAX_CERTIFICATE_BYTES),
  /** All that followed the genesis record, as it is sent, in portions. */
  documents: list(authorityDocuments, { max: MOST_PORTIONS }),
} as const;

/** The authority as whoever wrote the file knew it; its bytes have one form. */
function readAuthority(crypto: Crypto, genesis: GenesisRecord, encoded: Uint8Array): AuthorityView {
  const { root, documents } = fields(decode(encoded, { maxBytes: MOST_BYTES }), authorityShape, 'authority');
  const authority = new AuthorityView(crypto, genesis, root);
  for (const portion of documents) authority.accept(authority.stage(portion));
  if (!equal(plainAuthority(authority), encoded))
    throw new OotoError('OOTO_MESH_EVIDENCE', 'peer', 'the documents of the authority are not in their form');
  return authority;
}

function plainAuthority(authority: AuthorityView): Uint8Array {
  return plain({ root: authority.firstRoot.der, documents: authority.documentsSinceGenesis() });
}

/** The group key's certificate under which this one stands, whether it is in force or was. */
function issuerOf(authority: AuthorityView, certificate: Uint8Array): Root {
  const { claims } = readCertificate(certificate);
  const issuer = authority.issuersEver.find(
    ({ root }) => claims.kind === 'leaf' && equal(root.keyIdentifier, claims.authorityKeyIdentifier),
  );
  if (issuer) return issuer.root;
  throw new OotoError('OOTO_CERT_ISSUER', 'peer', 'the certificate stands under no key of this mesh');
}

const verifiers: Record<
  EvidenceKind,
  (
    crypto: Crypto,
    authority: AuthorityView,
    blocks: readonly Uint8Array[],
    now: number,
  ) => EvidenceSummary['facts']
> = {
  certificate: verifyCertificateFile,
  receipts: verifyReceiptsFile,
  log: verifyLogFile,
  fork: verifyForkFile,
  heads: verifyHeadForkFile,
};

function verifyCertificateFile(
  crypto: Crypto,
  authority: AuthorityView,
  [certificate, rootDer, proofBytes]: readonly Uint8Array[],
  now: number,
): EvidenceSummary['facts'] {
  check('root', () => requireIssuer(authority, certificate, rootDer));
  const proofs = check('proofs', () => readProofs(proofBytes));
  const credential = encodeCredential({ certificate, proofs, head: null });
  const valid = check('certificate', () =>
    validateCredential(crypto, { authority }, credential, { time: now }),
  );
  return {
    id: valid.id,
    tier: valid.tier,
    logs: proofs.length,
    notAfter: new Date(valid.notAfter).toISOString(),
  };
}

/** What OpenSSL is shown as the issuer is the issuer. */
function requireIssuer(authority: AuthorityView, certificate: Uint8Array, rootDer: Uint8Array): void {
  if (!equal(issuerOf(authority, certificate).der, rootDer))
    throw new OotoError('OOTO_CERT_ISSUER', 'peer', 'another certificate than that of the issuer');
}

function verifyLogFile(
  crypto: Crypto,
  authority: AuthorityView,
  [content]: readonly Uint8Array[],
): EvidenceSummary['facts'] {
  return check('log', () => {
    const { member, exported } = fields(decode(content, { maxBytes: MOST_BYTES }), {
      member: text(63),
      exported: bytesBetween(1, MOST_BYTES),
    });
    const key = logKeyOf(committeeOf(authority, member), member);
    const { checkpoint } = verifyExportedLog(crypto, exported, { origin: key.name, keys: [key] });
    return { member, size: checkpoint.size, root: hex(checkpoint.root) };
  });
}

/** The newest that has a member of this name: a name keeps its key from one committee to the next. */
function committeeOf({ committees, committee }: AuthorityView, member: string): CommitteeRecord {
  return committees.findLast(({ members }) => members.some(({ name }) => name === member)) ?? committee;
}

/** Each signed by the group key of the bundle that it names. */
function verifyHeadForkFile(
  crypto: Crypto,
  authority: AuthorityView,
  [content]: readonly Uint8Array[],
): EvidenceSummary['facts'] {
  return check('heads', () => {
    const encodedHead = bytesBetween(1, 4 * 1024);
    const shape = { first: encodedHead, second: encodedHead } as const;
    const { first, second } = fields(decode(content, { maxBytes: MOST_FORK_BYTES }), shape);
    const [a, b] = [first, second].map((encoded) => {
      const { version } = peekHead(encoded).bundle;
      const groupKey = authority.groupKeyOf(version);
      if (!groupKey)
        throw new OotoError('OOTO_AUTHORITY_HEAD', 'peer', `nobody knows trust bundle ${version}`);
      return verifyHead(crypto, { meshId: authority.meshId, groupKey }, encoded);
    });
    if (!headsContradict(a, b))
      throw new OotoError('OOTO_AUTHORITY_HEAD', 'peer', 'these heads do not contradict each other');
    return { firstNumber: a.number, secondNumber: b.number, signed: new Date(b.time).toISOString() };
  });
}

function verifyForkFile(
  crypto: Crypto,
  authority: AuthorityView,
  [content]: readonly Uint8Array[],
): EvidenceSummary['facts'] {
  return check('fork', () => {
    const { member, evidence } = fields(decode(content, { maxBytes: MOST_FORK_BYTES }), {
      member: text(63),
      evidence: bytesBetween(1, MOST_FORK_BYTES),
    });
    const key = logKeyOf(committeeOf(authority, member), member);
    const fork = decodeForkEvidence(evidence);
    verifyForkEvidence(crypto, fork, { origin: key.name, keys: [key] });
    const [first, second] = [fork.first, fork.second].map((note) => parseCheckpoint(parseNote(note).text));
    return { member, firstSize: first.size, secondSize: second.size, firstRoot: hex(first.root) };
  });
}

/**
 * Receipts are judged at the times at which t witnesses cosigned them: keys may have ended since. Who was valid at the
 * first and at the last of these was valid at that of an honest witness, whatever the others say.
 */
function verifyReceiptsFile(
  crypto: Crypto,
  authority: AuthorityView,
  [recordBytes, envelope, proofBytes, partyBytes, checkpointBytes]: readonly Uint8Array[],
): EvidenceSummary['facts'] {
  const { genesis } = authority;
  const definition = check('definition', () =>
    verifyDefinition(crypto, envelope, (name) => originatorKey(policyOf(genesis), name)),
  );
  const records = check('receipts', () => readRecords(recordBytes));
  const parties = check('parties', () => readParties(partyBytes));
  const note = check('checkpoint', () => utf8Decode(checkpointBytes));
  const { first, last } = check('cosignatures', () =>
    cosignedAt(crypto, authority, { definition, records, parties, note }),
  );
  check('definition log', () =>
    requireLogged(
      crypto,
      authority,
      readProofs(proofBytes),
      (leaf) =>
        leaf.kind === 'definition' &&
        equal(leaf.digest, definition.digest) &&
        leaf.originator === definition.originator,
      { issued: first, asOf: first },
    ),
  );
  const judged = check('parties', () =>
    parties.map((party) => {
      judgeParty(crypto, { authority }, party, first, true);
      return judgeParty(crypto, { authority }, party, last, true);
    }),
  );
  check('receipts', () => {
    if (records.length !== definition.chunks.length)
      throw new OotoError('OOTO_WORKLOAD_RECEIPT', 'peer', 'not every chunk has a receipt');
    for (const [chunk, record] of records.entries())
      verifyRecord(crypto, genesis.meshId, definition, record, chunk, judged);
  });
  return {
    job: definition.name,
    originator: definition.originator,
    receipts: records.length,
    nodes: new Set(records.map(({ receipt }) => readReceipt(receipt).unverified.node)).size,
    cosigned: new Date(last).toISOString(),
  };
}

interface JudgedRecords {
  definition: { digest: Uint8Array };
  records: ReturnType<typeof readRecords>;
  parties: Party[];
  note: string;
}

interface Cosigned {
  first: number;
  last: number;
}

/** By the members of the committee that was then, or of that in force. @throws as {@link cosignedBy} throws. */
function cosignedAt(crypto: Crypto, authority: AuthorityView, judged: JudgedRecords): Cosigned {
  const committees = [...authority.committees].reverse();
  for (const [i, committee] of committees.entries()) {
    try {
      const times = cosignedBy(crypto, committee, judged);
      if (authority.committeesSince(times.first).includes(committee)) return times;
    } catch (error) {
      if (i === committees.length - 1) throw error;
    }
  }
  throw new OotoError('OOTO_LOG_QUORUM', 'peer', 'those who cosigned were no members then');
}

/**
 * When the first and the last witness cosigned; every line of the note is one that was checked. The first party holds
 * the log; whether its delegation was true is judged next, at the times found here.
 */
function cosignedBy(
  crypto: Crypto,
  committee: CommitteeRecord,
  { definition, records, parties, note }: JudgedRecords,
): Cosigned {
  const witnesses = witnessKeysOf(committee);
  const [holder] = parties;
  const { role, name } = readNodeId(holder.id);
  const origin = receiptsOrigin(committee.mesh, `${role}/${name}`, definition.digest);
  const { messageKey } = readDelegation(holder.delegation).unverified;
  const keys = [{ name: origin, publicKey: messageKey }];
  const verified = verifyCheckpoint(crypto, note, {
    origin,
    keys,
    witnesses,
    quorum: committee.threshold,
  });
  if (parseNote(note).signatures.length !== 1 + verified.cosignatures.length)
    throw new OotoError(
      'OOTO_LOG_SIGNATURE',
      'peer',
      'the checkpoint bears a signature that cannot be checked',
    );
  const expected = crypto.merkle.root(records.map(encodeRecord));
  if (verified.size !== records.length || !equal(verified.root, expected))
    throw new OotoError('OOTO_LOG_ROOT', 'peer', 'the checkpoint is over other receipts');
  const times = verified.cosignatures.map(({ time }) => 1000 * time);
  return { first: Math.min(...times), last: Math.max(...times) };
}

function readRecords(encoded: Uint8Array) {
  return list(object(chunkRecordShape), { max: MOST_CHUNKS })(
    decode(encoded, { maxBytes: MOST_BYTES }),
    'receipts',
  );
}

function readParties(encoded: Uint8Array): Party[] {
  const parties = list(object(partyShape), { min: 1, max: MOST_PARTIES })(
    decode(encoded, { maxBytes: MOST_BYTES }),
    'parties',
  );
  if (new Set(parties.map(({ delegation }) => hex(delegation))).size !== parties.length)
    throw new OotoError('OOTO_MESH_PARTY', 'peer', 'one party is listed twice');
  for (const { credential } of parties)
    if (readCredential(credential).head !== null)
      throw new OotoError('OOTO_MESH_PARTY', 'peer', 'a credential in a file carries no mesh head');
  return parties;
}

function readProofs(encoded: Uint8Array) {
  return logProofs(decode(encoded, { maxBytes: 1024 * 1024 }), 'proofs');
}

function bundle(kind: EvidenceKind, authority: AuthorityView, contents: readonly Uint8Array[]): string {
  const all = [...contents, plainAuthority(authority), authority.genesis.encoded];
  return pemEncode(BLOCKS[kind].map((label, i): PemBlock => ({ label, bytes: all[i] })));
}

function readBundle(file: string): { kind: EvidenceKind; blocks: PemBlock[] } {
  const blocks = pemDecode(file);
  const labels = blocks.map(({ label }) => label).join();
  const kind = (Object.keys(BLOCKS) as EvidenceKind[]).find(
    (candidate) => BLOCKS[candidate].join() === labels,
  );
  if (!kind)
    throw new OotoError('OOTO_MESH_EVIDENCE', 'peer', 'not the blocks of a file that this program writes');
  return { kind, blocks };
}

function plain(value: unknown): Uint8Array {
  return encode(value as CborValue);
}

/** Runs one check and gives its failure the check's name. */
function check<T>(name: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (!isOotoError(cause)) throw cause;
    const code = `OOTO_VERIFY_${name.toUpperCase().replaceAll(' ', '_')}`;
    throw new OotoError(code, 'peer', `the check "${name}" failed: ${cause.message} (${cause.code})`, {
      cause,
    });
  }
}
