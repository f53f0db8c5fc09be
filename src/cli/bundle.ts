/**
 * The trust bundle of a mesh as a file that SPIFFE software reads. What flows through here: a node keeps
 * `trust-bundle.json` in its folder at the keys in force, each with its certificate; `ooto bundle` judges such a file,
 * of this mesh or another, and says whose it is.
 */
import { join } from 'node:path';
import type { AuthorityView } from '../authority/authority-view.ts';
import { utf8, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { readCertificate } from '../cert/certificate.ts';
import { formatSpiffeBundle, readSpiffeBundle } from '../cert/spiffe-bundle.ts';
import { validateRoot } from '../cert/validate.ts';
import { createNodeCrypto } from '../node.ts';
import { readFileLimited, writeFileAtomically } from '../platform/node/files.ts';

/** As often as nodes hear of a new head. */
const REFRESH_SECONDS = 300;
const MOST_BYTES = 256 * 1024;

export class BundleFile {
  readonly #file: string;
  #text: string | undefined;

  constructor(folder: string) {
    this.#file = join(folder, 'trust-bundle.json');
  }

  /** Writes the keys under which certificates stand at `now` (milliseconds since 1970), where they have changed. */
  async update(authority: AuthorityView, now: number): Promise<void> {
    const roots = authority.issuersAt(now).map(({ root }) => root);
    const sequence = authority.bundle.version;
    const text = formatSpiffeBundle(roots, { sequence, refreshSeconds: REFRESH_SECONDS });
    if (text === this.#text) return;
    await writeFileAtomically(this.#file, utf8(text));
    this.#text = text;
  }
}

export interface ShownBundle {
  schema: 'ooto.bundle/1';
  sequence: number | null;
  authorities: { trustDomain: string; publicKey: string; notBefore: string; notAfter: string }[];
}

/** @throws OOTO_CERT_* (peer) unless every authority of the file is the root of a mesh; OOTO_CLI_BUNDLE (caller). */
export async function showBundle(file: string): Promise<ShownBundle> {
  const crypto = createNodeCrypto();
  const { authorities, sequence = null } = readSpiffeBundle(await textOf(file));
  return {
    schema: 'ooto.bundle/1',
    sequence,
    authorities: authorities.map((certificate) => {
      const { trustDomain } = readCertificate(certificate).claims;
      const { publicKey, notBefore, notAfter } = validateRoot(crypto, { certificate, trustDomain });
      return {
        trustDomain,
        publicKey: hex(publicKey),
        notBefore: moment(notBefore),
        notAfter: moment(notAfter),
      };
    }),
  };
}

async function textOf(file: string): Promise<string> {
  const bytes = await readFileLimited(file, MOST_BYTES);
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw new OotoError('OOTO_CLI_BUNDLE', 'caller', `${file} is no text`, { cause });
  }
}

function moment(time: number): string {
  return new Date(time).toISOString();
}
