/**
 * A second mesh, founded by the attacker for itself. What flows through here, in order: two founders, their draft
 * and a real key generation make a genesis record; both members appraise, log and sign a certificate as every
 * authority does; its holder delegates to keys of this process, in the name of the mesh that is attacked.
 */
import { join } from 'node:path';
import { AuthorityView } from '../../authority/authority-view.ts';
import { nodeIdOf } from '../../authority/certification.ts';
import { encodeCredential } from '../../authority/credential.ts';
import {
  createGenesisRecord,
  encodeDraft,
  foundingCommittee,
  type GenesisRecord,
  generationSession,
  operatorMessage,
  readDraft,
} from '../../authority/genesis.ts';
import { AuthorityMember } from '../../authority/member.ts';
import { createRequest } from '../../authority/request.ts';
import { readCertificate } from '../../cert/certificate.ts';
import type { OwnCredential } from '../../channel/credential.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { Ed25519SigningKey } from '../../envelope/keys.ts';
import { AuthorityDuty } from '../../mesh/authority/duty.ts';
import { type AskMember, Issuing } from '../../mesh/authority/issuing.ts';
import { OwnCredentials } from '../../mesh/own-credential.ts';
import { openStore } from '../../platform/node/store.ts';
import type { Clock, Logger, Signer, Store } from '../../ports.ts';
import { type GeneratedKey, KeyGeneration, KeyGenerationKey } from '../../threshold/index.ts';

const FOUNDERS = ['alpha', 'beta'] as const;
const LIFE_MS = 3_600_000;
const OPERATOR = 'operator';

/** What founding takes. */
export interface Foundry {
  crypto: Crypto;
  clock: Clock;
  logger: Logger;
  /** Where the founders keep their logs. */
  folder: string;
  policy: CborValue;
}

interface FounderKeys {
  name: string;
  identity: Ed25519SigningKey;
  log: Ed25519SigningKey;
  witness: Ed25519SigningKey;
  keyGeneration: KeyGenerationKey;
}

/** A member of that mesh, as it can show itself in the mesh that the attacker knows. */
export interface Foreigner {
  own: OwnCredential;
  /** Of the mesh that it comes from. */
  genesis: GenesisRecord;
}

/** Founds a mesh and gives one of its members out as a member of `claimed`, the id of the mesh that is attacked. */
export async function memberOfOtherMesh(foundry: Foundry, claimed: Uint8Array): Promise<Foreigner> {
  const { crypto, clock, folder } = foundry;
  const founders = FOUNDERS.map((name): FounderKeys => {
    const key = () => Ed25519SigningKey.generate(crypto);
    const keyGeneration = KeyGenerationKey.generate(crypto);
    return { name, identity: key(), log: key(), witness: key(), keyGeneration };
  });
  const { genesis, keys } = found(foundry, founders);
  const stores = await Promise.all(FOUNDERS.map((name) => openStore(join(folder, name))));
  try {
    const duties = founders.map((founder, i) => dutyOf(foundry, genesis, founder, keys[i], stores[i]));
    const { encoded, id, subject, signer } = await certify(foundry, genesis, duties, founders[0]);
    const presentation = {
      kind: 'member' as const,
      id,
      meshId: claimed,
      subject,
      credential: encoded,
      notAfter: clock.now() + LIFE_MS,
    };
    const own = await OwnCredentials.create({ crypto, clock, signer }, presentation);
    return { own: own.forChannel(), genesis };
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
}

function found(
  { crypto, clock, policy }: Foundry,
  founders: readonly FounderKeys[],
): { genesis: GenesisRecord; keys: GeneratedKey[] } {
  const operator = Ed25519SigningKey.generate(crypto);
  const draft = encodeDraft({
    name: 'another',
    created: clock.now(),
    threshold: FOUNDERS.length,
    founders: founders.map(({ name, identity, log, witness, keyGeneration }) => ({
      name,
      identityKey: identity.publicKey,
      logKey: log.publicKey,
      witnessKey: witness.publicKey,
      keyGenerationKey: keyGeneration.publicKey,
      addresses: ['127.0.0.1:1'],
    })),
    operators: [{ keyid: OPERATOR, publicKey: operator.publicKey }],
    operatorQuorum: 1,
    policy,
  });
  const keys = generateKey(crypto, draft, founders);
  const [{ publicPackage, certificate }] = keys;
  const operatorSignatures = [{ keyid: OPERATOR, signature: operator.sign(operatorMessage(draft)) }];
  const genesis = createGenesisRecord(crypto, {
    draft,
    operatorSignatures,
    attempt: 1,
    publicPackage,
    certificate,
  });
  return { genesis, keys };
}

/** Both members of the key generation, and their messages carried by hand. */
function generateKey(crypto: Crypto, draft: Uint8Array, founders: readonly FounderKeys[]): GeneratedKey[] {
  const committee = foundingCommittee(readDraft(draft));
  const session = generationSession(crypto, draft, 1);
  const members = new Map(
    founders.map(({ name, keyGeneration: key }) => [
      name,
      new KeyGeneration({ crypto, committee, session, name, key }),
    ]),
  );
  const queue = [...members].flatMap(([from, member]) =>
    member.start().map((message) => ({ from, ...message })),
  );
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { from, to, bytes } = next;
    const answers = members.get(to)?.receive(from, bytes) ?? [];
    queue.push(...answers.map((message) => ({ from: to, ...message })));
  }
  return [...members.values()].flatMap(({ result }) => (result ? [result] : []));
}

