/**
 * Evidence of a node with a TPM, and its appraisal. What flows through here: a key in software signs what a TPM would
 * state: a quote over nine registers, the certification of an identity key, and a firmware log of a hundred events;
 * an appraisal reads and verifies all of it, as a verifier does each time a node attests.
 */
import { replayEventLog, verifyEventLog } from '../../src/attest/tpm/event-log.ts';
import { verifyKeyCertification } from '../../src/attest/tpm/key-certification.ts';
import { pcrPolicy } from '../../src/attest/tpm/pcr.ts';
import { nameOf, readPublicArea } from '../../src/attest/tpm/public-area.ts';
import { verifyQuote } from '../../src/attest/tpm/quote.ts';
import { sized } from '../../src/attest/tpm/wire.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { IDENTITY, quoted, softwareKey, statementBy } from '../../test/support/software-tpm.ts';

const EVENTS = 100;
const EVENT_BYTES = 200;
const [CERTIFY, QUOTE] = [0x8017, 0x8018];
const [SHA1, SHA256] = [4, 0xb];
const EV_NO_ACTION = 3;
const APPLICATION_REGISTER = 15;
const QUALIFYING = new Uint8Array(32).fill(7);

/** A function that appraises the same evidence once; it throws should anything not fit. */
export function appraisal(crypto: Crypto): () => void {
  const log = firmwareLog(crypto);
  const values = new Map([...replayEventLog(crypto, log).values, [APPLICATION_REGISTER, QUALIFYING]]);
  const firmware = new Map([...values].filter(([register]) => register !== APPLICATION_REGISTER));
  const attestation = softwareKey();
  const identity = softwareKey({ attributes: IDENTITY, policy: pcrPolicy(crypto, values) });
  const named = concat(sized(nameOf(crypto, identity.publicArea)), sized(new Uint8Array(34)));
  const quote = statementBy(attestation, QUOTE, quoted(values), {});
  const certification = statementBy(attestation, CERTIFY, named, {});
  const areas = [attestation.publicArea.encoded, identity.publicArea.encoded];
  const registers = [...values.keys()];
  return () => {
    const [attestationKey, identityKey] = areas.map(readPublicArea);
    const expected = { attestationKey, qualifyingData: QUALIFYING };
    verifyQuote(crypto, quote, { ...expected, registers, values });
    verifyKeyCertification(crypto, certification, { ...expected, identityKey, policy: values });
    verifyEventLog(crypto, log, firmware);
  };
}

function firmwareLog(crypto: Crypto): Uint8Array {
  const fixed = [utf8('Spec ID Event03\0'), u32le(0), Uint8Array.of(0, 2, 0, 2), u32le(2)];
  const sizes = [SHA1, 20, SHA256, 32].map(u16le);
  const announced = concat(...fixed, ...sizes, Uint8Array.of(0));
  const header = concat(
    u32le(0),
    u32le(EV_NO_ACTION),
    new Uint8Array(20),
    u32le(announced.length),
    announced,
  );
  const events = Array.from({ length: EVENTS }, (_, i) => {
    const data = new Uint8Array(EVENT_BYTES).fill(i);
    const digests = [u16le(SHA1), new Uint8Array(20), u16le(SHA256), crypto.sha256(data)];
    return concat(u32le(i % 8), u32le(8), u32le(2), ...digests, u32le(data.length), data);
  });
  return concat(header, ...events);
}

function u16le(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8);
}

function u32le(value: number): Uint8Array {
  return concat(u16le(value & 0xffff), u16le(value >>> 16));
}
