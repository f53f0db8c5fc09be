/**
 * Repair of one lost share, one member's side, as a machine without I/O (Stinson and Wei, "Combinatorial Repairability
 * for Threshold Schemes", eprint 2017/1155, as RTS in ZcashFoundation/frost; here with commitments, so that a liar is
 * named). What flows through here, in order: (1) every helper weights its share with its Lagrange coefficient at the
 * lost identifier, splits that into random parts, one for each helper, and sends them sealed, committed to and signed to
 * the others and the target; (2) every helper adds up the parts that were for it and sends the sum, sealed, to the
 * target; the target adds the sums and checks the share against the public package. A helper sees random parts alone,
 * the target sums alone: nobody learns a share that is not its own. All helpers of the plan must take part.
 */
import { equal } from '../base/bytes.ts';
import { wipe, withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CommitteeMember } from './committee.ts';
import { openSealed, sealFor } from './dealing.ts';
import { compareReceipts, type Equivocation } from './equivocation.ts';
import { type PackageReceipt, packageStatement, type Round, readRound } from './generation-message.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import type { Outgoing } from './outgoing.ts';
import { randomScalar } from './polynomial.ts';
import { publicPackageDigest } from './public-package.ts';
import { blame, blaming, wrongState } from './refusal.ts';
import {
  decodeRepairPackage,
  decodeRepairSum,
  encodeRepairPackage,
  encodeRepairSum,
  type RepairPackage,
  repairPackageDigest,
  sumElement,
  sumStatement,
  verifyRepairPackage,
} from './repair-message.ts';
import { helperWeight, type RepairCeremony, type RepairPlan, repairCeremony } from './repair-plan.ts';
import { schnorrVerify } from './schnorr.ts';
import { requireFitting, SecretShare, sumOfShares } from './secret-share.ts';

export interface RepairOptions {
  crypto: Crypto;
  plan: RepairPlan;
  /** This member's name: a helper's, or that of whose share is lost. */
  name: string;
  /** This member's key; lent. */
  key: KeyGenerationKey;
  /** A helper's own share; lent until `start` returns. */
  secretShare?: SecretShare | undefined;
  /** Milliseconds, on the clock that `tick` is given, after which the run ends; never, when absent. */
  deadline?: number | undefined;
}

type Stage = 'new' | 'packages' | 'sums' | 'finished' | 'failed';

const ROUND_OF: Partial<Record<Stage, Round>> = { packages: 1, sums: 2 };

export class ShareRepair implements Disposable {
  readonly #crypto: Crypto;
  readonly #ceremony: RepairCeremony;
  readonly #name: string;
  /** Position among the helpers; -1 for the target. */
  readonly #position: number;
  readonly #key: KeyGenerationKey;
  #share: SecretShare | undefined;
  readonly #deadline: number;
  readonly #inbox: Record<Round, Map<string, Uint8Array>> = { 1: new Map(), 2: new Map() };
  #own: RepairPackage | undefined;
  #packages: RepairPackage[] = [];
  #stage: Stage = 'new';
  #result: SecretShare | undefined;
  #evidence: Equivocation | undefined;

  /**
   * @throws OOTO_THRESHOLD_DEALERS, OOTO_THRESHOLD_SESSION, OOTO_THRESHOLD_MEMBER (caller) for a plan that does not hold
   * or has no part for this member; OOTO_THRESHOLD_KEY (local) for a share of another package.
   */
  constructor({ crypto, plan, name, key, secretShare, deadline }: RepairOptions) {
    this.#crypto = crypto;
    this.#ceremony = repairCeremony(crypto, plan);
    this.#name = name;
    const { target, dealers } = this.#ceremony;
    this.#position = dealers.findIndex((helper) => helper.name === name);
    const self = dealers[this.#position] ?? (target.name === name ? target : undefined);
    const isHelping = this.#position >= 0;
    if (!self || !equal(self.publicKey, key.publicKey) || isHelping !== (secretShare !== undefined))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `the plan has another part for ${name}`);
    if (secretShare) requireOwnShare(crypto, plan, self, secretShare);
    this.#share = secretShare;
    this.#key = key;
    this.#deadline = deadline ?? Number.POSITIVE_INFINITY;
  }

