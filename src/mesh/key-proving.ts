/**
 * How a node shows where its identity key is, if it is in no TPM. What flows through here: before it asks for a
 * certificate a node judges by the rules, as members of the authority will, what its token's maker has certified or its
 * platform's authenticator has attested; it asks for the tier that this makes, and proves it when it is challenged. What
 * does not do makes tier `software`, with the reason.
 */

import type { AppraisalRules } from '../attest/appraisal-policy.ts';
import { tokenMakers } from '../attest/appraisal-policy.ts';
import { tierOfKey } from '../attest/hardware-key.ts';
import { type ExpectedKey, type KeyProof, requireRegistration } from '../attest/key-proof.ts';
import { readAuthenticatorCredential } from '../attest/webauthn/attestation.ts';
import {
  keyChallenge,
  type RegistrationResponse,
  registrationChallenge,
} from '../attest/webauthn/authenticator-key.ts';
import type { Tier } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { bytesBetween, fields } from '../envelope/fields.ts';
import type { Authenticator, Store } from '../ports.ts';

/** What the authenticator gave when it was registered: made once, shown with every request. */
const REGISTRATION_KEY = 'identity/registration';
const MOST_REGISTRATION_BYTES = 24 * 1024;
const registrationShape = {
  attestationObject: bytesBetween(1, 16 * 1024),
  clientData: bytesBetween(1, 2048),
} as const;

/** Where an identity key is held, and what that is worth. */
export interface KeyFinding {
  readonly held: 'file' | 'tpm' | 'token' | 'authenticator';
  readonly tier: Tier;
  /** One sentence each, for people. */
  readonly reasons: readonly string[];
}

/** Where the key must be shown to be: the context of an enrolment but for its nonce. */
export type KeyContext = Omit<ExpectedKey, 'nonce'>;

/** Shows where an identity key is. */
export interface KeyProver {
  /** What can be shown by these rules. */
  find(context: KeyContext, rules: AppraisalRules | undefined): Promise<KeyFinding>;
  /** @throws what the authenticator's port throws. */
  prove(expected: ExpectedKey): Promise<KeyProof>;
}

/** Of a key in a PKCS#11 token, with its maker's attestation of the key; without one, none are given. */
export function tokenProver(crypto: Crypto, certificates: readonly Uint8Array[]): KeyProver {
  return {
    async find({ key, time }, rules) {
      const makers = rules ? tokenMakers(rules) : [];
      return { held: 'token', ...tierOfKey(crypto, { key, certificates }, makers, time) };
    },
    async prove() {
      return { kind: 'token', certificates: [...certificates] };
    },
  };
}

/** Of a key in a page that the platform's authenticator certifies. */
export function authenticatorProver(crypto: Crypto, authenticator: Authenticator, store: Store): KeyProver {
  const registered = (context: KeyContext) => registrationIn(store) ?? register(context);
  const register = async ({ meshId, nodeId }: KeyContext) => {
    const made = await authenticator.register(registrationChallenge(crypto, { meshId, nodeId }));
    await store.commit([{ put: REGISTRATION_KEY, value: encode({ ...made }) }]);
    return made;
  };
  return {
    async find(context, rules) {
      const software = (reason: string) => ({
        ...({ held: 'authenticator', tier: 'software' } as const),
        reasons: [reason],
      });
      if (!rules?.authenticators) return software('policy pins no makers of authenticators');
      try {
        const { reasons } = requireRegistration(crypto, await registered(context), context, rules);
        return { held: 'authenticator', tier: 'authenticator', reasons };
      } catch (error) {
        return software(`the authenticator does not do: ${error instanceof Error ? error.message : error}`);
      }
    },
    async prove(expected) {
      const registration = await registered(expected);
      const { id } = readAuthenticatorCredential(registration.attestationObject);
      const assertion = await authenticator.sign(id, keyChallenge(crypto, expected));
      return { kind: 'authenticator', registration, assertion };
    },
  };
}

function registrationIn(store: Store): RegistrationResponse | undefined {
  const stored = store.get(REGISTRATION_KEY);
  return stored && fields(decode(stored, { maxBytes: MOST_REGISTRATION_BYTES }), registrationShape);
}
