#!/usr/bin/env node
/**
 * The command line. What flows through here: one table of commands; each is loaded when it is called, gets a
 * terminal and a signal that Ctrl-C fires, and what it throws becomes a sentence and an exit code.
 */
import { Command, CommanderError } from 'commander';
import { OotoError } from '../base/errors.ts';
import { addActionCommands, addRevoking } from './action-commands.ts';
import { addFederationCommands } from './federation-commands.ts';
import { addLogCommands } from './log-commands.ts';
import type { MeasureOptions } from './measure.ts';
import { EXIT, Terminal, type TerminalOptions } from './terminal.ts';

const VERSION = '0.1.0';

type Run = (
  options: Record<string, never>,
  context: { terminal: Terminal; signal: AbortSignal; words: string[] },
) => Promise<unknown>;

type JoinWords = Parameters<typeof import('./set-up-commands.ts').joinMesh>[0];

interface DemoWords {
  once?: boolean;
  input?: string;
  folder?: string;
  tpm?: boolean;
}

/** Where the identity key is made. */
const HARDWARE_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ['--tpm <place>', 'the identity key is made in this TPM, such as /dev/tpmrm0'],
  [
    '--tpm-endorsement <algorithm>',
    'of which algorithm its endorsement key is, p256 or rsa2048; the one with a certificate if absent',
  ],
  ['--pkcs11-module <file>', 'or in a token behind this PKCS#11 module'],
  ['--pkcs11-token <label>', 'the label of the token'],
  ['--pkcs11-key <label>', 'the label of the key, made if there is none; ooto if absent'],
  ['--pkcs11-pin-file <file>', "the PIN, in a file of mode 0600; pkcs11.pin in the node's folder if absent"],
  ['--pkcs11-attestation <file>', "what the token's maker has certified of the key, PEM"],
];

const program = new Command('ooto')
  .description('the cryptographic substrate of a distributed compute mesh')
  .version(VERSION)
  .exitOverride()
  .configureOutput({ outputError: () => {} });

command('demo', 'start a mesh of processes on this machine and count the words of a text')
  .option('--once', 'stop when the job is done')
  .option('--input <file>', 'the text; any file to 1 GiB')
  .option('--folder <folder>', 'where the nodes keep their state')
  .option('--tpm', 'give every node a TPM of its own, made of software (swtpm)')
  .action(
    action(async (options: DemoWords, { terminal, signal }) => {
      const { demo } = await import('./demo/index.ts');
      const { once = false, tpm = false } = options;
      const report = await demo({ ...options, once, tpm, terminal, signal });
      if (options.once) terminal.result(report, () => JSON.stringify(report, undefined, 2));
    }),
  );

const authority = program.command('authority').description('members of the authority');
takesHardware(
  describeOutput(
    authority.command('init').description('make the folder of a founder and print its public keys'),
  )
    .requiredOption('--folder <folder>', "the founder's folder")
    .requiredOption('--name <name>', 'its name in the mesh')
    .requiredOption('--listen <host:port>', 'the address others dial')
    .option('--listen-web-socket <ws://host:port>', 'the address pages dial'),
).action(
  action(async (options: Parameters<typeof import('./set-up-commands.ts').initFounder>[0], { terminal }) => {
    const { initFounder } = await import('./set-up-commands.ts');
    const founder = await initFounder(options);
    terminal.result(founder, () => JSON.stringify(founder, undefined, 2));
  }),
);

describeOutput(
  authority
    .command('backup')
    .description('put the folder of a stopped member into one encrypted file, and read it back'),
)
  .requiredOption('--folder <folder>', "the member's folder")
  .requiredOption('--recovery <file>', "the operator's recovery key, public half")
  .requiredOption('--out <file>', 'the backup')
  .action(
    action(async (options: Parameters<typeof import('./backup.ts').backUp>[0], { terminal }) => {
      const { backUp } = await import('./backup.ts');
      const made = await backUp(options);
      terminal.result(made, () => `${made.file}: ${made.node}, log of ${made.logSize} entries, read back`);
    }),
  );
