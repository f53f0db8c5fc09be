/**
 * A mesh to measure handshakes in. What flows through here: three founders generate a group key, any two sign the
 * root, two nodes' certificates and a head; each founder's log holds a thousand entries and both certificates. What
 * comes out is plain, for the other process: what everybody knows of the mesh, and what each node shows and keeps.
 */
import { leafTbs, rootTbs } from '../../src/authority/certification.ts';
import { encodeCredential, logOrigin } from '../../src/authority/credential.ts';
import {
  createGenesisRecord,
  encodeDraft,
  foundingCommittee,
  type GenesisDraft,
  type GenesisRecord,
  generationSession,
  operatorMessage,
} from '../../src/authority/genesis.ts';
import { encodeHead, headMessage } from '../../src/authority/head.ts';
import { encodeLeaf } from '../../src/authority/leaf.ts';
import { createRequest } from '../../src/authority/request.ts';
import { firstBundle } from '../../src/authority/trust-bundle.ts';
import { hex } from '../../src/base/hex.ts';
import { assembleCertificate } from '../../src/cert/write.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import type { CborValue } from '../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { Log } from '../../src/log/index.ts';
import { signWithGroup } from '../../src/mesh/authority/group-signature.ts';
import { initialPolicy } from '../../src/mesh/policy.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import {
  type GeneratedKey,
  KeyGeneration,
  KeyGenerationKey,
  SigningMember,
} from '../../src/threshold/index.ts';

const FOUNDERS = ['a1', 'a2', 'a3'];
const THRESHOLD = 2;
const LOG_ENTRIES = 1_000;
/** However long the run is, nothing lapses. */
export const LIFE_MS = 4 * 3_600_000;

/** Bytes as hexadecimal text: it goes between processes as JSON. */
export interface BenchMesh {
  genesis: string;
  root: string;
  head: string;
  nodes: Record<'left' | 'right', BenchNode>;
}

export interface BenchNode {
  id: string;
  /** Seed of the identity key. */
  identity: string;
  credential: string;
}

interface BenchLog {
  log: Log;
  stored: Map<string, Uint8Array>;
}

interface Authority {
  crypto: Crypto;
  genesis: GenesisRecord;
  members: ReadonlyMap<string, SigningMember>;
  logs: ReadonlyMap<string, BenchLog>;
}

export async function makeBenchMesh(crypto: Crypto): Promise<BenchMesh> {
  const authority = await found(crypto);
  const { genesis } = authority;
  const tbs = await rootTbs(crypto, firstBundle(crypto, genesis));
  const root = assembleCertificate(tbs, await groupSignature(authority, tbs));
  const head = await issueHead(authority);
  const [left, right] = [await issueNode(authority, 'left', head), await issueNode(authority, 'right', head)];
  return { genesis: hex(genesis.encoded), root: hex(root), head: hex(head), nodes: { left, right } };
}

async function found(crypto: Crypto): Promise<Authority> {
  const key = () => Ed25519SigningKey.generate(crypto);
  const [operator, logKeys] = [key(), FOUNDERS.map(key)];
  const keyGenerationKeys = FOUNDERS.map(() => KeyGenerationKey.generate(crypto));
  const policy = initialPolicy({ manifests: ['6d'.repeat(32)], originators: [] });
  const draft: GenesisDraft = {
    name: 'bench',
    created: Date.now() - 1_000,
    threshold: THRESHOLD,
    founders: FOUNDERS.map((name, i) => ({
      name,
      identityKey: key().publicKey,
      logKey: logKeys[i].publicKey,
      witnessKey: key().publicKey,
      keyGenerationKey: keyGenerationKeys[i].publicKey,
      addresses: ['127.0.0.1:1'],
    })),
    operators: [{ keyid: 'operator', publicKey: operator.publicKey }],
    operatorQuorum: 1,
    policy: { ...policy, headMaximumAgeMs: LIFE_MS } as unknown as CborValue,
  };
  const bytes = encodeDraft(draft);
  const keys = generate(crypto, draft, bytes, keyGenerationKeys);
  const genesis = createGenesisRecord(crypto, {
    draft: bytes,
    operatorSignatures: [{ keyid: 'operator', signature: operator.sign(operatorMessage(bytes)) }],
    attempt: 1,
    publicPackage: keys[0].publicPackage,
    certificate: keys[0].certificate,
  });
  const { publicPackage } = genesis;
  const members = FOUNDERS.map((name, i): [string, SigningMember] => [
    name,
    new SigningMember({ crypto, publicPackage, secretShare: keys[i].secretShare }),
  ]);
  const logs = FOUNDERS.map((name, i): [string, BenchLog] => [
    name,
    longLog(crypto, genesis, name, logKeys[i]),
  ]);
  return { crypto, genesis, members: new Map(members), logs: new Map(logs) };
}

