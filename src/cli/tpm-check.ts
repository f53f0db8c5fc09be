/**
 * The TPM of this machine, as `ooto doctor` sees it. What flows through here: the device is looked for and opened,
 * then the agent asks the TPM who it is and makes keys that leave nothing behind; whatever stands in the way becomes
 * one sentence with the fix. A machine without a TPM is in order, and told which tier it can have.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import { endorsementFingerprint } from '../attest/tpm/endorsement.ts';
import { readPublicArea } from '../attest/tpm/public-area.ts';
import { isOotoError } from '../base/errors.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { createNodeCrypto } from '../node.ts';
import { nodeRandom } from '../platform/node/random.ts';
import { tpmClient } from '../platform/node/tpm/client.ts';

export interface TpmCheckOptions {
  /** Path of the built command line, whose `tpm-agent` is asked. */
  readonly program: string;
  /** Where the TPM is, as tpm2-tss writes it; the kernel's device if absent. */
  readonly tcti?: string | undefined;
  readonly deadlineMs?: number;
}

export interface TpmFinding {
  readonly ok: boolean;
  readonly found: string;
}

const DEVICE = '/dev/tpmrm0';
/** Without the kernel's resource manager. */
const RAW_DEVICE = '/dev/tpm0';
const DEADLINE_MS = 5_000;

/** Examines the TPM at `tcti`, or the one of this machine. */
export async function examineTpm({ program, tcti, deadlineMs }: TpmCheckOptions): Promise<TpmFinding> {
  const obstacle = tcti === undefined ? deviceObstacle() : undefined;
  return obstacle ?? askTpm(program, tcti ?? `device:${DEVICE}`, deadlineMs ?? DEADLINE_MS);
}

function deviceObstacle(): TpmFinding | undefined {
  try {
    closeSync(openSync(DEVICE, 'r+'));
    return undefined;
  } catch (error) {
    return explainDevice((error as NodeJS.ErrnoException).code ?? '', existsSync(RAW_DEVICE));
  }
}

/** What it means that the device cannot be opened; `code` is that of the system call. */
export function explainDevice(code: string, hasRawDevice: boolean): TpmFinding {
  if (code === 'ENOENT' && hasRawDevice)
    return {
      ok: false,
      found: `${RAW_DEVICE} without ${DEVICE}: the kernel is too old for a resource manager (4.12)`,
    };
  if (code === 'ENOENT' || code === 'ENODEV')
    return {
      ok: true,
      found: `none, so tier software only; if the machine has one (TPM, fTPM, PTT), enable it in the firmware set-up`,
    };
  if (code === 'EACCES' || code === 'EPERM')
    return { ok: false, found: `${DEVICE} is forbidden: usermod -aG tss <user>, then log in again` };
  if (code === 'EBUSY')
    return {
      ok: false,
      found: `${DEVICE} is busy: fuser ${RAW_DEVICE} ${DEVICE} names the program that holds it`,
    };
  return { ok: false, found: `${DEVICE} cannot be opened: ${code}` };
}

async function askTpm(program: string, tcti: string, deadlineMs: number): Promise<TpmFinding> {
  const agent = [process.execPath, program, 'tpm-agent', '--tcti', tcti];
  const tpm = tpmClient({ agent, codec: { encode, decode }, random: nodeRandom(), deadlineMs });
  try {
    const { manufacturer, firmware } = await tpm.info();
    await tpm.createAttestationKey();
    const { publicArea } = await tpm.endorsement();
    const key = endorsementFingerprint(createNodeCrypto(), readPublicArea(publicArea));
    return { ok: true, found: `${manufacturer}, firmware ${firmware}, endorsement key ${key}` };
  } catch (error) {
    return { ok: false, found: explainTpm(error) };
  } finally {
    await tpm.close();
  }
}

function explainTpm(error: unknown): string {
  if (!isOotoError(error)) return String(error);
  const words = error.message.replace(/\s+/g, ' ');
  if (error.code === 'OOTO_TPM_AGENT') return words;
  const fix = FIXES[error.code] ?? error.hint;
  return fix === undefined ? `${words} (${error.code})` : `${words} (${error.code}): ${fix}`;
}

const FIXES: Readonly<Record<string, string>> = {
  OOTO_TPM_TIMEOUT: 'it is busy or hangs; end other programs that use it, or restart the machine',
  OOTO_TPM_UNREACHABLE: 'it is held by another program, or gone; /dev/tpmrm0 shares it between programs',
};
