/**
 * Dealing that all receivers certify, one member's side, as a machine without I/O: key generation and resharing are
 * both this. What flows through here, in order: (1) every dealer sends every receiver a signed package: commitment to
 * a secret polynomial, proof that it knows the secret, and a sealed share for each; (2) once all packages are there
 * and hold and all shares fit, every receiver sends every other the list of packages it saw and its signature under
 * the transcript. Nobody finishes before all receivers have signed the same transcript, so nobody holds a share that
 * others do not fit. All dealers and all receivers must take part; whoever cheats is named and the run ends.
 */
import { equal } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CommitteeMember, othersThan } from './committee.ts';
import { deal, openDealt } from './dealing.ts';
import { compareReceipts, type Equivocation } from './equivocation.ts';
import { type GenerationCertificate, generatedPackage, verifyDealt } from './generation-certificate.ts';
import {
  type Ceremony,
  decodeCertification,
  decodePackage,
  encodeCertification,
  encodePackage,
  type GenerationPackage,
  type PackageReceipt,
  packageDigest,
  packageStatement,
  packagesDigest,
  type Round,
  readRound,
} from './generation-message.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import type { Outgoing } from './outgoing.ts';
import type { SecretPolynomial } from './polynomial.ts';
import { admitPublicPackage, type PublicPackage, publicPackageDigest } from './public-package.ts';
import { blame, blaming, wrongState } from './refusal.ts';
import { schnorrVerify } from './schnorr.ts';
import { SecretShare, sumOfShares } from './secret-share.ts';

/** What must be stored before round 2 is sent. */
export interface PendingKey {
  readonly publicPackage: PublicPackage;
  readonly secretShare: SecretShare;
  /** What the dealers sealed for this member, in their order: with its key the share comes back from it. */
  readonly encryptedShares: readonly Uint8Array[];
}

export interface GeneratedKey extends PendingKey {
  readonly certificate: GenerationCertificate;
}

export interface CertifiedDealingOptions {
  crypto: Crypto;
  ceremony: Ceremony;
  /** This member's name. */
  name: string;
  /** This member's key; lent. */
  key: KeyGenerationKey;
  /** What this member deals, if it is a dealer; wiped once it is dealt. */
  polynomial: (() => SecretPolynomial) | undefined;
  /** Milliseconds, on the clock that `tick` is given, after which the run ends; never, when absent. */
  deadline?: number | undefined;
}

export type DealingStage = 'new' | 'packages' | 'certification' | 'finished' | 'failed';

const ROUND_OF: Partial<Record<DealingStage, Round>> = { packages: 1, certification: 2 };

export class CertifiedDealing implements Disposable {
  readonly #crypto: Crypto;
  readonly #ceremony: Ceremony;
  readonly #name: string;
  /** As a receiver; a dealer that receives nothing is finished when it has dealt. */
  readonly #self: CommitteeMember | undefined;
  readonly #key: KeyGenerationKey;
  readonly #polynomial: (() => SecretPolynomial) | undefined;
  readonly #deadline: number;
  readonly #inbox: Record<Round, Map<string, Uint8Array>> = { 1: new Map(), 2: new Map() };
  readonly #packages = new Map<string, GenerationPackage>();
  #receipts: PackageReceipt[] = [];
  #certificate: Omit<GenerationCertificate, 'signatures'> | undefined;
  #signature: Uint8Array = new Uint8Array();
  #stage: DealingStage = 'new';
  #pending: PendingKey | undefined;
  #result: GeneratedKey | undefined;
  #evidence: Equivocation | undefined;