describeOutput(authority.command('restore').description('make the folder of a member from a backup'))
  .argument('<file>', 'the backup')
  .requiredOption('--folder <folder>', 'the folder; it must not exist')
  .requiredOption('--operator <folder>', 'the folder with recovery.key')
  .action(
    action(async (options: { folder: string; operator: string }, { terminal, words }) => {
      const { restore } = await import('./backup.ts');
      const restored = await restore(words[0], options);
      terminal.result(restored, () => `${restored.folder}: ${restored.node} as of ${restored.created}`);
    }),
  );
describeOutput(
  authority
    .command('drill')
    .description('a game day: see on a temporary mesh of processes that the authority holds'),
)
  .option('--row <names...>', 'these rows and no others')
  .action(
    action(async (options: { row?: string[] }, { terminal, signal }) => {
      const { drill } = await import('./drill/index.ts');
      const report = await drill({ terminal, signal, ...(options.row ? { only: options.row } : {}) });
      terminal.result(report, () =>
        report.rows
          .map(({ name, ok, ms, detail }) => `${ok ? 'ok  ' : 'FAIL'} ${name} (${ms} ms): ${detail}`)
          .join('\n'),
      );
      if (!report.ok) verdict = EXIT.failure;
    }),
  );
authority
  .command('drill-member', { hidden: true })
  .description('a member with a fault, for the drill alone')
  .requiredOption('--folder <folder>', "the member's folder")
  .requiredOption('--fault <name>', 'what is wrong with it')
  .option('--attached', 'stop when standard input ends')
  .action(
    action(async ({ folder, fault }: { folder: string; fault: string }, { signal }) => {
      const { runDrillMember } = await import('./drill/member.ts');
      try {
        await runDrillMember(folder, fault, AbortSignal.any([signal, endOfInput()]));
      } finally {
        process.stdin.destroy();
      }
    }),
  );
const table = {
  describeOutput,
  action,
  setVerdict: (code: number) => {
    verdict = code;
  },
};
addActionCommands(authority, table);
addRevoking(command('revoke', 'shut out a node, or a key, for ever, where one operator is enough'), table);

command('originator', 'print the public key that signs workload definitions')
  .requiredOption('--folder <folder>', "the originator's folder")
  .action(
    action(async (options: { folder: string }, { terminal }) => {
      const { showOriginator } = await import('./set-up-commands.ts');
      const shown = await showOriginator(options);
      terminal.result(shown, () => shown.publicKey);
    }),
  );

command('init', 'gather founders into a genesis draft and sign it')
  .requiredOption('--operator <folder>', "the operator's folder")
  .requiredOption('--name <name>', 'the name of the mesh')
  .requiredOption('--threshold <t>', 'members of the authority that must agree')
  .requiredOption('--founder <file...>', 'what ooto authority init printed, one file for each founder')
  .option('--originator <name=key...>', 'who may sign workload definitions', [])
  .option(
    '--co-operator <name=key...>',
    'another operator, as ooto policy key prints it there; =role may follow',
    [],
  )
  .option('--quorum <q>', 'operators that must agree, to this and to what comes', '1')
  .option('--no-launcher', 'with TPMs: take the word of nodes for what they run, not that of ooto-launch')
  .requiredOption('--out <file>', "the draft; it goes into each founder's folder as genesis.draft")
  .action(
    action(async (options: Parameters<typeof import('./set-up-commands.ts').initMesh>[0], { terminal }) => {
      const { initMesh } = await import('./set-up-commands.ts');
      const draft = await initMesh(options);
      terminal.result(
        draft,
        () => `${draft.file}\nfingerprint ${draft.fingerprint}: compare it with the other operators`,
      );
    }),
  );

command('invite', 'let one node join under one name')
  .requiredOption('--operator <folder>', "the operator's folder")
  .requiredOption('--authority <folder>', 'the folder of a running founder')
  .requiredOption('--role <role>', 'scheduler, worker, collector or originator')
  .requiredOption('--name <name>', 'the name of the node')
  .requiredOption('--out <file>', 'the invite; a secret')
  .option('--endorsement-key <fingerprint>', 'of the one TPM that may use it; ooto doctor prints it there')
  .action(
    action(async (options: Parameters<typeof import('./set-up-commands.ts').invite>[0], { terminal }) => {
      const { invite } = await import('./set-up-commands.ts');
      const invited = await invite(options);
      terminal.result(invited, () => invited.file);
    }),
  );

