/** The threshold room: a group key made without a dealer, and signatures that t of n members make together. */
export type { GeneratedKey, PendingKey } from './certified-dealing.ts';
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
  generatedPackage,
  verifyGenerationCertificate,
} from './generation-certificate.ts';
export { type Ceremony, createCeremony } from './generation-message.ts';
export { KeyGeneration, type KeyGenerationOptions } from './key-generation.ts';
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
export { type RepairOptions, ShareRepair } from './repair.ts';
export type { RepairPlan } from './repair-plan.ts';
export { type ResharedKey, Resharing, type ResharingOptions } from './resharing.ts';
export {
  decodeResharingCertificate,
  encodeResharingCertificate,
  type ResharingCertificate,
  verifyResharingCertificate,
} from './resharing-certificate.ts';
export { type ResharingPlan, refreshedCommittee } from './resharing-plan.ts';
export { decodeSecretShare, SecretShare } from './secret-share.ts';
export {
  type PassedOver,
  SigningCoordinator,
  type SigningCoordinatorOptions,
} from './signing-coordinator.ts';
export { type Approval, SigningMember, type SigningMemberOptions } from './signing-member.ts';
export { signingSession } from './signing-message.ts';
