/**
 * The log of a running member over plain HTTP, read by a reader that knows the specifications alone; a member's witness
 * that cosigns a foreign log, and a foreign witness that cosigns the member's log; members that cosign each other's.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { logOrigin } from '../../src/authority/credential.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { hex, unhex } from '../../src/base/hex.ts';
import { authorityKeys } from '../../src/cli/node-folder.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import {
  answerWitness,
  askWitness,
  formatVerifierKey,
  Log,
  parseNote,
  readWitnessAnswer,
  verifyCheckpoint,
  Witness,
} from '../../src/log/index.ts';
import { httpClient, listenHttp } from '../../src/platform/node/http.ts';
import { softwareKey } from '../../src/platform/node/signer.ts';
import * as assert from '../support/assert.ts';
import { testCrypto } from '../support/crypto.ts';
import { builtProgram, FOUNDERS, LiveMesh } from '../support/live-mesh.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { suite } from '../support/suite.ts';
import { TlogReader } from '../support/tlog-reader.ts';

const test = suite('integration/log-http', { timeout: 180_000 });
const crypto = testCrypto();
const [FIRST] = FOUNDERS;

test('a reader written from the specifications reads a member, and witnesses cosign both ways', async () => {
  const foreignKey = Ed25519SigningKey.generate(crypto);
  const foreignLog = { name: 'elsewhere.example/log', publicKey: foreignKey.publicKey };
  const witness = await foreignWitness();
  const mesh = new LiveMesh({
    log_http: '127.0.0.1:0',
    witnessed_logs: [formatVerifierKey(crypto, 'ed25519', foreignLog)],
    witnesses: [{ url: witness.url, keys: [formatVerifierKey(crypto, 'cosignature', witness.key)] }],
  });
  try {
    await mesh.found();
    const { publicKey } = (await authorityKeys(crypto, mesh.folderOf(FIRST))).log;
    const status = await mesh
      .process(FIRST)
      .until('serving a log', ({ log }) => log?.http != null && log.size >= FOUNDERS.length);
    const origin = logOrigin(unhex(status.mesh), FIRST);
    witness.watch({ name: origin, publicKey });
    const prefix = `http://${status.log!.http}`;
    const reader = new TlogReader(prefix, origin, publicKey);
    const earlier = await reader.checkpoint();
    const read = await reader.read(earlier);
    assert.is(read.entries.length, earlier.size);
    assert.match(read.fetched.get('checkpoint')!.get('cache-control')!, /max-age=1$/);
    for (const [path, headers] of read.fetched)
      if (path !== 'checkpoint') assert.match(headers.get('cache-control')!, /immutable/, path);

    await mesh.invite('worker', 'worker-1');
    mesh.start('worker-1');
    await mesh.ready('worker-1');
    const later = await reader.checkpoint();
    assert.ok(later.size > earlier.size);
    await reader.read(later);
    await reader.requireConsistent(earlier, later);
    await refusesOtherPaths(prefix);

    const cosigners = [...FOUNDERS.slice(1).map((name) => `/witness/${name}`), witness.key.name];
    await eventually(async () => {
      const { signatures } = parseNote((await reader.checkpoint()).note);
      return cosigners.every((name) => signatures.some((line) => line.name.endsWith(name)));
    });
    const policy = { origin, keys: [{ name: origin, publicKey }], witnesses: [witness.key], quorum: 1 };
    verifyCheckpoint(crypto, (await reader.checkpoint()).note, policy);

    await isMonitored(mesh, status.mesh);
    await isWitnessed(`${prefix}/witness`, foreignKey, mesh, status.mesh);
  } finally {
    await mesh.stop();
    await witness.close();
  }
});

/** A witness in this process that cosigns the logs it is told to watch. */
async function foreignWitness() {
  const signer = Ed25519SigningKey.generate(crypto);
  const key = { name: 'witness.elsewhere.example/w', publicKey: signer.publicKey };
  const store = new MemoryStore();
  let logs: { origin: string; keys: { name: string; publicKey: Uint8Array }[] }[] = [];
  const listener = await listenHttp('127.0.0.1:0', (request) => {
    const witness = new Witness({ crypto, store, name: key.name, signer, logs });
    const commit = (changes: Parameters<typeof store.commit>[0]) => store.commit(changes);
    return answerWitness({ crypto, witness, commit, now: () => Date.now() }, request);
  });
  return {
    key,
    url: `http://${listener.address}`,
    watch(log: { name: string; publicKey: Uint8Array }) {
      logs = [{ origin: log.name, keys: [log] }];
    },
    close: () => listener.close(),
  };
}