  /** The messages of round 1; none from the target. */
  start(): Outgoing[] {
    if (this.#stage !== 'new') throw wrongState('the repair has been started');
    this.#stage = 'packages';
    const share = this.#share;
    this.#share = undefined;
    return share ? this.#split(share) : [];
  }

  /**
   * Takes a message that the channel says is from `from`; returns what is to be sent next. Messages may come in any
   * order; the same one twice is ignored.
   * @throws OOTO_THRESHOLD_SESSION, OOTO_THRESHOLD_MEMBER or OOTO_BASE_ errors for messages of another run, which change
   * nothing; every other error ends the run and names the culprits.
   */
  receive(from: string, bytes: Uint8Array): Outgoing[] {
    if (ROUND_OF[this.#stage] === undefined) throw wrongState(`the repair is ${this.#stage}`);
    const round = readRound(this.#ceremony, bytes);
    if (!this.#senders.includes(from) || (round === 2 && this.#position >= 0))
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
      throw blame(
        'OOTO_THRESHOLD_TOO_FEW',
        this.missing,
        'did not answer in time; a repair needs all helpers',
      );
    });
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** Whose message of the present round has not come. */
  get missing(): string[] {
    const round = ROUND_OF[this.#stage];
    return round === undefined ? [] : this.#senders.filter((name) => !this.#inbox[round].has(name));
  }

  /** The target's share, which now belongs to the caller. */
  get result(): SecretShare | undefined {
    return this.#result;
  }

  /** When a helper was shown to have sent different packages: the proof of it. */
  get evidence(): Equivocation | undefined {
    return this.#evidence;
  }

  [Symbol.dispose](): void {
    if (this.#stage !== 'finished') this.#stage = 'failed';
    this.#share = undefined;
  }

  get #senders(): string[] {
    return this.#ceremony.dealers.map(({ name }) => name).filter((name) => name !== this.#name);
  }

  /** Round 1: parts that add up to the weighted share, each for one helper. */
  #split(share: SecretShare): Outgoing[] {
    const { dealers, target } = this.#ceremony;
    const { edwards25519 } = this.#crypto;
    const weight = helperWeight(this.#crypto, this.#ceremony, share.identifier);
    const whole = share.use((scalar) => edwards25519.scalarMultiply(scalar, weight));
    const parts = splitScalar(this.#crypto, whole, dealers.length);
    const ephemeral = randomScalar(this.#crypto);
    return withSecrets([ephemeral, ...parts], () => {
      const ephemeralKey = edwards25519.multiplyBase(ephemeral);
      const made = {
        commitments: parts.map((part) => edwards25519.multiplyBase(part)),
        ephemeralKey,
        encryptedParts: dealers.map(({ publicKey }, i) =>
          this.#seal(publicKey, { ephemeral, ephemeralKey }, parts[i]),
        ),
      };
      const digest = repairPackageDigest(this.#crypto, made);
      const signature = this.#key.sign(packageStatement(this.#ceremony, share.identifier, digest));
      this.#own = { ...made, signature };
      const bytes = encodeRepairPackage(this.#ceremony, this.#own);
      return [...this.#senders, target.name].map((to) => ({ to, bytes }));
    });
  }

  #seal(
    receiver: Uint8Array,
    { ephemeral, ephemeralKey }: { ephemeral: Uint8Array; ephemeralKey: Uint8Array },
    plaintext: Uint8Array,
  ): Uint8Array {
    const { context } = this.#ceremony;
    const route = { context, ephemeralKey, sender: this.#key.publicKey, receiver };
    return sealFor(this.#crypto, route, { key: this.#key, ephemeral }, plaintext);
  }

  #open(sender: Uint8Array, ephemeralKey: Uint8Array, encrypted: Uint8Array): Uint8Array {
    const { context } = this.#ceremony;
    const route = { context, ephemeralKey, sender, receiver: this.#key.publicKey };
    return openSealed(this.#crypto, route, this.#key, encrypted);
  }

  #advance(): Outgoing[] {
    const next: Outgoing[] = [];
    if (this.#stage === 'packages' && this.missing.length === 0) next.push(...this.#takePackages());
    if (this.#stage === 'sums' && this.missing.length === 0) this.#takeSums();
    return next;
  }

  #takePackages(): Outgoing[] {
    this.#packages = this.#ceremony.dealers.map((helper, i) =>
      i === this.#position ? this.#own! : this.#checkPackage(helper, i),
    );
    if (this.#position < 0) {
      this.#stage = 'sums';
      return [];
    }
    const message = this.#sum();
    this.#stage = 'finished';
    return [{ to: this.#ceremony.target.name, bytes: message }];
  }

  #checkPackage({ name }: CommitteeMember, index: number): RepairPackage {
    return blaming('OOTO_THRESHOLD_BAD_PACKAGE', name, 'sent a package that does not hold', () => {
      const made = decodeRepairPackage(this.#ceremony, this.#inbox[1].get(name)!);
      verifyRepairPackage(this.#crypto, this.#ceremony, index, made);
      return made;
    });
  }

  /** Round 2 of a helper: the sum of what was for it. */
  #sum(): Uint8Array {
    const { dealers, target } = this.#ceremony;
    const parts: Uint8Array[] = [];
    try {
      for (const [i, helper] of dealers.entries()) parts.push(this.#openPart(helper, this.#packages[i]));
    } catch (error) {
      wipe(...parts);
      throw error;
    }
    const sum = sumOfShares(this.#crypto, parts);
    const ephemeral = randomScalar(this.#crypto);
    return withSecrets([sum, ephemeral], () => {
      const ephemeralKey = this.#crypto.edwards25519.multiplyBase(ephemeral);
      const encryptedSum = this.#seal(target.publicKey, { ephemeral, ephemeralKey }, sum);
      const said = { receipts: this.#receipts, ephemeralKey, encryptedSum };
      const signature = this.#key.sign(sumStatement(this.#ceremony, said));
      return encodeRepairSum(this.#ceremony, { ...said, signature });
    });
  }

  #openPart({ name, publicKey }: CommitteeMember, made: RepairPackage): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_SHARE', name, 'sent a part that does not fit its commitment', () => {
      const part = this.#open(publicKey, made.ephemeralKey, made.encryptedParts[this.#position]);
      return requireScalarOf(this.#crypto, part, made.commitments[this.#position]);
    });
  }

  get #receipts(): PackageReceipt[] {
    return this.#packages.map((made) => ({
      digest: repairPackageDigest(this.#crypto, made),
      signature: made.signature,
    }));
  }

  /** The target: every sum fits what was committed to, and so does the share. */
  #takeSums(): void {
    const { dealers, publicPackage, target } = this.#ceremony;
    const sums: Uint8Array[] = [];
    try {
      for (const [i, helper] of dealers.entries()) sums.push(this.#openSum(helper, i));
    } catch (error) {
      wipe(...sums);
      throw error;
    }
    const digest = publicPackageDigest(this.#crypto, publicPackage);
    const share = new SecretShare(target.identifier, digest, sumOfShares(this.#crypto, sums));
    requireFitting(this.#crypto, publicPackage, share);
    this.#result = share;
    this.#stage = 'finished';
  }

  #openSum({ name, publicKey }: CommitteeMember, index: number): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_SHARE', name, 'sent a sum that does not fit the commitments', () => {
      const said = decodeRepairSum(this.#ceremony, this.#inbox[2].get(name)!);
      schnorrVerify(this.#crypto, publicKey, sumStatement(this.#ceremony, said), said.signature);
      this.#requireSameReceipts(said.receipts);
      this.#crypto.edwards25519.admitElement(said.ephemeralKey);
      const sum = this.#open(publicKey, said.ephemeralKey, said.encryptedSum);
      return requireScalarOf(this.#crypto, sum, sumElement(this.#crypto, this.#packages, index));
    });
  }

  #requireSameReceipts(theirs: readonly PackageReceipt[]): void {
    const difference = compareReceipts(this.#crypto, this.#ceremony, this.#receipts, theirs);
    if (difference.kind === 'equivocation') {
      this.#evidence = difference.evidence;
      throw blame(
        'OOTO_THRESHOLD_EQUIVOCATION',
        difference.name,
        'sent different packages to different members',
      );
    }
    if (difference.kind === 'invention') throw new Error('lists a package that nobody signed');
  }

  #orFail<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.#stage = 'failed';
      throw error;
    }
  }
}

/** Random parts that add up to `whole`, which is wiped. */
export function splitScalar(crypto: Crypto, whole: Uint8Array, count: number): Uint8Array[] {
  const { scalarSubtract } = crypto.edwards25519;
  const parts: Uint8Array[] = [];
  let rest = whole;
  while (parts.length < count - 1) {
    const part = randomScalar(crypto);
    const next = scalarSubtract(rest, part);
    wipe(rest);
    rest = next;
    parts.push(part);
  }
  return [...parts, rest];
}

function requireOwnShare(
  crypto: Crypto,
  { publicPackage }: RepairPlan,
  { identifier }: CommitteeMember,
  share: SecretShare,
): void {
  if (share.identifier !== identifier)
    throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `the share is that of ${share.identifier}`);
  requireFitting(crypto, publicPackage, share);
}

/** The scalar, when it is what `element` commits to; else it is wiped. */
function requireScalarOf({ edwards25519 }: Crypto, scalar: Uint8Array, element: Uint8Array): Uint8Array {
  if (equal(edwards25519.multiplyBase(scalar), element)) return scalar;
  wipe(scalar);
  throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'the scalar is not what was committed to');
}
