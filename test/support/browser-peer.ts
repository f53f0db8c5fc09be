/**
 * A member of a test mesh in a page: software keys, and the mesh's own sessions over the browser's WebSocket. Loaded
 * as a module of the page; `seed` makes both sides know both parties.
 */
import { utf8, utf8Decode } from '../../src/base/bytes.ts';
import { browserClock, createBrowserCrypto, webSocketTransport } from '../../src/browser.ts';
import type { CredentialVerifier, OwnCredential } from '../../src/channel/credential.ts';
import { delegationMessage, encodeDelegation } from '../../src/channel/delegation.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { Peers, type PeersOptions } from '../../src/mesh/peers.ts';
import type { Transport } from '../../src/ports.ts';

export const MESH_ID: Uint8Array = new Uint8Array(32).fill(0x57);
const MINUTES_10 = 600_000;

export function idOf(name: string): string {
  return `spiffe://test/node/${name}`;
}

/** Both sides know each other's identity key, which is made of the name. */
function identityOf(crypto: Crypto, name: string): Ed25519SigningKey {
  return new Ed25519SigningKey(crypto, crypto.sha256(utf8(`identity of ${name}`)));
}

function ownOf(crypto: Crypto, name: string): OwnCredential {
  const messageKey = Ed25519SigningKey.generate(crypto);
  const noiseStatic = crypto.random.bytes(32);
  const delegation = {
    meshId: MESH_ID,
    subject: crypto.sha256(utf8(idOf(name))),
    messageKey: messageKey.publicKey,
    noiseStatic: crypto.x25519.publicKey(noiseStatic),
    notBefore: Date.now() - MINUTES_10,
    notAfter: Date.now() + MINUTES_10,
  };
  const signature = identityOf(crypto, name).sign(delegationMessage(delegation));
  return {
    kind: 'member',
    id: idOf(name),
    credential: utf8(name),
    delegation: encodeDelegation(delegation, signature),
    noiseStatic,
    messageKey,
  };
}

/** A party that stands in the test mesh and gives back what it is asked. */
export function peersOf(
  crypto: Crypto,
  name: string,
  { clock, transport }: Pick<PeersOptions, 'clock' | 'transport'>,
): Peers {
  const handlers = {
    authenticated: () => undefined,
    ready: () => {},
    answer: async (_: unknown, __: string, body: unknown) => body,
    refused: () => {},
  } as unknown as PeersOptions['handlers'];
  const peers = new Peers({ crypto, clock, transport, logger: { log() {} }, handlers, epochMs: 60_000 });
  const own = ownOf(crypto, name);
  const verifier: CredentialVerifier = ({ credential }) => {
    const shown = utf8Decode(credential);
    return {
      id: idOf(shown),
      kind: 'member',
      identityKey: { algorithm: 'ed25519', bytes: identityOf(crypto, shown).publicKey },
      subject: crypto.sha256(utf8(idOf(shown))),
      notAfter: Date.now() + MINUTES_10,
    };
  };
  peers.join({ meshId: MESH_ID, own: () => own, verifier, accept: ['member'] });
  return peers;
}

/** Dials `address` from the page. */
export async function dialFromPage(name: string, address: string, expected: string) {
  const crypto = await createBrowserCrypto({ plain: '/core.wasm', relaxed: '/core-relaxed.wasm' });
  const transport: Transport = webSocketTransport();
  const peers = peersOf(crypto, name, { clock: browserClock(), transport });
  return { peers, session: await peers.dial(MESH_ID, address, idOf(expected)) };
}
