/** All operations of the oracle over one `Crypto`. A new room adds its family here. */
import type { Crypto } from '../../src/crypto/crypto.ts';
import type { OperationTable } from './answer.ts';
import { cocktailOperations } from './cocktail.ts';
import { curveOperations } from './curve.ts';
import { evidenceOperations } from './evidence.ts';
import { frostOperations } from './frost.ts';
import { hashOperations } from './hash.ts';
import { identityOperations } from './identity.ts';
import { logOperations } from './log.ts';
import { noiseOperations } from './noise.ts';
import { symmetricOperations } from './symmetric.ts';
import { tpmOperations } from './tpm.ts';

export function operationsOf(crypto: Crypto): OperationTable {
  return new Map(
    Object.entries({
      ...symmetricOperations(crypto),
      ...hashOperations(crypto),
      ...curveOperations(crypto),
      ...noiseOperations(crypto),
      ...frostOperations(crypto),
      ...cocktailOperations(crypto),
      ...logOperations(crypto),
      ...identityOperations(crypto),
      ...evidenceOperations(crypto),
      ...tpmOperations(crypto),
    }),
  );
}
