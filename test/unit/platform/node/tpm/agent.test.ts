/** The agent before a live TPM: every task, tpm2-tools on both sides, and a TPM that hangs, dies and comes back. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { makeCredential } from '../../../../../src/attest/tpm/credential.ts';
import { verifyKeyCertification } from '../../../../../src/attest/tpm/key-certification.ts';
import { encodeSelection, type PcrValues } from '../../../../../src/attest/tpm/pcr.ts';
import { nameOf, readPublicArea } from '../../../../../src/attest/tpm/public-area.ts';
import { verifyQuote } from '../../../../../src/attest/tpm/quote.ts';
import { concat, equal, u32be } from '../../../../../src/base/bytes.ts';
import { hex } from '../../../../../src/base/hex.ts';
import { selectionOf } from '../../../../../src/platform/node/tpm/templates.ts';
import type { Tpm, TpmState } from '../../../../../src/ports.ts';
import { bytes, is, not, ok, rejectsCode, throwsCode } from '../../../../support/assert.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { suite } from '../../../../support/suite.ts';
import { missingForTpm, Swtpm } from '../../../../support/swtpm.ts';

const test = suite('TPM agent', { timeout: 60_000 });
const crypto = testCrypto();
const REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 15];
const nonce = new Uint8Array(32).map((_, i) => i);
const missing = missingForTpm();

test('the node’s side never loads ffi-rs', async () => {
  const packagesOf = async (file: string) => {
    const options = {
      bundle: true,
      write: false,
      metafile: true,
      packages: 'external',
      platform: 'node',
    } as const;
    const { metafile } = await build({ ...options, format: 'esm', entryPoints: [file], outdir: 'out' });
    return Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  };
  const folder = 'src/platform/node/tpm';
  ok(!(await packagesOf(`${folder}/client.ts`)).includes('ffi-rs'));
  ok((await packagesOf(`${folder}/agent.ts`)).includes('ffi-rs'));
});

test('both sides write the same selection of registers', () => {
  for (const registers of [[0], [23], REGISTERS]) bytes(selectionOf(registers), encodeSelection(registers));
});

/** A TPM of its own and a client before it, gone afterwards. */
function live(
  title: string,
  body: (swtpm: Swtpm, tpm: Tpm) => Promise<void>,
  options: LiveOptions = {},
): void {
  if (missing !== undefined) test.unavailable(title, missing);
  else test(title, () => withTpm(body, options));
}

async function withTpm(body: (swtpm: Swtpm, tpm: Tpm) => Promise<void>, options: LiveOptions): Promise<void> {
  const swtpm = await Swtpm.start(options);
  const tpm = swtpm.client(options);
  try {
    await body(swtpm, tpm);
  } finally {
    swtpm.signal('SIGCONT');
    await tpm.close();
    await swtpm.remove();
  }
}
interface LiveOptions {
  certificates?: boolean;
  deadlineMs?: number;
}

async function requireQuote(tpm: Tpm, attestationKey: Awaited<ReturnType<Tpm['createAttestationKey']>>) {
  const quote = await tpm.quote(attestationKey, nonce, REGISTERS);
  return verifyQuote(crypto, quote, {
    attestationKey: readPublicArea(attestationKey.publicArea),
    qualifyingData: nonce,
    registers: REGISTERS,
    values: await tpm.readRegisters(REGISTERS),
  });
}

live('a quote verifies; after a register is extended the old values do not', async (_, tpm) => {
  const attestationKey = await tpm.createAttestationKey();
  const before = await tpm.readRegisters(REGISTERS);
  await requireQuote(tpm, attestationKey);
  const digest = new Uint8Array(32).fill(9);
  await tpm.extendRegister(15, digest);
  const after = await tpm.readRegisters(REGISTERS);
  bytes(after.get(15)!, crypto.sha256(concat(before.get(15)!, digest)));
  await requireQuote(tpm, attestationKey);
  const quote = await tpm.quote(attestationKey, nonce, REGISTERS);
  const judge =
    (values: PcrValues, qualifyingData = nonce) =>
    () =>
      verifyQuote(crypto, quote, {
        attestationKey: readPublicArea(attestationKey.publicArea),
        qualifyingData,
        registers: REGISTERS,
        values,
      });
  throwsCode(judge(before), 'OOTO_ATTEST_TPM_VALUES');
  throwsCode(judge(after, new Uint8Array(32)), 'OOTO_ATTEST_TPM_QUALIFYING');
});

