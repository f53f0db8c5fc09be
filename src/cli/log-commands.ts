/**
 * The commands that read logs. What flows through here: words of the command line go to the functions that read, judge and
 * prove, and what they found becomes lines or JSON.
 */
import type { Command } from 'commander';
import { OotoError } from '../base/errors.ts';
import type { CommandTable } from './action-commands.ts';
import type { ReadingWords } from './log-reading.ts';
import { EXIT } from './terminal.ts';

const PLACE = 'where it is: http://…, a folder of tiles, or the folder of a member, which may be running';

/** Adds `show`, `verify`, `prove`, `tail`, `alarms`, `acknowledge` and `evidence` to the command group `log`. */
export function addLogCommands(log: Command, table: CommandTable): void {
  addShowing(log, table);
  addVerifying(log, table);
  addProving(log, table);
  addTailing(log, table);
  addAlarms(log, table);
}

function addShowing(log: Command, { describeOutput, action }: CommandTable): void {
  takesKeys(describeOutput(log.command('show').description('show the head of a log, its keys, and entries')))
    .argument('<log>', PLACE)
    .option('--index <n>', 'the entry to show, from 0')
    .option('--count <n>', 'how many from there on, at most 256')
    .option('--save <file>', 'keep the checkpoint, for ooto log verify --checkpoint')
    .action(
      action(
        async (
          words: ReadingWords & { index?: string; count?: string; save?: string },
          { terminal, words: [place] },
        ) => {
          const { showLog, wordsOfEntry, wordsOfHead } = await import('./log-reading.ts');
          const shown = await showLog(place, words);
          terminal.result(shown, () =>
            [
              ...wordsOfHead(shown),
              `key: ${shown.key}`,
              ...shown.witnessKeys.map((key) => `witness key: ${key}`),
              ...shown.entries.flatMap(wordsOfEntry),
            ].join('\n'),
          );
        },
      ),
    );
}

function addVerifying(log: Command, { describeOutput, action }: CommandTable): void {
  takesKeys(
    describeOutput(
      log.command('verify').description('compute a whole log anew, or judge the proof of an entry offline'),
    ),
  )
    .argument('[log]', PLACE)
    .option(
      '--checkpoint <file>',
      'a checkpoint that somebody was shown: the log must lead to it or from it; may be given more than once',
      collect,
      [],
    )
    .option('--proof <file>', 'what ooto log prove wrote, in the place of a log')
    .action(
      action(
        async (
          words: ReadingWords & { checkpoint: string[]; proof?: string },
          { terminal, words: [place] },
        ) => {
          const { verifyLog, verifyProofFile, wordsOfEntry, wordsOfHead } = await import('./log-reading.ts');
          if ((place === undefined) === (words.proof === undefined))
            throw new OotoError('OOTO_CLI_USAGE', 'caller', 'give a log, or --proof');
          if (words.proof !== undefined) {
            const judged = await verifyProofFile(words.proof, words);
            terminal.result(judged, () => [...wordsOfHead(judged), ...wordsOfEntry(judged.entry)].join('\n'));
            return;
          }
          const judged = await verifyLog(place, words, terminal);
          const kinds = Object.entries(judged.kinds).map(([kind, count]) => `${kind}: ${count}`);
          const history = judged.consistentWith.map((size) => `consistent with the checkpoint of ${size}`);
          terminal.result(judged, () => [...wordsOfHead(judged), ...kinds, ...history].join('\n'));
        },
      ),
    );
}

function addProving(log: Command, { describeOutput, action }: CommandTable): void {
  takesKeys(
    describeOutput(
      log
        .command('prove')
        .description('prove to anybody that an entry is in a log; ooto log verify --proof judges it'),
    ),
  )
    .argument('<log>', PLACE)
    .requiredOption('--index <n>', 'the entry, from 0')
    .option('--out <file>', 'where the proof goes; else it is printed')
    .action(
      action(async (words: ReadingWords & { index: string; out?: string }, { terminal, words: [place] }) => {
        const { proveEntry, wordsOfEntry } = await import('./log-reading.ts');
        const made = await proveEntry(place, words);
        terminal.result(made, () =>
          words.out === undefined ? made.proof.trimEnd() : wordsOfEntry(made.entry).join('\n'),
        );
      }),
    );
}

