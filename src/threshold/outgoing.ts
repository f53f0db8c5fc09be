/** A message that a machine of this room wants carried to one member. */
export interface Outgoing {
  readonly to: string;
  readonly bytes: Uint8Array;
}
