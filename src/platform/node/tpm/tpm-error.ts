/**
 * What a TSS2_RC means here. What flows through here: a code of the TPM or of a layer of the software stack becomes
 * an error that says whether the connection, the key, the authorisation or the command is at fault.
 */
import { OotoError } from '../../../base/errors.ts';

const TCTI_LAYER = 10;
/** ESYS after its TCTI has failed. */
const BAD_SEQUENCE = 0x7_0007;
/** TPM_RC_REFERENCE_H0 to _S6: a key or session that was there is gone. */
const [FIRST_REFERENCE, LAST_REFERENCE] = [0x910, 0x91e];
/** Format-one codes: bits 0 to 5 and 7 name the error, the rest which argument. */
const FORMAT_ONE = 0x80;
const FORMAT_ONE_ERROR = 0xbf;

const MEANINGS: Readonly<Record<number, readonly [what: string, message: string, hint: string]>> = {
  257: ['FAILURE', 'the TPM reports a failure of its own', 'if it stays so, switch the machine off and on'],
  256: [
    'NOT_STARTED',
    'the TPM has not been started',
    'the firmware must start the TPM; for swtpm: --flags startup-clear',
  ],
  289: ['LOCKED', 'the hierarchy is disabled', 'enable the TPM in the firmware set-up'],
  2337: [
    'LOCKED',
    'the TPM is in lockout',
    'wait, or reset the lockout: tpm2_dictionarylockout --clear-lockout',
  ],
  2306: [
    'FULL',
    'the TPM has no room for another object',
    'use /dev/tpmrm0, which shares the TPM between programs',
  ],
  2307: [
    'FULL',
    'the TPM has no room for another session',
    'use /dev/tpmrm0, which shares the TPM between programs',
  ],
  2308: ['FULL', 'the TPM is out of memory', 'use /dev/tpmrm0, which shares the TPM between programs'],
  142: [
    'LOCKED',
    'a password is needed',
    'ooto needs the owner and endorsement hierarchies with empty passwords',
  ],
  162: [
    'LOCKED',
    'a password is needed',
    'ooto needs the owner and endorsement hierarchies with empty passwords',
  ],
  133: ['LOCKED', 'the hierarchy is disabled', 'enable the TPM in the firmware set-up'],
  157: [
    'POLICY',
    'the registers are not those that the key is bound to',
    'what runs here has changed: enrol again',
  ],
  296: ['POLICY', 'the registers have changed meanwhile', 'try again'],
  159: ['CREDENTIAL', 'the credential is for another TPM or another key', 'ask for a new challenge'],
  139: ['NOT_FOUND', 'the TPM has no such object', 'see ooto doctor'],
};

/** Nothing for 0. @throws OOTO_TPM_CONNECTION, _LOCKED, _FULL, _POLICY, _CREDENTIAL, _NOT_FOUND, _NOT_STARTED, _FAILURE, _COMMAND (environment). */
export function requireSuccess(command: string, code: number): void {
  if (code === 0) return;
  const layer = (code >>> 16) & 0xff;
  if (code >= FIRST_REFERENCE && code <= LAST_REFERENCE) throw restarted(command);
  if (layer === TCTI_LAYER || code === BAD_SEQUENCE)
    throw new OotoError(
      'OOTO_TPM_CONNECTION',
      'environment',
      `${command}: the connection to the TPM is lost`,
    );
  const error = (code & FORMAT_ONE) !== 0 ? code & FORMAT_ONE_ERROR : code;
  const meaning = layer === 0 ? MEANINGS[error] : undefined;
  const text = `${command}: 0x${code.toString(16)}`;
  if (!meaning) throw new OotoError('OOTO_TPM_COMMAND', 'environment', `${text}: the TPM refuses`);
  const [what, message, hint] = meaning;
  throw new OotoError(`OOTO_TPM_${what}`, 'environment', `${text}: ${message}`, { hint });
}

/** What was loaded is gone: the connection is made anew. */
export function restarted(command: string): OotoError {
  return new OotoError('OOTO_TPM_CONNECTION', 'environment', `${command}: the TPM has restarted`);
}
