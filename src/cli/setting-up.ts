/**
 * What operators do once: make folders, gather founders into a draft, sign it, and hand out invites. What flows
 * through here: keys are made where they are used and only public halves leave a folder; the operator's key signs
 * drafts and grants; an invite is written to a file of mode 0600 and to nowhere else.
 */
import { dirname, join } from 'node:path';
import type { AppraisalRules } from '../attest/appraisal-policy.ts';
import { launchMeasurement, manifestDigest } from '../attest/manifest.ts';
import { nodeIdOf } from '../authority/certification.ts';
import { encodeDraft, type Founder, type GenesisDraft, operatorMessage } from '../authority/genesis.ts';
import { createGrant, encodeGrant, encodeInvite } from '../authority/invite.ts';
import { utf8 } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CborValue } from '../envelope/cbor.ts';
import { encodeSignedDraft } from '../mesh/authority/founding.ts';
import { readTrust } from '../mesh/identity.ts';
import { ROLES, type Role } from '../mesh/operations.ts';
import type { Policy } from '../mesh/policy.ts';
import { coreFolder } from '../platform/node/core-file.ts';
import {
  createFileOnce,
  makePrivateFolder,
  readFileLimited,
  writeFileAtomically,
} from '../platform/node/files.ts';
import { type SoftwareKey, softwareKey } from '../platform/node/signer.ts';
import { type NodeConfiguration, writeConfiguration } from './configuration.ts';
import { measureInstallation } from './installation.ts';
import { authorityKeys } from './node-folder.ts';
import { openNodeToken } from './node-token.ts';
import { IDENTITY_REGISTERS, openNodeTpm } from './node-tpm.ts';

/** How long an invite may be spent, unless said. */
export const INVITE_LIFE_MS = 24 * 3_600_000;

const EVIDENCE_AGE_MS = 600_000;
/** What ooto-launch extends: nothing but a restart of the machine resets it. */
export const LAUNCH_REGISTER = 15;
/** Registers of the firmware, its settings, the boot loader and the keys of secure boot. */
export const QUOTED_REGISTERS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

export interface Operator {
  keyid: string;
  key: SoftwareKey;
}

/**
 * The operator's key in `folder`, made if need be, and its name in the mesh, which is written there the first time.
 * @throws OOTO_CLI_USAGE (caller) for no name, or another than the folder's.
 */
export async function openOperator(crypto: Crypto, folder: string, name?: string): Promise<Operator> {
  await makePrivateFolder(folder);
  const keyid = await operatorName(join(folder, 'operator.name'), name);
  return { keyid, key: await keyIn(crypto, folder, 'operator.key') };
}

async function operatorName(file: string, given: string | undefined): Promise<string> {
  if (given !== undefined && !/^[a-z0-9][a-z0-9-]{0,62}$/.test(given))
    throw new OotoError(
      'OOTO_CLI_USAGE',
      'caller',
      'an operator is named by lower-case letters, digits and dashes',
    );
  if (given !== undefined) await createFileOnce(file, utf8(given));
  const kept = await readFileLimited(file, 64).catch((error) => {
    if (isOotoError(error, 'OOTO_FILES_MISSING')) return utf8('operator');
    throw error;
  });
  const name = new TextDecoder().decode(kept);
  if (given !== undefined && given !== name)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `the operator of this folder is ${name}`);
  return name;
}

/** The key that signs workload definitions. */
export async function openOriginatorKey(crypto: Crypto, folder: string): Promise<SoftwareKey> {
  await makePrivateFolder(folder);
  return keyIn(crypto, folder, 'originator.key');
}

/** Makes the folder of a founder and returns what goes into the draft. */
export async function createFounder(
  crypto: Crypto,
  folder: string,
  configuration: Partial<NodeConfiguration> & Pick<NodeConfiguration, 'name' | 'listen'>,
): Promise<Founder> {
  const { listen_web_socket: webSocket } = configuration;
  await makePrivateFolder(folder);
  await writeConfiguration(folder, { ...configuration, role: 'authority' });
  const identity = await founderIdentity(crypto, folder, configuration);
  const { log, witness, keyGeneration } = await authorityKeys(crypto, folder);
  return {
    name: configuration.name,
    ...identity,
    logKey: log.publicKey,
    witnessKey: witness.publicKey,
    keyGenerationKey: keyGeneration.publicKey,
    addresses: [configuration.listen, ...(webSocket ? [webSocket] : [])],
  };
}

/** In the token or TPM where there is one, which the draft then names if it is a TPM; else in a file. */
async function founderIdentity(
  crypto: Crypto,
  folder: string,
  { tpm, tpm_event_log = '', tpm_endorsement, pkcs11 }: Partial<NodeConfiguration>,
): Promise<Pick<Founder, 'identityKey' | 'tpm'>> {
  if (pkcs11 !== undefined) {
    const { signer } = await openNodeToken(crypto, folder, pkcs11);
    signer.close();
    return { identityKey: signer.publicKey };
  }
  if (tpm === undefined) return { identityKey: (await keyIn(crypto, folder, 'identity.key')).publicKey };
  const { node, signer } = await openNodeTpm(crypto, folder, { tpm, tpm_event_log, tpm_endorsement });
  await node.tpm.close();
  return { identityKey: signer.publicKey, tpm: node.keys };
}

