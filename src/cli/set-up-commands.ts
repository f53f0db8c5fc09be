/**
 * The commands that set up a mesh by hand. What flows through here: each founder makes a folder and hands over its
 * public keys; an operator gathers them into a draft and signs it; founders compare its fingerprint and run; the
 * operator hands out invites; whoever has one joins. Files and standard output carry public data, except the
 * invite, which is a secret and is written with mode 0600.
 */
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { readNodeId } from '../authority/certification.ts';
import type { TpmKeys } from '../authority/device.ts';
import { draftDigest, type Founder, type GenesisDraft } from '../authority/genesis.ts';
import { readGrant, readInvite } from '../authority/invite.ts';
import { OPERATOR_ROLES } from '../authority/operator-role.ts';
import { OotoError } from '../base/errors.ts';
import { hex, unhex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { peekSignedDraft } from '../mesh/authority/founding.ts';
import { ROLES, type Role } from '../mesh/operations.ts';
import { initialPolicy } from '../mesh/policy.ts';
import { createNodeCrypto } from '../node.ts';
import { coreFolder } from '../platform/node/core-file.ts';
import { readFileLimited, readSecretFile, writeFileAtomically } from '../platform/node/files.ts';
import type { NodeConfiguration } from './configuration.ts';
import { openTpm } from './node-tpm.ts';
import { measureProgram } from './program.ts';
import { startNode } from './running-node.ts';
import {
  createFounder,
  createMember,
  launchedProgram,
  measuredRules,
  openOperator,
  openOriginatorKey,
  QUOTED_REGISTERS,
  readMeshFiles,
  signDraft,
  writeInvite,
} from './setting-up.ts';

const INVITE_BYTES = 4 * 1024 * 1024;
const keyText = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits'));
const hexText = v.pipe(v.string(), v.regex(/^([0-9a-f]{2}){1,4096}$/, 'hexadecimal digits'));
const founderSchema = v.strictObject({
  schema: v.literal('ooto.founder/1'),
  name: v.string(),
  identityKey: hexText,
  logKey: keyText,
  witnessKey: keyText,
  keyGenerationKey: keyText,
  addresses: v.array(v.string()),
  /** Of a founder with a TPM: its keys, and what its firmware registers hold, by number. */
  tpm: v.optional(
    v.strictObject({
      endorsementKey: hexText,
      attestationKey: hexText,
      certificate: v.optional(hexText),
      chain: v.optional(v.array(hexText)),
      registers: v.record(v.string(), keyText),
    }),
  ),
});

/** Where a new node's identity key is to be. */
interface IdentityWords {
  tpm?: string;
  tpmEndorsement?: string;
  listenWebSocket?: string;
  pkcs11Module?: string;
  pkcs11Token?: string;
  pkcs11Key?: string;
  pkcs11PinFile?: string;
  pkcs11Attestation?: string;
}

/** As `node.toml` says it; files are named from where the command runs. */
function identityOf(
  words: IdentityWords,
): Partial<Pick<NodeConfiguration, 'tpm' | 'tpm_endorsement' | 'pkcs11' | 'listen_web_socket'>> {
  const { tpm, listenWebSocket, pkcs11Module: module, pkcs11Token: token } = words;
  const {
    pkcs11Key: key = 'ooto',
    pkcs11PinFile: pin = 'pkcs11.pin',
    pkcs11Attestation: attestation,
  } = words;
  if ((module === undefined) !== (token === undefined))
    throw new OotoError('OOTO_CLI_USAGE', 'caller', '--pkcs11-module and --pkcs11-token belong together');
  return {
    ...(tpm === undefined ? {} : { tpm }),
    ...(words.tpmEndorsement === undefined ? {} : { tpm_endorsement: endorsementWord(words.tpmEndorsement) }),
    ...(listenWebSocket === undefined ? {} : { listen_web_socket: listenWebSocket }),
    ...(module === undefined || token === undefined
      ? {}
      : {
          pkcs11: {
            ...{ module, token, key },
            pin_file: words.pkcs11PinFile === undefined ? pin : resolve(pin),
            ...(attestation === undefined ? {} : { attestation_file: resolve(attestation) }),
          },
        }),
  };
}

function endorsementWord(word: string): 'p256' | 'rsa2048' {
  if (word === 'p256' || word === 'rsa2048') return word;
  throw new OotoError('OOTO_CLI_USAGE', 'caller', 'an endorsement key is of p256 or rsa2048');
}

/** `ooto authority init`: a founder's folder; what is printed goes to the operator. */
export async function initFounder(options: { folder: string; name: string; listen: string } & IdentityWords) {
  const { folder, name, listen, tpm } = options;
  const crypto = createNodeCrypto();
  const configuration = { name, listen, ...identityOf(options) };
  const founder = await createFounder(crypto, folder, configuration);
  return {
    schema: 'ooto.founder/1' as const,
    name,
    identityKey: hex(founder.identityKey),
    logKey: hex(founder.logKey),
    witnessKey: hex(founder.witnessKey),
    keyGenerationKey: hex(founder.keyGenerationKey),
    addresses: founder.addresses,
    ...(founder.tpm && tpm !== undefined
      ? { tpm: { ...textOf(founder.tpm), registers: await registersOf(crypto, tpm) } }
      : {}),
  };
}

function textOf({ endorsementKey, attestationKey, certificate, chain }: TpmKeys) {
  return {
    endorsementKey: hex(endorsementKey),
    attestationKey: hex(attestationKey),
    ...(certificate ? { certificate: hex(certificate) } : {}),
    ...(chain ? { chain: chain.map(hex) } : {}),
  };
}

async function registersOf(crypto: Crypto, place: string): Promise<Record<string, string>> {
  const tpm = openTpm(crypto, place);
  try {
    const values = await tpm.readRegisters(QUOTED_REGISTERS);
    return Object.fromEntries([...values].map(([register, value]) => [String(register), hex(value)]));
  } finally {
    await tpm.close();
  }
}

/** `ooto originator`: the key that signs workload definitions, made if need be. */
export async function showOriginator({ folder }: { folder: string }) {
  const key = await openOriginatorKey(createNodeCrypto(), folder);
  return { schema: 'ooto.originator/1' as const, publicKey: hex(key.publicKey) };
}

/** `ooto init`: a signed genesis draft from the founders' public keys. */
export async function initMesh(options: {
  operator: string;
  name: string;
  threshold: string;
  founder: readonly string[];
  originator: readonly string[];
  coOperator: readonly string[];
  quorum: string;
  out: string;
  /** False: nodes with TPMs need not be started by ooto-launch. */
  launcher?: boolean;
}) {
  const crypto = createNodeCrypto();
  const read = await Promise.all(options.founder.map(readFounder));
  const founders = read.map(({ founder }) => founder);
  const registers = read.flatMap((each) => each.registers ?? []);
  const program = measureProgram(crypto, coreFolder()).digest;
  const measured = options.launcher === false ? program : launchedProgram(crypto);
  const policy = initialPolicy({
    ...(registers.length > 0 ? { appraisal: measuredRules(measured, registers) } : {}),
    manifests: [hex(program)],
    originators: options.originator.map(readOriginator),
  });
  const [threshold, quorum] = [Number(options.threshold), Number(options.quorum)];
  const operator = await openOperator(crypto, options.operator);
  const signed = signDraft(
    { name: options.name, created: Date.now(), threshold, founders, policy },
    operator,
    { others: options.coOperator.map(readCoOperator), quorum },
  );
  await writeFileAtomically(options.out, signed);
  const fingerprint = hex(draftDigest(crypto, peekSignedDraft(signed).draft));
  return {
    schema: 'ooto.genesis-draft/1' as const,
    file: options.out,
    fingerprint,
    founders: founders.length,
    threshold,
    operators: 1 + options.coOperator.length,
    quorum,
  };
}

/** `name=key` or `name=key=role`. */
function readCoOperator(text: string): GenesisDraft['operators'][number] {
  const [keyid, key, role, ...rest] = text.split('=');
  const known = OPERATOR_ROLES.find((each) => each === role);
  if (rest.length === 0 && v.is(keyText, key) && role === known)
    return { keyid, publicKey: unhex(key), ...(known ? { role: known } : {}) };
  throw new OotoError(
    'OOTO_CLI_USAGE',
    'caller',
    'an operator is given as name=public key, or name=public key=role',
    {
      hint: `ooto policy key prints the first two; roles: ${OPERATOR_ROLES.join(', ')}`,
    },
  );
}

/** `ooto invite`: lets one node join under one name. */
export async function invite(options: {
  operator: string;
  authority: string;
  role: string;
  name: string;
  out: string;
  endorsementKey?: string;
}) {
  const { operator, authority, role, name, out: file, endorsementKey } = options;
  if (endorsementKey !== undefined && !v.is(keyText, endorsementKey))
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'an endorsement key is named by 64 hexadecimal digits', {
      hint: 'ooto doctor prints them on the machine that is invited',
    });
  if (!(ROLES as readonly string[]).includes(role) || role === 'authority')
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `no node can be invited as ${role}`, {
      hint: `roles: ${ROLES.filter((each) => each !== 'authority').join(', ')}`,
    });
  const crypto = createNodeCrypto();
  const mesh = await readMeshFiles(authority);
  await writeInvite(crypto, await openOperator(crypto, operator), mesh, {
    role: role as Role,
    name,
    file,
    now: Date.now(),
    endorsementKey: endorsementKey === undefined ? undefined : unhex(endorsementKey),
  });
  return { schema: 'ooto.invite/1' as const, file, role, name };
}

