/** The door for every platform: what needs neither Node nor a browser. */
export {
  type Federation,
  type FederationTrust,
  type ForeignDomain,
  type ForeignExpectations,
  type ForeignMessage,
  type ForeignUse,
  validateForeignCertificate,
  validateForeignMessage,
  verifyFederation,
} from './authority/federation.ts';
export { type Fault, isOotoError, OotoError } from './base/errors.ts';
export type { ChannelState, ChannelStatus } from './channel/channel.ts';
export type { CookieGuard } from './channel/cookie.ts';
export type {
  CredentialKind,
  CredentialVerifier,
  Peer,
  PeerIdentity,
  PresentedCredential,
} from './channel/credential.ts';
export type { Delegation } from './channel/delegation.ts';
export type { Delivery } from './channel/incoming.ts';
export {
  type DialOptions,
  Endpoint,
  type EndpointOptions,
  type HandlerRecord,
  type KeepOptions,
  type ListenOptions,
  type Surroundings,
} from './channel/keyed/endpoint.ts';
export type { Identity } from './channel/keyed/identity.ts';
export { type Admission, ChannelListener, type HalfOpen } from './channel/keyed/listener.ts';
export { type ProofExpectation, type VerifiedMessage, verifyProof } from './channel/keyed/message-proof.ts';
export {
  keyPeerId,
  type PinnedKeys,
  type PublicKey,
  pinnedKeyVerifier,
} from './channel/keyed/public-key.ts';
export type { BackOffLimits } from './channel/lasting/back-off.ts';
export type { LastingLimits } from './channel/lasting/lasting-connection.ts';
export { Redial, type Standing, type Waiting } from './channel/lasting/redial.ts';
export type { ChannelLimits, Moment } from './channel/limits.ts';
export type { Body } from './channel/streams/body.ts';
export type { StreamLimits } from './channel/streams/bounds.ts';
export { ChannelStream } from './channel/streams/channel-stream.ts';
export { RemoteRefusal } from './channel/streams/failures.ts';
export type {
  Answer,
  HandlerTable,
  IncomingRequest,
  RequestHandler,
  RequestOptions,
} from './channel/streams/requests.ts';
export {
  ChannelCloseEvent,
  ChannelMessageEvent,
  SecureChannel,
  type SecureChannelEvents,
} from './channel/streams/secure-channel.ts';
export { type Core, instantiateCore } from './core/index.ts';
export * from './crypto/index.ts';
export type { VerificationKey } from './envelope/keys.ts';
export type { Clock, Connection, Listener, Random, Signer, Transport } from './ports.ts';
