/** Federation at the command line: signed from a bundle's file, taken from a node's folder, and judged by. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from '../../../src/base/hex.ts';
import { pemEncode } from '../../../src/base/pem.ts';
import { formatSpiffeBundle } from '../../../src/cert/spiffe-bundle.ts';
import { coSign } from '../../../src/cli/co-signing.ts';
import {
  showFederation,
  signFederation,
  takeFederation,
  verifyForeign,
} from '../../../src/cli/federation.ts';
import type { OpenNode } from '../../../src/cli/node-folder.ts';
import { openOperator } from '../../../src/cli/setting-up.ts';
import { exitCode } from '../../../src/cli/terminal.ts';
import { GENESIS_KEY, ROOT_KEY } from '../../../src/mesh/identity.ts';
import { openStore } from '../../../src/platform/node/store.ts';
import type { Store } from '../../../src/ports.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { suite } from '../../support/suite.ts';

const test = suite('cli/federation');
const crypto = testCrypto();
const folder = temporaryFolder();
const node = join(folder, 'w1');
const at = (name: string) => join(folder, name);
let home: AuthorityWorld;
// What is judged here is judged by the clock of the machine.
const abroad = new AuthorityWorld(crypto, { begins: Date.now() - 600_000 });
let mesh: string;
const trustDomain = hex(abroad.mesh.record.meshId);
const THEN = new Date(abroad.clock.now()).toISOString();
let store: Store;
let open: OpenNode;

test.before(async () => {
  const names = ['operator', 'operator-2'];
  const operatorKeys = await Promise.all(names.map((name) => openOperator(crypto, at(name), name)));
  home = new AuthorityWorld(crypto, { operatorKeys, operatorQuorum: 2 });
  mesh = hex(home.mesh.record.meshId);
  await home.establish();
  await abroad.establish();
  store = await openStore(join(node, 'state'));
  await store.commit([
    { put: GENESIS_KEY, value: home.mesh.record.encoded },
    { put: ROOT_KEY, value: home.authority.firstRoot.der },
  ]);
  const logger = new RecordingLogger();
  open = { folder: node, crypto, store, logger, node: { trust: home.trust } } as unknown as OpenNode;
  const roots = [abroad.authority.root];
  writeFileSync(at('partner.json'), formatSpiffeBundle(roots, { sequence: 3, refreshSeconds: 300 }));
  for (const name of ['w9', 's9']) {
    const { valid } = await abroad.certify(name === 'w9' ? 'worker' : 'scheduler', name);
    writeFileSync(at(`${name}.pem`), pemEncode([{ label: 'CERTIFICATE', bytes: valid.der }]));
  }
});
test.after(() => store.close());

function scopes(change: object = {}): string {
  const scope = { bundle: 'partner.json', trustDomain, paths: ['/worker/'], uses: ['certificate'] };
  writeFileSync(at('scopes.json'), JSON.stringify([{ ...scope, expires: '2999-01-01', ...change }]));
  return at('scopes.json');
}
const out = at('partner.federation');
const words = () => ({ operator: at('operator'), mesh, number: '1', out });

test('what two operators signed is taken from the folder, shown, and judged by', async () => {
  await assert.rejectsCode(showFederation(node), 'OOTO_CLI_NODE');
  await refused('w9.pem', /OOTO_AUTHORITY_FOREIGN/);
  await takeFederation(open);
  await signFederation(scopes(), words());
  writeFileSync(join(node, 'federation'), readFileSync(out));
  await assert.rejectsCode(takeFederation(open), 'OOTO_ENVELOPE_THRESHOLD');
  const said: string[] = [];
  await coSign(out, at('operator-2'), async (lines) => void said.push(...lines));
  assert.match(said.join('\n'), new RegExp(`${trustDomain} is believed for certificate of /worker/`));
  writeFileSync(join(node, 'federation'), readFileSync(out));
  await takeFederation(open);
  const { version, domains } = await showFederation(node);
  assert.equal([version, domains.length, domains[0].sequence, domains[0].hasEnded], [1, 1, 3, false]);
  assert.equal(domains[0].keys, [hex(abroad.authority.root.publicKey)]);
  const judged = await verifyForeign(at('w9.pem'), { folder: node, at: THEN, trustDomain });
  assert.equal([judged.kind, judged.id], ['certificate', `spiffe://${trustDomain}/worker/w9`]);
  await refused('s9.pem', /OOTO_AUTHORITY_FOREIGN/);
  await refused('w9.pem', /OOTO_CERT_ID/, { trustDomain: mesh });
});

async function refused(file: string, why: RegExp, more: { trustDomain?: string } = {}): Promise<void> {
  const error = await assert.rejectsCode(
    verifyForeign(at(file), { folder: node, at: THEN, ...more }),
    'OOTO_VERIFY_FOREIGN',
  );
  assert.match(error.message, why);
  assert.is(exitCode(error), 3);
}

test('what may not be signed is not: bundles without a number, of another mesh, by plain HTTP, authorities', async () => {
  const sign = (change: object) => signFederation(scopes(change), { ...words(), number: '2' });
  writeFileSync(
    at('bare.json'),
    JSON.stringify({ keys: JSON.parse(readFileSync(at('partner.json'), 'utf8')).keys }),
  );
  await assert.rejectsCode(sign({ bundle: 'bare.json' }), 'OOTO_CERT_BUNDLE');
  await assert.rejectsCode(sign({ bundle: 'http://127.0.0.1:1/b' }), 'OOTO_CLI_USAGE');
  await assert.rejectsCode(sign({ bundle: 'https://127.0.0.1:1/b' }), 'OOTO_TRANSPORT_UNREACHABLE');
  await assert.rejectsCode(sign({ trustDomain: 'example.org' }), 'OOTO_CERT_TRUST_DOMAIN');
  await assert.rejectsCode(sign({ paths: ['/authority/'] }), 'OOTO_AUTHORITY_FEDERATION');
  await assert.rejectsCode(sign({ uses: ['session'] }), 'OOTO_ENVELOPE_FIELD');
  await assert.rejectsCode(sign({ expires: 'never' }), 'OOTO_CLI_USAGE');
});