/** `ooto join`: makes a node's folder, spends the invite and stores the certificate. */
export async function joinMesh(
  options: { folder: string; invite: string; listen: string } & IdentityWords,
  signal: AbortSignal,
) {
  const content = await readSecretFile(options.invite, INVITE_BYTES);
  const { role, name } = readNodeId(readGrant(readInvite(content).grant).id);
  await createMember(options.folder, {
    ...{ role: role as Role, name, listen: options.listen },
    ...identityOf(options),
  });
  await writeFileAtomically(join(options.folder, 'invite'), content);
  const running = await startNode(options.folder, signal);
  const { id, tier, mesh, certificate } = running.status;
  await running.close();
  return { schema: 'ooto.join/1' as const, id, tier, mesh, certificate };
}

/** What `ooto authority init --json` printed. @throws OOTO_CLI_USAGE (caller). */
export async function readFounder(file: string) {
  const text = new TextDecoder().decode(await readFileLimited(file, 64 * 1024));
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `${file} is not JSON`, { cause });
  }
  const result = v.safeParse(founderSchema, raw);
  if (!result.success)
    throw new OotoError(
      'OOTO_CLI_USAGE',
      'caller',
      `${file}: ${v.getDotPath(result.issues[0]) ?? 'file'}: ${result.issues[0].message}`,
      {
        hint: 'it is what ooto authority init --json printed',
      },
    );
  const { name, addresses, identityKey, logKey, witnessKey, keyGenerationKey, tpm } = result.output;
  const founder: Founder = {
    name,
    addresses,
    identityKey: unhex(identityKey),
    logKey: unhex(logKey),
    witnessKey: unhex(witnessKey),
    keyGenerationKey: unhex(keyGenerationKey),
    ...(tpm ? { tpm: keysOf(tpm) } : {}),
  };
  return { founder, registers: tpm && valuesOf(tpm.registers) };
}

function keysOf({
  endorsementKey,
  attestationKey,
  certificate,
  chain,
}: NonNullable<v.InferOutput<typeof founderSchema>['tpm']>): TpmKeys {
  return {
    endorsementKey: unhex(endorsementKey),
    attestationKey: unhex(attestationKey),
    ...(certificate === undefined ? {} : { certificate: unhex(certificate) }),
    ...(chain === undefined ? {} : { chain: chain.map(unhex) }),
  };
}

function valuesOf(registers: Readonly<Record<string, string>>): ReadonlyMap<number, Uint8Array> {
  return new Map(Object.entries(registers).map(([register, value]) => [Number(register), unhex(value)]));
}

function readOriginator(text: string): { name: string; publicKey: Uint8Array } {
  const [name, key, ...rest] = text.split('=');
  if (rest.length > 0 || !v.is(keyText, key))
    throw new OotoError(
      'OOTO_CLI_USAGE',
      'caller',
      'an originator is given as name=public key in hexadecimal',
    );
  return { name, publicKey: unhex(key) };
}
