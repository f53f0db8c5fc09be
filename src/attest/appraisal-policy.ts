/**
 * The appraisal policy: what nodes of each role must show, as a signed document with a version. What flows through
 * here: a file from outside is read strictly and verified against the operators' keys; it takes the place of the one
 * before only if its version is higher; then what evidence has proven of a node is held against it, check by check, and
 * every check says what it found. It is judged as a whole: nothing is let off because something else is good.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex, unbase64, unhex } from '../base/hex.ts';
import { pemDecode } from '../base/pem.ts';
import { meetsTier, TIERS, type Tier } from '../cert/tier.ts';
import { readVendorCertificate } from '../cert/vendor-certificate.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decodeDocument, type VerifiedDocument, verifyDocument } from '../envelope/document.ts';
import {
  boolean,
  type Fields,
  list,
  object,
  oneOf,
  optional,
  type Reader,
  text,
  uint,
} from '../envelope/fields.ts';
import type { Quorum } from '../envelope/quorum.ts';
import type { Maker } from './hardware-key.ts';
import { launchedValue } from './manifest.ts';
import type { EndorsementPolicy } from './tpm/endorsement.ts';
import { type PcrValues, REGISTERS } from './tpm/pcr.ts';
import type { TpmPolicy } from './tpm-proof.ts';

/** Of the PEM block in a file. */
export const POLICY_LABEL = 'OOTO APPRAISAL POLICY';
export const MAX_POLICY_BYTES = 256 * 1024;
const MAX_ROLES = 16;
const MAX_MANIFESTS = 256;
const MAX_VALUES = 64;
const MAX_FIRMWARE = 256;
const MAX_FINGERPRINTS = 4096;
const MAX_ROOTS = 64;
const MAX_ROOT_TEXT = 12 * 1024;
/** Every program can reset them: what they hold can be forged without a trace. */
const RESETTABLE: readonly number[] = [16, 23];

const digestText = text(64, /^[0-9a-f]{64}$/);
const register = uint(REGISTERS - 1);

const policyShape = {
  /** Registers that every program can reset may be relied on, which proves nothing. */
  development: boolean,
  /** What nodes must show, by role; a role that is not listed takes no part. */
  roles: list(object({ role: text(32, /^[a-z]+$/), minimumTier: oneOf(...TIERS), maximumAgeMs: uint() }), {
    min: 1,
    max: MAX_ROLES,
  }),
  /** Golden manifests: the digest of each, and what a launcher measures of it; `ooto measure` prints both. */
  manifests: list(object({ digest: digestText, launch: digestText }), { min: 1, max: MAX_MANIFESTS }),
  /** What a quote covers, ascending; of a register with an empty list any value will do. */
  registers: list(object({ register, values: list(digestText, { max: MAX_VALUES }) }), { max: REGISTERS }),
  /** Those that the policy of an identity key names. */
  identityRegisters: list(register, { max: REGISTERS }),
  /** The register that launchers extend with the manifest, if nodes are started by one. */
  launchRegisters: list(register, { max: 1 }),
  /** Firmware versions of TPMs, 16 digits of hexadecimal; an empty list allows any. */
  firmware: list(text(16, /^[0-9a-f]{16}$/), { max: MAX_FIRMWARE }),
  /**
   * Endorsement keys, and vendors' authorities as base64 of DER. A TPM has a key of each algorithm, and could be two nodes:
   * where vendors' word is enough, one algorithm is named, and keys of the other count for nothing, whoever names them.
   */
  endorsement: object({
    algorithm: optional(oneOf('p256', 'rsa2048')),
    fingerprints: list(digestText, { max: MAX_FINGERPRINTS }),
    roots: list(text(MAX_ROOT_TEXT), { max: MAX_ROOTS }),
  }),
  /** Makers of tokens, whose attestations of keys make tier `hardware`: authority as base64 of DER, and mark. */
  tokens: optional(
    list(object({ root: text(MAX_ROOT_TEXT), mark: text(128, /^[0-2](?:\.\d{1,10}){1,24}$/) }), {
      max: MAX_ROOTS,
    }),
  ),
  /** Whose pages may have keys of tier `authenticator`, and authorities of authenticators' makers. */
  authenticators: optional(
    object({
      party: object({ id: text(253), origin: text(512, /^https?:\/\/[^/]+$/) }),
      roots: list(text(MAX_ROOT_TEXT), { max: MAX_ROOTS }),
    }),
  ),
} as const;

export type AppraisalRules = Fields<typeof policyShape>;

/** The rules of a decoded document. @throws OOTO_ENVELOPE_FIELD, OOTO_ATTEST_RULES (peer). */
export const readRules: Reader<AppraisalRules> = (value, path) => {
  const rules = object(policyShape)(value, path);
  requireSound(rules);
  return rules;
};

