/** The commands of federation. What flows through here: words of the command line, and what was found as lines or JSON. */
import type { Command } from 'commander';
import type { CommandTable } from './action-commands.ts';

/** Adds `sign`, `show` and `verify` to the command group `federation`. */
export function addFederationCommands(federation: Command, { describeOutput, action }: CommandTable): void {
  describeOutput(federation.command('sign').description('sign whom of other meshes this one believes'))
    .argument('<file>', 'scopes as JSON: docs/operations.md says what stands in them')
    .requiredOption('--operator <folder>', "the operator's folder")
    .requiredOption('--mesh <id>', 'the id of this mesh')
    .requiredOption('--number <n>', 'its version: higher than any before')
    .requiredOption('--out <file>', 'the document; other operators sign it with ooto authority sign')
    .action(
      action(
        async (
          words: { operator: string; mesh: string; number: string; out: string },
          { terminal, words: [file] },
        ) => {
          const { signFederation } = await import('./federation.ts');
          const signed = await signFederation(file, words);
          terminal.result(signed, () => `${signed.file}: federation ${signed.version}`);
        },
      ),
    );
  describeOutput(federation.command('show').description('show whom the node of a folder believes'))
    .requiredOption('--folder <folder>', "the node's folder; the node may be running")
    .action(
      action(async ({ folder }: { folder: string }, { terminal }) => {
        const { showFederation } = await import('./federation.ts');
        const shown = await showFederation(folder);
        terminal.result(shown, () =>
          shown.domains
            .map(
              ({ trustDomain, uses, paths, expires, isDue, hasEnded }) =>
                `${trustDomain} for ${uses.join(' and ')} of ${paths.join(', ')} until ${expires}` +
                (hasEnded ? ', ended' : isDue ? ', a newer bundle is due' : ''),
            )
            .join('\n'),
        );
      }),
    );
  describeOutput(
    federation
      .command('verify')
      .description('judge a certificate, or the proof of a message, of a node of another mesh'),
  )
    .argument('<file>', 'a certificate in PEM, or a proof')
    .requiredOption('--folder <folder>', 'the node that says whom to believe; it may be running')
    .option('--trust-domain <name>', 'of which mesh it must be; needed for a message')
    .option('--at <time>', 'when it was valid; needed for a message, else now')
    .action(
      action(
        async (words: { folder: string; trustDomain?: string; at?: string }, { terminal, words: [file] }) => {
          const { verifyForeign } = await import('./federation.ts');
          const { schema, ...judged } = await verifyForeign(file, words);
          terminal.result({ schema, ...judged }, () =>
            Object.entries(judged)
              .map(([name, value]) => `${name}: ${value}`)
              .join('\n'),
          );
        },
      ),
    );
}
