/**
 * The authenticator of a browser's platform. What flows through here: a challenge becomes a registration or an assertion,
 * as bytes; the user is verified each time. What it is worth is judged elsewhere, by whoever has the pinned roots.
 */

import type { Authenticator } from '../../ports.ts';

/** The relying party's id and name; `user` is shown to the user. */
export interface RegistrationRequest {
  readonly party: { readonly id: string; readonly name: string };
  readonly user: string;
  /** 32 bytes, drawn by the verifier. */
  readonly challenge: Uint8Array;
}

const ES256 = -7;
const USER_BYTES = 16;

/** Makes a credential that stays in the platform's authenticator. @throws DOMException of the browser. */
export async function registerAuthenticator({ party, user, challenge }: RegistrationRequest) {
  const credential = await navigator.credentials.create({
    publicKey: {
      challenge: plain(challenge),
      rp: { ...party },
      user: { id: crypto.getRandomValues(new Uint8Array(USER_BYTES)), name: user, displayName: user },
      pubKeyCredParams: [{ type: 'public-key', alg: ES256 }],
      authenticatorSelection: { authenticatorAttachment: 'platform', userVerification: 'required' },
      attestation: 'direct',
    },
  });
  const { response } = credential as PublicKeyCredential;
  const { attestationObject, clientDataJSON } = response as AuthenticatorAttestationResponse;
  return { attestationObject: new Uint8Array(attestationObject), clientData: new Uint8Array(clientDataJSON) };
}

/** Has the credential sign a challenge. @throws DOMException of the browser. */
export async function assertByAuthenticator(request: {
  partyId: string;
  credentialId: Uint8Array;
  challenge: Uint8Array;
}) {
  const credential = await navigator.credentials.get({
    publicKey: {
      challenge: plain(request.challenge),
      rpId: request.partyId,
      allowCredentials: [{ type: 'public-key', id: plain(request.credentialId) }],
      userVerification: 'required',
    },
  });
  const { response, rawId } = credential as PublicKeyCredential;
  const { authenticatorData, clientDataJSON, signature } = response as AuthenticatorAssertionResponse;
  return {
    credentialId: new Uint8Array(rawId),
    authenticatorData: new Uint8Array(authenticatorData),
    clientData: new Uint8Array(clientDataJSON),
    signature: new Uint8Array(signature),
  };
}

/** In a buffer of its own, as the browser's types want it. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** The platform's authenticator for one relying party; `user` is shown to the user. */
export function platformAuthenticator({
  party,
  user,
}: Pick<RegistrationRequest, 'party' | 'user'>): Authenticator {
  return {
    register: (challenge) => registerAuthenticator({ party, user, challenge }),
    sign: (credentialId, challenge) => assertByAuthenticator({ partyId: party.id, credentialId, challenge }),
  };
}
