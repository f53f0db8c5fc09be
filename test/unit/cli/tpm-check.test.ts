/** What `ooto doctor` says of a TPM: there, missing, forbidden, busy, locked, hanging, gone. */
import { resolve } from 'node:path';
import { examineTpm, explainDevice } from '../../../src/cli/tpm-check.ts';
import { is, match } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { missingForTpm, Swtpm } from '../../support/swtpm.ts';

const test = suite('doctor and the TPM', { timeout: 60_000 });
const program = resolve('build/cli.js');
const missing = missingForTpm();

test('no device is in order, and says which tier is left', () => {
  const { ok, found } = explainDevice('ENOENT', false);
  is(ok, true);
  match(found, /tier software/);
});

test('a forbidden, a busy and an unmanaged device come with the fix', () => {
  const findings = [
    explainDevice('EACCES', true),
    explainDevice('EBUSY', true),
    explainDevice('ENOENT', true),
  ];
  for (const { ok } of findings) is(ok, false);
  match(findings[0].found, /usermod -aG tss/);
  match(findings[1].found, /fuser/);
  match(findings[2].found, /resource manager/);
});

function live(title: string, body: (swtpm: Swtpm, found: () => Promise<string>) => Promise<void>): void {
  if (missing !== undefined) test.unavailable(title, missing);
  else
    test(title, async () => {
      const swtpm = await Swtpm.start();
      try {
        const finding = async () => {
          const { ok, found } = await examineTpm({ program, tcti: swtpm.tcti, deadlineMs: 3_000 });
          return `${ok ? 'ok' : 'FAIL'} ${found}`;
        };
        await body(swtpm, finding);
      } finally {
        swtpm.signal('SIGCONT');
        await swtpm.remove();
      }
    });
}

live('one in order is named', async (_, found) => {
  match(await found(), /^ok IBM, firmware [\d.]+, endorsement key [0-9a-f]{64}$/);
});

live('a locked one: the endorsement hierarchy has a password, or is disabled', async (swtpm, found) => {
  await swtpm.tools('tpm2_changeauth', '-c', 'e', 'secret');
  match(await found(), /^FAIL .*OOTO_TPM_LOCKED.*empty passwords/);
  await swtpm.tools('tpm2_changeauth', '-c', 'e', '-p', 'secret', '');
  await swtpm.tools('tpm2_hierarchycontrol', '-C', 'p', 'ehEnable', 'clear');
  match(await found(), /^FAIL .*OOTO_TPM_LOCKED.*firmware set-up/);
});

live('one that hangs, and one that is gone', async (swtpm, found) => {
  swtpm.signal('SIGSTOP');
  match(await found(), /^FAIL .*OOTO_TPM_TIMEOUT/);
  await swtpm.kill();
  match(await found(), /^FAIL .*OOTO_TPM_UNREACHABLE/);
});

test('an agent that cannot run says why', async () => {
  const { ok, found } = await examineTpm({ program: '/nowhere/cli.js', tcti: 'none' });
  is(ok, false);
  match(found, /Cannot find module '\/nowhere\/cli.js'/);
});
