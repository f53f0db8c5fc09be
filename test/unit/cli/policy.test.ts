/** Policies and releases at the command line: signed, explained, compared; what is older or of others is refused. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkMeasurement, measure } from '../../../src/cli/measure.ts';
import { comparePolicies, explainPolicy, showOperatorKey, signPolicy } from '../../../src/cli/policy.ts';
import { exitCode } from '../../../src/cli/terminal.ts';
import { is, match, rejectsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('policy at the command line', { timeout: 60_000 });
const folder = mkdtempSync(join(tmpdir(), 'ooto-policy-'));
test.after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const operator = at('operator');
const digest = 'ab'.repeat(32);
const rules = {
  development: false,
  roles: [{ role: 'worker', minimumTier: 'software', maximumAgeMs: 60_000 }],
  manifests: [{ digest, launch: 'cd'.repeat(32) }],
  registers: [],
  identityRegisters: [],
  launchRegisters: [],
  firmware: [],
  endorsement: { fingerprints: [], roots: [] },
};
const facts = { role: 'worker', tier: 'software', ageMs: 5, manifest: digest };

function json(name: string, value: unknown): string {
  writeFileSync(at(name), JSON.stringify(value));
  return at(name);
}

async function signed(number: string, change: object = {}): Promise<string> {
  const out = at(`policy-${number}`);
  await signPolicy(json('rules', { ...rules, ...change }), { operator, number, out });
  return out;
}

test('a policy is signed, explained and compared with the one before', async () => {
  const { key } = await showOperatorKey({ operator });
  const [first, second] = [await signed('1'), await signed('2', { firmware: ['0'.repeat(16)] })];
  const good = await explainPolicy(first, { key: [key], facts: json('facts', facts) });
  is(good.accepted, true);
  is(good.findings.length, 4);
  const old = await explainPolicy(first, { key: [key], facts: json('facts', { ...facts, ageMs: 60_001 }) });
  is(old.accepted, false);
  match(old.findings[2].reason, /60001 ms old/);
  const { removed, added } = await comparePolicies(first, second, { key: [key] });
  is(removed.length, 0);
  is(added.join(), 'firmware: "0000000000000000"');
  await rejectsCode(comparePolicies(second, first, { key: [key] }), 'OOTO_ATTEST_RULES_VERSION');
});

test('rules that a node would not read are not signed, and another’s signature does not do', async () => {
  const bad = { registers: [{ register: 23, values: [] }] };
  await rejectsCode(signed('1', bad), 'OOTO_ATTEST_RULES');
  await rejectsCode(signed('1', { surprise: 1 }), 'OOTO_ENVELOPE_FIELD');
  const file = await signed('1');
  const { key } = await showOperatorKey({ operator: at('other') });
  await rejectsCode(
    explainPolicy(file, { key: [key], facts: json('facts', facts) }),
    'OOTO_ENVELOPE_SIGNATURE',
  );
  await rejectsCode(explainPolicy(file, { key: [], facts: json('facts', facts) }), 'OOTO_CLI_USAGE');
});

test('a release is signed, and a changed, added or missing file is named', async () => {
  const program = at('program');
  mkdirSync(join(program, 'build'), { recursive: true });
  writeFileSync(join(program, 'package.json'), '{}');
  writeFileSync(join(program, 'build/cli.js'), 'one');
  writeFileSync(join(program, 'build/core.wasm'), 'two');
  const out = at('release');
  const { key } = await showOperatorKey({ operator });
  const { digest: measured } = await measure(program, { out, operator, release: '1.0.0', number: '1' });
  is((await checkMeasurement(program, { file: out, keys: [key] })).digest, measured);
  await rejectsCode(checkMeasurement(program, { file: out, keys: [] }), 'OOTO_CLI_USAGE');
  const other = await showOperatorKey({ operator: at('other') });
  await rejectsCode(checkMeasurement(program, { file: out, keys: [other.key] }), 'OOTO_ENVELOPE_SIGNATURE');
  appendFileSync(join(program, 'build/cli.js'), '!');
  writeFileSync(join(program, 'build/more.js'), '');
  rmSync(join(program, 'build/core.wasm'));
  const error = await rejectsCode(
    checkMeasurement(program, { file: out, keys: [key] }),
    'OOTO_VERIFY_CHANGED',
  );
  match(error.message, /core.wasm removed, build\/more.js added, build\/cli.js changed/);
  is(exitCode(error), 3);
});
