/**
 * The PKCS#11 token of a node's folder. What flows through here: what `node.toml` says of it, and a PIN from a file of
 * mode 0600, go to the agent, which opens the key or makes it; the certificates with which the token's maker attests the
 * key are read from a file, if there is one. By them, and by the makers that rules pin, it is decided elsewhere what the
 * key is worth.
 */
import { join, resolve } from 'node:path';
import { OotoError } from '../base/errors.ts';
import { pemDecode } from '../base/pem.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { coreFolder } from '../platform/node/core-file.ts';
import { readFileLimited, readSecretFile } from '../platform/node/files.ts';
import { type TokenSigner, tokenSigner } from '../platform/node/pkcs11/signer.ts';
import type { NodeConfiguration } from './configuration.ts';

const PIN_BYTES = 256;
const ATTESTATION_BYTES = 64 * 1024;

export type TokenConfiguration = NonNullable<NodeConfiguration['pkcs11']>;

export interface OpenToken {
  readonly signer: TokenSigner;
  /** DER: the maker's attestation of the key first; none where the token was not attested. */
  readonly certificates: readonly Uint8Array[];
}

/** Opens the key; files are named from the folder. @throws OOTO_PKCS11_*, OOTO_FILES_* (environment), OOTO_CLI_TOKEN (caller). */
export async function openNodeToken(
  crypto: Crypto,
  folder: string,
  { module, token, key, pin_file, attestation_file }: TokenConfiguration,
): Promise<OpenToken> {
  const certificates =
    attestation_file === undefined ? [] : await readAttestation(resolve(folder, attestation_file));
  const pin = await readPin(resolve(folder, pin_file));
  const agent = [process.execPath, join(coreFolder(), 'cli.js'), 'pkcs11-agent'];
  const signer = await tokenSigner({
    ...{ agent, module, token, key, pin },
    codec: { encode, decode },
    sha256: (message) => crypto.sha256(message),
  });
  return { signer, certificates };
}

async function readPin(file: string): Promise<string> {
  const content = await readSecretFile(file, PIN_BYTES);
  const pin = new TextDecoder().decode(content).replace(/\r?\n$/, '');
  content.fill(0);
  if (pin !== '') return pin;
  throw new OotoError('OOTO_CLI_TOKEN', 'caller', `${file} holds no PIN`, {
    hint: 'the PIN of the token stands there, on one line, in a file of mode 0600',
  });
}

async function readAttestation(file: string): Promise<Uint8Array[]> {
  const blocks = pemDecode(new TextDecoder().decode(await readFileLimited(file, ATTESTATION_BYTES)));
  if (blocks.length > 0 && blocks.every(({ label }) => label === 'CERTIFICATE'))
    return blocks.map(({ bytes }) => bytes);
  throw new OotoError('OOTO_CLI_TOKEN', 'caller', `${file} holds no attestation of a key`, {
    hint: 'the attestation of the key first, then the authorities of its maker, as PEM certificates',
  });
}
