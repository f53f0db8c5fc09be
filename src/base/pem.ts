/**
 * PEM bundles (RFC 7468, strict form): a file is a sequence of labelled blocks and nothing else. What flows
 * through here: blocks are written with 64-character lines; a reader takes the blocks, writes them again and
 * compares, so a bundle has exactly one spelling and any changed byte is seen.
 */
import { OotoError } from './errors.ts';
import { base64, unbase64 } from './hex.ts';

export interface PemBlock {
  /** For example `CERTIFICATE`. */
  label: string;
  bytes: Uint8Array;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----\n([A-Za-z0-9+/=\n]*?)-----END \1-----\n/y;

/** The text of `blocks`, each ended by a line feed. */
export function pemEncode(blocks: readonly PemBlock[]): string {
  return blocks.map(encodeBlock).join('');
}

/**
 * The blocks of a bundle.
 * @throws OOTO_BASE_PEM (peer) for text between blocks, other line lengths or endings, or base64 that is not canonical.
 */
export function pemDecode(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  BLOCK.lastIndex = 0;
  for (let at = 0; at < text.length; at = BLOCK.lastIndex) {
    const match = BLOCK.exec(text);
    if (!match) throw notCanonical(`no block begins at character ${at}`);
    blocks.push({ label: match[1], bytes: unbase64(match[2].replaceAll('\n', '')) });
  }
  if (pemEncode(blocks) !== text) throw notCanonical('lines are not the ones an encoder writes');
  return blocks;
}

function encodeBlock({ label, bytes }: PemBlock): string {
  const lines = base64(bytes).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`;
}

function notCanonical(what: string): OotoError {
  return new OotoError('OOTO_BASE_PEM', 'peer', `not a canonical PEM bundle: ${what}`);
}
