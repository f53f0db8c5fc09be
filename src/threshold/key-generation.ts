/**
 * Key generation without a dealer, one member's side, as a machine without I/O. What flows through here, in order:
 * (1) every member sends every other a signed package: commitment to a secret polynomial, proof that it knows the
 * secret; (2) once all packages are there and hold, one secret share to each; (3) once all shares fit, the list of
 * packages it saw and its signature over transcript and group key. Nobody finishes before all members have signed
 * the same statement, so nobody holds a key that another does not hold too. All n members must take part; whoever
 * cheats is named and the run ends.
 *
 * The caller sends each message over an authenticated, encrypted channel to the one member it names, and stores
 * `pending` durably before it sends the messages of round 3: whoever crashes then finishes with the certificate of
 * another member (`verifyGenerationCertificate`).
 */
import { equal } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { admitElement, verifyProofOfKnowledge } from '../crypto/frost.ts';
import {
  admitCommittee,
  type Committee,
  type CommitteeMember,
  memberNamed,
  othersThan,
} from './committee.ts';
import { checkDealtShare, Dealing } from './dealing.ts';
import { compareReceipts, type Equivocation } from './equivocation.ts';
import {
  type GenerationCertificate,
  generationStatement,
  transcriptDigest,
} from './generation-certificate.ts';
import {
  type Ceremony,
  createCeremony,
  decodeCertification,
  decodePackage,
  decodeShare,
  encodeCertification,
  encodePackage,
  encodeShare,
  type GenerationPackage,
  type PackageReceipt,
  packageDigest,
  packageStatement,
  type Round,
  readRound,
} from './generation-message.ts';
import type { Outgoing } from './outgoing.ts';
import { admitPublicPackage, type PublicPackage, publicPackageDigest } from './public-package.ts';
import { blame, blaming, wrongState } from './refusal.ts';
import { SecretShare } from './secret-share.ts';

export interface GenerationSigner {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** What must be stored before round 3 is sent. */
export interface PendingKey {
  readonly publicPackage: PublicPackage;
  readonly secretShare: SecretShare;
}

export interface GeneratedKey extends PendingKey {
  readonly certificate: GenerationCertificate;
}

export interface KeyGenerationOptions {
  crypto: Crypto;
  committee: Committee;
  /** 32 bytes that all members agree on, never used before. */
  session: Uint8Array;
  /** This member's name in the committee. */
  name: string;
  /** Holder of this member's key-generation key. */
  signer: GenerationSigner;
  /** Milliseconds, on the clock that `tick` is given, after which the run ends; never, when absent. */
  deadline?: number;
}

type Stage = 'new' | 'packages' | 'shares' | 'certification' | 'finished' | 'failed';

const ROUND_OF: Partial<Record<Stage, Round>> = { packages: 1, shares: 2, certification: 3 };

export class KeyGeneration implements Disposable {
  readonly #crypto: Crypto;
  readonly #ceremony: Ceremony;
  readonly #self: CommitteeMember;
  readonly #others: CommitteeMember[];
  readonly #signer: GenerationSigner;
  readonly #deadline: number;
  readonly #dealing: Dealing;
  readonly #inbox: Record<Round, Map<string, Uint8Array>> = { 1: new Map(), 2: new Map(), 3: new Map() };
  /** Of every message taken: the inbox of round 2 is wiped once it is used. */
  readonly #digests: Record<Round, Map<string, Uint8Array>> = { 1: new Map(), 2: new Map(), 3: new Map() };
  readonly #packages = new Map<string, GenerationPackage>();
  #receipts: PackageReceipt[] = [];
  #transcript: Uint8Array = new Uint8Array();
  #signature: Uint8Array = new Uint8Array();
  #stage: Stage = 'new';
  #pending: PendingKey | undefined;
  #result: GeneratedKey | undefined;
  #evidence: Equivocation | undefined;

