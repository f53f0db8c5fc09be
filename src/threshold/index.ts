/** The threshold room: a group key made without a dealer, and signatures that t of n members make together. */
export {
  admitCommittee,
  type Committee,
  type CommitteeMember,
  committeeDigest,
  encodeCommittee,
  MAX_MEMBERS,
} from './committee.ts';
export { type Equivocation, verifyEquivocation } from './equivocation.ts';
export {
  decodeGenerationCertificate,
  encodeGenerationCertificate,
  type GenerationCertificate,
  verifyGenerationCertificate,
} from './generation-certificate.ts';
export { type Ceremony, createCeremony } from './generation-message.ts';
export {
  type GeneratedKey,
  KeyGeneration,
  type KeyGenerationOptions,
  type PendingKey,
} from './key-generation.ts';
export { KeyGenerationKey } from './key-generation-key.ts';
export type { Outgoing } from './outgoing.ts';
export {
  decodePublicPackage,
  encodePublicPackage,
  groupKey,
  type PublicPackage,
  publicPackageDigest,
} from './public-package.ts';
export { recoverShare } from './recovery.ts';
export { decodeSecretShare, SecretShare } from './secret-share.ts';
export {
  type PassedOver,
  SigningCoordinator,
  type SigningCoordinatorOptions,
} from './signing-coordinator.ts';
export { type Approval, SigningMember, type SigningMemberOptions } from './signing-member.ts';
export { signingSession } from './signing-message.ts';