/** The signed policy in a file as `ooto policy sign` writes it, unverified. @throws OOTO_BASE_PEM, OOTO_ATTEST_RULES (peer). */
export function policyInFile(content: Uint8Array): Uint8Array {
  const [block, ...more] = pemDecode(new TextDecoder().decode(content));
  if (more.length === 0 && block?.label === POLICY_LABEL) return block.bytes;
  throw new OotoError('OOTO_ATTEST_RULES', 'peer', 'the file holds no appraisal policy');
}

/** A verified policy, and what stands for it in reports and stores. */
export type AppraisalDocument = VerifiedDocument<AppraisalRules>;

/**
 * Verifies a policy file by the operators' keys.
 * @throws OOTO_ENVELOPE_* and OOTO_ATTEST_RULES (peer).
 */
export function verifyAppraisalPolicy(
  crypto: Crypto,
  encoded: Uint8Array,
  quorum: Quorum,
): AppraisalDocument {
  const document = decodeDocument(encoded, { maxBytes: MAX_POLICY_BYTES });
  return verifyDocument(crypto, document, { ...quorum, kind: 'appraisal-policy', body: readRules });
}

/**
 * The policy to go by from now on: the same again, or one of a higher version.
 * @throws OOTO_ATTEST_RULES_VERSION (peer) for an older one, or another of the same version.
 */
export function requireLaterPolicy(
  current: Pick<AppraisalDocument, 'version' | 'digest'> | undefined,
  next: AppraisalDocument,
): AppraisalDocument {
  if (!current || next.version > current.version) return next;
  if (next.version === current.version && equal(next.digest, current.digest)) return next;
  const message = `policy ${next.version} does not follow policy ${current.version}`;
  throw new OotoError('OOTO_ATTEST_RULES_VERSION', 'peer', message, {
    hint: 'an older policy is never taken again; sign the rules anew under a higher version',
  });
}

/** The rules as `requireEndorsement` takes them. */
export function endorsementRules({ endorsement }: AppraisalRules): EndorsementPolicy {
  return { fingerprints: endorsement.fingerprints, roots: endorsement.roots.map(unbase64) };
}

/** The makers of tokens that the rules pin. */
export function tokenMakers({ tokens = [] }: AppraisalRules): Maker[] {
  return tokens.map(({ root, mark }) => ({ root: unbase64(root), mark }));
}

/** What TPMs are asked for. */
export function tpmPolicy({ registers, identityRegisters }: AppraisalRules): TpmPolicy {
  return { registers: registers.map(({ register: number }) => number), identityRegisters };
}

/** What evidence has proven of a node. */
export interface ProvenFacts {
  readonly role: string;
  readonly tier: Tier;
  /** Milliseconds since the evidence was made. */
  readonly ageMs: number;
  /** Digest of the software manifest. */
  readonly manifest: Uint8Array;
  /** Quoted; absent without a TPM. */
  readonly registers?: PcrValues | undefined;
  readonly firmwareVersion?: bigint | undefined;
  /** Why the TPM is trusted, as `requireEndorsement` says. */
  readonly endorsement?: readonly string[] | undefined;
}

export interface Finding {
  readonly check: 'role' | 'tier' | 'age' | 'manifest' | 'registers' | 'launch' | 'firmware' | 'endorsement';
  readonly ok: boolean;
  /** One sentence, whichever way it went. */
  readonly reason: string;
}

/** All that the rules say of these facts, in the order of the checks. */
export function findings(crypto: Crypto, rules: AppraisalRules, facts: ProvenFacts): Finding[] {
  const rule = rules.roles.find(({ role }) => role === facts.role);
  const role = finding(
    'role',
    rule !== undefined,
    `role ${facts.role} is ${rule ? '' : 'not '}one of the policy`,
  );
  if (!rule) return [role];
  const general = [role, tierFinding(facts, rule.minimumTier), ageFinding(facts, rule.maximumAgeMs)];
  const software = [...general, manifestFinding(rules, facts)];
  return facts.tier === 'measured' ? [...software, ...measuredFindings(crypto, rules, facts)] : software;
}

/**
 * The reasons for which these facts are accepted.
 * @throws OOTO_ATTEST_REFUSED (peer) with every reason against.
 */
export function requireAcceptable(crypto: Crypto, rules: AppraisalRules, facts: ProvenFacts): string[] {
  const found = findings(crypto, rules, facts);
  const against = found.filter(({ ok }) => !ok).map(({ reason }) => reason);
  if (against.length > 0) throw new OotoError('OOTO_ATTEST_REFUSED', 'peer', against.join('; '));
  return found.map(({ reason }) => reason);
}