  /** @throws OOTO_THRESHOLD_COMMITTEE, OOTO_THRESHOLD_MEMBER or OOTO_THRESHOLD_SESSION for options that do not fit. */
  constructor(options: KeyGenerationOptions) {
    const { crypto, name, signer } = options;
    const committee = admitCommittee(crypto, options.committee);
    this.#crypto = crypto;
    this.#ceremony = createCeremony(crypto, committee, options.session);
    this.#self = memberNamed(committee, name);
    this.#others = othersThan(committee, name);
    if (!equal(signer.publicKey, this.#self.publicKey))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `the signer is not the one of ${name}`);
    this.#signer = signer;
    this.#deadline = options.deadline ?? Number.POSITIVE_INFINITY;
    this.#dealing = new Dealing(crypto, committee, this.#self.identifier);
  }

  /** The messages of round 1. */
  start(): Outgoing[] {
    if (this.#stage !== 'new') throw wrongState('key generation has been started');
    this.#stage = 'packages';
    const { commitment, proof } = this.#dealing;
    const digest = packageDigest(this.#crypto, { commitment, proof });
    const signature = this.#signer.sign(packageStatement(this.#ceremony, this.#self.identifier, digest));
    const made = { commitment, proof, signature };
    this.#packages.set(this.#self.name, made);
    return this.#toOthers(() => encodePackage(this.#ceremony, made));
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
    const digest = this.#crypto.sha256(bytes);
    const known = this.#digests[round].get(from);
    if (known && equal(known, digest)) return [];
    return this.#orFail(() => {
      if (known) throw blame('OOTO_THRESHOLD_EQUIVOCATION', from, `sent two messages of round ${round}`);
      this.#digests[round].set(from, digest);
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

  /** The key that awaits certification, from the moment the messages of round 3 are returned. */
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
    if (this.#isComplete('packages')) next.push(...this.#dealShares());
    if (this.#isComplete('shares')) next.push(...this.#certify());
    if (this.#isComplete('certification')) this.#finish();
    return next;
  }

  #isComplete(stage: Stage): boolean {
    return this.#stage === stage && this.missing.length === 0;
  }

  /** End of round 1: every package holds; each other member gets its share. */
  #dealShares(): Outgoing[] {
    for (const member of this.#others) this.#packages.set(member.name, this.#checkPackage(member));
    this.#stage = 'shares';
    const shares = this.#dealing.deal(this.#dealt());
    const messages = this.#others.map(({ name, identifier }, i) => ({
      to: name,
      bytes: encodeShare(this.#ceremony, identifier, shares[i]),
      secret: true,
    }));
    wipe(...shares);
    return messages;
  }

  #checkPackage({ name, identifier, publicKey }: CommitteeMember): GenerationPackage {
    return blaming('OOTO_THRESHOLD_BAD_PACKAGE', name, 'sent a package that does not hold', () => {
      const made = decodePackage(this.#ceremony, this.#inbox[1].get(name)!);
      const digest = packageDigest(this.#crypto, made);
      this.#crypto.ed25519.verify(
        publicKey,
        packageStatement(this.#ceremony, identifier, digest),
        made.signature,
      );
      for (const element of made.commitment) admitElement(element);
      verifyProofOfKnowledge(identifier, made.commitment[0], made.proof);
      return made;
    });
  }

  /** End of round 2: every share fits; the key exists, and this member says so to all. */
  #certify(): Outgoing[] {
    const shares = this.#others.map((member) => this.#checkShare(member));
    const { commitment, scalar } = this.#dealing.combine(this.#dealt(), shares);
    wipe(...shares, ...this.#inbox[2].values());
    this.#dealing[Symbol.dispose]();
    const { committee } = this.#ceremony;
    const publicPackage = admitPublicPackage(this.#crypto, { committee, commitment });
    const digest = publicPackageDigest(this.#crypto, publicPackage);
    this.#pending = { publicPackage, secretShare: new SecretShare(this.#self.identifier, digest, scalar) };
    this.#signTranscript(publicPackage);
    this.#stage = 'certification';
    const message = { receipts: this.#receipts, signature: this.#signature };
    return this.#toOthers(() => encodeCertification(this.#ceremony, message));
  }

  #checkShare({ name }: CommitteeMember): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_SHARE', name, 'dealt a share that does not fit its commitment', () => {
      const { identifier } = this.#self;
      const share = decodeShare(this.#ceremony, identifier, this.#inbox[2].get(name)!);
      checkDealtShare(this.#ceremony.committee, identifier, this.#packages.get(name)!.commitment, share);
      return share;
    });
  }

  #signTranscript(publicPackage: PublicPackage): void {
    this.#receipts = this.#ceremony.committee.members.map(({ name }) => {
      const made = this.#packages.get(name)!;
      return { digest: packageDigest(this.#crypto, made), signature: made.signature };
    });
    const digests = this.#receipts.map((receipt) => receipt.digest);
    this.#transcript = transcriptDigest(this.#crypto, this.#ceremony, digests);
    const statement = generationStatement(this.#ceremony, this.#transcript, publicPackage);
    this.#signature = this.#signer.sign(statement);
  }

  /** End of round 3: all members signed the same statement. */
  #finish(): void {
    const pending = this.#pending!;
    const statement = generationStatement(this.#ceremony, this.#transcript, pending.publicPackage);
    const signatures = this.#ceremony.committee.members.map((member) =>
      member === this.#self ? this.#signature : this.#checkCertification(member, statement),
    );
    const { session } = this.#ceremony;
    this.#result = { ...pending, certificate: { session, transcript: this.#transcript, signatures } };
    this.#stage = 'finished';
  }

  #checkCertification({ name, publicKey }: CommitteeMember, statement: Uint8Array): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_CERTIFICATION', name, 'did not certify the transcript', () => {
      const { receipts, signature } = decodeCertification(this.#ceremony, this.#inbox[3].get(name)!);
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
      this.#crypto.ed25519.verify(publicKey, statement, signature);
      return signature;
    });
  }

  #dealt() {
    return this.#others.map(({ name, identifier }) => ({ identifier, ...this.#packages.get(name)! }));
  }

  #toOthers(encode: () => Uint8Array): Outgoing[] {
    return this.#others.map(({ name }) => ({ to: name, bytes: encode(), secret: false }));
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
    this.#dealing[Symbol.dispose]();
    wipe(...this.#inbox[2].values());
    this.#pending?.secretShare[Symbol.dispose]();
    this.#pending = undefined;
  }
}
