/**
 * `ooto policy`: rules of appraisal as files. What flows through here: an operator's JSON is read as strictly as a node
 * reads it and signed under a version; a signed file is verified, shown, compared with the one before, and asked what
 * it says of a node's facts, reason by reason. Files are PEM, `OOTO APPRAISAL POLICY`.
 */
import {
  type AppraisalDocument,
  type AppraisalRules,
  findings,
  POLICY_LABEL,
  type ProvenFacts,
  policyInFile as policyIn,
  readRules,
  requireLaterPolicy,
  verifyAppraisalPolicy,
} from '../attest/appraisal-policy.ts';
import { OotoError } from '../base/errors.ts';
import { hex, unhex } from '../base/hex.ts';
import { pemEncode } from '../base/pem.ts';
import { TIERS } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type Fields, list, mapOf, object, oneOf, optional, text, uint } from '../envelope/fields.ts';
import { createNodeCrypto } from '../node.ts';
import { readFileLimited, writeFileAtomically } from '../platform/node/files.ts';
import { readQuorum, signedByOperator } from './operator-documents.ts';
import { openOperator } from './setting-up.ts';

const FILE_BYTES = 512 * 1024;
const digestText = text(64, /^[0-9a-f]{64}$/);

/** What a node has shown, as `ooto policy explain` takes it. */
const factsShape = {
  role: text(32),
  tier: oneOf(...TIERS),
  ageMs: uint(),
  manifest: digestText,
  /** By number. */
  registers: optional(mapOf(digestText, { max: 24 })),
  firmwareVersion: optional(text(16, /^[0-9a-f]{16}$/)),
  endorsement: optional(list(text(1024), { max: 8 })),
} as const;
const readFacts = object(factsShape);

/** `ooto policy key`: what others give as --key. */
export async function showOperatorKey({ operator, name }: { operator: string; name?: string }) {
  const { keyid, key } = await openOperator(createNodeCrypto(), operator, name);
  return { schema: 'ooto.operator-key/1' as const, key: `${keyid}=${hex(key.publicKey)}` };
}

/** `ooto policy sign`. */
export async function signPolicy(
  rulesFile: string,
  { operator, number, out }: { operator: string; number: string; out: string },
) {
  const crypto = createNodeCrypto();
  const body = readRules(await readJson(rulesFile), 'policy');
  const draft = { kind: 'appraisal-policy' as const, version: Number(number), body };
  const encoded = await signedByOperator(crypto, operator, draft);
  await writeFileAtomically(
    out,
    new TextEncoder().encode(pemEncode([{ label: POLICY_LABEL, bytes: encoded }])),
  );
  return { schema: 'ooto.appraisal-policy/1' as const, file: out, version: draft.version };
}

/** `ooto policy explain`: what the policy says of these facts. */
export async function explainPolicy(file: string, { key, facts }: { key: readonly string[]; facts: string }) {
  const crypto = createNodeCrypto();
  const { version, digest, body } = await readPolicyFile(crypto, file, key);
  const found = findings(crypto, body, provenFacts(readFacts(await readJson(facts), 'facts')));
  const accepted = found.every(({ ok }) => ok);
  return { schema: 'ooto.explanation/1' as const, version, policy: hex(digest), accepted, findings: found };
}

/** `ooto policy diff`: what `newer` changes. @throws OOTO_ATTEST_RULES_VERSION (peer) where it is not newer. */
export async function comparePolicies(older: string, newer: string, { key }: { key: readonly string[] }) {
  const crypto = createNodeCrypto();
  const [before, after] = [
    await readPolicyFile(crypto, older, key),
    await readPolicyFile(crypto, newer, key),
  ];
  requireLaterPolicy(before, after);
  const [was, is] = [linesOf(before.body), linesOf(after.body)];
  return {
    schema: 'ooto.policy-diff/1' as const,
    from: before.version,
    to: after.version,
    removed: was.filter((line) => !is.includes(line)),
    added: is.filter((line) => !was.includes(line)),
  };
}

async function readPolicyFile(
  crypto: Crypto,
  file: string,
  keys: readonly string[],
): Promise<AppraisalDocument> {
  const encoded = policyInFile(file, await readFileLimited(file, FILE_BYTES));
  return verifyAppraisalPolicy(crypto, encoded, readQuorum(keys));
}

/** The signed policy that is in `content` of `file`, unverified. @throws OOTO_CLI_USAGE (caller). */
export function policyInFile(file: string, content: Uint8Array): Uint8Array {
  try {
    return policyIn(content);
  } catch (cause) {
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `${file} is no appraisal policy`, { cause });
  }
}

async function readJson(file: string): Promise<unknown> {
  const content = new TextDecoder().decode(await readFileLimited(file, FILE_BYTES));
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `${file} is not JSON`, { cause });
  }
}

function provenFacts({
  manifest,
  registers,
  firmwareVersion,
  ...facts
}: Fields<typeof factsShape>): ProvenFacts {
  const values =
    registers && new Map([...registers].map(([number, value]) => [Number(number), unhex(value)]));
  const firmware = firmwareVersion === undefined ? undefined : BigInt(`0x${firmwareVersion}`);
  return { ...facts, manifest: unhex(manifest), registers: values, firmwareVersion: firmware };
}

/** One line for each thing that the rules say. */
function linesOf(rules: AppraisalRules): string[] {
  return Object.entries(rules).flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.map((item) => `${name}: ${JSON.stringify(item)}`)
      : [`${name}: ${JSON.stringify(value)}`],
  );
}
