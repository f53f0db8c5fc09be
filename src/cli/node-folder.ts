/**
 * A node's folder. What flows through here: configuration, identity and state of one node are opened together and
 * become what the mesh room needs; everything secret is in files of mode 0600, made on first use. Layout:
 * `node.toml`, `identity.key` or `tpm.keys` (or `pkcs11.pin`), `state/`, `node.log`, `status.json`; for members of the authority also `log.key`,
 * `witness.key`, `witness-tree.key`, `key-generation.key` and `genesis.draft`; for others `invite`, until it is spent.
 */
import { join } from 'node:path';
import type { Crypto } from '../crypto/crypto.ts';
import type { NoteSigner } from '../log/index.ts';
import type { NodeTpm } from '../mesh/attester.ts';
import type { AuthorityKeys } from '../mesh/authority/member.ts';
import { tokenProver } from '../mesh/key-proving.ts';
import { MeshNode } from '../mesh/node.ts';
import { createNodeCrypto } from '../node.ts';
import { nodeClock } from '../platform/node/clock.ts';
import { coreFolder } from '../platform/node/core-file.ts';
import { makePrivateFolder } from '../platform/node/files.ts';
import { type FolderLock, lockFolder } from '../platform/node/folder-lock.ts';
import { type NodeLogger, nodeLogger } from '../platform/node/logger.ts';
import type { TokenSigner } from '../platform/node/pkcs11/signer.ts';
import { softwareKey, softwareSeed, softwareSigner } from '../platform/node/signer.ts';
import { openStore } from '../platform/node/store.ts';
import { nodeTransport } from '../platform/node/transports.ts';
import type { Clock, Signer, Store, Transport } from '../ports.ts';
import { KeyGenerationKey } from '../threshold/index.ts';
import { type NodeConfiguration, readConfiguration } from './configuration.ts';
import { type OpenToken, openNodeToken } from './node-token.ts';
import { openNodeTpm, openTpm, patient, tpmOf } from './node-tpm.ts';
import { ownDigest } from './program.ts';
import { openState } from './state-key.ts';

export const VERSION = '0.1.0';

export interface OpenNode {
  folder: string;
  configuration: NodeConfiguration;
  crypto: Crypto;
  node: MeshNode;
  store: Store;
  logger: NodeLogger;
  tpm: NodeTpm | undefined;
  token: TokenSigner | undefined;
  lock: FolderLock;
}

/** What a node gets from the machine. */
export interface NodePorts {
  clock: Clock;
  transport: Transport;
  openStore(folder: string): Promise<Store>;
  /** What started this process has measured the whole installation, though no launcher says so. */
  isMeasured?: boolean;
}

export const MACHINE: NodePorts = { clock: nodeClock(), transport: nodeTransport(), openStore };

/** Opens the folder of a node; the caller closes it with {@link closeNode}. */
export async function openNode(folder: string, ports = MACHINE): Promise<OpenNode> {
  const configuration = readConfiguration(folder);
  await makePrivateFolder(folder);
  const lock = await lockFolder(folder);
  try {
    return await openLocked(folder, configuration, ports, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(
  folder: string,
  configuration: NodeConfiguration,
  ports: NodePorts,
  lock: FolderLock,
): Promise<OpenNode> {
  const crypto = createNodeCrypto();
  const { name, role, log_level: level, epoch_ms: epochMs } = configuration;
  const logger = nodeLogger({ file: join(folder, 'node.log'), level, fields: { node: `${role}/${name}` } });
  const store = await ports.openStore(join(folder, 'state'));
  const { signer, tpm, token } = await openIdentity(crypto, folder, configuration);
  const node = new MeshNode({
    ...{ crypto, logger, store, role, name, epochMs },
    clock: ports.clock,
    transport: ports.transport,
    ...{ signer, tpm, keyProver: token && tokenProver(crypto, token.certificates) },
    manifest: ownDigest(crypto, coreFolder(), ports.isMeasured ? 'measured' : process.env.OOTO_LAUNCHED),
    versions: new Map([
      ['ooto', VERSION],
      ['node', process.versions.node],
    ]),
  });
  return { folder, configuration, crypto, node, store, logger, tpm, token: token?.signer, lock };
}

interface OpenIdentity {
  signer: Signer;
  tpm?: NodeTpm;
  token?: OpenToken;
}

/** In the TPM or token where the configuration names one, else in a file. */
async function openIdentity(
  crypto: Crypto,
  folder: string,
  { tpm, tpm_event_log, tpm_endorsement, pkcs11 }: NodeConfiguration,
): Promise<OpenIdentity> {
  if (tpm !== undefined) {
    const { signer, node } = await openNodeTpm(crypto, folder, { tpm, tpm_event_log, tpm_endorsement });
    return { signer, tpm: node };
  }
  if (pkcs11 !== undefined) {
    const token = await openNodeToken(crypto, folder, pkcs11);
    return { signer: patient(token.signer, nodeClock()), token };
  }
  const { random, ed25519 } = crypto;
  const signer = await softwareSigner({ file: join(folder, 'identity.key'), random, ed25519 });
  return { signer };
}

/** The keys that a member of the authority has besides its identity. */
export async function authorityKeys(crypto: Crypto, folder: string): Promise<AuthorityKeys> {
  const { random, ed25519 } = crypto;
  const protection = await openState(crypto, folder, () => openTpm(crypto, tpmOf(folder)));
  const options = (file: string) => ({ file: join(folder, file), random, ed25519, protection });
  try {
    return {
      log: await softwareKey(options('log.key')),
      witness: await softwareKey(options('witness.key')),
      witnessTree: treeSigner(crypto, await softwareSeed(options('witness-tree.key'))),
      keyGeneration: KeyGenerationKey.fromSeed(crypto, await softwareSeed(options('key-generation.key'))),
    };
  } finally {
    protection?.[Symbol.dispose]();
  }
}

/** A witness's second key, ML-DSA-44. */
function treeSigner({ mldsa44 }: Crypto, seed: Uint8Array): NoteSigner {
  return { publicKey: mldsa44.publicKey(seed), sign: (message) => mldsa44.sign(seed, message) };
}

export async function closeNode({ node, store, logger, tpm, token, lock }: OpenNode): Promise<void> {
  await node.close();
  await tpm?.tpm.close();
  token?.close();
  await store.close();
  logger.close();
  await lock.release();
}
