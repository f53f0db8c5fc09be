/** Every attack of the catalogue on a running mesh of processes, judged by the victims' own logs. */
import { join } from 'node:path';
import { type AttackRow, attackMesh } from '../../src/cli/demo/attacks.ts';
import { DemoMesh } from '../../src/cli/demo/mesh.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { OPERATIONS, type Operation, type OperationName } from '../../src/mesh/operations.ts';
import * as assert from '../support/assert.ts';
import { temporaryFolder } from '../support/folder.ts';
import { builtProgram } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('attacks on a running mesh', { timeout: 180_000 });
const ATTACKS_MS = 150_000;

/** What stops each attack: the check that it was made for, and no other. */
const EXPECTED: Record<string, string> = {
  'altered-record': 'OOTO_CRYPTO_AUTHENTICATION',
  'replayed-record': 'OOTO_CHANNEL_COUNTER',
  'certificate-of-another-mesh': 'OOTO_CERT_TRUST_DOMAIN',
  'expired-certificate': 'OOTO_CERT_EXPIRED',
  'certificate-without-inclusion-proof': 'OOTO_AUTHORITY_PROOFS',
  'forged-transcript-signature': 'OOTO_CHANNEL_TRANSCRIPT',
  'altered-module': 'OOTO_WORKLOAD_MODULE',
  'assignment-by-a-non-scheduler': 'OOTO_POLICY_DENIED',
  'altered-telemetry': 'OOTO_TELEMETRY_ALTERED',
  'truncated-telemetry': 'OOTO_TELEMETRY_TRUNCATED',
  'reused-invite': 'OOTO_AUTHORITY_INVITE_USED',
  ...Object.fromEntries(
    (Object.keys(OPERATIONS) as OperationName[]).map((name) => [`anonymous-${name}`, codeForStrangers(name)]),
  ),
};

/** Only members of the authority open channels to strangers, and only enrolment is answered there, for an invite. */
function codeForStrangers(name: OperationName): string {
  const { over, offeredBy }: Operation = OPERATIONS[name];
  if (over.includes('enrol')) return 'OOTO_ENVELOPE_SIGNATURE';
  return offeredBy[0] === 'authority' ? 'OOTO_MESH_ANONYMOUS' : 'OOTO_CHANNEL_KIND';
}

const stop = new AbortController();
const folder = temporaryFolder();
const mesh = new DemoMesh({
  folder,
  program: builtProgram(),
  epochMs: 2_000,
  telemetryMs: 500,
  terminal: new Terminal({ quiet: true }),
  signal: stop.signal,
});
let rows: AttackRow[] = [];

test.after(async () => {
  stop.abort();
  await mesh.stop();
});

test('all attacks are made, in well under a minute', async () => {
  await mesh.start();
  const started = performance.now();
  rows = await attackMesh(mesh);
  const ms = performance.now() - started;
  assert.ok(ms < ATTACKS_MS, `${Math.round(ms)} ms`);
  assert.equal(
    rows.map(({ name }) => name),
    Object.keys(EXPECTED),
  );
});

for (const [name, code] of Object.entries(EXPECTED))
  test(`${name} is refused with ${code}`, () => {
    assert.equal(
      rows.find((row) => row.name === name),
      { name, refused: true, code },
    );
  });

test('whoever attacked, the mesh goes on', async () => {
  const { upkeep, open } = mesh.originator;
  for (const role of ['scheduler', 'worker', 'collector'])
    for (const node of await upkeep.find(role)) {
      assert.is(await open.node.ask(node, 'node.ping', null), null);
      assert.ok(!/corrupt|lapsed|outsider/.test(node.id), `${node.id} is listed`);
    }
  for (const child of mesh.processes.values()) assert.ok(child.running, join(child.folder, 'node.log'));
});