function generate(
  crypto: Crypto,
  draft: GenesisDraft,
  bytes: Uint8Array,
  keyGenerationKeys: readonly KeyGenerationKey[],
): GeneratedKey[] {
  const [committee, session] = [foundingCommittee(draft), generationSession(crypto, bytes, 1)];
  const machines = new Map(
    FOUNDERS.map((name, i) => [
      name,
      new KeyGeneration({ crypto, committee, session, name, key: keyGenerationKeys[i] }),
    ]),
  );
  const queue = [...machines].flatMap(([from, machine]) => machine.start().map((m) => ({ from, ...m })));
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { to, from, bytes } = next;
    queue.push(
      ...machines
        .get(to)!
        .receive(from, bytes)
        .map((message) => ({ from: to, ...message })),
    );
  }
  return [...machines.values()].map(({ result }) => result!);
}

function longLog(crypto: Crypto, genesis: GenesisRecord, name: string, signer: Ed25519SigningKey): BenchLog {
  const stored = new Map<string, Uint8Array>();
  const log = new Log({
    ...{ crypto, signer, origin: logOrigin(genesis.meshId, name) },
    store: { get: (key) => stored.get(key) },
  });
  append(
    { log, stored },
    Array.from({ length: LOG_ENTRIES }, () => crypto.random.bytes(200)),
  );
  return { log, stored };
}

function append({ log, stored }: BenchLog, entries: readonly Uint8Array[]): void {
  const staged = log.stage(entries);
  for (const change of staged.changes) {
    if ('put' in change) stored.set(change.put, change.value);
    else stored.delete(change.delete);
  }
  log.accept(staged);
}

function groupSignature({ crypto, genesis, members }: Authority, message: Uint8Array): Promise<Uint8Array> {
  const session = crypto.random.bytes(32);
  const clock = nodeClock();
  for (const member of members.values())
    member.approve({ session, message, coordinator: 'bench' }, clock.monotonic());
  return signWithGroup({
    ...{ crypto, clock, session, message, publicPackage: genesis.publicPackage, candidates: FOUNDERS },
    ask: async (member, bytes) => members.get(member)!.receive('bench', bytes, clock.monotonic()),
  });
}

async function issueHead(authority: Authority): Promise<Uint8Array> {
  const part = { version: 0, digest: new Uint8Array(32) };
  const [mesh, time] = [authority.genesis.meshId, Date.now()];
  const parts = { bundle: part, policy: part, committee: part, revocations: part };
  const body = { mesh, number: 1, time, expires: time + LIFE_MS, ...parts };
  return encodeHead(body, await groupSignature(authority, headMessage(body)));
}

async function issueNode(authority: Authority, name: string, head: Uint8Array): Promise<BenchNode> {
  const { crypto, genesis, logs } = authority;
  const seed = crypto.random.bytes(32);
  const secret = hex(seed);
  const identity = new Ed25519SigningKey(crypto, seed);
  const id = `spiffe://${hex(genesis.meshId)}/worker/${name}`;
  const key = { algorithm: 'ed25519' as const, bytes: identity.publicKey };
  const request = await createRequest(
    crypto,
    { mesh: genesis.meshId, id, key, life: LIFE_MS, tier: 'software', nonce: crypto.random.bytes(16) },
    { algorithm: 'ed25519', publicKey: key.bytes, sign: async (message) => identity.sign(message) },
  );
  const tbs = await leafTbs(crypto, genesis, request, Date.now());
  const leaf = encodeLeaf({
    kind: 'certificate',
    tbs: crypto.sha256(tbs),
    issuer: crypto.sha256(genesis.groupKey),
    id,
    key: crypto.sha256(key.bytes),
    evidence: crypto.random.bytes(32),
    verdict: 'software',
  });
  const proofs = [...logs].slice(0, THRESHOLD).map(([name, bench]) => {
    const index = bench.log.size;
    append(bench, [leaf]);
    const { checkpoint } = bench.log;
    return { log: name, leaf, index, path: bench.log.proveInclusion(index), checkpoint: checkpoint! };
  });
  const certificate = assembleCertificate(tbs, await groupSignature(authority, tbs));
  return { id, identity: secret, credential: hex(encodeCredential({ certificate, proofs, head })) };
}