takesHardware(
  command('join', 'join the mesh of an invite')
    .requiredOption('--folder <folder>', "the node's folder")
    .requiredOption('--invite <file>', 'the invite; it can be spent once')
    .option('--listen <host:port>', 'the address others dial', '127.0.0.1:0'),
).action(
  action(async (options: JoinWords, { terminal, signal }) => {
    const { joinMesh } = await import('./set-up-commands.ts');
    const joined = await joinMesh(options, signal);
    terminal.result(joined, () => `${joined.id}\nrun it with: ooto node run --folder ${options.folder}`);
  }),
);

const node = program.command('node').description('run a node');
describeOutput(node.command('run').description('run the node of a folder until it is told to stop'))
  .requiredOption('--folder <folder>', "the node's folder")
  .option('--attached', 'stop when standard input ends')
  .action(
    action(async ({ folder, attached }: { folder: string; attached?: boolean }, { signal }) => {
      const { runNode } = await import('./running-node.ts');
      const ended = attached ? endOfInput() : undefined;
      try {
        await runNode(folder, ended ? AbortSignal.any([signal, ended]) : signal);
      } finally {
        process.stdin.destroy();
      }
    }),
  );

command('tpm-agent', 'serve the TPM of this machine to one node, over standard input and output')
  .option('--tcti <configuration>', 'where the TPM is, as tpm2-tss writes it', 'device:/dev/tpmrm0')
  .action(
    action(async ({ tcti }: { tcti: string }) => {
      const { runTpmAgent } = await import('./tpm-agent.ts');
      runTpmAgent(tcti);
    }),
  );

command('pkcs11-agent', 'serve a key in a PKCS#11 token to one node, over standard input and output').action(
  action(async (_options: object, { signal }) => {
    const { runTokenAgent } = await import('./pkcs11-agent.ts');
    await runTokenAgent(signal);
  }),
);

command('measure', 'measure the installed program, or hold it against what a release signed')
  .argument('[folder]', 'the installed package; else this one')
  .option('--out <file>', 'write the manifest')
  .option('--list <file>', 'write the paths in their order, for ooto-launch')
  .option('--operator <folder>', 'sign the manifest as a release, with the key of this folder')
  .option('--release <name>', 'the name of the release that is signed')
  .option('--number <n>', 'which release it is, counted from 1', '1')
  .option('--check <file>', 'measure again and hold it against this manifest or release')
  .option('--key <name=key>', 'who must have signed the release that is checked', collect, [])
  .action(
    action(
      async (
        options: MeasureOptions & { check?: string; key: string[] },
        { terminal, words }: Parameters<Run>[1],
      ) => {
        const { checkMeasurement, measure } = await import('./measure.ts');
        const { check: file, key: keys } = options;
        const measured = await (file === undefined
          ? measure(words[0], options)
          : checkMeasurement(words[0], { file, keys }));
        const { files, digest, launch } = measured;
        terminal.result(measured, () => `${files} files\nmanifest ${digest}\nlaunch ${launch}`);
      },
    ),
  );

const policy = program.command('policy').description('rules by which evidence of nodes is appraised');
describeOutput(policy.command('key').description('print the public key of an operator'))
  .requiredOption('--operator <folder>', "the operator's folder")
  .option('--name <name>', 'its name in the mesh, the first time; else operator')
  .action(
    action(async (options: { operator: string; name?: string }, { terminal }) => {
      const { showOperatorKey } = await import('./policy.ts');
      const shown = await showOperatorKey(options);
      terminal.result(shown, () => shown.key);
    }),
  );
describeOutput(policy.command('sign').description('sign rules under a version'))
  .argument('<rules>', 'the rules, JSON')
  .requiredOption('--operator <folder>', "the operator's folder")
  .requiredOption('--number <n>', 'its version, higher than that of the policy before')
  .requiredOption('--out <file>', 'the signed policy')
  .action(
    action(async (options: { operator: string; number: string; out: string }, { terminal, words }) => {
      const { signPolicy } = await import('./policy.ts');
      const signed = await signPolicy(words[0], options);
      terminal.result(signed, () => `${signed.file}: version ${signed.version}`);
    }),
  );
