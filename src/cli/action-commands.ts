/**
 * The commands by which operators change the authority. What flows through here: words of the command line go to the
 * functions that do it, a person is asked where nothing says that it was asked before, and reports become lines or JSON.
 */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { OotoError } from '../base/errors.ts';
import type { ActionSummary } from './action-file.ts';
import type { AppliedReport } from './actions.ts';
import type { ChangeOptions } from './changes.ts';
import { EXIT, exitCode, type Terminal, type TerminalOptions } from './terminal.ts';

interface Context {
  terminal: Terminal;
  signal: AbortSignal;
  words: string[];
}

/** What the table of commands gives to those who add to it. */
export interface CommandTable {
  describeOutput(command: Command): Command;
  action<T>(run: (options: T, context: Context) => Promise<unknown>): (...given: unknown[]) => Promise<void>;
  /** What the command says by its exit code. */
  setVerdict(code: number): void;
}

type ProposeWords = TerminalOptions &
  ChangeOptions & { authority: string; number: string; hours: string; out: string };

interface ApplyWords {
  member: string;
  lead?: string;
  out?: string;
}

/** Adds `propose`, `approve`, `apply` and `actions` to the command group `authority`. */
export function addActionCommands(authority: Command, table: CommandTable): void {
  addProposing(authority, table);
  addCoSigning(authority, table);
  const { describeOutput, action, setVerdict } = table;
  describeOutput(
    authority.command('apply').description('have the authority do what enough operators approved'),
  )
    .argument('<file>', 'the action, or the rescue that it led to')
    .requiredOption(
      '--member <folder>',
      'the folder of a node of the mesh that does not run; it carries the action; for a rescue also that of a member',
    )
    .option('--out <file>', 'of rescue: what the operators have to sign then')
    .option('--lead <name>', 'the member of the authority that leads; else the first that can be reached')
    .action(
      action(async ({ member, lead, out }: ApplyWords, { terminal, signal, words }) => {
        const { apply } = await import('./actions.ts');
        await showApplied(await apply(words[0], { member, lead, out }, signal), terminal, setVerdict);
      }),
    );
  describeOutput(
    authority.command('actions').description('read what operators approved from all logs, and verify it'),
  )
    .requiredOption('--member <folder>', 'the folder of a node of the mesh that does not run')
    .action(
      action(async ({ member }: { member: string }, { terminal, signal }) => {
        const { isUnsound, listActions, wordsOfAudit } = await import('./actions.ts');
        const report = await listActions({ member }, signal);
        terminal.result(report, () => wordsOfAudit(report));
        if (isUnsound(report)) setVerdict(EXIT.verification);
      }),
    );
}

function addProposing(authority: Command, { describeOutput, action }: CommandTable): void {
  describeOutput(authority.command('propose').description('write down an action for operators to approve'))
    .argument('<kind>', 'note, revoke-node, revoke-key, refresh, reshare, repair, rotate or rescue')
    .requiredOption('--authority <folder>', 'the folder of a founder')
    .requiredOption('--number <n>', 'its number in the audit; ooto authority actions shows the next')
    .requiredOption('--out <file>', 'the action; it goes from operator to operator')
    .option('--hours <n>', 'how long it may be begun, at most 168', '24')
    .option('--text <sentence>', 'of note: what is to be written into the audit')
    .option('--id <SPIFFE id>', 'of revoke-node: the node, with all its keys')
    .option('--key <digest>', 'of revoke-key: SHA-256 of the key')
    .option('--reason <sentence>', 'of both: why')
    .option('--epoch <n>', 'of refresh, reshare and repair: the epoch of the committee as it is')
    .option('--threshold <t>', 'of reshare and rescue: members that must sign from then on')
    .option('--founder <file...>', 'of reshare: every new member, as ooto authority init printed it')
    .option('--lost <name>', 'of repair: the member that has lost its share')
    .option('--bundle <n>', 'of rotate and rescue: the version of the trust bundle as it is')
    .option('--overlap <hours>', 'of both: how long certificates under the old key count, at most 168')
    .option('--members <name...>', 'of rescue: the members that are left, who make the new key')
    .option(
      '--since <time>',
      'of rescue: certificates that were valid then may be renewed as long, though ended',
    )
    .action(
      action(async ({ json: _, quiet: __, ...options }: ProposeWords, { terminal, words }) => {
        const [{ propose }, { wordsOf }] = await Promise.all([
          import('./actions.ts'),
          import('./action-file.ts'),
        ]);
        const summary = await propose(words[0], options);
        terminal.result(summary, () => wordsOf(summary));
      }),
    );
  describeOutput(authority.command('approve').description('read an action and sign it'))
    .argument('<file>', 'the action; the approval is added to it')
    .requiredOption('--operator <folder>', "the operator's folder")
    .option('--yes', 'do not ask')
    .action(
      action(async ({ operator, yes }: { operator: string; yes?: boolean }, { terminal, signal, words }) => {
        const [{ approve }, { wordsOf }] = await Promise.all([
          import('./actions.ts'),
          import('./action-file.ts'),
        ]);
        const confirm = async (summary: ActionSummary) => {
          for (const line of wordsOf(summary).split('\n')) terminal.say(line);
          if (!yes) await ask('sign this', signal);
        };
        const summary = await approve(words[0], operator, confirm);
        terminal.result(summary, () => wordsOf(summary));
      }),
    );
}

