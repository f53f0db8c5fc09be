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
import { type CommitteeMember, othersThan } from './committee.ts';
import { deal, openDealt } from './dealing.ts';
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
} from './generation-message.ts';
import type { Outgoing } from './outgoing.ts';
import type { SecretPolynomial } from './polynomial.ts';
import { admitPublicPackage, type PublicPackage, publicPackageDigest } from './public-package.ts';
import { blaming } from './refusal.ts';
import { schnorrVerify } from './schnorr.ts';
import { SecretShare, sumOfShares } from './secret-share.ts';
import { type PartOf, TwoRounds } from './two-rounds.ts';

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

export interface CertifiedDealingOptions extends PartOf<Ceremony> {
  /** What this member deals, if it is a dealer; wiped once it is dealt. */
  polynomial: (() => SecretPolynomial) | undefined;
}

export class CertifiedDealing extends TwoRounds<Ceremony> {
  /** As a receiver; a dealer that receives nothing is finished when it has dealt. */
  readonly #self: CommitteeMember | undefined;
  readonly #polynomial: (() => SecretPolynomial) | undefined;
  readonly #packages = new Map<string, GenerationPackage>();
  #receipts: PackageReceipt[] = [];
  #certificate: Omit<GenerationCertificate, 'signatures'> | undefined;
  #signature: Uint8Array = new Uint8Array();
  #pending: PendingKey | undefined;
  #result: GeneratedKey | undefined;

  /** @throws OOTO_THRESHOLD_MEMBER (caller) unless `name` deals or receives, and `key` is its own. */
  constructor({ polynomial, ...part }: CertifiedDealingOptions) {
    const { ceremony, name, key } = part;
    const { committee, dealers } = ceremony;
    const isNamed = (member: CommitteeMember) => member.name === name;
    const self = committee.members.find(isNamed);
    const dealer = dealers.find(isNamed);
    const places = [self, dealer].filter((place) => place !== undefined);
    if (places.length === 0 || places.some(({ publicKey }) => !equal(key.publicKey, publicKey)))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `the key is not the one of ${name}`);
    if ((dealer === undefined) !== (polynomial === undefined))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `whether ${name} deals is not agreed`);
    super(part, self && { 1: dealers, 2: committee.members });
    this.#self = self;
    this.#polynomial = polynomial;
  }

  /** The key that awaits certification, from the moment the messages of round 2 are returned. */
  get pending(): PendingKey | undefined {
    return this.#pending;
  }

  /** The finished key; its secret share now belongs to the caller. */
  get result(): GeneratedKey | undefined {
    return this.#result;
  }

  protected open(): Outgoing[] {
    return this.#polynomial ? this.#deal(this.#polynomial()) : [];
  }

  #deal(polynomial: SecretPolynomial): Outgoing[] {
    using secret = polynomial;
    const { dealing, dealers } = this.ceremony;
    const { identifier } = dealers.find(({ name }) => name === this.name)!;
    const message = deal(this.crypto, dealing, this.key, secret);
    const digest = packageDigest(this.crypto, message);
    const signature = this.key.sign(packageStatement(this.ceremony, identifier, digest));
    const made = { ...message, signature };
    this.#packages.set(this.name, made);
    return this.#toOthers(encodePackage(this.ceremony, made));
  }

  #checkPackage({ name, identifier, publicKey }: CommitteeMember, index: number): GenerationPackage {
    return blaming('OOTO_THRESHOLD_BAD_PACKAGE', name, 'sent a package that does not hold', () => {
      const made = decodePackage(this.ceremony, this.messageOf(1, name));
      const digest = packageDigest(this.crypto, made);
      const statement = packageStatement(this.ceremony, identifier, digest);
      schnorrVerify(this.crypto, publicKey, statement, made.signature);
      verifyDealt(this.crypto, this.ceremony, index, made);
      return made;
    });
  }

  /** End of round 1: every package holds, every share fits; the key exists, and this member says so to all. */
  protected answer(): Outgoing[] {
    const { committee, dealers } = this.ceremony;
    const packages = dealers.map(
      (dealer, i) => this.#packages.get(dealer.name) ?? this.#checkPackage(dealer, i),
    );
    const publicPackage = admitPublicPackage(this.crypto, generatedPackage(this.crypto, committee, packages));
    const position = committee.members.indexOf(this.#self!);
    const encryptedShares = packages.map((made) => made.encryptedShares[position]);
    const secretShare = this.#combineShares(publicPackage, packages, encryptedShares);
    this.#pending = { publicPackage, secretShare, encryptedShares };
    this.#signTranscript(packages);
    const message = { receipts: this.#receipts, signature: this.#signature };
    return this.#toOthers(encodeCertification(this.ceremony, message));
  }

  #combineShares(
    publicPackage: PublicPackage,
    packages: readonly GenerationPackage[],
    encryptedShares: readonly Uint8Array[],
  ): SecretShare {
    const { identifier } = this.#self!;
    const shares: Uint8Array[] = [];
    try {
      for (const [i, dealer] of this.ceremony.dealers.entries())
        shares.push(this.#openShare(dealer, packages[i], encryptedShares[i]));
    } catch (error) {
      wipe(...shares);
      throw error;
    }
    const digest = publicPackageDigest(this.crypto, publicPackage);
    return new SecretShare(identifier, digest, sumOfShares(this.crypto, shares));
  }

  #openShare(
    { name, publicKey }: CommitteeMember,
    made: GenerationPackage,
    encrypted: Uint8Array,
  ): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_SHARE', name, 'dealt a share that does not fit its commitment', () => {
      const { context } = this.ceremony.dealing;
      const from = { context, sender: publicKey, identifier: this.#self!.identifier };
      return openDealt(this.crypto, from, this.key, made, encrypted).share;
    });
  }

  #signTranscript(packages: readonly GenerationPackage[]): void {
    this.#receipts = packages.map((made) => ({
      digest: packageDigest(this.crypto, made),
      signature: made.signature,
    }));
    const digests = this.#receipts.map(({ digest }) => digest);
    const contributions = packages.map(({ commitment, proof, ephemeralKey }) => ({
      commitment,
      proof,
      ephemeralKey,
    }));
    const { session } = this.ceremony;
    this.#certificate = { session, contributions, packages: packagesDigest(this.crypto, digests) };
    this.#signature = this.key.sign(this.#transcript);
  }

  get #transcript(): Uint8Array {
    const { contributions, packages } = this.#certificate!;
    return this.ceremony.transcript(contributions, packages);
  }

  /** End of round 2: all receivers signed the same transcript. */
  protected conclude(): void {
    const transcript = this.#transcript;
    const signatures = this.ceremony.committee.members.map((member) =>
      member === this.#self ? this.#signature : this.#checkCertification(member, transcript),
    );
    this.#result = { ...this.#pending!, certificate: { ...this.#certificate!, signatures } };
  }

  #checkCertification({ name, publicKey }: CommitteeMember, transcript: Uint8Array): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_CERTIFICATION', name, 'did not certify the transcript', () => {
      const { receipts, signature } = decodeCertification(this.ceremony, this.messageOf(2, name));
      this.requireSameReceipts(this.#receipts, receipts);
      schnorrVerify(this.crypto, publicKey, transcript, signature);
      return signature;
    });
  }

  #toOthers(bytes: Uint8Array): Outgoing[] {
    return othersThan(this.ceremony.committee, this.name).map(({ name }) => ({ to: name, bytes }));
  }

  protected erase(): void {
    this.#pending?.secretShare[Symbol.dispose]();
    this.#pending = undefined;
  }
}