  /** @throws OOTO_THRESHOLD_MEMBER (caller) unless `name` deals or receives, and `key` is its own. */
  constructor({ crypto, ceremony, name, key, polynomial, deadline }: CertifiedDealingOptions) {
    const { committee, dealers } = ceremony;
    const isNamed = (member: CommitteeMember) => member.name === name;
    const self = committee.members.find(isNamed);
    const dealer = dealers.find(isNamed);
    const places = [self, dealer].filter((place) => place !== undefined);
    if (places.length === 0 || places.some(({ publicKey }) => !equal(key.publicKey, publicKey)))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `the key is not the one of ${name}`);
    if ((dealer === undefined) !== (polynomial === undefined))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `whether ${name} deals is not agreed`);
    this.#crypto = crypto;
    this.#ceremony = ceremony;
    this.#name = name;
    this.#self = self;
    this.#key = key;
    this.#polynomial = polynomial;
    this.#deadline = deadline ?? Number.POSITIVE_INFINITY;
  }

  /** The messages of round 1. */
  start(): Outgoing[] {
    if (this.#stage !== 'new') throw wrongState('the ceremony has been started');
    this.#stage = this.#self ? 'packages' : 'finished';
    return this.#polynomial ? this.#deal(this.#polynomial()) : [];
  }

  /**
   * Takes a message that the channel says is from `from`; returns what is to be sent next.
   * Messages may come in any order; the same one twice is ignored.
   * @throws OOTO_THRESHOLD_SESSION or OOTO_BASE_ errors for messages of another run, which change nothing; every
   * other error ends the run and names the culprits.
   */
  receive(from: string, bytes: Uint8Array): Outgoing[] {
    if (ROUND_OF[this.#stage] === undefined) throw wrongState(`the ceremony is ${this.#stage}`);
    if (from === this.#name) throw wrongState('a message from oneself');
    const round = readRound(this.#ceremony, bytes);
    if (!this.#sendersOf(round).includes(from))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'peer', `${from} has no part in round ${round}`);
    const known = this.#inbox[round].get(from);
    if (known && equal(known, bytes)) return [];
    return this.#orFail(() => {
      if (known) throw blame('OOTO_THRESHOLD_EQUIVOCATION', from, `sent two messages of round ${round}`);
      this.#inbox[round].set(from, bytes.slice());
      return this.#advance();
    });
  }

  /** @throws OOTO_THRESHOLD_TOO_FEW (peer) naming who did not answer, once the deadline has passed. */
  tick(now: number): void {
    if (now < this.#deadline || ROUND_OF[this.#stage] === undefined) return;
    this.#orFail(() => {
      throw blame('OOTO_THRESHOLD_TOO_FEW', this.missing, 'did not answer in time; the ceremony needs all');
    });
  }

  get stage(): DealingStage {
    return this.#stage;
  }

  /** Whose message of the present round has not come. */
  get missing(): string[] {
    const round = ROUND_OF[this.#stage];
    if (round === undefined) return [];
    return this.#sendersOf(round).filter((name) => !this.#inbox[round].has(name));
  }

  /** The key that awaits certification, from the moment the messages of round 2 are returned. */
  get pending(): PendingKey | undefined {
    return this.#pending;
  }

  /** The finished key; its secret share now belongs to the caller. */
  get result(): GeneratedKey | undefined {
    return this.#result;
  }

  /** When a member was shown to have sent different packages: the proof of it. */
  get evidence(): Equivocation | undefined {
    return this.#evidence;
  }

  /** Erases all that is secret, but for the share of a finished key. */
  [Symbol.dispose](): void {
    if (this.#stage !== 'finished') this.#fail();
  }

  #sendersOf(round: Round): string[] {
    const { committee, dealers } = this.#ceremony;
    const senders = round === 1 ? dealers : committee.members;
    return senders.map(({ name }) => name).filter((name) => name !== this.#name);
  }

  #deal(polynomial: SecretPolynomial): Outgoing[] {
    using secret = polynomial;
    const { dealing, dealers } = this.#ceremony;
    const { identifier } = dealers.find(({ name }) => name === this.#name)!;
    const message = deal(this.#crypto, dealing, this.#key, secret);
    const digest = packageDigest(this.#crypto, message);
    const signature = this.#key.sign(packageStatement(this.#ceremony, identifier, digest));
    const made = { ...message, signature };
    this.#packages.set(this.#name, made);
    return this.#toOthers(encodePackage(this.#ceremony, made));
  }

  #advance(): Outgoing[] {
    const next: Outgoing[] = [];
    if (this.#isComplete('packages')) next.push(...this.#certify());
    if (this.#isComplete('certification')) this.#finish();
    return next;
  }

  #isComplete(stage: DealingStage): boolean {
    return this.#stage === stage && this.missing.length === 0;
  }

  #checkPackage({ name, identifier, publicKey }: CommitteeMember, index: number): GenerationPackage {
    return blaming('OOTO_THRESHOLD_BAD_PACKAGE', name, 'sent a package that does not hold', () => {
      const made = decodePackage(this.#ceremony, this.#inbox[1].get(name)!);
      const digest = packageDigest(this.#crypto, made);
      const statement = packageStatement(this.#ceremony, identifier, digest);
      schnorrVerify(this.#crypto, publicKey, statement, made.signature);
      verifyDealt(this.#crypto, this.#ceremony, index, made);
      return made;
    });
  }

  /** End of round 1: every package holds, every share fits; the key exists, and this member says so to all. */
  #certify(): Outgoing[] {
    const { committee, dealers } = this.#ceremony;
    const packages = dealers.map(
      (dealer, i) => this.#packages.get(dealer.name) ?? this.#checkPackage(dealer, i),
    );
    const publicPackage = admitPublicPackage(
      this.#crypto,
      generatedPackage(this.#crypto, committee, packages),
    );
    const position = committee.members.indexOf(this.#self!);
    const encryptedShares = packages.map((made) => made.encryptedShares[position]);
    const secretShare = this.#combineShares(publicPackage, packages, encryptedShares);
    this.#pending = { publicPackage, secretShare, encryptedShares };
    this.#signTranscript(packages);
    this.#stage = 'certification';
    const message = { receipts: this.#receipts, signature: this.#signature };
    return this.#toOthers(encodeCertification(this.#ceremony, message));
  }

  #combineShares(
    publicPackage: PublicPackage,
    packages: readonly GenerationPackage[],
    encryptedShares: readonly Uint8Array[],
  ): SecretShare {
    const { identifier } = this.#self!;
    const shares: Uint8Array[] = [];
    try {
      for (const [i, dealer] of this.#ceremony.dealers.entries())
        shares.push(this.#openShare(dealer, packages[i], encryptedShares[i]));
    } catch (error) {
      wipe(...shares);
      throw error;
    }
    const digest = publicPackageDigest(this.#crypto, publicPackage);
    return new SecretShare(identifier, digest, sumOfShares(this.#crypto, shares));
  }

  #openShare(
    { name, publicKey }: CommitteeMember,
    made: GenerationPackage,
    encrypted: Uint8Array,
  ): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_SHARE', name, 'dealt a share that does not fit its commitment', () => {
      const { context } = this.#ceremony.dealing;
      const from = { context, sender: publicKey, identifier: this.#self!.identifier };
      return openDealt(this.#crypto, from, this.#key, made, encrypted).share;
    });
  }

  #signTranscript(packages: readonly GenerationPackage[]): void {
    this.#receipts = packages.map((made) => ({
      digest: packageDigest(this.#crypto, made),
      signature: made.signature,
    }));
    const digests = this.#receipts.map(({ digest }) => digest);
    const contributions = packages.map(({ commitment, proof, ephemeralKey }) => ({
      commitment,
      proof,
      ephemeralKey,
    }));
    const { session } = this.#ceremony;
    this.#certificate = { session, contributions, packages: packagesDigest(this.#crypto, digests) };
    this.#signature = this.#key.sign(this.#transcript);
  }

  get #transcript(): Uint8Array {
    const { contributions, packages } = this.#certificate!;
    return this.#ceremony.transcript(contributions, packages);
  }

  /** End of round 2: all receivers signed the same transcript. */
  #finish(): void {
    const transcript = this.#transcript;
    const signatures = this.#ceremony.committee.members.map((member) =>
      member === this.#self ? this.#signature : this.#checkCertification(member, transcript),
    );
    this.#result = { ...this.#pending!, certificate: { ...this.#certificate!, signatures } };
    this.#stage = 'finished';
  }

  #checkCertification({ name, publicKey }: CommitteeMember, transcript: Uint8Array): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_CERTIFICATION', name, 'did not certify the transcript', () => {
      const { receipts, signature } = decodeCertification(this.#ceremony, this.#inbox[2].get(name)!);
      const difference = compareReceipts(this.#crypto, this.#ceremony, this.#receipts, receipts);
      if (difference.kind === 'equivocation') {
        this.#evidence = difference.evidence;
        throw blame(
          'OOTO_THRESHOLD_EQUIVOCATION',
          difference.name,
          'sent different packages to different members',
        );
      }
      if (difference.kind === 'invention') throw new Error('lists a package that nobody signed');
      schnorrVerify(this.#crypto, publicKey, transcript, signature);
      return signature;
    });
  }

  #toOthers(bytes: Uint8Array): Outgoing[] {
    return othersThan(this.#ceremony.committee, this.#name).map(({ name }) => ({ to: name, bytes }));
  }

  #orFail<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  #fail(): void {
    this.#stage = 'failed';
    this.#pending?.secretShare[Symbol.dispose]();
    this.#pending = undefined;
  }
}
