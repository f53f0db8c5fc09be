/** A suite's process, seen from outside: started, listened to, and ended with this one. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Watcher } from './measure/run.ts';
import { BUNDLES } from './prepare.ts';
import type { Message } from './results.ts';
import type { Row } from './suite.ts';

/** Between contests garbage is collected; what is new in WebCrypto or old in the rivals is no news here. */
const FLAGS = [
  '--expose-gc',
  '--enable-source-maps',
  '--disable-warning=ExperimentalWarning',
  '--no-deprecation',
];

export interface ProcessWatcher extends Watcher {
  note(text: string): void;
}

/** @throws Error when the process fails; its output has said why. */
export async function runInProcess(
  file: string,
  { tiny, large, cases }: { tiny: boolean; large: boolean; cases: readonly string[] },
  watcher: ProcessWatcher,
): Promise<Row[]> {
  const rows: Row[] = [];
  const child = fork(
    join(BUNDLES, 'child.js'),
    [file, tiny ? 'tiny' : 'full', large ? 'large' : 'usual', ...cases],
    {
      execArgv: FLAGS,
      stdio: ['ignore', 2, 2, 'ipc'],
    },
  );
  const end = () => child.kill('SIGKILL');
  process.on('exit', end);
  child.on('message', (message: Message) => {
    if (message.kind === 'progress') watcher.progress(message.done, message.total, message.doing);
    else if (message.kind === 'note') watcher.note(message.text);
    else {
      rows.push(...message.rows);
      watcher.rows(message.rows);
    }
  });
  const code = await new Promise<number | null>((ended, failed) => {
    child.on('exit', ended);
    child.on('error', failed);
  });
  process.off('exit', end);
  if (code !== 0) throw new Error(`the suite's process ended with ${code}`);
  return rows;
}