/** Adds `sign`: for what operators sign that is no action. */
function addCoSigning(authority: Command, { describeOutput, action }: CommandTable): void {
  describeOutput(
    authority
      .command('sign')
      .description('sign what another operator has signed: a draft, an invite, a policy; or a rescue'),
  )
    .argument('<file>', 'the file; the signature is added to it')
    .requiredOption('--operator <folder>', "the operator's folder")
    .option('--yes', 'do not ask')
    .action(
      action(async ({ operator, yes }: { operator: string; yes?: boolean }, { terminal, signal, words }) => {
        const { coSign } = await import('./co-signing.ts');
        const signed = await coSign(words[0], operator, async (lines) => {
          for (const line of lines) terminal.say(line);
          if (!yes) await ask('sign this', signal);
        });
        terminal.result(signed, () => signed.words.join('\n'));
      }),
    );
}

/** `ooto revoke`: one operator, at once. */
export function addRevoking(
  revoking: Command,
  { action, setVerdict }: Omit<CommandTable, 'describeOutput'>,
): void {
  revoking
    .argument('<subject>', 'the SPIFFE id of a node, or the SHA-256 of a key')
    .requiredOption('--operator <folder>', "the operator's folder")
    .requiredOption('--member <folder>', 'the folder of a node of the mesh that does not run')
    .requiredOption('--reason <sentence>', 'why')
    .option('--yes', 'do not ask')
    .action(
      action(async (options: RevokeWords, { terminal, signal, words }) => {
        const { revoke } = await import('./actions.ts');
        const confirm = async (lines: readonly string[]) => {
          for (const line of lines) terminal.say(line);
          if (!options.yes) await ask('sign and apply this', signal);
        };
        await showApplied(await revoke(words[0], options, confirm, signal), terminal, setVerdict);
      }),
    );
}

interface RevokeWords {
  operator: string;
  member: string;
  reason: string;
  yes?: boolean;
}

async function showApplied(
  report: AppliedReport,
  terminal: Terminal,
  setVerdict: (code: number) => void,
): Promise<void> {
  const { wordsOfApplied } = await import('./actions.ts');
  terminal.result(report, () => wordsOfApplied(report));
  const { failure } = report;
  if (failure) setVerdict(exitCode(new OotoError(failure.code, 'peer', failure.message)));
}

/** A person says yes, or nothing is done. @throws OOTO_CLI_DECLINED, OOTO_CLI_USAGE (caller). */
async function ask(question: string, signal: AbortSignal): Promise<void> {
  if (!process.stdin.isTTY)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'nobody is there to be asked', {
      hint: 'read what is approved, then give --yes',
    });
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`ooto: ${question}? Type yes: `, { signal });
    if (answer.trim() === 'yes') return;
  } finally {
    lines.close();
  }
  throw new OotoError('OOTO_CLI_DECLINED', 'caller', 'nothing was signed');
}