describeOutput(policy.command('explain').description('say what a policy decides of a node, and why'))
  .argument('<policy>', 'the signed policy')
  .option('--key <name=key>', 'who must have signed it', collect, [])
  .requiredOption('--facts <file>', 'what the node has shown, JSON')
  .action(
    action(async (options: { key: string[]; facts: string }, { terminal, words }) => {
      const { explainPolicy } = await import('./policy.ts');
      const explained = await explainPolicy(words[0], options);
      terminal.result(explained, () =>
        explained.findings
          .map(({ check, ok, reason }) => `${ok ? 'ok  ' : 'FAIL'} ${check}: ${reason}`)
          .join('\n'),
      );
      if (!explained.accepted) verdict = EXIT.verification;
    }),
  );
describeOutput(
  policy.command('diff').description('show what a newer policy changes; an older one is refused'),
)
  .argument('<older>', 'the signed policy in force')
  .argument('<newer>', 'the signed policy that would follow')
  .option('--key <name=key>', 'who must have signed both', collect, [])
  .action(
    action(async (options: { key: string[] }, { terminal, words }) => {
      const { comparePolicies } = await import('./policy.ts');
      const compared = await comparePolicies(words[0], words[1], options);
      terminal.result(compared, () =>
        [...compared.removed.map((line) => `- ${line}`), ...compared.added.map((line) => `+ ${line}`)].join(
          '\n',
        ),
      );
    }),
  );

const recovery = program
  .command('recovery')
  .description('keys of a node that its TPM opens, and operators when it cannot');
describeOutput(recovery.command('key').description("make an operator's recovery key"))
  .requiredOption('--operator <folder>', "the operator's folder; its recovery.key is a secret")
  .requiredOption('--out <file>', 'the public half, for nodes')
  .action(
    action(async (options: { operator: string; out: string }, { terminal }) => {
      const { writeRecoveryKey } = await import('./state-key.ts');
      const written = await writeRecoveryKey(options);
      terminal.result(written, () => written.file);
    }),
  );
describeOutput(
  recovery.command('seal').description("encrypt the keys of a node's folder; its TPM opens them"),
)
  .requiredOption('--folder <folder>', "the node's folder")
  .requiredOption('--recovery <file>', "the operator's recovery key, public half")
  .option('--registers <list>', 'what must hold the values of now', '0,7')
  .action(
    action(async (options: { folder: string; recovery: string; registers: string }, { terminal }) => {
      const { sealFolder } = await import('./state-key.ts');
      const sealed = await sealFolder(options);
      terminal.result(sealed, () => `${sealed.folder}: sealed to registers ${sealed.registers.join(', ')}`);
    }),
  );
describeOutput(
  recovery.command('open').description('seal the keys anew, after new firmware or on another board'),
)
  .requiredOption('--folder <folder>', "the node's folder")
  .requiredOption('--operator <folder>', 'the folder with recovery.key')
  .action(
    action(async (options: { folder: string; operator: string }, { terminal }) => {
      const { recoverFolder } = await import('./state-key.ts');
      const opened = await recoverFolder(options);
      terminal.result(opened, () => `${opened.folder}: sealed anew`);
    }),
  );

command('verify', 'verify a certificate, log or receipt file')
  .argument('<file>', 'the file, or - for standard input')
  .option('--mesh <id>', 'the id of the mesh, 64 hexadecimal digits; else the one in known_meshes')
  .action(
    action(async (options: { mesh?: string }, { terminal, words }) => {
      const { verifyFile } = await import('./verify.ts');
      const summary = await verifyFile(words[0], options.mesh);
      terminal.result(summary, () =>
        [
          `${summary.kind} of mesh ${summary.mesh} verifies`,
          ...Object.entries(summary.facts).map(([k, v]) => `${k}: ${v}`),
        ].join('\n'),
      );
    }),
  );

command('bundle', 'judge a trust bundle in the form of SPIFFE, and show whose it is')
  .argument('<file>', 'trust-bundle.json of a node, or another')
  .action(
    action(async (_: object, { terminal, words }) => {
      const { showBundle } = await import('./bundle.ts');
      const shown = await showBundle(words[0]);
      terminal.result(shown, () =>
        shown.authorities
          .map(({ trustDomain, publicKey, notAfter }) => `${trustDomain} ${publicKey} until ${notAfter}`)
          .join('\n'),
      );
    }),
  );

