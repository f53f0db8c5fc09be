/**
 * Secrets sealed to a TPM and its registers. What flows through here: a storage key is derived anew each time; the secret
 * goes to the TPM in a session that is salted with that key and encrypts parameters, so that it does not cross the bus
 * in the clear; it comes back only while the registers hold what they held. The storage key is compared with the one
 * that sealed: another TPM, or one in between, is noticed before anything is asked of it.
 */
import { concat, equal, u16be } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import type { SealedSecret } from '../../../ports.ts';
import { type Commands, type DerivedKey, HIERARCHY, NONE, SESSION } from './commands.ts';
import { NO_BYTES, NO_REGISTERS, sealedTemplate, sized, storageTemplate } from './templates.ts';
import { NULL, Out, structure, wireOf } from './tss.ts';

/** TPMA_SESSION: continueSession, and which way parameters are encrypted. */
const [CONTINUE, DECRYPT, ENCRYPT] = [1, 0x20, 0x40];
/** TPMT_SYM_DEF: AES-128-CFB. */
const AES = concat(...[6, 128, 0x43].map(u16be));

/** Seals at most 128 bytes to what `registers` hold now. */
export function seal(tpm: Commands, secret: Uint8Array, registers: readonly number[]): SealedSecret {
  const policy = tpm.policyOf(registers);
  return withStorageKey(tpm, ({ handle: parent, publicArea }) => {
    const salted = { type: SESSION.hmac, salt: parent, symmetric: AES, attributes: CONTINUE | DECRYPT };
    return tpm.withSession(salted, (session) => {
      const [made, shown] = [new Out(), new Out()];
      const sensitive = sized(concat(NO_BYTES, sized(secret)));
      const what = [
        structure('TPM2B_SENSITIVE_CREATE', sensitive),
        structure('TPM2B_PUBLIC', sized(sealedTemplate(policy))),
        structure('TPM2B_DATA', NO_BYTES),
        structure('TPML_PCR_SELECTION', NO_REGISTERS),
      ];
      const results = [made.room, shown.room, NULL, NULL, NULL];
      tpm.call('Esys_Create', parent, session, NONE, NONE, ...what, ...results);
      const privateArea = wireOf('TPM2B_PRIVATE', made.address).subarray(2);
      const objectArea = wireOf('TPM2B_PUBLIC', shown.address).subarray(2);
      for (const buffer of [sensitive, what[0]]) buffer.fill(0);
      return { parent: publicArea, publicArea: objectArea, privateArea, registers };
    });
  });
}

/** @throws OOTO_TPM_FOREIGN_KEY, OOTO_TPM_POLICY (environment). */
export function unseal(tpm: Commands, sealed: SealedSecret): Uint8Array {
  const { publicArea, privateArea, registers } = sealed;
  return withStorageKey(tpm, ({ handle: parent, publicArea: found }) => {
    if (!equal(found, sealed.parent))
      throw new OotoError('OOTO_TPM_FOREIGN_KEY', 'environment', 'the secret was sealed to another TPM', {
        hint: 'open it with the operator’s recovery key',
      });
    const salted = { salt: parent, symmetric: AES };
    return tpm.withSession({ ...salted, type: SESSION.hmac, attributes: CONTINUE }, (loading) => {
      const loaded = new Out();
      const parts = [
        structure('TPM2B_PRIVATE', sized(privateArea)),
        structure('TPM2B_PUBLIC', sized(publicArea)),
      ];
      tpm.call('Esys_Load', parent, loading, NONE, NONE, ...parts, loaded.room);
      try {
        const session = { ...salted, type: SESSION.policy, attributes: CONTINUE | ENCRYPT };
        return tpm.withSession(session, (opening) => {
          tpm.policyPcr(opening, registers);
          return tpm
            .result('TPM2B_SENSITIVE_DATA', 'Esys_Unseal', loaded.handle, opening, NONE, NONE)
            .subarray(2);
        });
      } finally {
        tpm.flush(loaded.handle);
      }
    });
  });
}

function withStorageKey<T>(tpm: Commands, use: (key: DerivedKey) => T): T {
  const key = tpm.createPrimary(HIERARCHY.owner, storageTemplate());
  try {
    return use(key);
  } finally {
    tpm.flush(key.handle);
  }
}
