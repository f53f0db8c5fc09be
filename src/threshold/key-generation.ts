/**
 * Key generation without a dealer (COCKTAIL-DKG), one member's side, as a machine without I/O. What flows through
 * here, in order: (1) every member sends every other a signed package: commitment to a secret polynomial, proof that
 * it knows the secret, and a sealed share for each; (2) once all packages are there and hold and all shares fit, the
 * list of packages it saw and its signature under the transcript. Nobody finishes before all members have signed the
 * same transcript, so nobody holds a key that another does not hold too. All n members must take part; whoever cheats
 * is named and the run ends.
 *
 * The caller sends each message to the one member it names, over a channel that says who sends, and stores `pending`
 * durably before it sends the messages of round 2: whoever crashes then finishes with the certificate of another
 * member (`verifyGenerationCertificate`), or gets the share anew from what was sealed for it (`recoverShare`).
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { contribute, openShare, verifyContribution } from './cocktail.ts';
import {
  admitCommittee,
  type Committee,
  type CommitteeMember,
  memberNamed,
  othersThan,
} from './committee.ts';
import { compareReceipts, type Equivocation } from './equivocation.ts';
import {
  type GenerationCertificate,
  generatedPackage,
  generationTranscript,
} from './generation-certificate.ts';
import {
  type Ceremony,
  createCeremony,
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
import { admitPublicPackage, type PublicPackage, publicPackageDigest } from './public-package.ts';
import { blame, blaming, wrongState } from './refusal.ts';
import { schnorrVerify } from './schnorr.ts';
import { SecretShare, sumOfShares } from './secret-share.ts';

/** What must be stored before round 2 is sent. */
export interface PendingKey {
  readonly publicPackage: PublicPackage;
  readonly secretShare: SecretShare;
  /** What the members sealed for this one, in the order of the committee: with its key the share comes back from it. */
  readonly encryptedShares: readonly Uint8Array[];
}

export interface GeneratedKey extends PendingKey {
  readonly certificate: GenerationCertificate;
}

export interface KeyGenerationOptions {
  crypto: Crypto;
  /** Its members are numbered from 1. */
  committee: Committee;
  /** 32 bytes that all members agree on, never used before. */
  session: Uint8Array;
  /** This member's name in the committee. */
  name: string;
  /** This member's key; lent. */
  key: KeyGenerationKey;
  /** Milliseconds, on the clock that `tick` is given, after which the run ends; never, when absent. */
  deadline?: number;
}

type Stage = 'new' | 'packages' | 'certification' | 'finished' | 'failed';

const ROUND_OF: Partial<Record<Stage, Round>> = { packages: 1, certification: 2 };

export class KeyGeneration implements Disposable {
  readonly #crypto: Crypto;
  readonly #ceremony: Ceremony;
  readonly #self: CommitteeMember;
  readonly #others: CommitteeMember[];
  readonly #key: KeyGenerationKey;
  readonly #deadline: number;
  readonly #inbox: Record<Round, Map<string, Uint8Array>> = { 1: new Map(), 2: new Map() };
  readonly #packages = new Map<string, GenerationPackage>();
  #receipts: PackageReceipt[] = [];
  #certificate: Omit<GenerationCertificate, 'signatures'> | undefined;
  #signature: Uint8Array = new Uint8Array();
  #stage: Stage = 'new';
  #pending: PendingKey | undefined;
  #result: GeneratedKey | undefined;
  #evidence: Equivocation | undefined;

