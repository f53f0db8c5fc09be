/** The launcher before a live TPM: what it starts is in a register, once; a changed file is in it too. */
import { execFile, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type AppraisalRules, requireAcceptable } from '../../../src/attest/appraisal-policy.ts';
import {
  launchedValue,
  launchMeasurement,
  type Manifest,
  manifestDigest,
} from '../../../src/attest/manifest.ts';
import { readPublicArea } from '../../../src/attest/tpm/public-area.ts';
import { verifyQuote } from '../../../src/attest/tpm/quote.ts';
import { hex } from '../../../src/base/hex.ts';
import { measureInstallation } from '../../../src/cli/installation.ts';
import type { Tpm } from '../../../src/ports.ts';
import { bytes, is, match, ok, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';
import { missingForTpm, Swtpm } from '../../support/swtpm.ts';

const test = suite('measured launch', { timeout: 60_000 });
const crypto = testCrypto();
const LAUNCHER = resolve('extra/launch/ooto-launch');
const REGISTER = 15;
const nonce = new Uint8Array(32).fill(1);
const missing = missingForTpm();

/** A program that prints what it was given, and depends on one package. */
class Installation {
  readonly root = mkdtempSync(join(tmpdir(), 'ooto-installation-'));
  readonly list = join(this.root, 'list');

  constructor() {
    const write = (path: string, content: string) => {
      mkdirSync(join(this.root, path, '..'), { recursive: true });
      writeFileSync(join(this.root, path), content);
    };
    write('package.json', '{"name":"program","type":"module","dependencies":{"needed":"1"}}');
    write(
      'build/cli.js',
      'console.log(JSON.stringify([process.env, process.argv.slice(2), process.execArgv]))',
    );
    write('build/core.wasm', 'module');
    write('build/types/index.d.ts', 'not loaded');
    write('node_modules/needed/package.json', '{"name":"needed"}');
    write('node_modules/needed/index.js', 'export {}');
    write('node_modules/idle/package.json', '{"name":"idle"}');
    writeFileSync(
      this.list,
      this.measure()
        .files.map(({ path }) => `${path}\n`)
        .join(''),
    );
  }

  measure(): Manifest {
    return measureInstallation(crypto, this.root);
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }

  async launch(swtpm: Swtpm, words: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const own = ['--list', this.list, '--root', this.root, '--node', process.execPath];
    const { stdout } = await promisify(execFile)(LAUNCHER, [...own, ...words, '--', 'node', 'run', 'a b'], {
      env: { ...process.env, ...env, TPM2TOOLS_TCTI: swtpm.tcti },
    });
    return stdout;
  }
}

test('a manifest names what is loaded and nothing else', () => {
  const installation = new Installation();
  const paths = installation.measure().files.map(({ path }) => path);
  installation.remove();
  is(
    paths.join(' '),
    'build/cli.js build/core.wasm node node_modules/needed/index.js node_modules/needed/package.json package.json',
  );
});

function live(
  title: string,
  body: (parts: { swtpm: Swtpm; tpm: Tpm; program: Installation }) => Promise<void>,
) {
  if (missing !== undefined) test.unavailable(title, missing);
  else
    test(title, async () => {
      const [swtpm, program] = [await Swtpm.start(), new Installation()];
      const tpm = swtpm.client();
      try {
        await body({ swtpm, tpm, program });
      } finally {
        program.remove();
        await tpm.close();
        await swtpm.remove();
      }
    });
}

function rulesFor(manifest: Manifest): AppraisalRules {
  const golden = {
    digest: hex(manifestDigest(crypto, manifest)),
    launch: hex(launchMeasurement(crypto, manifest)),
  };
  return {
    development: false,
    roles: [{ role: 'worker', minimumTier: 'measured', maximumAgeMs: 1_000 }],
    manifests: [golden],
    registers: [{ register: REGISTER, values: [] }],
    identityRegisters: [REGISTER],
    launchRegisters: [REGISTER],
    firmware: [],
    endorsement: { fingerprints: [], roots: [] },
  };
}

/** What a quote proves of the launch, as a node would show it. */
async function shown(tpm: Tpm, manifest: Manifest) {
  const key = await tpm.createAttestationKey();
  const values = await tpm.readRegisters([REGISTER]);
  const { firmwareVersion } = verifyQuote(crypto, await tpm.quote(key, nonce, [REGISTER]), {
    attestationKey: readPublicArea(key.publicArea),
    qualifyingData: nonce,
    registers: [REGISTER],
    values,
  });
  const claimed = manifestDigest(crypto, manifest);
  return {
    ...({ role: 'worker', tier: 'measured', ageMs: 0, manifest: claimed } as const),
    ...{ registers: values, firmwareVersion, endorsement: ['listed'] },
  };
}

live(
  'what is launched is in the register, once, and its environment is not the caller’s',
  async ({ swtpm, tpm, program }) => {
    const manifest = program.measure();
    const measurement = launchMeasurement(crypto, manifest);
    const started = await program.launch(swtpm, [], {
      NODE_OPTIONS: '--no-warnings',
      NODE_PATH: '/elsewhere',
      HOME: '/elsewhere',
    });
    const [environment, words] = JSON.parse(started);
    is(words.join('|'), 'node|run|a b');
    is(environment.OOTO_LAUNCHED, hex(measurement));
    // Node looks for packages that are not installed in `.node_modules` of HOME.
    for (const name of ['NODE_OPTIONS', 'NODE_PATH', 'LD_PRELOAD', 'HOME']) is(environment[name], undefined);
    bytes((await tpm.readRegisters([REGISTER])).get(REGISTER)!, launchedValue(crypto, measurement));
    await program.launch(swtpm);
    bytes((await tpm.readRegisters([REGISTER])).get(REGISTER)!, launchedValue(crypto, measurement));
    ok(requireAcceptable(crypto, rulesFor(manifest), await shown(tpm, manifest)).length > 0);
  },
);

for (const changed of ['build/cli.js', 'node_modules/needed/index.js'])
  live(
    `a changed ${changed} is refused, though the node still claims the golden manifest`,
    async ({ swtpm, tpm, program }) => {
      const golden = program.measure();
      appendFileSync(join(program.root, changed), '\n// changed');
      await program.launch(swtpm);
      const facts = await shown(tpm, golden);
      const refusal = throwsCode(
        () => requireAcceptable(crypto, rulesFor(golden), facts),
        'OOTO_ATTEST_REFUSED',
      );
      match(refusal.message, /launch register 15 does not hold/);
      const truth = await shown(tpm, program.measure());
      match(
        throwsCode(() => requireAcceptable(crypto, rulesFor(golden), truth), 'OOTO_ATTEST_REFUSED').message,
        /manifest/,
      );
    },
  );

live(
  'the golden program after a changed one, and a shorter list, are refused until the machine restarts',
  async ({ swtpm, tpm, program }) => {
    const golden = program.measure();
    const rules = rulesFor(golden);
    const lines = golden.files.map(({ path }) => `${path}\n`);
    // Of the program's own folder nothing may be left out.
    writeFileSync(program.list, lines.slice(0, -1).join(''));
    await program.launch(swtpm);
    const shorter = await shown(tpm, golden);
    throwsCode(() => requireAcceptable(crypto, rules, shorter), 'OOTO_ATTEST_REFUSED');
    writeFileSync(program.list, lines.join(''));
    await program.launch(swtpm);
    const afterwards = await shown(tpm, golden);
    throwsCode(() => requireAcceptable(crypto, rules, afterwards), 'OOTO_ATTEST_REFUSED');
    await swtpm.restart();
    await program.launch(swtpm);
    requireAcceptable(crypto, rules, await shown(tpm, golden));
  },
);

live('nothing starts without a TPM', async ({ swtpm, program }) => {
  await swtpm.kill();
  await program.launch(swtpm).then(
    () => ok(false, 'it was started'),
    ({ stdout }: { stdout: string }) => is(stdout, ''),
  );
});

live(
  'nothing starts with a file beside the program that the list does not name',
  async ({ swtpm, tpm, program }) => {
    const before = (await tpm.readRegisters([REGISTER])).get(REGISTER)!;
    for (const added of [
      'build/added.js',
      'build/node_modules/needed/index.js',
      'build/package.json',
      'build/a b\\n.node',
    ]) {
      mkdirSync(join(program.root, added, '..'), { recursive: true });
      writeFileSync(join(program.root, added), '');
      await program.launch(swtpm).then(
        () => ok(false, `${added}: it was started`),
        ({ stdout, stderr }: { stdout: string; stderr: string }) => {
          is(stdout, '');
          match(stderr, /the list does not name build\//);
        },
      );
      bytes((await tpm.readRegisters([REGISTER])).get(REGISTER)!, before);
      rmSync(join(program.root, added));
    }
    await program.launch(swtpm);
  },
);

test('refused before anything is hashed: registers that can be reset, registers of the firmware, paths that lead out', () => {
  const installation = new Installation();
  const run = (...words: string[]) =>
    spawnSync(LAUNCHER, ['--list', installation.list, '--root', installation.root, ...words, '--', 'x'], {
      encoding: 'utf8',
    });
  try {
    for (const register of ['23', '16', '0', '7', '10', '17', '15 16', ''])
      is(run('--register', register).status, 2, register);
    match(run('--register', '23').stderr, /for --development alone/);
    is(run('--surprise').status, 2);
    for (const path of ['../x', '/etc/passwd', 'build/../../x', 'build/..', '']) {
      writeFileSync(installation.list, `${path}\n`);
      match(run().stderr, /the list names/);
    }
    writeFileSync(installation.list, 'build/none.js\n');
    match(run().stderr, /is missing/);
  } finally {
    installation.remove();
  }
});
