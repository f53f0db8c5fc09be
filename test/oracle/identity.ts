/** SPIFFE names, DSSE envelopes, and certificates: by signature and profile, or by the mesh's rule as well. */

import { AuthorityView } from '../../src/authority/authority-view.ts';
import { encodeCredential, validateCredential } from '../../src/authority/credential.ts';
import { verifyGenesisRecord } from '../../src/authority/genesis.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { OotoError } from '../../src/base/errors.ts';
import { hex } from '../../src/base/hex.ts';
import { readCertificate } from '../../src/cert/certificate.ts';
import { readSpiffeBundle } from '../../src/cert/spiffe-bundle.ts';
import { parseSpiffeId } from '../../src/cert/spiffe-id.ts';
import { validateCertificate, validateRoot } from '../../src/cert/validate.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { parseEnvelope, verifyEnvelope } from '../../src/envelope/dsse.ts';
import {
  byteList,
  bytes,
  type Fields,
  flag,
  has,
  hexList,
  isFields,
  type Json,
  moment,
  number,
  type Operations,
  object,
  objects,
  text,
  texts,
} from './request.ts';

/** As large as any envelope that a node takes. */
const MOST_ENVELOPE_BYTES = 1024 * 1024;

export function identityOperations(crypto: Crypto): Operations {
  return {
    // Its one field has the name of the request's own id; who numbers requests says `spiffeId`.
    'spiffe.parse': (request) => ({
      ...parseSpiffeId(text(request, has(request, 'spiffeId') ? 'spiffeId' : 'id')),
    }),
    'spiffe.bundle': (request) => {
      const { authorities, ...more } = readSpiffeBundle(text(request, 'bundle'));
      return { authorities: hexList(authorities), ...more };
    },
    'dsse.verify': (request) => {
      const { payload } = verifyEnvelope(crypto, envelope(request), {
        keys: objects(request, 'keys').map((key) => ({
          keyid: text(key, 'keyid'),
          publicKey: bytes(key, 'pk'),
        })),
        threshold: number(request, 'threshold'),
        payloadTypes: texts(request, 'payloadTypes'),
      });
      return { payload: hex(payload) };
    },
    'cert.validate': (request) => validate(crypto, request),
  };
}

/** An object has no order of members, its one text form has: the product judges the text, and all that is in it. */
function envelope(request: Fields) {
  const { payload, payloadType, signatures, ...more } = object(request, 'envelope');
  const ordered = Array.isArray(signatures) ? signatures.map(inOrder) : signatures;
  const written = JSON.stringify({ payload, payloadType, signatures: ordered, ...more });
  return parseEnvelope(utf8(written), { maxBytes: MOST_ENVELOPE_BYTES });
}

function inOrder(signature: Json): Json {
  if (!isFields(signature)) return signature;
  const { keyid, sig, ...more } = signature;
  return { keyid, sig, ...more };
}

/** With the mesh's rule the genesis record says whose logs count; without it signature and profile are judged. */
function validate(crypto: Crypto, request: Fields): Fields {
  const [certificate, rootDer, time] = [
    bytes(request, 'certificate'),
    bytes(request, 'root'),
    moment(request, 'time'),
  ];
  const expected = has(request, 'expectedId') ? { expectedId: text(request, 'expectedId') } : {};
  const { trustDomain } = readCertificate(rootDer).claims;
  const root = validateRoot(crypto, { certificate: rootDer, trustDomain });
  const { id, tier } = validateCertificate(crypto, { certificate, root, time, ...expected });
  if (!has(request, 'requireProofs') || flag(request, 'requireProofs')) {
    if (!has(request, 'genesis')) throw unproven();
    const genesis = verifyGenesisRecord(crypto, bytes(request, 'genesis'));
    const authority = new AuthorityView(crypto, genesis, rootDer);
    validateCredential(crypto, { authority }, credential(request, certificate), { time, ...expected });
  }
  return { id, tier };
}

function unproven(): OotoError {
  return new OotoError('OOTO_AUTHORITY_PROOFS', 'peer', 'no genesis record says whose logs could prove it');
}

function credential(request: Fields, certificate: Uint8Array): Uint8Array {
  const proofs = objects(request, 'proofs').map((proof) => ({
    log: text(proof, 'log'),
    leaf: bytes(proof, 'leaf'),
    index: number(proof, 'index'),
    path: [...byteList(proof, 'path')],
    checkpoint: text(proof, 'checkpoint'),
  }));
  return encodeCredential({ certificate, proofs, head: null });
}