live(
  'an identity key is certified, signs, and stops when a register of its policy changes',
  async (_, tpm) => {
    const attestationKey = await tpm.createAttestationKey();
    const key = await tpm.createIdentityKey([7, 15]);
    const identityKey = readPublicArea(key.publicArea);
    verifyKeyCertification(crypto, await tpm.certify(key, attestationKey, nonce), {
      attestationKey: readPublicArea(attestationKey.publicArea),
      identityKey,
      qualifyingData: nonce,
      policy: await tpm.readRegisters([7, 15]),
    });
    const message = new Uint8Array(100).fill(5);
    const signature = await tpm.sign(key, crypto.sha256(message));
    crypto.p256.verify(identityKey.key, message, signature, 'p1363');
    await tpm.extendRegister(15, nonce);
    await rejectsCode(tpm.sign(key, crypto.sha256(message)), 'OOTO_TPM_POLICY');
    await requireQuote(tpm, attestationKey);
  },
);

live('a credential for the P-256 endorsement key opens beside the named key alone', async (_, tpm) => {
  const { publicArea, certificate } = await tpm.endorsement();
  is(certificate, undefined);
  await requireActivation(tpm, publicArea);
});

live(
  'a credential for an RSA endorsement key with a certificate opens',
  async (_, tpm) => {
    const { publicArea, certificate } = await tpm.endorsement();
    is(readPublicArea(publicArea).algorithm, 'rsa2048');
    ok(hex(certificate!).includes(hex(readPublicArea(publicArea).key)), 'the certificate is of this key');
    await requireActivation(tpm, publicArea);
  },
  { certificates: true },
);

async function requireActivation(tpm: Tpm, publicArea: Uint8Array): Promise<void> {
  const endorsementKey = readPublicArea(publicArea);
  const algorithm = endorsementKey.algorithm === 'p256' ? 'p256' : 'rsa2048';
  const [named, other] = [await tpm.createAttestationKey(), await tpm.createAttestationKey()];
  not.ok(equal(named.publicArea, other.publicArea));
  const secret = crypto.random.bytes(32);
  const sealed = makeCredential(crypto, endorsementKey, readPublicArea(named.publicArea), secret);
  bytes(await tpm.activateCredential(named, { algorithm, ...sealed }), secret);
  await rejectsCode(tpm.activateCredential(other, { algorithm, ...sealed }), 'OOTO_TPM_CREDENTIAL');
}

live('keys are of one TPM: another refuses them', async (_, tpm) => {
  const other = await Swtpm.start();
  const second = other.client();
  try {
    const key = await tpm.createAttestationKey();
    await rejectsCode(second.quote(key, nonce, REGISTERS), 'OOTO_TPM_FOREIGN_KEY');
  } finally {
    await second.close();
    await other.remove();
  }
});

live('a quote made here verifies with tpm2_checkquote', async (swtpm, tpm) => {
  const key = await tpm.createAttestationKey();
  const { attest, signature } = await tpm.quote(key, nonce, [0, 7, 15]);
  const at = (name: string) => join(swtpm.folder, name);
  const area = key.publicArea;
  writeFileSync(at('ak.tss'), concat(Uint8Array.of(area.length >> 8, area.length & 0xff), area));
  await swtpm
    .tools('tpm2_print', '-t', 'TPM2B_PUBLIC', '-f', 'pem', 'ak.tss')
    .then((pem) => writeFileSync(at('ak.pem'), pem));
  writeFileSync(at('quote'), attest);
  writeFileSync(at('signature'), signature);
  const words = ['-u', 'ak.pem', '-m', 'quote', '-s', 'signature', '-g', 'sha256'];
  await swtpm.tools('tpm2_checkquote', ...words, '-q', hex(nonce));
  const bent = await swtpm.tools('tpm2_checkquote', ...words, '-q', '00'.repeat(32)).then(
    () => 'accepted',
    () => 'refused',
  );
  is(bent, 'refused');
});

