/**
 * A page as a member of a mesh: real Chromium with a virtual authenticator, real founders. With an assertion under
 * pinned roots its tier is `authenticator`, in its certificate and on its channels; without one, or by a maker nobody
 * pinned, `software`; and a page that claims more than it shows gets no certificate.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppraisalRules } from '../../src/attest/appraisal-policy.ts';
import { registrationChallenge } from '../../src/attest/webauthn/authenticator-key.ts';
import { readInvite } from '../../src/authority/invite.ts';
import { base64, hex } from '../../src/base/hex.ts';
import type * as Door from '../../src/browser-member.ts';
import { measureProgram } from '../../src/cli/program.ts';
import { decode } from '../../src/envelope/cbor.ts';
import { readTrust } from '../../src/mesh/identity.ts';
import { coreFolder } from '../../src/platform/node/core-file.ts';
import { is, match, ok } from '../support/assert.ts';
import { chromiumIsInstalled, type OpenChromium, openChromium } from '../support/chromium.ts';
import { FOUNDERS, LiveMesh } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('browser member', { timeout: 120_000 });
const mesh = new LiveMesh({ webSockets: true });
const manifest = mesh.crypto.sha256(new Uint8Array(readFileSync('build/browser-member.js')));
let chromium: OpenChromium;

interface InPage {
  product: typeof Door;
  registration: { attestationObject: number[]; clientData: number[] };
}

/** How the page shows its key: by its authenticator, by one that signs for another node, or not at all. */
type Way = 'authenticator' | 'another registration' | 'nothing';

if (chromiumIsInstalled()) declareTests();
else test.unavailable('all', 'Chromium is not installed');

async function virtualAuthenticator(): Promise<void> {
  const session = await chromium.page.context().newCDPSession(chromium.page);
  await session.send('WebAuthn.enable');
  await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...({ protocol: 'ctap2', transport: 'internal' } as const),
      ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
      automaticPresenceSimulation: true,
    },
  });
}

/** Registers for a node of this mesh; the page keeps what the authenticator gave, and shows it when it joins. */
async function register(invite: Uint8Array, name: string): Promise<Uint8Array> {
  const { genesis, root } = readInvite(invite);
  const { meshId } = readTrust(mesh.crypto, genesis, root).genesis;
  const nodeId = `spiffe://${hex(meshId)}/worker/${name}`;
  const challenge = registrationChallenge(mesh.crypto, { meshId, nodeId });
  const made = await chromium.page.evaluate(
    async (bytes) => {
      const page = globalThis as unknown as InPage;
      const party = { id: 'localhost', name: 'ooto' };
      const authenticator = page.product.platformAuthenticator({ party, user: 'page' });
      const { attestationObject, clientData } = await authenticator.register(new Uint8Array(bytes));
      page.registration = { attestationObject: [...attestationObject], clientData: [...clientData] };
      return page.registration.attestationObject;
    },
    [...challenge],
  );
  const { attStmt } = decode(new Uint8Array(made), { maxBytes: 16_384 }) as {
    attStmt: { x5c: Uint8Array[] };
  };
  return attStmt.x5c[0];
}

interface Joined {
  status?: Pick<Door.MemberStatus, 'id' | 'tier' | 'key' | 'sessions'>;
  head?: boolean;
  failure?: string;
}

function joinAs(invite: Uint8Array, rules: Uint8Array, way: Way): Promise<Joined> {
  return chromium.page.evaluate(
    async ([invited, signed, digest, how]) => {
      const page = globalThis as unknown as InPage;
      const party = { id: 'localhost', name: 'ooto' };
      const platform = page.product.platformAuthenticator({ party, user: 'page' });
      const { attestationObject, clientData } = page.registration ?? {
        attestationObject: [],
        clientData: [],
      };
      const authenticator = {
        ...platform,
        register: async () => ({
          attestationObject: new Uint8Array(attestationObject),
          clientData: new Uint8Array(clientData),
        }),
      };
      try {
        const member = await page.product.joinMesh({
          invite: new Uint8Array(invited),
          manifest: new Uint8Array(digest),
          rules: new Uint8Array(signed),
          ...(how === 'nothing' ? {} : { authenticator }),
        });
        const head = await member.ask('head.current');
        const { id, tier, key, sessions } = member.status;
        await member.close();
        return { status: { id, tier, key, sessions }, head: head !== null };
      } catch (error) {
        return { failure: String(error) };
      }
    },
    [[...invite], [...rules], [...manifest], way] as const,
  );
}

function rules(version: number, roots: readonly Uint8Array[]): Uint8Array {
  const program = hex(measureProgram(mesh.crypto, coreFolder()).digest);
  const body: AppraisalRules = {
    development: false,
    roles: ['authority', 'worker'].map((role) => ({
      ...{ role, minimumTier: 'software' as const },
      maximumAgeMs: 600_000,
    })),
    manifests: [program, hex(manifest)].map((digest) => ({ digest, launch: digest })),
    ...{ registers: [], identityRegisters: [], launchRegisters: [], firmware: [] },
    endorsement: { fingerprints: [], roots: [] },
    authenticators: {
      party: { id: 'localhost', origin: new URL(chromium.page.url()).origin },
      roots: roots.map(base64),
    },
  };
  return mesh.rulesFile(version, body);
}

async function inviteFor(name: string): Promise<Uint8Array> {
  const folder = await mesh.invite('worker', name);
  return new Uint8Array(readFileSync(join(folder, 'invite')));
}

function declareTests(): void {
  let pinned: Uint8Array;
  let invite: Uint8Array;

  test.before(async () => {
    chromium = await openChromium('browser-member.js');
    await virtualAuthenticator();
    await mesh.found();
    invite = await inviteFor('page');
    pinned = rules(1, [await register(invite, 'page')]);
    await mesh.restartWithRules(pinned);
  });
  test.after(async () => {
    await chromium?.close();
    await mesh.stop();
  });

  test('a key that a pinned authenticator signs for is of tier authenticator, everywhere', async () => {
    const { status, head, failure } = await joinAs(invite, pinned, 'authenticator');
    is(failure, undefined);
    is(status?.tier, 'authenticator');
    is(head, true, 'members answer it');
    match(status!.key.reasons.join(), /packed/);
    ok(status!.sessions.length > 0);
    const issued = FOUNDERS.flatMap((name) => mesh.logOf(name)).filter(
      ({ message, peer }) => message === 'certificate issued' && peer === status!.id,
    );
    is(issued.length, 1);
  });

  test('a registration for another node, and no authenticator, make tier software', async () => {
    const other = await joinAs(await inviteFor('other'), pinned, 'another registration');
    is(other.status?.tier, 'software', other.failure);
    match(other.status!.key.reasons.join(), /does not do/);
    const bare = await joinAs(await inviteFor('bare'), pinned, 'nothing');
    is(bare.status?.tier, 'software', bare.failure);
    match(bare.status!.key.reasons.join(), /in software/);
  });

  test('members judge by their own rules: what those do not pin gets no certificate of this tier', async () => {
    const name = 'eager';
    const unknown = await inviteFor(name);
    const own = rules(3, [await register(unknown, name)]);
    await mesh.restartWithRules(rules(2, []));
    const { status, failure } = await joinAs(unknown, own, 'authenticator');
    is(status, undefined);
    match(failure ?? '', /no pinned root vouches for the authenticator/);
  });
}
