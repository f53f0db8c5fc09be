/**
 * Backup and restore of a member of the authority. What flows through here: with the node stopped, every file of its
 * folder and every entry of its store go into one encrypted file, which is read back before it counts; restoring puts
 * them into a new folder, and judges what lies there (record, share, log) before the folder gets its name. What the member
 * did after the backup it learns from the others when it starts, before it adds or signs anything.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeIdOf } from '../authority/certification.ts';
import { logKeyOf, logOrigin } from '../authority/credential.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, encode } from '../envelope/cbor.ts';
import { anything, bytesBetween, list, object, text, uint, variant } from '../envelope/fields.ts';
import { Log } from '../log/index.ts';
import { SHARE_KEY } from '../mesh/authority/founding.ts';
import { GENESIS_KEY, ROOT_KEY, readTrust } from '../mesh/identity.ts';
import { createNodeCrypto } from '../node.ts';
import { makePrivateFolder, readFileLimited, writeFileAtomically } from '../platform/node/files.ts';
import { lockFolder } from '../platform/node/folder-lock.ts';
import { openStore } from '../platform/node/store.ts';
import type { Store, StoreChange } from '../ports.ts';
import { decodeSecretShare } from '../threshold/index.ts';
import { BackupReader, BackupWriter, damaged } from './backup-file.ts';
import { readConfiguration } from './configuration.ts';
import { readRecoveryKey, readSeed } from './state-key.ts';

const STORE = 'state';
/** What a running node writes for people, or would be wrong in another folder. */
const LEFT_OUT = /^(node\.log.*|status\.json|.*\.tmp)$/;
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_VALUE_BYTES = 48 * 1024 * 1024;
/** Entries of the store in one piece, and their bytes. */
const MOST_TOGETHER = 1_000;
const MOST_BYTES_TOGETHER = 4 * 1024 * 1024;
const LAST_KEY = '\u{10ffff}';

const entry = object({ key: text(500), value: bytesBetween(0, MAX_VALUE_BYTES) });
const readPiece = variant('kind', {
  file: { name: text(255, /^[^/\\]+$/), content: bytesBetween(0, MAX_FILE_BYTES) },
  entries: { entries: list(entry, { min: 1, max: MOST_TOGETHER }) },
  end: { files: uint(), entries: uint(), facts: anything },
});

/** What a member is, as its folder says. */
interface Facts {
  node: string;
  mesh: string;
  /** Of the committee. */
  epoch: number;
  /** Entries of its log. */
  logSize: number;
  logRoot: string;
}

/** `ooto authority backup`: the node must not run. */
export async function backUp({ folder, recovery, out }: { folder: string; recovery: string; out: string }) {
  const crypto = createNodeCrypto();
  const recoveryKey = await readRecoveryKey(recovery);
  const lock = await lockFolder(folder);
  const store = await openStore(join(folder, STORE));
  try {
    const facts = factsOf(crypto, folder, store);
    const created = Date.now();
    const writer = await BackupWriter.create(crypto, out, { node: facts.node, created }, recoveryKey);
    try {
      const files = await writeFiles(writer, folder);
      const entries = await writeEntries(writer, store);
      const bytes = await writer.finish({ kind: 'end', files, entries, facts: { ...facts } });
      return {
        schema: 'ooto.authority-backup/1' as const,
        file: out,
        bytes,
        files,
        entries,
        verified: true,
        ...facts,
      };
    } finally {
      await writer.abandon();
    }
  } finally {
    await store.close();
    await lock.release();
  }
}

