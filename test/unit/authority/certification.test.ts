import fc from 'fast-check';
import {
  BACKDATE_MS,
  leafTbs,
  nodeIdOf,
  readNodeId,
  requireFaithful,
  rootTbs,
} from '../../../src/authority/certification.ts';
import type { EnrolmentRequest } from '../../../src/authority/request.ts';
import { firstBundle } from '../../../src/authority/trust-bundle.ts';
import { hex } from '../../../src/base/hex.ts';
import { randomSerial, type TbsRequest, writeTbs } from '../../../src/cert/write.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, LIFE_MS } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/certification', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('certification'));
const world = new AuthorityWorld(crypto);
const genesis = world.mesh.record;
const now = world.clock.now();
const id = world.id('worker', 'w');
/** After the headers of the body and of the version. */
const SERIAL_AT = 11;
let request: EnrolmentRequest;

test.before(async () => {
  request = await world.request(world.candidate(), id);
});

type Leaf = Extract<TbsRequest, { kind: 'leaf' }>;

async function judge(changes: Partial<Leaf>, expected = { request, now, longestLifeMs: LIFE_MS }) {
  const tbs = await writeTbs(crypto, {
    kind: 'leaf',
    serial: randomSerial(crypto.random),
    notBefore: now - BACKDATE_MS,
    notAfter: now + LIFE_MS,
    id,
    publicKey: request.key,
    tier: 'software',
    issuerKey: genesis.groupKey,
    ...changes,
  });
  return requireFaithful(crypto, genesis, tbs, expected);
}

test('the body that a coordinator writes is the one a member expects', async () => {
  const tbs = await leafTbs(crypto, genesis, request, now);
  assert.is(requireFaithful(crypto, genesis, tbs, { request, now, longestLifeMs: LIFE_MS }).id, id);
  assert.is((await judge({})).tier, 'software');
});

test('each field that is not as asked is refused', async () => {
  const key = world.candidate().signer.publicKey;
  const foreign = `spiffe://${'ab'.repeat(32)}/worker/w`;
  const wrong: Partial<Leaf>[] = [
    { id: world.id('worker', 'v') },
    { id: world.id('authority', 'w') },
    { id: foreign },
    { publicKey: { algorithm: 'ed25519', bytes: key } },
    { tier: 'measured' },
    { tier: 'hardware' },
    { notBefore: now - BACKDATE_MS - 62_000 },
    { notBefore: now - BACKDATE_MS + 62_000 },
    { notAfter: now + LIFE_MS + 2_000 },
    { notAfter: now + LIFE_MS - 2_000 },
    { notAfter: now + 24 * LIFE_MS },
  ];
  for (const changes of wrong) await assert.rejectsCode(judge(changes), 'OOTO_AUTHORITY_TBS');
});

test('no body lives longer than the mesh allows, whatever was asked', async () => {
  const long = await world.request(world.candidate(), id, { life: 10 * LIFE_MS });
  const tbs = await leafTbs(crypto, genesis, long, now);
  assert.throwsCode(
    () => requireFaithful(crypto, genesis, tbs, { request: long, now, longestLifeMs: LIFE_MS }),
    'OOTO_AUTHORITY_TBS',
  );
});

test('the body of a root is no body of a node', async () => {
  const root = await rootTbs(crypto, firstBundle(crypto, genesis));
  assert.bytes(root, await rootTbs(crypto, firstBundle(crypto, genesis)));
  assert.throwsCode(
    () => requireFaithful(crypto, genesis, root, { request, now, longestLifeMs: LIFE_MS }),
    'OOTO_AUTHORITY_TBS',
  );
});

test('no changed byte of a body passes, but for serial number and moment', async () => {
  const tbs = await leafTbs(crypto, genesis, request, now);
  const passed: number[] = [];
  for (let at = 0; at < tbs.length; at++) {
    const changed = tbs.slice();
    changed[at] ^= 1;
    try {
      requireFaithful(crypto, genesis, changed, { request, now, longestLifeMs: LIFE_MS });
      passed.push(at);
    } catch (error) {
      assert.match((error as { code: string }).code, /^OOTO_(CERT|AUTHORITY)_/);
    }
  }
  const inSerial = (at: number) => at >= SERIAL_AT && at < SERIAL_AT + 16;
  const isDigit = (at: number) => tbs[at] >= 0x30 && tbs[at] <= 0x39;
  assert.equal(
    passed.filter((at) => !inSerial(at) && !isDigit(at)),
    [],
  );
});

test('ids of nodes read back, and others are refused', () => {
  const segment = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
  fc.assert(
    fc.property(segment, segment, (role, name) => {
      const read = readNodeId(nodeIdOf(genesis.meshId, role, name));
      assert.equal(read, { meshId: hex(genesis.meshId), role, name });
    }),
  );
  for (const path of ['/worker', '/worker/w/x'])
    assert.throwsCode(() => readNodeId(`spiffe://${hex(genesis.meshId)}${path}`), 'OOTO_AUTHORITY_NAME');
});
