/**
 * `ooto authority sign`: what one operator has signed, signed by another. What flows through here: a genesis draft, an
 * invite, a policy or a federation is recognised and said in words; the operator's signature is added to those that are there.
 */

import { MAX_POLICY_BYTES, POLICY_LABEL } from '../attest/appraisal-policy.ts';
import { readNodeId } from '../authority/certification.ts';
import { FEDERATION_LABEL, MOST_FEDERATION_BYTES } from '../authority/federation.ts';
import { draftDigest, operatorMessage, readDraft } from '../authority/genesis.ts';
import { encodeGrant, encodeInvite, readGrant, readInvite, signGrant } from '../authority/invite.ts';
import { utf8 } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { pemEncode } from '../base/pem.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decodeDocument, documentMessage, encodeDocument, withSignature } from '../envelope/document.ts';
import { signRescue } from '../mesh/authority/ceremonies/rescue.ts';
import { encodeSignedDraft, peekSignedDraft } from '../mesh/authority/founding.ts';
import { createNodeCrypto } from '../node.ts';
import { readFileLimited, writeFileAtomically } from '../platform/node/files.ts';
import { describeScope, federationInFile, scopesIn } from './federation.ts';
import { policyInFile } from './policy.ts';
import { encodeRescueFile, readRescueFile, wordsOfRescue } from './rescue-file.ts';
import { type Operator, openOperator } from './setting-up.ts';

const FILE_BYTES = 8 * 1024 * 1024;
const MAX_GRANT_BYTES = 16 * 1024;

interface Signable {
  words: string[];
  sign(operator: Operator): Uint8Array;
}

/** Adds the operator's signature once `confirm` has agreed to the words. @throws OOTO_CLI_USAGE (caller) for another file. */
export async function coSign(
  file: string,
  folder: string,
  confirm: (words: readonly string[]) => Promise<void>,
) {
  const crypto = createNodeCrypto();
  const content = await readFileLimited(file, FILE_BYTES);
  const signable = recognise(crypto, file, content);
  await confirm(signable.words);
  const operator = await openOperator(crypto, folder);
  await writeFileAtomically(file, signable.sign(operator));
  return { schema: 'ooto.co-signed/1' as const, file, operator: operator.keyid, words: signable.words };
}

function recognise(crypto: Crypto, file: string, content: Uint8Array): Signable {
  for (const read of [policy, federation, draft, invite, rescue]) {
    try {
      return read(crypto, file, content);
    } catch (error) {
      if (!isOotoError(error)) throw error;
    }
  }
  throw new OotoError('OOTO_CLI_USAGE', 'caller', `${file} is nothing that several operators sign`, {
    hint: 'a genesis draft, an invite, an appraisal policy, a federation or a rescue; ooto authority approve signs actions',
  });
}

function draft(crypto: Crypto, _: string, content: Uint8Array): Signable {
  const { draft: encoded, operatorSignatures } = peekSignedDraft(content);
  const { name, founders, threshold, operators, operatorQuorum } = readDraft(encoded);
  return {
    words: [
      `genesis draft of mesh ${name}: ${threshold} of ${founders.length} founders must agree`,
      ...founders.map((founder) => `founder ${founder.name}, identity key ${hex(founder.identityKey)}`),
      ...operators.map(
        ({ keyid, publicKey, role }) => `operator ${keyid}${role ? `, ${role}` : ''}, key ${hex(publicKey)}`,
      ),
      `${operatorQuorum} operators must agree to changes`,
      `fingerprint ${hex(draftDigest(crypto, encoded))}: compare it with the other operators`,
    ],
    sign({ keyid, key }) {
      if (!operators.some((each) => each.keyid === keyid && hex(each.publicKey) === hex(key.publicKey)))
        throw new OotoError('OOTO_CLI_USAGE', 'caller', `the draft names no operator ${keyid} with this key`);
      const others = operatorSignatures.filter((each) => each.keyid !== keyid);
      const signature = key.sign(operatorMessage(encoded));
      return encodeSignedDraft({ draft: encoded, operatorSignatures: [...others, { keyid, signature }] });
    },
  };
}

function invite(_: Crypto, __: string, content: Uint8Array): Signable {
  const read = readInvite(content);
  const { mesh, id, expires, endorsementKey } = readGrant(read.grant);
  readNodeId(id);
  return {
    words: [
      `invite into mesh ${hex(mesh)}`,
      `for ${id}, until ${new Date(expires).toISOString()}`,
      ...(endorsementKey ? [`with the TPM of endorsement key ${hex(endorsementKey)} alone`] : []),
    ],
    sign: (operator) =>
      encodeInvite({
        ...read,
        grant: encodeGrant(signGrant(decodeDocument(read.grant, { maxBytes: MAX_GRANT_BYTES }), operator)),
      }),
  };
}

function federation(crypto: Crypto, file: string, content: Uint8Array): Signable {
  const document = decodeDocument(federationInFile(file, content), { maxBytes: MOST_FEDERATION_BYTES });
  const message = documentMessage(document);
  return {
    words: [
      `federation, version ${document.version}:`,
      ...scopesIn(document).flatMap(describeScope),
      `fingerprint ${hex(crypto.sha256(message))}: compare it with the other operators`,
    ],
    sign({ keyid, key }) {
      const bytes = encodeDocument(withSignature(document, { keyid, signature: key.sign(message) }));
      return utf8(pemEncode([{ label: FEDERATION_LABEL, bytes }]));
    },
  };
}

function rescue(crypto: Crypto, file: string, content: Uint8Array): Signable {
  const read = readRescueFile(crypto, file, content);
  return {
    words: wordsOfRescue(crypto, read),
    sign: ({ key }) => encodeRescueFile({ ...read, rescue: signRescue(read, read.rescue, key) }),
  };
}

function policy(crypto: Crypto, file: string, content: Uint8Array): Signable {
  const document = decodeDocument(policyInFile(file, content), { maxBytes: MAX_POLICY_BYTES });
  const message = documentMessage(document);
  return {
    words: [
      `appraisal policy, version ${document.version}; ooto policy diff shows what it changes`,
      `fingerprint ${hex(crypto.sha256(message))}: compare it with the other operators`,
    ],
    sign({ keyid, key }) {
      const bytes = encodeDocument(withSignature(document, { keyid, signature: key.sign(message) }));
      return utf8(pemEncode([{ label: POLICY_LABEL, bytes }]));
    },
  };
}