/** `ooto authority restore`: into a folder that is not there yet. */
export async function restore(file: string, { folder, operator }: { folder: string; operator: string }) {
  const crypto = createNodeCrypto();
  if (existsSync(folder))
    throw new OotoError('OOTO_CLI_FOLDER', 'caller', `${folder} exists`, {
      hint: 'move it away: what it holds may be newer than the backup',
    });
  const seed = await readSeed(operator);
  const reader = await BackupReader.open(crypto, file, seed).finally(() => wipe(seed));
  const temporary = `${folder}.restoring`;
  await rm(temporary, { recursive: true, force: true });
  await makePrivateFolder(temporary);
  try {
    const { header } = reader;
    const written = await writeAll(reader, temporary);
    const facts = await judged(crypto, temporary);
    if (hex(encode({ ...facts })) !== hex(encode(written.facts)))
      throw damaged('it is not what its end says');
    await rename(temporary, folder);
    const { files, entries } = written;
    const created = new Date(header.created).toISOString();
    return { schema: 'ooto.authority-restore/1' as const, folder, created, files, entries, ...facts };
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

async function writeFiles(writer: BackupWriter, folder: string): Promise<number> {
  const found = await readdir(folder, { withFileTypes: true });
  const names = found.filter((each) => each.isFile() && !LEFT_OUT.test(each.name)).map(({ name }) => name);
  for (const name of names.sort()) {
    const content = await readFileLimited(join(folder, name), MAX_FILE_BYTES);
    await writer.write({ kind: 'file', name, content });
  }
  return names.length;
}

async function writeEntries(writer: BackupWriter, store: Store): Promise<number> {
  let count = 0;
  let from = '';
  for (;;) {
    const entries = store.range(from, LAST_KEY, { limit: MOST_TOGETHER });
    if (entries.length === 0) return count;
    for (const together of portions(entries)) await writer.write({ kind: 'entries', entries: together });
    count += entries.length;
    from = `${entries[entries.length - 1].key}\0`;
  }
}

/** In portions that fit into memory and a piece. */
function portions(
  entries: readonly { key: string; value: Uint8Array }[],
): { key: string; value: Uint8Array }[][] {
  const all: { key: string; value: Uint8Array }[][] = [[]];
  let bytes = 0;
  for (const { key, value } of entries) {
    if (bytes + value.length > MOST_BYTES_TOGETHER && bytes > 0) {
      all.push([]);
      bytes = 0;
    }
    all[all.length - 1].push({ key, value });
    bytes += value.length;
  }
  return all;
}

async function writeAll(
  reader: BackupReader,
  folder: string,
): Promise<{ files: number; entries: number; facts: CborValue }> {
  await mkdir(join(folder, STORE), { mode: 0o700 });
  const store = await openStore(join(folder, STORE));
  const counted = { files: 0, entries: 0 };
  let facts: CborValue | undefined;
  try {
    for await (const encoded of reader.pieces()) {
      const piece = readPiece(encoded, 'backup');
      if (facts !== undefined) throw damaged('something follows its end');
      if (piece.kind === 'file') {
        await writeFileAtomically(join(folder, piece.name), piece.content);
        counted.files++;
      } else if (piece.kind === 'entries') {
        await store.commit(piece.entries.map(({ key: put, value }): StoreChange => ({ put, value })));
        counted.entries += piece.entries.length;
      } else if (piece.files !== counted.files || piece.entries !== counted.entries)
        throw damaged('parts are missing');
      else facts = piece.facts;
    }
    if (facts === undefined) throw damaged('it has no end');
    return { ...counted, facts };
  } finally {
    await store.close();
  }
}

/** Judges what was restored, to the last entry of the log. */
async function judged(crypto: Crypto, folder: string): Promise<Facts> {
  const store = await openStore(join(folder, STORE));
  try {
    return factsOf(crypto, folder, store, (log) => log.audit());
  } finally {
    await store.close();
  }
}

/**
 * What this folder is: a member of a mesh, whose record verifies, with a share that fits the committee's public package.
 * @throws OOTO_CLI_BACKUP (caller) where it is none; what reading record, share and log throws.
 */
function factsOf(crypto: Crypto, folder: string, store: Store, audit: (log: Log) => void = () => {}): Facts {
  const { name, role } = readConfiguration(folder);
  const [genesis, root, share] = [GENESIS_KEY, ROOT_KEY, SHARE_KEY].map((key) => store.get(key));
  if (role !== 'authority' || !genesis || !root || !share)
    throw damaged(`the node in ${folder} is no member of the authority of a founded mesh`);
  const { authority } = readTrust(crypto, genesis, root, store);
  decodeSecretShare(crypto, authority.publicPackage, share)[Symbol.dispose]();
  const { publicKey } = logKeyOf(authority.committee, name);
  const log = new Log({
    ...{ crypto, store, prefix: 'log/', origin: logOrigin(authority.meshId, name) },
    signer: { publicKey, sign: cannotSign },
  });
  audit(log);
  return {
    node: nodeIdOf(authority.meshId, 'authority', name),
    mesh: hex(authority.meshId),
    epoch: authority.committee.epoch,
    logSize: log.size,
    logRoot: hex(log.root),
  };
}

function cannotSign(): never {
  throw new OotoError('OOTO_CLI_BACKUP', 'local', 'a backup signs nothing');
}