/** What a launcher measures, as rules name it. */
export interface LaunchedProgram {
  /** Of the manifest. */
  readonly digest: Uint8Array;
  readonly launch: Uint8Array;
}

/** The installed program, as launchers measure it. */
export function launchedProgram(crypto: Crypto): LaunchedProgram {
  const manifest = measureInstallation(crypto, dirname(coreFolder()));
  return { digest: manifestDigest(crypto, manifest), launch: launchMeasurement(crypto, manifest) };
}

/**
 * What nodes must show in a new mesh of machines with TPMs whose firmware registers hold these values: that `program`
 * runs, on their own word if it is a digest; of a launched one, by the register that the launcher has extended.
 */
export function measuredRules(
  program: Uint8Array | LaunchedProgram,
  values: readonly ReadonlyMap<number, Uint8Array>[],
): AppraisalRules {
  const isLaunched = 'launch' in program;
  const { digest, launch } = isLaunched ? program : { digest: program, launch: program };
  const firmware = QUOTED_REGISTERS.map((register) => {
    const found = values.flatMap((each) => each.get(register) ?? []);
    return { register, values: [...new Set(found.map(hex))] };
  });
  return {
    development: false,
    roles: ROLES.map((role) => ({ role, minimumTier: 'measured', maximumAgeMs: EVIDENCE_AGE_MS })),
    manifests: [{ digest: hex(digest), launch: hex(launch) }],
    registers: isLaunched ? [...firmware, { register: LAUNCH_REGISTER, values: [] }] : firmware,
    identityRegisters: [...IDENTITY_REGISTERS],
    launchRegisters: isLaunched ? [LAUNCH_REGISTER] : [],
    firmware: [],
    endorsement: { fingerprints: [], roots: [] },
  };
}

/**
 * A draft that the operator has signed, as it goes to every founder's folder once the quorum has signed it.
 * @param others the operators besides this one
 */
export function signDraft(
  draft: Omit<GenesisDraft, 'operators' | 'operatorQuorum' | 'policy'> & { policy: Policy },
  operator: Operator,
  { others = [], quorum = 1 }: { others?: GenesisDraft['operators']; quorum?: number } = {},
): Uint8Array {
  const encoded = encodeDraft({
    ...draft,
    policy: draft.policy as unknown as CborValue,
    operators: [{ keyid: operator.keyid, publicKey: operator.key.publicKey }, ...others],
    operatorQuorum: quorum,
  });
  const signature = operator.key.sign(operatorMessage(encoded));
  return encodeSignedDraft({ draft: encoded, operatorSignatures: [{ keyid: operator.keyid, signature }] });
}

/** The public beginning of a mesh, as a founder wrote it beside its state. */
export async function readMeshFiles(folder: string): Promise<{ genesis: Uint8Array; root: Uint8Array }> {
  return {
    genesis: await readFileLimited(join(folder, 'genesis.record')),
    root: await readFileLimited(join(folder, 'root.der')),
  };
}

/** Writes an invite for one node, good once. */
export async function writeInvite(
  crypto: Crypto,
  operator: Operator,
  mesh: { genesis: Uint8Array; root: Uint8Array },
  options: {
    role: Role;
    name: string;
    file: string;
    now: number;
    lifeMs?: number;
    /** Fingerprint of the one endorsement key that may claim it, 32 bytes. */
    endorsementKey?: Uint8Array | undefined;
  },
): Promise<void> {
  const { genesis } = readTrust(crypto, mesh.genesis, mesh.root);
  const seed = crypto.random.bytes(32);
  const { endorsementKey } = options;
  const grant = createGrant(
    {
      mesh: genesis.meshId,
      publicKey: crypto.ed25519.publicKey(seed),
      id: nodeIdOf(genesis.meshId, options.role, options.name),
      expires: options.now + (options.lifeMs ?? INVITE_LIFE_MS),
      ...(endorsementKey ? { endorsementKey } : {}),
    },
    { keyid: operator.keyid, key: operator.key },
  );
  const addresses = genesis.draft.founders.flatMap((founder) => founder.addresses);
  const encoded = encodeInvite({ grant: encodeGrant(grant), ...mesh, addresses, seed });
  await writeFileAtomically(options.file, encoded);
  wipe(seed, encoded);
}

/** Makes the folder of a node that will join by the invite written into it. */
export async function createMember(
  folder: string,
  configuration: Partial<NodeConfiguration> & Pick<NodeConfiguration, 'name' | 'role' | 'listen'>,
): Promise<void> {
  await makePrivateFolder(folder);
  await writeConfiguration(folder, configuration);
}

function keyIn(crypto: Crypto, folder: string, file: string): Promise<SoftwareKey> {
  const { random, ed25519 } = crypto;
  return softwareKey({ file: join(folder, file), random, ed25519 });
}
