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
import { type PackageReceipt, packageStatement } from './generation-message.ts';
import type { Outgoing } from './outgoing.ts';
import { randomScalar } from './polynomial.ts';
import { publicPackageDigest } from './public-package.ts';
import { blaming } from './refusal.ts';
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
import { type PartOf, TwoRounds } from './two-rounds.ts';

export interface RepairOptions extends Omit<PartOf<RepairCeremony>, 'ceremony'> {
  plan: RepairPlan;
  /** A helper's own share; lent until `start` returns. */
  secretShare?: SecretShare | undefined;
}

export class ShareRepair extends TwoRounds<RepairCeremony> {
  /** Position among the helpers; -1 for the target. */
  readonly #position: number;
  #share: SecretShare | undefined;
  #own: RepairPackage | undefined;
  #packages: RepairPackage[] = [];
  #result: SecretShare | undefined;

  /**
   * @throws OOTO_THRESHOLD_DEALERS, OOTO_THRESHOLD_SESSION, OOTO_THRESHOLD_MEMBER (caller) for a plan that does not hold
   * or has no part for this member; OOTO_THRESHOLD_KEY (local) for a share of another package.
   */
  constructor({ plan, secretShare, ...part }: RepairOptions) {
    const { crypto, name, key } = part;
    const ceremony = repairCeremony(crypto, plan);
    const { target, dealers } = ceremony;
    const position = dealers.findIndex((helper) => helper.name === name);
    const self = dealers[position] ?? (target.name === name ? target : undefined);
    const isHelping = position >= 0;
    if (!self || !equal(self.publicKey, key.publicKey) || isHelping !== (secretShare !== undefined))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `the plan has another part for ${name}`);
    if (secretShare) requireOwnShare(crypto, plan, self, secretShare);
    super({ ...part, ceremony }, { 1: dealers, 2: isHelping ? [] : dealers });
    this.#position = position;
    this.#share = secretShare;
  }

  /** The target's share, which now belongs to the caller. */
  get result(): SecretShare | undefined {
    return this.#result;
  }

  /** None from the target. */
  protected open(): Outgoing[] {
    const share = this.#share;
    this.#share = undefined;
    return share ? this.#split(share) : [];
  }

  /** Round 1: parts that add up to the weighted share, each for one helper. */
  #split(share: SecretShare): Outgoing[] {
    const { dealers, target } = this.ceremony;
    const { edwards25519 } = this.crypto;
    const weight = helperWeight(this.crypto, this.ceremony, share.identifier);
    const whole = share.use((scalar) => edwards25519.scalarMultiply(scalar, weight));
    const parts = splitScalar(this.crypto, whole, dealers.length);
    const ephemeral = randomScalar(this.crypto);
    return withSecrets([ephemeral, ...parts], () => {
      const ephemeralKey = edwards25519.multiplyBase(ephemeral);
      const made = {
        commitments: parts.map((part) => edwards25519.multiplyBase(part)),
        ephemeralKey,
        encryptedParts: dealers.map(({ publicKey }, i) =>
          this.#seal(publicKey, { ephemeral, ephemeralKey }, parts[i]),
        ),
      };
      const digest = repairPackageDigest(this.crypto, made);
      const signature = this.key.sign(packageStatement(this.ceremony, share.identifier, digest));
      this.#own = { ...made, signature };
      const bytes = encodeRepairPackage(this.ceremony, this.#own);
      const others = [...dealers, target].filter(({ name }) => name !== this.name);
      return others.map(({ name: to }) => ({ to, bytes }));
    });
  }

  #seal(
    receiver: Uint8Array,
    { ephemeral, ephemeralKey }: { ephemeral: Uint8Array; ephemeralKey: Uint8Array },
    plaintext: Uint8Array,
  ): Uint8Array {
    const { context } = this.ceremony;
    const route = { context, ephemeralKey, sender: this.key.publicKey, receiver };
    return sealFor(this.crypto, route, { key: this.key, ephemeral }, plaintext);
  }

  #open(sender: Uint8Array, ephemeralKey: Uint8Array, encrypted: Uint8Array): Uint8Array {
    const { context } = this.ceremony;
    const route = { context, ephemeralKey, sender, receiver: this.key.publicKey };
    return openSealed(this.crypto, route, this.key, encrypted);
  }

  protected answer(): Outgoing[] {
    this.#packages = this.ceremony.dealers.map((helper, i) =>
      i === this.#position ? this.#own! : this.#checkPackage(helper, i),
    );
    return this.#position < 0 ? [] : [{ to: this.ceremony.target.name, bytes: this.#sum() }];
  }

  #checkPackage({ name }: CommitteeMember, index: number): RepairPackage {
    return blaming('OOTO_THRESHOLD_BAD_PACKAGE', name, 'sent a package that does not hold', () => {
      const made = decodeRepairPackage(this.ceremony, this.messageOf(1, name));
      verifyRepairPackage(this.crypto, this.ceremony, index, made);
      return made;
    });
  }

  /** Round 2 of a helper: the sum of what was for it. */
  #sum(): Uint8Array {
    const { dealers, target } = this.ceremony;
    const parts: Uint8Array[] = [];
    try {
      for (const [i, helper] of dealers.entries()) parts.push(this.#openPart(helper, this.#packages[i]));
    } catch (error) {
      wipe(...parts);
      throw error;
    }
    const sum = sumOfShares(this.crypto, parts);
    const ephemeral = randomScalar(this.crypto);
    return withSecrets([sum, ephemeral], () => {
      const ephemeralKey = this.crypto.edwards25519.multiplyBase(ephemeral);
      const encryptedSum = this.#seal(target.publicKey, { ephemeral, ephemeralKey }, sum);
      const said = { receipts: this.#receipts, ephemeralKey, encryptedSum };
      const signature = this.key.sign(sumStatement(this.ceremony, said));
      return encodeRepairSum(this.ceremony, { ...said, signature });
    });
  }

  #openPart({ name, publicKey }: CommitteeMember, made: RepairPackage): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_SHARE', name, 'sent a part that does not fit its commitment', () => {
      const part = this.#open(publicKey, made.ephemeralKey, made.encryptedParts[this.#position]);
      return requireScalarOf(this.crypto, part, made.commitments[this.#position]);
    });
  }

  get #receipts(): PackageReceipt[] {
    return this.#packages.map((made) => ({
      digest: repairPackageDigest(this.crypto, made),
      signature: made.signature,
    }));
  }

  /** The target: every sum fits what was committed to, and so does the share. */
  protected conclude(): void {
    if (this.#position >= 0) return;
    const { dealers, publicPackage, target } = this.ceremony;
    const sums: Uint8Array[] = [];
    try {
      for (const [i, helper] of dealers.entries()) sums.push(this.#openSum(helper, i));
    } catch (error) {
      wipe(...sums);
      throw error;
    }
    const digest = publicPackageDigest(this.crypto, publicPackage);
    const share = new SecretShare(target.identifier, digest, sumOfShares(this.crypto, sums));
    requireFitting(this.crypto, publicPackage, share);
    this.#result = share;
  }

  #openSum({ name, publicKey }: CommitteeMember, index: number): Uint8Array {
    return blaming('OOTO_THRESHOLD_BAD_SHARE', name, 'sent a sum that does not fit the commitments', () => {
      const said = decodeRepairSum(this.ceremony, this.messageOf(2, name));
      schnorrVerify(this.crypto, publicKey, sumStatement(this.ceremony, said), said.signature);
      this.requireSameReceipts(this.#receipts, said.receipts);
      this.crypto.edwards25519.admitElement(said.ephemeralKey);
      const sum = this.#open(publicKey, said.ephemeralKey, said.encryptedSum);
      return requireScalarOf(this.crypto, sum, sumElement(this.crypto, this.#packages, index));
    });
  }

  protected erase(): void {
    this.#share = undefined;
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
