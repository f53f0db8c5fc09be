/** The door of a worker thread: answers the requests of `platform/node/worker.ts` with executions. */
import { serveSandbox } from './platform/node/sandbox.ts';
import { execute } from './workload/execution.ts';

serveSandbox(execute);