function dutyOf(
  { crypto, clock }: Foundry,
  genesis: GenesisRecord,
  { name, log, witness }: FounderKeys,
  { secretShare }: GeneratedKey,
  store: Store,
): AuthorityDuty {
  const digest = crypto.sha256(genesis.meshId);
  const version = { version: 1, digest };
  const authority = new AuthorityView(crypto, genesis);
  return new AuthorityDuty({
    ...{ crypto, clock, store, authority, name, logKey: log, witnessKey: witness },
    secretShare: secretShare.encode(),
    member: new AuthorityMember({
      ...{ crypto, authority, name, longestLifeMs: LIFE_MS },
      judge: () => ({ digest, verdict: 'software' }),
    }),
    newestHead: () => 0,
    headParts: () => ({ bundle: version, policy: version, committee: version, revocations: version }),
  });
}

/** A certificate for the first founder, signed and logged by both. */
async function certify(
  { crypto, clock, logger }: Foundry,
  genesis: GenesisRecord,
  duties: readonly AuthorityDuty[],
  { name, identity }: FounderKeys,
): Promise<{ encoded: Uint8Array; id: string; subject: Uint8Array; signer: Signer }> {
  const id = nodeIdOf(genesis.meshId, 'authority', name);
  const { publicKey } = identity;
  const signer: Signer = {
    algorithm: 'ed25519',
    publicKey,
    sign: async (message) => identity.sign(message),
  };
  const request = await createRequest(
    crypto,
    {
      mesh: genesis.meshId,
      id,
      key: { algorithm: 'ed25519', bytes: publicKey },
      life: LIFE_MS,
      tier: 'software',
      nonce: crypto.random.bytes(16),
    },
    signer,
  );
  const authority = new AuthorityView(crypto, genesis);
  const issuing = new Issuing({ crypto, clock, logger, authority, ask: askDuties(duties) });
  const nonces = await issuing.challenge(request);
  const { certificate, proofs } = await issuing.issue({
    request: request.encoded,
    claim: { kind: 'founder' },
    nonces,
    evidence: new Uint8Array(1),
  });
  const subject = crypto.sha256(readCertificate(certificate).tbs);
  return { encoded: encodeCredential({ certificate, proofs, head: null }), id, subject, signer };
}

/** The members answer in this process. */
function askDuties(duties: readonly AuthorityDuty[]): AskMember {
  return async (member, operation, body) => {
    const duty = duties[FOUNDERS.indexOf(member as (typeof FOUNDERS)[number])];
    if (operation === 'authority.challenge') return duty.challenge(FOUNDERS[0], body);
    if (operation === 'authority.sign') return duty.sign(FOUNDERS[0], body);
    return (await duty.appraise(FOUNDERS[0], body)) as CborValue;
  };
}
