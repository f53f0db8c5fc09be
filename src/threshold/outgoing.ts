/** A message to one member. When `secret`, the channel must be encrypted, and the caller wipes the bytes once they are sent. */
export interface Outgoing {
  readonly to: string;
  readonly bytes: Uint8Array;
  readonly secret: boolean;
}
