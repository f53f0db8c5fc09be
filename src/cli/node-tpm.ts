/**
 * The TPM of a node's folder. What flows through here: what `node.toml` says of it becomes the agent's client; the keys
 * are taken from `tpm.keys`, or made; the mesh room gets both, and the firmware's event log where the machine has one.
 */
import { join } from 'node:path';
import { endorsementFingerprint } from '../attest/tpm/endorsement.ts';
import { readPublicArea } from '../attest/tpm/public-area.ts';
import { certificationData, MAX_SHOWN_LOG_BYTES } from '../attest/tpm-proof.ts';
import type { TpmKeys } from '../authority/device.ts';
import { isOotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import type { NodeTpm } from '../mesh/attester.ts';
import { pause } from '../mesh/patience.ts';
import { nodeClock } from '../platform/node/clock.ts';
import { coreFolder } from '../platform/node/core-file.ts';
import { readFileLimited } from '../platform/node/files.ts';
import { tpmClient } from '../platform/node/tpm/client.ts';
import { openTpmIdentity } from '../platform/node/tpm/identity.ts';
import type { Clock, Signer, Tpm } from '../ports.ts';
import { type NodeConfiguration, readConfiguration } from './configuration.ts';

/** Firmware and its settings, keys of secure boot: they change by an act of the operator, who invites again then. */
export const IDENTITY_REGISTERS: readonly number[] = [0, 7];

const KEYS = 'tpm.keys';
const DEVICE = '/dev/tpmrm0';
const PATIENCE_MS = 60_000;
const TRY_AGAIN_MS = 500;
const AWAY: readonly string[] = [
  'OOTO_TPM_TIMEOUT',
  'OOTO_TPM_AGENT',
  'OOTO_TPM_CONNECTION',
  'OOTO_TPM_UNREACHABLE',
  'OOTO_TPM_NOT_STARTED',
  'OOTO_PKCS11_TIMEOUT',
  'OOTO_PKCS11_AGENT',
  'OOTO_PKCS11_GONE',
];

export interface OpenTpm {
  node: NodeTpm;
  signer: Signer;
}

/** The TPM that the folder's configuration names, else the kernel's. */
export function tpmOf(folder: string): string {
  return readConfiguration(folder).tpm ?? DEVICE;
}

/** The agent of this program before the TPM at `place`: a device, or as tpm2-tss writes it. */
export function openTpm(crypto: Crypto, place: string): Tpm {
  const tcti = place.startsWith('/') ? `device:${place}` : place;
  const agent = [process.execPath, join(coreFolder(), 'cli.js'), 'tpm-agent', '--tcti', tcti];
  return tpmClient({ agent, codec: { encode, decode }, random: crypto.random });
}

/** The identity in the TPM that the folder's configuration names. @throws what the TPM's port and files throw. */
export async function openNodeTpm(
  crypto: Crypto,
  folder: string,
  {
    tpm: place,
    tpm_event_log: log,
    tpm_endorsement: endorsement,
  }: Pick<NodeConfiguration, 'tpm_event_log'> & Partial<NodeConfiguration> & { tpm: string },
): Promise<OpenTpm> {
  const tpm = openTpm(crypto, place);
  try {
    const { signer, endorsementKey, certificate, chain, ...keys } = await openTpmIdentity({
      tpm,
      codec: { encode, decode },
      file: join(folder, KEYS),
      sha256: (message) => crypto.sha256(message),
      endorsement,
      registers: IDENTITY_REGISTERS,
      certificationData: certificationData(crypto),
    });
    const { publicArea: attestationKey } = keys.attestationKey;
    const shown = {
      ...{ endorsementKey, attestationKey },
      ...(certificate ? { certificate } : {}),
      ...(chain.length > 0 ? { chain: [...chain] } : {}),
    };
    const node = { tpm, keys: shown, ...keys, readLog: () => readLog(log) };
    return { signer: patient(signer, nodeClock()), node };
  } catch (error) {
    await tpm.close();
    throw error;
  }
}

/** A TPM or token that is away for a while keeps whoever wants a signature waiting; one that refuses does not. */
export function patient(signer: Signer, clock: Clock): Signer {
  return {
    ...signer,
    async sign(message, options = {}) {
      const { signal = new AbortController().signal } = options;
      for (const until = clock.monotonic() + PATIENCE_MS; ; await pause(clock, TRY_AGAIN_MS, signal)) {
        try {
          return await signer.sign(message, options);
        } catch (error) {
          if (!isAway(error) || clock.monotonic() >= until) throw error;
        }
      }
    },
  };
}

/** Whether the TPM or token, or the agent before it, did not answer; it may later. */
export function isAway(error: unknown): boolean {
  return isOotoError(error) && AWAY.includes(error.code);
}

/** What operators write into an invite. */
export function fingerprintOf(crypto: Crypto, { endorsementKey }: Pick<TpmKeys, 'endorsementKey'>): string {
  return endorsementFingerprint(crypto, readPublicArea(endorsementKey));
}

/** A machine without a log, or with one that is too long to show, is judged by its registers alone. */
async function readLog(file: string): Promise<Uint8Array | null> {
  const log = await readFileLimited(file, MAX_SHOWN_LOG_BYTES).catch(() => undefined);
  return log && log.length > 0 ? log : null;
}