  /** @throws OOTO_THRESHOLD_COMMITTEE, OOTO_THRESHOLD_MEMBER or OOTO_THRESHOLD_SESSION for options that do not fit. */
  constructor(options: KeyGenerationOptions) {
    const { crypto, name, key } = options;
    const committee = admitCommittee(crypto, options.committee);
    this.#crypto = crypto;
    this.#ceremony = createCeremony(crypto, committee, options.session);
    this.#self = memberNamed(committee, name);
    this.#others = othersThan(committee, name);
    if (!equal(key.publicKey, this.#self.publicKey))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `the key is not the one of ${name}`);
    this.#key = key;
    this.#deadline = options.deadline ?? Number.POSITIVE_INFINITY;
  }

  /** The messages of round 1. */
  start(): Outgoing[] {
    if (this.#stage !== 'new') throw wrongState('key generation has been started');
    this.#stage = 'packages';
    const { identifier, name } = this.#self;
    const message = contribute(this.#crypto, this.#ceremony.setup, identifier, this.#key);
    const digest = packageDigest(this.#crypto, message);
    const signature = this.#key.sign(packageStatement(this.#ceremony, identifier, digest));
    const made = { ...message, signature };
    this.#packages.set(name, made);
    return this.#toOthers(encodePackage(this.#ceremony, made));
  }

  /**
   * Takes a message that the channel says is from `from`; returns what is to be sent next.
   * Messages may come in any order; the same one twice is ignored.
   * @throws OOTO_THRESHOLD_SESSION or OOTO_BASE_ errors for messages of another run, which change nothing; every
   * other error ends the run and names the culprits.
   */
  receive(from: string, bytes: Uint8Array): Outgoing[] {
    if (ROUND_OF[this.#stage] === undefined) throw wrongState(`key generation is ${this.#stage}`);
    const sender = memberNamed(this.#ceremony.committee, from);
    if (sender === this.#self) throw wrongState('a message from oneself');
    const round = readRound(this.#ceremony, bytes);
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
      throw blame('OOTO_THRESHOLD_TOO_FEW', this.missing, 'did not answer in time; key generation needs all');
    });
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** Whose message of the present round has not come. */
  get missing(): string[] {
    const round = ROUND_OF[this.#stage];
    if (round === undefined) return [];
    return this.#others.map((member) => member.name).filter((name) => !this.#inbox[round].has(name));
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

  #advance(): Outgoing[] {
    const next: Outgoing[] = [];
    if (this.#isComplete('packages')) next.push(...this.#certify());
    if (this.#isComplete('certification')) this.#finish();
    return next;
  }

  #isComplete(stage: Stage): boolean {
    return this.#stage === stage && this.missing.length === 0;
  }

  #checkPackage({ name, identifier, publicKey }: CommitteeMember): GenerationPackage {
    return blaming('OOTO_THRESHOLD_BAD_PACKAGE', name, 'sent a package that does not hold', () => {
      const made = decodePackage(this.#ceremony, this.#inbox[1].get(name)!);
      const digest = packageDigest(this.#crypto, made);
      schnorrVerify(
        this.#crypto,
        publicKey,
        packageStatement(this.#ceremony, identifier, digest),
        made.signature,
      );
      verifyContribution(this.#crypto, this.#ceremony.setup, made);
      return made;
    });
  }

  /** End of round 1: every package holds, every share fits; the key exists, and this member says so to all. */
  #certify(): Outgoing[] {
    for (const member of this.#others) this.#packages.set(member.name, this.#checkPackage(member));
    const { committee } = this.#ceremony;
    const packages = committee.members.map(({ name }) => this.#packages.get(name)!);
    const publicPackage = admitPublicPackage(
      this.#crypto,
      generatedPackage(this.#crypto, committee, packages),
    );
    const secretShare = this.#combineShares(publicPackage);
    const encryptedShares = packages.map((made) => made.encryptedShares[this.#self.identifier - 1]);
    this.#pending = { publicPackage, secretShare, encryptedShares };
    this.#signTranscript(packages);
    this.#stage = 'certification';
    const message = { receipts: this.#receipts, signature: this.#signature };
    return this.#toOthers(encodeCertification(this.#ceremony, message));
  }

  #combineShares(publicPackage: PublicPackage): SecretShare {
    const { identifier } = this.#self;
    const shares = this.#ceremony.committee.members.map((member) => this.#openShare(member));
    const digest = publicPackageDigest(this.#crypto, publicPackage);
    return new SecretShare(identifier, digest, sumOfShares(this.#crypto, shares));
  }

  #openShare({ name, identifier }: CommitteeMember): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_SHARE', name, 'dealt a share that does not fit its commitment', () => {
      const receiver = this.#self.identifier;
      const made = this.#packages.get(name)!;
      const encrypted = made.encryptedShares[receiver - 1];
      const { setup } = this.#ceremony;
      return openShare(this.#crypto, setup, { sender: identifier, receiver }, this.#key, made, encrypted)
        .share;
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
    this.#signature = this.#key.sign(generationTranscript(this.#ceremony, this.#certificate));
  }

  /** End of round 2: all members signed the same transcript. */
  #finish(): void {
    const certificate = this.#certificate!;
    const transcript = generationTranscript(this.#ceremony, certificate);
    const signatures = this.#ceremony.committee.members.map((member) =>
      member === this.#self ? this.#signature : this.#checkCertification(member, transcript),
    );
    this.#result = { ...this.#pending!, certificate: { ...certificate, signatures } };
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
    return this.#others.map(({ name }) => ({ to: name, bytes }));
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
