/**
 * A node whose TPM hangs, is killed and restarts: while it enrols, under live sessions, as they are attested again, and
 * with the agent killed. Nobody waits without end, nobody is believed on old evidence, and the node is never restarted.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppraisalRules } from '../../src/attest/appraisal-policy.ts';
import { endorsementFingerprint } from '../../src/attest/tpm/endorsement.ts';
import { readPublicArea } from '../../src/attest/tpm/public-area.ts';
import { unhex } from '../../src/base/hex.ts';
import { measuredRules } from '../../src/cli/setting-up.ts';
import type { NodeStatus } from '../../src/mesh/status.ts';
import * as assert from '../support/assert.ts';
import { FOUNDERS, LiveMesh } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';
import { missingForTpm, Swtpm } from '../support/swtpm.ts';

const test = suite('integration/tpm-faults', { timeout: 150_000 });
const missing = missingForTpm();
const INTERVAL_MS = 3_000;
/** Asked early, answered late, and what a busy machine adds. */
const LAPSE_MS = 2 * INTERVAL_MS + 20_000;
const BACK_MS = 60_000;
/** Of an interval, when the next challenge has not come yet and is about to. */
const ALMOST = 0.85;
const WORKER = 'worker-1';
const mesh = new LiveMesh({ policy });
const tpms = new Map<string, Swtpm>();

/** What happens to a TPM, and what brings it back. */
const FAULTS = {
  hangs: { strike: (tpm: Swtpm) => tpm.signal('SIGSTOP'), mend: (tpm: Swtpm) => tpm.signal('SIGCONT') },
  'is killed': { strike: (tpm: Swtpm) => tpm.kill(), mend: (tpm: Swtpm) => tpm.start() },
  restarts: { strike: (tpm: Swtpm) => tpm.restart(), mend: () => {} },
} as const;
const NAMES = Object.keys(FAULTS) as (keyof typeof FAULTS)[];

/** Workers have TPMs; founders need none. */
function policy(program: Uint8Array) {
  const rules = measuredRules(program, [
    new Map([0, 1, 2, 3, 4, 5, 6, 7].map((i) => [i, new Uint8Array(32)])),
  ]);
  const roles: AppraisalRules['roles'] = rules.roles.map((rule) => ({
    ...rule,
    minimumTier: rule.role === 'worker' ? 'measured' : 'software',
  }));
  return { appraisal: { ...rules, roles }, attestationIntervalMs: INTERVAL_MS };
}

test.after(async () => {
  for (const swtpm of tpms.values()) swtpm.signal('SIGCONT');
  await mesh.stop();
  for (const swtpm of tpms.values()) await swtpm.remove();
});

function fault(title: string, body: () => Promise<void>): void {
  if (missing !== undefined) test.unavailable(title, missing);
  else test(title, body);
}

test.before(async () => {
  if (missing !== undefined) return;
  await mesh.found();
  await invite(WORKER);
  mesh.start(WORKER);
  await mesh.ready(WORKER);
});

/** A worker with a TPM of its own, which operators name. */
async function invite(name: string): Promise<Swtpm> {
  const swtpm = await Swtpm.start();
  tpms.set(name, swtpm);
  const client = swtpm.client();
  const { publicArea } = await client.endorsement();
  await client.close();
  const fingerprint = unhex(endorsementFingerprint(mesh.crypto, readPublicArea(publicArea)));
  await mesh.invite('worker', name, { tpm: swtpm.tcti, tpm_event_log: '' }, fingerprint);
  return swtpm;
}

const worker = () => mesh.process(WORKER).status();
const isAnswering = (status: NodeStatus | undefined) => status?.attestation.tpm?.reach === 'answering';

/** The quotes by which founders know the worker now. */
function quotes(): string[] {
  return FOUNDERS.flatMap((name) => mesh.process(name).status()?.attestation.channels ?? [])
    .filter(({ peer, tier }) => peer.endsWith(`/${WORKER}`) && tier === 'measured')
    .map(({ quote = '' }) => quote);
}

async function until(what: string, condition: () => boolean, limitMs: number): Promise<void> {
  for (const end = performance.now() + limitMs; !condition(); await sleep(50))
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
}

for (const [i, name] of NAMES.entries())
  fault(`it ${name} while the node enrols: the join waits, and is done when it is back`, async () => {
    const node = `joining-${i}`;
    const tpm = await invite(node);
    mesh.start(node);
    await until('keys', () => mesh.hasLogged(node, 'starting'), 30_000);
    await FAULTS[name].strike(tpm);
    if (name !== 'restarts') {
      await sleep(1_500);
      assert.not.ok(mesh.process(node).status()?.state === 'ready');
    }
    await FAULTS[name].mend(tpm);
    const [status] = await mesh.ready(node);
    assert.is(status.tier, 'measured');
    assert.match(status.attestation.enrolment?.quote ?? '', /^[0-9a-f]{64}$/);
    await mesh.process(node).stop();
  });

fault('each channel is attested again and again, by new quotes', async () => {
  await until('sessions', () => quotes().length > 0, BACK_MS);
  const before = quotes();
  await until('new quotes', () => quotes().some((quote) => !before.includes(quote)), LAPSE_MS);
});

/** Right after an attestation nothing is under way; a little before the next, its challenge meets the fault. */
for (const [moment, part] of [
  ['under live sessions', 0],
  ['as sessions are attested again', ALMOST],
] as const)
  for (const name of NAMES)
    fault(
      `it ${name} ${moment}: nobody believes what is old, and it is back without a restart of the node`,
      async () => {
        const { pid, attestation } = worker()!;
        const reached = attestation.tpm?.connections ?? 0;
        const tpm = tpms.get(WORKER)!;
        await newQuote();
        await sleep(part * INTERVAL_MS);
        await FAULTS[name].strike(tpm);
        if (name !== 'restarts') {
          await until('lapse', () => quotes().length === 0, LAPSE_MS);
          await until('not attested', () => worker()?.attestation.tpm?.reach === 'lost', LAPSE_MS);
        }
        await FAULTS[name].mend(tpm);
        const isReachedAnew = () => (worker()?.attestation.tpm?.connections ?? 0) > reached;
        await until('reached anew', isReachedAnew, BACK_MS);
        await newQuote();
        await until('answering', () => isAnswering(worker()), BACK_MS);
        assert.is(worker()?.pid, pid);
      },
    );

async function newQuote(): Promise<void> {
  await until('sessions', () => quotes().length > 0, BACK_MS);
  const before = quotes();
  await until('new quotes', () => quotes().some((quote) => !before.includes(quote)), BACK_MS);
}

fault('its agent is killed: another takes its place', async () => {
  const before = quotes();
  const agents = childrenOf(worker()!.pid);
  assert.ok(agents.length > 0, 'the agent is a process of its own');
  for (const pid of agents) process.kill(pid, 'SIGKILL');
  await until('new quotes', () => quotes().some((quote) => !before.includes(quote)), BACK_MS);
  await until('answering', () => isAnswering(worker()), LAPSE_MS);
});

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}