live('a quote made by tpm2-tools verifies here', async (swtpm, tpm) => {
  const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda';
  const made = ['-C', 'e', '-G', 'ecc256:ecdsa-sha256:null', '-a', attributes, '-c', 'ak.ctx'];
  await swtpm.tools('tpm2_createprimary', ...made);
  await swtpm.tools('tpm2_readpublic', '-c', 'ak.ctx', '-o', 'ak.tss');
  await swtpm.tools(
    'tpm2_quote',
    '-c',
    'ak.ctx',
    '-l',
    'sha256:0,7,15',
    '-q',
    hex(nonce),
    '-m',
    'm',
    '-s',
    's',
  );
  const read = (name: string) => new Uint8Array(readFileSync(join(swtpm.folder, name)));
  verifyQuote(
    crypto,
    { attest: read('m'), signature: read('s') },
    {
      attestationKey: readPublicArea(read('ak.tss').subarray(2)),
      qualifyingData: nonce,
      registers: [0, 7, 15],
      values: await tpm.readRegisters([0, 7, 15]),
    },
  );
});

live('a credential made here opens with tpm2_activatecredential', async (swtpm) => {
  await swtpm.tools('tpm2_createek', '-G', 'ecc', '-c', 'ek.ctx', '-u', 'ek.tss');
  const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda';
  await swtpm.tools('tpm2_flushcontext', '-t');
  const made = ['-C', 'e', '-G', 'ecc256:ecdsa-sha256:null', '-a', attributes, '-c', 'ak.ctx'];
  await swtpm.tools('tpm2_createprimary', ...made);
  await swtpm.tools('tpm2_readpublic', '-c', 'ak.ctx', '-o', 'ak.tss');
  await swtpm.tools('tpm2_flushcontext', '-t');
  const area = (name: string) =>
    readPublicArea(new Uint8Array(readFileSync(join(swtpm.folder, name))).subarray(2));
  const secret = crypto.random.bytes(32);
  const { credential, encryptedSeed } = makeCredential(crypto, area('ek.tss'), area('ak.tss'), secret);
  const sized = (part: Uint8Array) => concat(Uint8Array.of(part.length >> 8, part.length & 0xff), part);
  const file = concat(u32be(0xbadcc0de), u32be(1), sized(credential), sized(encryptedSeed));
  writeFileSync(join(swtpm.folder, 'credential'), file);
  await swtpm.tools('tpm2_startauthsession', '--policy-session', '-S', 'session');
  await swtpm.tools('tpm2_policysecret', '-S', 'session', '-c', 'e');
  const keys = ['-c', 'ak.ctx', '-C', 'ek.ctx', '-P', 'session:session'];
  await swtpm.tools('tpm2_activatecredential', ...keys, '-i', 'credential', '-o', 'secret');
  bytes(new Uint8Array(readFileSync(join(swtpm.folder, 'secret'))), secret);
  ok(nameOf(crypto, area('ak.tss')).length === 34);
});

live('fifty calls at once are served one after the other', async (_, tpm) => {
  const key = await tpm.createAttestationKey();
  const all = await Promise.all(Array.from({ length: 50 }, () => tpm.quote(key, nonce, REGISTERS)));
  is(new Set(all.map(({ signature }) => hex(signature))).size, 50);
});

live('more keys than the TPM has slots, and what a killed agent left in them', async (swtpm, tpm) => {
  const keys = [];
  for (let i = 0; i < 5; i++) keys.push(await tpm.createAttestationKey());
  for (const key of keys) await requireQuote(tpm, key);
  await tpm.close();
  for (let i = 0; i < 3; i++)
    await swtpm.tools('tpm2_createprimary', '-C', 'o', '-c', `left${i}`).catch(() => {});
  const next = swtpm.client();
  try {
    for (const key of keys) await requireQuote(next, key);
  } finally {
    await next.close();
  }
});

live('a restart between commands: the next one works, and the state says so', async (swtpm, tpm) => {
  const key = await tpm.createAttestationKey();
  const { clock } = await requireQuote(tpm, key);
  const states: TpmState[] = [];
  tpm.onState((state) => states.push(state));
  await swtpm.restart();
  const later = await requireQuote(tpm, key);
  ok(later.clock.resetCount > clock.resetCount, 'the count of starts has risen');
  is(tpm.state.reach, 'answering');
  is(tpm.state.connections, 2);
  is(states.at(-1)?.connections, 2);
});

