#!/usr/bin/env node
/**
 * The command line. What flows through here: one table of commands; each is loaded when it is called, gets a
 * terminal and a signal that Ctrl-C fires, and what it throws becomes a sentence and an exit code.
 */
import { Command, CommanderError } from 'commander';
import { OotoError } from '../base/errors.ts';
import { EXIT, Terminal, type TerminalOptions } from './terminal.ts';

const VERSION = '0.1.0';

type Run = (
  options: Record<string, never>,
  context: { terminal: Terminal; signal: AbortSignal; words: string[] },
) => Promise<unknown>;

const program = new Command('ooto')
  .description('the cryptographic substrate of a distributed compute mesh')
  .version(VERSION)
  .exitOverride()
  .configureOutput({ writeErr: (text) => process.stderr.write(text) });

command('demo', 'start a mesh of processes on this machine and count the words of a text')
  .option('--once', 'stop when the job is done')
  .option('--input <file>', 'the text; any file to 1 GiB')
  .option('--folder <folder>', 'where the nodes keep their state')
  .action(
    action(async (options: { once?: boolean; input?: string; folder?: string }, { terminal, signal }) => {
      const { demo } = await import('./demo/index.ts');
      const report = await demo({ ...options, once: options.once ?? false, terminal, signal });
      if (options.once) terminal.result(report, () => JSON.stringify(report, undefined, 2));
    }),
  );

const node = program.command('node').description('run a node');
describeOutput(node.command('run').description('run the node of a folder until it is told to stop'))
  .requiredOption('--folder <folder>', "the node's folder")
  .action(
    action(async ({ folder }: { folder: string }, { signal }) => {
      const { runNode } = await import('./running-node.ts');
      await runNode(folder, signal);
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

command('status', 'show how the node of a folder is')
  .requiredOption('--folder <folder>', "the node's folder")
  .action(
    action(async ({ folder }: { folder: string }, { terminal }) => {
      const { readStatus } = await import('./status.ts');
      const status = await readStatus(folder);
      terminal.result(
        status,
        () => `${status.id}\n${status.state}, ${status.channels.count} channels, mesh ${status.mesh}`,
      );
    }),
  );

process.exitCode = await main();

function command(name: string, description: string): Command {
  return describeOutput(program.command(name).description(description));
}

function describeOutput(target: Command): Command {
  return target.option('--json', 'print one JSON object').option('--quiet', 'say nothing but warnings');
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

async function main(): Promise<number> {
  try {
    await program.parseAsync(process.argv);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return new Terminal().failure(error);
  }
}
