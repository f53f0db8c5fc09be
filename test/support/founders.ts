/** A founded mesh in memory: draft, operators' signatures, a real key generation, the genesis record. */
import {
  createGenesisRecord,
  draftDigest,
  encodeDraft,
  foundingCommittee,
  type GenesisDraft,
  type GenesisRecord,
  generationSession,
  operatorMessage,
} from '../../src/authority/genesis.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import type { CborValue } from '../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { type GeneratedKey, KeyGeneration, KeyGenerationKey } from '../../src/threshold/index.ts';

export interface FounderKeys {
  name: string;
  identity: Ed25519SigningKey;
  log: Ed25519SigningKey;
  witness: Ed25519SigningKey;
  keyGeneration: KeyGenerationKey;
}

export interface OperatorKey {
  keyid: string;
  key: Pick<Ed25519SigningKey, 'publicKey' | 'sign'>;
}

export interface FoundedMesh {
  founders: FounderKeys[];
  operator: OperatorKey;
  /** All of them, the one above first. */
  operators: OperatorKey[];
  draft: GenesisDraft;
  draftBytes: Uint8Array;
  record: GenesisRecord;
  keys: GeneratedKey[];
}

export function foundMesh(
  crypto: Crypto,
  options: {
    count?: number;
    threshold?: number;
    created?: number;
    policy?: CborValue;
    operators?: number;
    /** Keys that there are already, in the place of new ones. */
    operatorKeys?: OperatorKey[];
    operatorQuorum?: number;
  } = {},
): FoundedMesh {
  const { count = 3, threshold = 2, created = 1_700_000_000_000, policy = {}, operatorQuorum = 1 } = options;
  const key = () => Ed25519SigningKey.generate(crypto);
  const founders = Array.from({ length: count }, (_, i) => ({
    name: `a${i + 1}`,
    identity: key(),
    log: key(),
    witness: key(),
    keyGeneration: KeyGenerationKey.generate(crypto),
  }));
  const operators: OperatorKey[] =
    options.operatorKeys ??
    Array.from({ length: options.operators ?? 1 }, (_, i) => ({
      keyid: i === 0 ? 'operator' : `operator-${i + 1}`,
      key: key(),
    }));
  const [operator] = operators;
  const draft: GenesisDraft = {
    name: 'test',
    created,
    threshold,
    founders: founders.map((founder, i) => ({
      name: founder.name,
      identityKey: founder.identity.publicKey,
      logKey: founder.log.publicKey,
      witnessKey: founder.witness.publicKey,
      keyGenerationKey: founder.keyGeneration.publicKey,
      addresses: [`127.0.0.1:${7000 + i}`],
    })),
    operators: operators.map(({ keyid, key: { publicKey } }) => ({ keyid, publicKey })),
    operatorQuorum,
    policy,
  };
  const draftBytes = encodeDraft(draft);
  const keys = generate(crypto, draft, draftBytes, founders);
  const record = createGenesisRecord(crypto, {
    draft: draftBytes,
    operatorSignatures: operators.map((each) => ({
      keyid: each.keyid,
      signature: each.key.sign(operatorMessage(draftBytes)),
    })),
    attempt: 1,
    publicPackage: keys[0].publicPackage,
    certificate: keys[0].certificate,
  });
  return { founders, operator, operators, draft, draftBytes, record, keys };
}

function generate(
  crypto: Crypto,
  draft: GenesisDraft,
  draftBytes: Uint8Array,
  founders: FounderKeys[],
): GeneratedKey[] {
  const machines = new Map(
    founders.map(({ name, keyGeneration }) => [
      name,
      new KeyGeneration({
        crypto,
        committee: foundingCommittee(draft),
        session: generationSession(crypto, draftBytes, 1),
        name,
        key: keyGeneration,
      }),
    ]),
  );
  const queue = [...machines].flatMap(([from, machine]) => machine.start().map((m) => ({ from, ...m })));
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { to } = next;
    for (const message of machines.get(to)!.receive(next.from, next.bytes))
      queue.push({ from: to, ...message });
  }
  return founders.map(({ name }) => machines.get(name)!.result!);
}

export { draftDigest };
