/**
 * A member of the authority with a fault, as a process: `ooto authority drill-member`. What flows through here: the node
 * is started like any other; then the fault takes the place of some of its handlers, or does its deed, of which the
 * drill reads in the folder what came of it.
 */
import { join } from 'node:path';
import { OotoError } from '../../base/errors.ts';
import { readFileLimited, writeFileAtomically } from '../../platform/node/files.ts';
import { keepRunning, startNode } from '../running-node.ts';
import { FAULTS, type Fault, type FaultName } from './faults.ts';
import { DEED_FILE, TASK_FILE } from './mesh.ts';

/** Runs the node of `folder` with this fault until the signal. @throws OOTO_CLI_USAGE (caller) for a fault that is none. */
export async function runDrillMember(folder: string, fault: string, signal: AbortSignal): Promise<void> {
  if (!Object.hasOwn(FAULTS, fault))
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `there is no fault called ${fault}`);
  const { ports, live }: Fault = FAULTS[fault as FaultName];
  const task = JSON.parse(new TextDecoder().decode(await readFileLimited(join(folder, TASK_FILE))));
  const running = await startNode(folder, signal, ports?.());
  const done = live(running, task as never).then(
    (result) => ({ done: result ?? null }),
    (error) => ({ failed: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) }),
  );
  void done.then((report) =>
    writeFileAtomically(join(folder, DEED_FILE), new TextEncoder().encode(JSON.stringify(report))),
  );
  await keepRunning(running, signal);
}