/**
 * Every task as the first after a restart, with the keys that another task has left loaded: numbers of keys that are
 * gone are given to new ones, which must not pass for them.
 */
live('a restart beside loaded keys: whatever comes first works', async (swtpm, tpm) => {
  const attestationKey = await tpm.createAttestationKey();
  const identityKey = await tpm.createIdentityKey([7]);
  const endorsementKey = readPublicArea((await tpm.endorsement()).publicArea);
  const secret = crypto.random.bytes(32);
  const credential = makeCredential(
    crypto,
    endorsementKey,
    readPublicArea(attestationKey.publicArea),
    secret,
  );
  const sealed = await tpm.seal(secret, [7]);
  const tasks: Record<string, () => Promise<unknown>> = {
    activate: async () =>
      bytes(await tpm.activateCredential(attestationKey, { algorithm: 'p256', ...credential }), secret),
    certify: async () =>
      verifyKeyCertification(crypto, await tpm.certify(identityKey, attestationKey, nonce), {
        attestationKey: readPublicArea(attestationKey.publicArea),
        identityKey: readPublicArea(identityKey.publicArea),
        qualifyingData: nonce,
        policy: await tpm.readRegisters([7]),
      }),
    quote: () => requireQuote(tpm, attestationKey),
    sign: async () => {
      const signature = await tpm.sign(identityKey, crypto.sha256(nonce));
      crypto.p256.verify(readPublicArea(identityKey.publicArea).key, nonce, signature, 'p1363');
    },
    unseal: async () => bytes(await tpm.unseal(sealed), secret),
    endorsement: () => tpm.endorsement(),
  };
  const names = Object.keys(tasks);
  for (const before of names)
    for (const after of names) {
      await tasks[before]();
      await swtpm.restart();
      await tasks[after]().catch((cause) => {
        throw new Error(`${after} after ${before} and a restart`, { cause });
      });
    }
});

live('a TPM that is killed: calls fail in time, the state is lost, and it recovers', async (swtpm, tpm) => {
  const key = await tpm.createAttestationKey();
  await swtpm.kill();
  await rejectsCode(tpm.quote(key, nonce, REGISTERS), 'OOTO_TPM_UNREACHABLE');
  is(tpm.state.reach, 'lost');
  is(tpm.state.code, 'OOTO_TPM_UNREACHABLE');
  await swtpm.start();
  await requireQuote(tpm, key);
  is(tpm.state.reach, 'answering');
});

live(
  'a TPM that hangs in the middle of a command: the deadline holds, and it recovers',
  async (swtpm, tpm) => {
    const key = await tpm.createAttestationKey();
    swtpm.signal('SIGSTOP');
    const waiting = [tpm.quote(key, nonce, REGISTERS), tpm.random(8)];
    await rejectsCode(waiting[0], 'OOTO_TPM_TIMEOUT');
    is(tpm.state.reach, 'lost');
    is(tpm.state.code, 'OOTO_TPM_TIMEOUT');
    await rejectsCode(waiting[1], 'OOTO_TPM_TIMEOUT');
    swtpm.signal('SIGCONT');
    await requireQuote(tpm, key);
    is(tpm.state.reach, 'answering');
  },
  { deadlineMs: 2_000 },
);

live(
  'a TPM that is killed in the middle of a command: the call fails in time, and it recovers',
  async (swtpm, tpm) => {
    const key = await tpm.createAttestationKey();
    swtpm.signal('SIGSTOP');
    const waiting = rejectsOneOf(tpm.quote(key, nonce, REGISTERS), [
      'OOTO_TPM_CONNECTION',
      'OOTO_TPM_UNREACHABLE',
      'OOTO_TPM_TIMEOUT',
    ]);
    await swtpm.kill();
    await waiting;
    is(tpm.state.reach, 'lost');
    await swtpm.start();
    await requireQuote(tpm, key);
  },
  { deadlineMs: 2_000 },
);

async function rejectsOneOf(promise: Promise<unknown>, codes: readonly string[]): Promise<void> {
  const code = await promise.then(
    () => 'resolved',
    (error: { code?: string }) => String(error.code),
  );
  ok(codes.includes(code), code);
}

live('whoever closed it gets no more answers', async (_, tpm) => {
  await tpm.random(8);
  await tpm.close();
  await rejectsCode(tpm.random(8), 'OOTO_TPM_CLOSED');
});
