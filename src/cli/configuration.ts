/**
 * A node's folder and its `node.toml`. What flows through here: the file is read, checked field by field, and
 * becomes a `NodeConfiguration`; an unknown or misspelt field is refused by name. Secrets are never in it.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'smol-toml';
import * as v from 'valibot';
import { isOotoError, OotoError } from '../base/errors.ts';
import { ROLES } from '../mesh/operations.ts';
import { parseAddress } from '../platform/node/address.ts';
import { writeFileAtomically } from '../platform/node/files.ts';
import { WEB_SOCKET_SCHEME } from '../platform/node/web-socket.ts';

const MOST_BYTES = 64 * 1024;

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(1024));
const label = v.pipe(v.string(), v.minLength(1), v.maxLength(64));

const fields = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes')),
  role: v.picklist(ROLES),
  listen: v.pipe(v.string(), v.check(isAddress, 'host:port, for example 127.0.0.1:4710')),
  /** Where browsers reach this node, beside `listen`. */
  listen_web_socket: v.optional(
    v.pipe(v.string(), v.check(isWebSocketAddress, 'ws://host:port, for example ws://127.0.0.1:4711')),
  ),
  /** Where a member of the authority serves its log and its witness over plain HTTP; off when absent. */
  log_http: v.optional(v.pipe(v.string(), v.check(isAddress, 'host:port, for example 127.0.0.1:4780'))),
  /** Logs of others that this member witnesses over HTTP: their verifier keys, whose names are their origins. */
  witnessed_logs: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(4096))), v.maxLength(1024)), []),
  /** Witnesses elsewhere that cosign this member's log: submission prefix and verifier keys. */
  witnesses: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          url: v.pipe(v.string(), v.url(), v.regex(/^https?:/, 'http:// or https://')),
          keys: v.pipe(v.array(v.pipe(v.string(), v.maxLength(4096))), v.minLength(1), v.maxLength(8)),
        }),
      ),
      v.maxLength(32),
    ),
    [],
  ),
  /** Milliseconds between epochs; 60000 unless a demonstration or a test shortens it. */
  epoch_ms: v.optional(v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(60_000)), 60_000),
  /** Milliseconds between two exports of telemetry. */
  telemetry_ms: v.optional(v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(3_600_000)), 10_000),
  /** The life that is asked for this node's certificate, in milliseconds. */
  certificate_ms: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1_000)), 14_400_000),
  /** The TPM that holds the identity key: a device such as /dev/tpmrm0, or as tpm2-tss writes it. */
  tpm: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(1024))),
  /** Of which algorithm the endorsement key is; the one with a certificate if absent. */
  tpm_endorsement: v.optional(v.picklist(['p256', 'rsa2048'])),
  /** The firmware's event log. */
  tpm_event_log: v.optional(v.string(), '/sys/kernel/security/tpm0/binary_bios_measurements'),
  /** The PKCS#11 token that holds the identity key, instead of a TPM. Its PIN is in a file, which is named from the folder. */
  pkcs11: v.optional(
    v.strictObject({
      module: path,
      token: label,
      key: v.optional(label, 'ooto'),
      pin_file: v.optional(path, 'pkcs11.pin'),
      /** PEM: what the token's maker has certified of the key. */
      attestation_file: v.optional(path),
    }),
  ),
  log_level: v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'info'),
});

const schema = v.pipe(
  fields,
  v.check(
    ({ tpm, pkcs11 }) => tpm === undefined || pkcs11 === undefined,
    'tpm and pkcs11: the identity key is in one of them',
  ),
);

export type NodeConfiguration = v.InferOutput<typeof schema>;

/** @throws OOTO_CLI_CONFIGURATION (caller) that names the field. */
export function readConfiguration(folder: string): NodeConfiguration {
  const file = join(folder, 'node.toml');
  return parseConfiguration(readText(file), file);
}

export function parseConfiguration(text: string, file = 'node.toml'): NodeConfiguration {
  if (text.length > MOST_BYTES) throw wrong(file, `larger than ${MOST_BYTES} bytes`);
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (cause) {
    throw wrong(file, 'not TOML', cause);
  }
  const result = v.safeParse(schema, raw);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw wrong(file, `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`);
}

export async function writeConfiguration(
  folder: string,
  configuration: v.InferInput<typeof schema>,
): Promise<void> {
  const text = stringify(configuration);
  parseConfiguration(text);
  await writeFileAtomically(join(folder, 'node.toml'), new TextEncoder().encode(text));
}

function isWebSocketAddress(text: string): boolean {
  return text.startsWith(WEB_SOCKET_SCHEME) && isAddress(text.slice(WEB_SOCKET_SCHEME.length));
}

function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}

function readText(file: string): string {
  try {
    if (statSync(file).size > MOST_BYTES) throw wrong(file, `larger than ${MOST_BYTES} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (cause) {
    if (isOotoError(cause)) throw cause;
    if (cause instanceof TypeError) throw wrong(file, 'not UTF-8', cause);
    throw new OotoError('OOTO_CLI_CONFIGURATION', 'caller', `${file} cannot be read`, {
      cause,
      hint: 'ooto init makes a node folder',
    });
  }
}

function wrong(file: string, what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_CLI_CONFIGURATION', 'caller', `${file}: ${what}`, {
    cause,
    hint: 'docs/operations.md says what node.toml may hold',
  });
}