function addTailing(log: Command, { describeOutput, action, setVerdict }: CommandTable): void {
  describeOutput(
    log
      .command('tail')
      .description(
        "follow every member's log; a certificate for a watched name with another key, or a log that contradicts itself, is an alarm",
      ),
  )
    .requiredOption(
      '--folder <folder>',
      'the folder of a node of the mesh; without --log one that does not run, such as an originator',
    )
    .option(
      '--log <log>',
      `read the logs of members here, beside a running node; ${PLACE}; may be given more than once`,
      collect,
      [],
    )
    .option('--monitor <id>', "the SPIFFE id to watch; else the node's own, and all entries are printed")
    .option(
      '--key <sha256>',
      'a key that its holder has, SHA-256 in hexadecimal; may be given more than once',
      collect,
      [],
    )
    .option('--once', 'read every log to its newest checkpoint, and stop')
    .action(
      action(async (options: import('./log-tail.ts').TailWords, { terminal, signal }) => {
        const { tailLogs } = await import('./log-tail.ts');
        if (await tailLogs(options, terminal, signal)) setVerdict(EXIT.verification);
      }),
    );
}

function addAlarms(log: Command, { describeOutput, action, setVerdict }: CommandTable): void {
  describeOutput(
    log.command('alarms').description('show what a node found in the logs that nobody has acknowledged'),
  )
    .requiredOption('--folder <folder>', "the node's folder; the node may be running")
    .action(
      action(async ({ folder }: { folder: string }, { terminal }) => {
        const [{ showAlarms }, { describeAlarm }] = await Promise.all([
          import('./alarms.ts'),
          import('./status.ts'),
        ]);
        const shown = await showAlarms(folder);
        terminal.result(shown, () =>
          shown.alarms.length === 0
            ? 'no alarms'
            : shown.alarms
                .map((alarm) => `${alarm.alarmId} ${alarm.raised} ${describeAlarm(alarm)}`)
                .join('\n'),
        );
        if (shown.alarms.length > 0) setVerdict(EXIT.verification);
      }),
    );
  describeOutput(log.command('acknowledge').description('say that alarms were seen: they are shown no more'))
    .argument('<alarm>', 'its name, as ooto log alarms shows it')
    .requiredOption('--folder <folder>', "the node's folder")
    .action(
      action(async ({ folder }: { folder: string }, { terminal, words }) => {
        const { acknowledge } = await import('./alarms.ts');
        const done = await acknowledge(folder, words);
        terminal.result(done, () => `acknowledged: ${done.alarms.join(', ')}`);
      }),
    );
  describeOutput(
    log.command('evidence').description('write the proof that a node has kept as files for ooto verify'),
  )
    .requiredOption('--folder <folder>', "the node's folder; the node may be running")
    .requiredOption('--out <folder>', 'where the files go')
    .action(
      action(async ({ folder, out }: { folder: string; out: string }, { terminal }) => {
        const { writeEvidence } = await import('./alarms.ts');
        const written = await writeEvidence(folder, out);
        for (const name of written.unproven)
          terminal.warn(`${name} is kept and cannot be shown to a stranger`);
        terminal.result(written, () =>
          written.files.length === 0 ? 'nothing is kept' : written.files.join('\n'),
        );
      }),
    );
}

/** Whose signatures count. */
function takesKeys(command: Command): Command {
  return command
    .option(
      '--folder <folder>',
      'the folder of any node of the mesh, which may be running: it knows the keys',
    )
    .option(
      '--log-key <key>',
      'or the key of the log, as ooto log show prints it; more than once',
      collect,
      [],
    )
    .option('--witness-key <key>', 'the key of a witness; may be given more than once', collect, [])
    .option('--quorum <n>', 'how many witnesses must have cosigned; none if absent');
}

/** For options that may be given more than once. */
function collect(word: string, words: readonly string[]): string[] {
  return [...words, word];
}
