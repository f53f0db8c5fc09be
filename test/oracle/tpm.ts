/** What a TPM has measured, stated and protects. */
import { sealFor } from '../../src/attest/tpm/credential.ts';
import { replayEventLog } from '../../src/attest/tpm/event-log.ts';
import { readPublicArea } from '../../src/attest/tpm/public-area.ts';
import { verifyQuote } from '../../src/attest/tpm/quote.ts';
import { hex, unhex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { byteList, bytes, type Fields, malformed, type Operations, object, text } from './request.ts';

export function tpmOperations(crypto: Crypto): Operations {
  return {
    'eventlog.replay': (request) => {
      if (text(request, 'bank') !== 'sha256')
        throw malformed('the product replays the bank of SHA-256 alone');
      const { values } = replayEventLog(crypto, bytes(request, 'log'));
      return { pcrs: Object.fromEntries([...values].map(([register, value]) => [register, hex(value)])) };
    },
    'quote.verify': (request) => {
      const values = registerValues(object(request, 'pcrs'));
      verifyQuote(
        crypto,
        { attest: bytes(request, 'attest'), signature: bytes(request, 'signature') },
        {
          attestationKey: readPublicArea(bytes(request, 'akPublic')),
          qualifyingData: bytes(request, 'nonce'),
          registers: selectionOf(request),
          values,
        },
      );
      return {};
    },
    'tpm.makeCredential': (request) => {
      const { credential, encryptedSeed } = sealFor(
        { ...crypto, random: fixedRandom(byteList(request, 'randomness')) },
        readPublicArea(bytes(request, 'ekPublic')),
        bytes(request, 'akName'),
        bytes(request, 'secret'),
      );
      return { credentialBlob: hex(credential), encryptedSecret: hex(encryptedSeed) };
    },
  };
}

/** Gives these draws, one after the other: for RSA seed and padding, for P-256 what the ephemeral key is made from. */
function fixedRandom(draws: readonly Uint8Array[]): Crypto['random'] {
  const left = [...draws];
  return {
    bytes(length) {
      const draw = left.shift();
      if (draw?.length !== length) throw malformed(`the next draw of randomness is not ${length} bytes`);
      return draw;
    },
  };
}

function selectionOf(request: Fields): number[] {
  const selection = request.pcrSelection;
  if (Array.isArray(selection) && selection.every((register) => typeof register === 'number'))
    return selection;
  throw malformed('field pcrSelection is no list of registers');
}

function registerValues(pcrs: Fields): Map<number, Uint8Array> {
  return new Map(
    Object.entries(pcrs).map(([register, value]) => {
      if (typeof value !== 'string') throw malformed('a value that is no text');
      return [Number(register), unhex(value)];
    }),
  );
}
