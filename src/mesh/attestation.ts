/** What a session asks of mutual attestation: messages out, messages in, and whether both sides are satisfied. */
import type { CborValue } from '../envelope/cbor.ts';

export interface PeerAttestation {
  /** Whether the peer has shown what it runs, and this node has been asked and has answered. */
  readonly satisfied: boolean;
  /** The first messages. */
  start(): CborValue[];
  /** Takes a message of the peer; returns answers. @throws OOTO_ATTEST_* (peer) when the peer is not acceptable. */
  receive(body: CborValue): CborValue[];
  /** What is due by now. @throws OOTO_ATTEST_* (peer) when attestation has lapsed. */
  tick(): CborValue[];
}
