/**
 * Actions as files that go from operator to operator. What flows through here: a file holds the action with its approvals
 * and the genesis record of its mesh, so that it can be read anywhere; a reader checks that the record is that mesh's,
 * and tells what the action says. Files are PEM, `OOTO ACTION` and `OOTO GENESIS`; nothing in them is secret.
 */
import { type Proposal, readProposal, verifyAction } from '../authority/action.ts';
import { describeAction } from '../authority/action-words.ts';
import { type GenesisRecord, verifyGenesisRecord } from '../authority/genesis.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { pemDecode, pemEncode } from '../base/pem.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { readFileLimited, writeFileAtomically } from '../platform/node/files.ts';

const FILE_BYTES = 8 * 1024 * 1024;

export interface ActionFile extends Proposal {
  genesis: GenesisRecord;
  /** The action with its approvals. */
  encoded: Uint8Array;
}

/** @throws OOTO_CLI_USAGE (caller) for another file, what reading an action and a genesis record throw. */
export async function readActionFile(crypto: Crypto, file: string): Promise<ActionFile> {
  const text = new TextDecoder().decode(await readFileLimited(file, FILE_BYTES));
  const blocks = pemDecode(text);
  const [action, genesis] = blocks;
  if (blocks.length !== 2 || action.label !== 'OOTO ACTION' || genesis.label !== 'OOTO GENESIS')
    throw new OotoError(
      'OOTO_CLI_USAGE',
      'caller',
      `${file} is no action as ooto authority propose writes it`,
    );
  const proposal = readProposal(crypto, action.bytes);
  return {
    ...proposal,
    genesis: verifyGenesisRecord(crypto, genesis.bytes, proposal.action.mesh),
    encoded: action.bytes,
  };
}

export async function writeActionFile(
  file: string,
  { encoded, genesis }: { encoded: Uint8Array; genesis: { encoded: Uint8Array } },
): Promise<void> {
  const blocks = [
    { label: 'OOTO ACTION', bytes: encoded },
    { label: 'OOTO GENESIS', bytes: genesis.encoded },
  ];
  await writeFileAtomically(file, new TextEncoder().encode(pemEncode(blocks)));
}

/** What a person or a program is told of the action in a file. */
export function summaryOf(
  crypto: Crypto,
  file: string,
  { action, digest, document, genesis, encoded }: ActionFile,
) {
  const approvals = document.signatures.map(({ keyid }) => keyid);
  const { operatorQuorum: quorum } = genesis.draft;
  return {
    schema: 'ooto.action/1' as const,
    file,
    number: action.number,
    kind: action.kind,
    fingerprint: hex(digest),
    words: describeAction(action),
    approvals,
    quorum,
    complete: isComplete(crypto, genesis, encoded),
  };
}

export type ActionSummary = ReturnType<typeof summaryOf>;

/** For people. */
export function wordsOf({ words, fingerprint, approvals, quorum }: ActionSummary): string {
  const given = approvals.length > 0 ? approvals.join(', ') : 'nobody';
  return [
    ...words,
    `fingerprint ${fingerprint}: compare it with the other operators`,
    `approved by ${given}; ${quorum} must approve`,
  ].join('\n');
}

function isComplete(crypto: Crypto, genesis: GenesisRecord, encoded: Uint8Array): boolean {
  try {
    verifyAction(crypto, genesis, encoded);
    return true;
  } catch (error) {
    if (isOotoError(error)) return false;
    throw error;
  }
}
