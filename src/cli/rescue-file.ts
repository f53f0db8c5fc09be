/**
 * A rescue as a file that goes from operator to operator. What flows through here: what the members have made, the
 * genesis record of their mesh and all documents since, so that it can be judged anywhere, from the beginning on; an
 * operator is told what would go into force, and adds a signature. PEM: `OOTO RESCUE`, `OOTO GENESIS` and as many
 * `OOTO DOCUMENTS` as there are; nothing in them is secret.
 */
import type { Action } from '../authority/action.ts';
import { describeAction } from '../authority/action-words.ts';
import { type AuthorityDocuments, AuthorityView, authorityDocuments } from '../authority/authority-view.ts';
import { type GenesisRecord, verifyGenesisRecord } from '../authority/genesis.ts';
import { bundleMessage, rescueMessage, rescueQuorum } from '../authority/trust-bundle.ts';
import { utf8 } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { pemDecode, pemEncode } from '../base/pem.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import { verifyQuorum } from '../envelope/quorum.ts';
import { encodeRescue, judgeRescue, type Rescue, readRescue } from '../mesh/authority/ceremonies/rescue.ts';

const LABELS = { rescue: 'OOTO RESCUE', genesis: 'OOTO GENESIS', documents: 'OOTO DOCUMENTS' } as const;
const MOST_DOCUMENTS_BYTES = 8 * 1024 * 1024;

export interface RescueFile {
  rescue: Rescue;
  /** By which it was approved. */
  action: Action;
  /** Of the trust bundle. */
  digest: Uint8Array;
  genesis: GenesisRecord;
  /** What followed the genesis record before. */
  documents: readonly AuthorityDocuments[];
}

/** Whether these bytes say that they are such a file. */
export function isRescueFile(content: Uint8Array): boolean {
  const text = new TextDecoder().decode(content.subarray(0, 64));
  return text.startsWith(`-----BEGIN ${LABELS.rescue}-----`);
}

/** @throws OOTO_CLI_USAGE (caller) for another file; what judging its parts throws. */
export function readRescueFile(crypto: Crypto, file: string, content: Uint8Array): RescueFile {
  const [first, second, ...others] = pemDecode(new TextDecoder().decode(content));
  const isSound =
    first?.label === LABELS.rescue &&
    second?.label === LABELS.genesis &&
    others.every(({ label }) => label === LABELS.documents);
  if (!isSound)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `${file} is no rescue as ooto authority apply writes it`);
  const rescue = readRescue(first.bytes);
  const genesis = verifyGenesisRecord(crypto, second.bytes, rescue.bundle.mesh);
  const documents = others.map(({ bytes }) =>
    authorityDocuments(decode(bytes, { maxBytes: MOST_DOCUMENTS_BYTES }), 'documents'),
  );
  const authority = new AuthorityView(crypto, genesis);
  for (const page of documents) authority.accept(authority.stage(page));
  const { action } = judgeRescue(crypto, authority, rescue);
  const digest = crypto.sha256(bundleMessage(rescue.bundle));
  return { rescue, action, digest, genesis, documents };
}

export function encodeRescueFile({
  rescue,
  genesis,
  documents,
}: Pick<RescueFile, 'rescue' | 'genesis' | 'documents'>): Uint8Array {
  const blocks = [
    { label: LABELS.rescue, bytes: encodeRescue(rescue) },
    { label: LABELS.genesis, bytes: genesis.encoded },
    ...documents.map((page) => ({
      label: LABELS.documents,
      bytes: encode(page as unknown as CborValue),
    })),
  ];
  return utf8(pemEncode(blocks));
}

/** What an operator reads before signing. */
export function wordsOfRescue(
  crypto: Crypto,
  { rescue, action }: Pick<RescueFile, 'rescue' | 'action'>,
): string[] {
  const { bundle } = rescue;
  return [
    `trust bundle ${bundle.version} of mesh ${hex(bundle.mesh)}, without the group key before it, by`,
    ...describeAction(action),
    `the new group key ${hex(bundle.groupKey)}, made by those members`,
    `fingerprint ${hex(crypto.sha256(rescueMessage(bundle)))}: compare it with the other operators`,
  ];
}

/** Whether enough operators have signed. */
export function isComplete(
  crypto: Crypto,
  { rescue, genesis }: Pick<RescueFile, 'rescue' | 'genesis'>,
): boolean {
  try {
    verifyQuorum(crypto, rescueMessage(rescue.bundle), rescue.signatures, rescueQuorum(genesis.draft));
    return true;
  } catch (error) {
    if (isOotoError(error)) return false;
    throw error;
  }
}
