/**
 * A node whose TPM hangs, dies and comes back: in the middle of its join, under live sessions, and with the agent
 * killed. Nobody waits without end, nobody is believed on old evidence, and the node is never restarted.
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
const INTERVAL_MS = 4_000;
/** Asked early, answered late, and what a busy machine adds. */
const LAPSE_MS = 2 * INTERVAL_MS + 4_000;
const BACK_MS = 60_000;
const WORKER = 'worker-1';
const mesh = new LiveMesh({ policy });
let swtpm: Swtpm | undefined;

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
  swtpm?.signal('SIGCONT');
  await mesh.stop();
  await swtpm?.remove();
});

function fault(title: string, body: (tpm: Swtpm) => Promise<void>): void {
  if (missing !== undefined) test.unavailable(title, missing);
  else test(title, () => body(swtpm!));
}

test.before(async () => {
  if (missing !== undefined) return;
  swtpm = await Swtpm.start();
  await mesh.found();
  const client = swtpm.client();
  const { publicArea } = await client.endorsement();
  await client.close();
  const fingerprint = unhex(endorsementFingerprint(mesh.crypto, readPublicArea(publicArea)));
  await mesh.invite('worker', WORKER, { tpm: swtpm.tcti, tpm_event_log: '' }, fingerprint);
});

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

fault('it hangs while the node joins: the join waits, and is done when it is back', async (tpm) => {
  mesh.start(WORKER);
  await until('keys', () => mesh.hasLogged(WORKER, 'starting'), 30_000);
  tpm.signal('SIGSTOP');
  await sleep(2_000);
  assert.not.ok(worker()?.state === 'ready');
  tpm.signal('SIGCONT');
  const [status] = await mesh.ready(WORKER);
  assert.is(status.tier, 'measured');
  assert.match(status.attestation.enrolment?.quote ?? '', /^[0-9a-f]{64}$/);
  await until('sessions', () => quotes().length > 0, BACK_MS);
});

fault('each channel is attested again and again, by new quotes', async () => {
  const before = quotes();
  await until('new quotes', () => quotes().some((quote) => !before.includes(quote)), LAPSE_MS);
});

fault(
  'it is killed under live sessions: they lapse in time; started again it is counted and believed',
  async (tpm) => {
    const { pid } = worker()!;
    await tpm.kill();
    await until('lapse', () => quotes().length === 0, LAPSE_MS);
    await until('not attested', () => worker()?.attestation.tpm?.reach === 'lost', LAPSE_MS);
    await tpm.start();
    await until('attested again', () => quotes().length > 0 && isAnswering(worker()), BACK_MS);
    assert.is(worker()?.pid, pid);
    assert.ok((worker()?.attestation.tpm?.connections ?? 0) > 1, 'it was reached anew');
  },
);

fault('it hangs under live sessions: they lapse in time, and are back with it', async (tpm) => {
  tpm.signal('SIGSTOP');
  await until('lapse', () => quotes().length === 0, LAPSE_MS);
  tpm.signal('SIGCONT');
  await until('attested again', () => quotes().length > 0 && isAnswering(worker()), BACK_MS);
});

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