command('attack', 'attack nodes of a mesh and see that they refuse; for demonstrations and drills')
  .requiredOption(
    '--folder <folder>',
    "the attacker's folder; with an invite in it a corrupt member, else a stranger",
  )
  .requiredOption('--name <names...>', 'the attacks, one after the other')
  .requiredOption('--target <targets...>', 'the nodes to attack, <SPIFFE id>=<address> each')
  .action(
    action(async (options: { folder: string; name: string[]; target: string[] }, { terminal, signal }) => {
      const { runAttacks } = await import('./attack/index.ts');
      const { folder, name: names, target: targets } = options;
      const report = await runAttacks({ folder, names, targets, signal });
      terminal.result(report, () =>
        report.attempts
          .map(({ name, through, seen }) => `${name}: ${through ? 'got through' : `stopped, ${seen}`}`)
          .join('\n'),
      );
    }),
  );

command('doctor', 'examine this machine, and the folder of a node')
  .option('--folder <folder>', "the node's folder")
  .option(
    '--tcti <configuration>',
    'where the TPM is, as tpm2-tss writes it; else the device of this machine',
  )
  .action(
    action(async (options: { folder?: string; tcti?: string }, { terminal }) => {
      const { examine } = await import('./doctor.ts');
      const report = await examine(options);
      terminal.result(report, () =>
        report.checks.map(({ name, ok, found }) => `${ok ? 'ok  ' : 'FAIL'} ${name}: ${found}`).join('\n'),
      );
      if (!report.healthy) verdict = EXIT.failure;
    }),
  );

const log = program.command('log').description("the authority's logs of what was issued");
addLogCommands(log, table);

const federation = program
  .command('federation')
  .description('nodes of other meshes, and what they are believed for');
addFederationCommands(federation, table);

command('status', 'show how the node of a folder is')
  .requiredOption('--folder <folder>', "the node's folder")
  .action(
    action(async ({ folder }: { folder: string }, { terminal }) => {
      const { describeStatus, readStatus } = await import('./status.ts');
      const status = await readStatus(folder);
      terminal.result(status, () => describeStatus(status));
    }),
  );

/** What a command that ran to its end says by its exit code. */
let verdict: number = EXIT.ok;
process.exitCode = await main();

function command(name: string, description: string): Command {
  return describeOutput(program.command(name).description(description));
}

function describeOutput(target: Command): Command {
  return target.option('--json', 'print one JSON object').option('--quiet', 'say nothing but warnings');
}

/** The identity key may be in a TPM or in a token. */
function takesHardware(target: Command): Command {
  for (const option of HARDWARE_OPTIONS) target.option(...option);
  return target;
}

/** For options that may be given more than once. */
function collect(word: string, words: readonly string[]): string[] {
  return [...words, word];
}

/** Turns a handler into commander's form: options last but one, positional words before. */
function action<T>(run: (options: T, context: Parameters<Run>[1]) => Promise<unknown>) {
  return async (...given: unknown[]) => {
    const options = given.at(-2) as T & TerminalOptions;
    const words = given.slice(0, -2).filter((word): word is string => typeof word === 'string');
    const stop = new AbortController();
    const onSignal = () => stop.abort(new OotoError('OOTO_CLI_INTERRUPTED', 'caller', 'interrupted'));
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
    await run(options, { terminal: new Terminal(options), signal: stop.signal, words });
  };
}

/** Fires when whoever holds the other end of standard input has ended, however it ended. */
function endOfInput(): AbortSignal {
  const stop = new AbortController();
  const end = () => stop.abort(new OotoError('OOTO_CLI_INTERRUPTED', 'caller', 'standard input ended'));
  process.stdin.on('end', end).on('error', end).resume();
  return stop.signal;
}

async function main(): Promise<number> {
  try {
    await program.parseAsync(process.argv);
    return verdict;
  } catch (error) {
    if (!(error instanceof CommanderError)) return new Terminal().failure(error);
    if (error.exitCode === 0) return EXIT.ok;
    // A command group without a command has shown its help already.
    return error.code === 'commander.help' ? EXIT.usage : new Terminal().failure(usageError(error));
  }
}

function usageError({ message }: CommanderError): OotoError {
  return new OotoError('OOTO_CLI_USAGE', 'caller', message.replace(/^error: /, ''), {
    hint: 'ooto --help lists the commands, ooto <command> --help their options',
  });
}
