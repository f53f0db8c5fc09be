/**
 * A page's key certified by an authenticator: real Chromium, whose virtual authenticator attests; registration and
 * assertion are verified here, with the attester's certificate pinned.
 */
import { join } from 'node:path';
import { build } from 'esbuild';
import {
  type CertifiedKey,
  keyChallenge,
  verifyKeyAssertion,
  verifyRegistration,
} from '../../src/attest/webauthn/authenticator-key.ts';
import { decode } from '../../src/envelope/cbor.ts';
import { createNodeCrypto } from '../../src/node.ts';
import { is, match, ok, throwsCode } from '../support/assert.ts';
import type * as PageScript from '../support/authenticator-page.ts';
import { chromiumIsInstalled, type OpenChromium, openChromium } from '../support/chromium.ts';
import { suite } from '../support/suite.ts';

const test = suite('browser authenticator', { timeout: 60_000 });
const SCRIPT = `test/authenticator-${process.pid}.js`;
const crypto = createNodeCrypto();
let chromium: OpenChromium;

interface InPage {
  product: typeof PageScript;
}

if (chromiumIsInstalled()) declareTests();
else test.unavailable('all', 'Chromium is not installed');

/** A platform's authenticator, with a user who is verified or not. */
async function virtualAuthenticator(isUserVerified: boolean): Promise<() => Promise<unknown>> {
  const session = await chromium.page.context().newCDPSession(chromium.page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...({ protocol: 'ctap2', transport: 'internal' } as const),
      ...{
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified,
        automaticPresenceSimulation: true,
      },
    },
  });
  return () => session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
}

async function register(party: { id: string; name: string }, challenge: Uint8Array) {
  const response = await chromium.page.evaluate(
    async ([rp, bytes]) => {
      const { registerAuthenticator } = (globalThis as unknown as InPage).product;
      const made = await registerAuthenticator({ party: rp, user: 'page', challenge: new Uint8Array(bytes) });
      return { attestationObject: [...made.attestationObject], clientData: [...made.clientData] };
    },
    [party, [...challenge]] as const,
  );
  return {
    attestationObject: new Uint8Array(response.attestationObject),
    clientData: new Uint8Array(response.clientData),
  };
}

async function assertKey(partyId: string, credentialId: Uint8Array, challenge: Uint8Array) {
  const response = await chromium.page.evaluate(
    async ([id, credential, bytes]) => {
      const { assertByAuthenticator } = (globalThis as unknown as InPage).product;
      const made = await assertByAuthenticator({
        partyId: id,
        credentialId: new Uint8Array(credential),
        challenge: new Uint8Array(bytes),
      });
      return Object.fromEntries(Object.entries(made).map(([name, value]) => [name, [...value]]));
    },
    [partyId, [...credentialId], [...challenge]] as const,
  );
  const part = (name: string) => new Uint8Array(response[name]);
  return {
    credentialId: part('credentialId'),
    authenticatorData: part('authenticatorData'),
    clientData: part('clientData'),
    signature: part('signature'),
  };
}

function attesterOf(attestationObject: Uint8Array): Uint8Array {
  const { attStmt } = decode(attestationObject, { maxBytes: 16_384 }) as { attStmt: { x5c: Uint8Array[] } };
  return attStmt.x5c[0];
}

function declareTests(): void {
  test.before(async () => {
    await build({
      ...{ entryPoints: ['test/support/authenticator-page.ts'], outfile: join('build', SCRIPT) },
      ...({ bundle: true, format: 'esm', platform: 'browser', logLevel: 'error' } as const),
    });
    chromium = await openChromium(SCRIPT);
  });
  test.after(() => chromium.close());

  test('a page’s key is certified; another key, an unpinned maker and a replay are refused', async () => {
    const remove = await virtualAuthenticator(true);
    const origin = new URL(chromium.page.url()).origin;
    const party = { id: 'localhost', name: 'ooto', origin };
    const challenge = crypto.random.bytes(32);
    const response = await register({ id: party.id, name: party.name }, challenge);
    const time = Date.now();
    const roots = [attesterOf(response.attestationObject)];
    const authenticator = verifyRegistration(crypto, response, { party, challenge, roots, time });
    match(authenticator.reasons.join(), /packed/);
    const unpinned = { party, challenge, roots: [], time };
    throwsCode(() => verifyRegistration(crypto, response, unpinned), 'OOTO_ATTEST_WEBAUTHN_ROOT');
    const key: CertifiedKey = {
      meshId: crypto.random.bytes(32),
      nodeId: 'spiffe://mesh/worker/page',
      key: { algorithm: 'ed25519', bytes: crypto.random.bytes(32) },
      nonce: crypto.random.bytes(32),
    };
    const assertion = await assertKey(party.id, authenticator.id, keyChallenge(crypto, key));
    const { signCount } = verifyKeyAssertion(crypto, assertion, { party, authenticator, key });
    ok(signCount > authenticator.signCount, 'the authenticator counts');
    const again = { party, authenticator: { ...authenticator, signCount }, key };
    throwsCode(() => verifyKeyAssertion(crypto, assertion, again), 'OOTO_ATTEST_WEBAUTHN_COUNTER');
    const other = { ...key, nonce: crypto.random.bytes(32) };
    const expected = { party, authenticator, key: other };
    throwsCode(() => verifyKeyAssertion(crypto, assertion, expected), 'OOTO_ATTEST_WEBAUTHN_CLIENT');
    await remove();
  });

  test('a user who is not verified makes no credential', async () => {
    const remove = await virtualAuthenticator(false);
    const name = await register({ id: 'localhost', name: 'ooto' }, crypto.random.bytes(32)).then(
      () => 'made',
      (error: Error) => error.message,
    );
    is(/NotAllowedError/.test(name), true, name);
    await remove();
  });
}