function tierFinding({ tier }: ProvenFacts, least: Tier): Finding {
  const ok = meetsTier(tier, least);
  return finding('tier', ok, `tier ${tier} is ${ok ? 'at least' : 'less than'} ${least}`);
}

function ageFinding({ ageMs }: ProvenFacts, mostMs: number): Finding {
  const ok = ageMs <= mostMs;
  return finding('age', ok, `the evidence is ${ageMs} ms old, ${mostMs} ms are allowed`);
}

function manifestFinding({ manifests }: AppraisalRules, { manifest }: ProvenFacts): Finding {
  const digest = hex(manifest);
  const ok = manifests.some((golden) => golden.digest === digest);
  return finding('manifest', ok, `software manifest ${digest} is ${ok ? '' : 'not '}one of the policy`);
}

function measuredFindings(crypto: Crypto, rules: AppraisalRules, facts: ProvenFacts): Finding[] {
  const { firmwareVersion, endorsement, registers = new Map() } = facts;
  const firmware = (firmwareVersion ?? 0n).toString(16).padStart(16, '0');
  const known = rules.firmware.length === 0 || rules.firmware.includes(firmware);
  const golden = rules.manifests.find(({ digest }) => digest === hex(facts.manifest));
  return [
    ...rules.registers.map((rule) => registerFinding(rule, registers)),
    ...rules.launchRegisters.map((number) => launchFinding(crypto, number, golden, registers)),
    finding('firmware', known, `firmware ${firmware} of the TPM is ${known ? '' : 'not '}allowed`),
    endorsement
      ? finding('endorsement', true, endorsement.join('; '))
      : finding('endorsement', false, 'nobody vouches for the TPM'),
  ];
}

function registerFinding(
  { register: number, values }: AppraisalRules['registers'][number],
  proven: PcrValues,
): Finding {
  const value = proven.get(number);
  if (!value) return finding('registers', false, `register ${number} was not quoted`);
  const free = values.length === 0;
  const ok = free || values.includes(hex(value));
  const verdict = free ? 'and may hold anything' : `which is ${ok ? '' : 'not '}one of the policy’s values`;
  return finding('registers', ok, `register ${number} holds ${hex(value)}, ${verdict}`);
}

function launchFinding(
  crypto: Crypto,
  number: number,
  golden: AppraisalRules['manifests'][number] | undefined,
  proven: PcrValues,
): Finding {
  const value = proven.get(number);
  const ok = !!value && !!golden && equal(value, launchedValue(crypto, unhex(golden.launch)));
  const verdict = ok ? 'was extended with this manifest alone' : 'does not hold this manifest and it alone';
  return finding('launch', ok, `launch register ${number} ${verdict}`);
}

function finding(check: Finding['check'], ok: boolean, reason: string): Finding {
  return { check, ok, reason };
}

/** What no shape can say: each thing once, and no reliance on what proves nothing. */
function requireSound(rules: AppraisalRules): void {
  const { roles, registers, identityRegisters, launchRegisters, development, endorsement } = rules;
  const quoted = registers.map(({ register: number }) => number);
  requireOnce(
    'a role',
    roles.map(({ role }) => role),
  );
  requireOnce(
    'a manifest',
    rules.manifests.map(({ digest }) => digest),
  );
  requireOnce('an endorsement key', endorsement.fingerprints);
  requireOnce('an identity register', identityRegisters);
  if (quoted.some((number, i) => i > 0 && number <= quoted[i - 1]))
    throw unsound('its registers do not ascend');
  for (const number of [...identityRegisters, ...launchRegisters])
    if (!quoted.includes(number)) throw unsound(`register ${number} is relied on, and not quoted`);
  const forged = quoted.find((number) => RESETTABLE.includes(number));
  if (forged !== undefined && !development)
    throw unsound(`it relies on register ${forged}, which every program can reset`);
  if (endorsement.roots.length > 0 && endorsement.algorithm === undefined)
    throw unsound(
      'it pins vendors of TPMs and names no algorithm of endorsement keys: one TPM could be two nodes',
    );
  for (const root of endorsement.roots) requireRoot('the endorsement keys', root);
  for (const { root } of rules.tokens ?? []) requireRoot('tokens', root);
  for (const root of rules.authenticators?.roots ?? []) requireRoot('authenticators', root);
}

function requireRoot(what: string, root: string): void {
  try {
    readVendorCertificate(unbase64(root));
  } catch (cause) {
    throw unsound(`a root of ${what} is no certificate`, cause);
  }
}

function requireOnce(what: string, values: readonly (string | number)[]): void {
  if (new Set(values).size !== values.length) throw unsound(`it names ${what} twice`);
}

function unsound(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_ATTEST_RULES', 'peer', `the appraisal policy is not sound: ${what}`, { cause });
}