async function refusesOtherPaths(prefix: string): Promise<void> {
  const status = async (path: string, init?: RequestInit) => (await fetch(`${prefix}${path}`, init)).status;
  for (const path of ['/', '/tile/0/000', '/tile/0/x000/000', '/tile/0/000.p/0', '/tile/0/001.p/1', '/x'])
    assert.is(await status(path), 404, path);
  assert.is(await status('/checkpoint', { method: 'POST', body: 'x' }), 405);
  assert.is(await status('/witness/add-checkpoint'), 405);
  assert.is(await status('/witness/add-checkpoint', { method: 'POST', body: 'old 0\n' }), 400);
  assert.is(await status('/witness/add-checkpoint', { method: 'POST', body: 'x'.repeat(200_000) }), 413);
}

/** A monitor knows the key of its node, or calls another a reason for alarm. */
async function isMonitored(mesh: LiveMesh, meshId: string): Promise<void> {
  const folder = await mesh.invite('originator', 'monitor-1');
  const id = `spiffe://${meshId}/worker/worker-1`;
  const file = join(mesh.folderOf('worker-1'), 'identity.key');
  const { publicKey } = await softwareKey({ file, random: crypto.random, ed25519: crypto.ed25519 });
  const tail = (...words: string[]) =>
    new Promise<{ status: number | null; events: Record<string, unknown>[] }>((resolve) => {
      const given = ['log', 'tail', '--folder', folder, '--once', '--json', '--monitor', id, ...words];
      execFile(process.execPath, [builtProgram(), ...given], (error, stdout) => {
        const lines = stdout.split('\n').filter((line) => line !== '');
        const status = error ? ((error as { code?: number }).code ?? null) : 0;
        resolve({ status, events: lines.map((line) => JSON.parse(line)) });
      });
    });
  const own = await tail('--key', hex(crypto.sha256(publicKey)));
  assert.is(own.status, 0);
  assert.is(own.events.filter(({ event }) => event === 'entry').length, FOUNDERS.length, 'one in each log');
  const stolen = await tail('--key', '00'.repeat(32));
  assert.is(stolen.status, 3);
  const alarms = stolen.events.filter(({ event }) => event === 'alarm');
  assert.is(alarms.length, FOUNDERS.length);
  for (const alarm of alarms) assert.is(alarm.id, id);
}

/** A foreign log asks the member's witness, by Ed25519 and ML-DSA-44, and a monitor reads what it cosigned. */
async function isWitnessed(
  url: string,
  signer: Ed25519SigningKey,
  mesh: LiveMesh,
  meshId: string,
): Promise<void> {
  const keys = await authorityKeys(crypto, mesh.folderOf(FIRST));
  const name = `${meshId}/witness/${FIRST}`;
  const witnesses = [keys.witness, keys.witnessTree!].map(({ publicKey }) => ({ name, publicKey }));
  const store = new MemoryStore();
  const log = new Log({ crypto, store, origin: 'elsewhere.example/log', signer });
  const client = httpClient();
  let size = 0;
  for (const entry of ['first', 'second']) {
    const staged = log.stage([utf8(entry)]);
    await store.commit(staged.changes);
    log.accept(staged);
    const asked = askWitness(log, size);
    const answer = await client.post(`${url}/add-checkpoint`, asked.body);
    const read = readWitnessAnswer(crypto, asked, answer, witnesses);
    assert.is(read.kind === 'cosigned' && read.signatures.length, 2, 'by both keys');
    size = log.size;
  }
  const stale = await client.post(`${url}/add-checkpoint`, askWitness(log, 1).body);
  assert.is(stale.status, 409);
  assert.is(stale.headers['content-type'], 'text/x.tlog.size');
  assert.is(new TextDecoder().decode(stale.body), '2\n');
  const hash = hex(crypto.sha256(utf8(log.origin)));
  const monitored = await (await fetch(`${url}/${hash}/checkpoint`)).text();
  const policy = { origin: log.origin, keys: [log.key], witnesses, quorum: 1 };
  const seen = verifyCheckpoint(crypto, monitored, policy);
  assert.is(seen.size, 2);
  assert.is(seen.cosignatures.length, 2);
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 60_000; !(await holds()); ) {
    if (performance.now() > deadline) throw new Error('it does not come');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
