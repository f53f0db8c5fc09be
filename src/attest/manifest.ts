/**
 * The software manifest: which program this is, as a list of files with their SHA-256. What flows through here:
 * measured files become one canonical list, ascending by path; its digest is what evidence names, what policy
 * accepts, and what a release signs. The same list as text is what a launcher hashes with nothing but `sha256sum`.
 */
import { compare, concat, equal, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { type DocumentDraft, decodeDocument, verifyDocument } from '../envelope/document.ts';
import { bytes, bytesBetween, type Fields, fields, list, object, text, uint } from '../envelope/fields.ts';
import { label } from '../envelope/labels.ts';
import type { Quorum } from '../envelope/quorum.ts';

const MAX_FILES = 8192;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_PATH_BYTES = 1024;
const MAX_SIGNATURES_BYTES = 64 * 1024;

const fileShape = {
  /** Relative to the program's folder, `/` between segments. */
  path: text(MAX_PATH_BYTES),
  /** Bytes. */
  size: uint(),
  sha256: bytes(32),
} as const;

export type ManifestFile = Fields<typeof fileShape>;

/** Strictly ascending by the UTF-8 bytes of the paths. */
export interface Manifest {
  readonly files: readonly ManifestFile[];
}

/**
 * The manifest of these files, in whatever order they were measured.
 * @throws OOTO_ATTEST_MANIFEST_FORM (peer) for a path twice, or one that is not plain and relative.
 */
export function createManifest(files: readonly ManifestFile[]): Manifest {
  const manifest = { files: [...files].sort(byPath) };
  requireCanonical(manifest);
  return manifest;
}

export function encodeManifest({ files }: Manifest): Uint8Array {
  return encode({ files: files.map(({ path, size, sha256 }) => ({ path, size, sha256 })) });
}

/**
 * The manifest in `encoded`.
 * @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_CBOR, OOTO_ENVELOPE_FIELD, OOTO_ATTEST_MANIFEST_FORM (peer).
 */
export function readManifest(encoded: Uint8Array): Manifest {
  const value = decode(encoded, { maxBytes: MAX_MANIFEST_BYTES });
  const files = list(object(fileShape), { min: 1, max: MAX_FILES });
  const manifest = fields(value, { files }, 'manifest');
  requireCanonical(manifest);
  return manifest;
}

/** SHA-256 over label and encoding. */
export function manifestDigest(crypto: Crypto, manifest: Manifest): Uint8Array {
  return crypto.sha256(concat(label('software-manifest'), encodeManifest(manifest)));
}

/** The lines that `sha256sum` prints of these files, in their order. */
export function manifestText({ files }: Manifest): string {
  return files.map(({ path, sha256 }) => `${hex(sha256)}  ${path}\n`).join('');
}

/** What a launcher extends its register with: SHA-256 of {@link manifestText}. */
export function launchMeasurement(crypto: Crypto, manifest: Manifest): Uint8Array {
  return crypto.sha256(utf8(manifestText(manifest)));
}

/** What that register holds when this, and nothing else, was launched since the machine started. */
export function launchedValue(crypto: Crypto, measurement: Uint8Array): Uint8Array {
  return crypto.sha256(concat(new Uint8Array(32), measurement));
}

export interface ManifestDifference {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed';
}

/** What is different in `found`, by path. */
export function compareManifests(expected: Manifest, found: Manifest): ManifestDifference[] {
  const [before, after] = [expected, found].map(
    ({ files }) => new Map(files.map((file) => [file.path, file] as const)),
  );
  const removed = expected.files.filter(({ path }) => !after.has(path)).map(({ path }) => path);
  const added = found.files.filter(({ path }) => !before.has(path)).map(({ path }) => path);
  const changed = found.files.filter(({ path, sha256 }) => {
    const was = before.get(path);
    return was !== undefined && !equal(was.sha256, sha256);
  });
  const named = (change: ManifestDifference['change']) => (path: string) => ({ path, change });
  return [
    ...removed.map(named('removed')),
    ...added.map(named('added')),
    ...changed.map(({ path }) => path).map(named('changed')),
  ];
}

const releaseShape = { release: text(64), manifest: bytesBetween(1, MAX_MANIFEST_BYTES) } as const;

/** What a release signs: its name, and the manifest of its files. Versions count the releases. */
export function releaseDraft(version: number, release: string, manifest: Manifest): DocumentDraft {
  return { kind: 'release', version, body: { release, manifest: encodeManifest(manifest) } };
}

/**
 * The manifest that a signed release names.
 * @throws OOTO_ENVELOPE_* and OOTO_ATTEST_MANIFEST_FORM (peer).
 */
export function verifyRelease(
  crypto: Crypto,
  encoded: Uint8Array,
  quorum: Quorum,
): { version: number; release: string; manifest: Manifest } {
  const document = decodeDocument(encoded, { maxBytes: MAX_MANIFEST_BYTES + MAX_SIGNATURES_BYTES });
  const { version, body } = verifyDocument(crypto, document, {
    ...quorum,
    kind: 'release',
    body: object(releaseShape),
  });
  return { version, release: body.release, manifest: readManifest(body.manifest) };
}

function requireCanonical({ files }: Manifest): void {
  if (files.length < 1 || files.length > MAX_FILES) throw malformed(`it lists ${files.length} files`);
  for (const { path } of files) requirePlain(path);
  if (files.some((file, i) => i > 0 && byPath(files[i - 1], file) >= 0))
    throw malformed('its paths do not strictly ascend');
}

/** A path that means the same everywhere: relative, without dot segments, back slashes or control characters. */
function requirePlain(path: string): void {
  const isPlain = path
    .split('/')
    .every(
      (segment) => segment !== '' && segment !== '.' && segment !== '..' && !/[\\\p{Cc}]/u.test(segment),
    );
  if (!isPlain || utf8(path).length > MAX_PATH_BYTES) throw malformed('a path is not plain and relative');
}

function byPath(a: ManifestFile, b: ManifestFile): number {
  return compare(utf8(a.path), utf8(b.path));
}

function malformed(what: string): OotoError {
  return new OotoError('OOTO_ATTEST_MANIFEST_FORM', 'peer', `not a canonical manifest: ${what}`);
}
