/**
 * One suite in a process of its own, so that no suite finds the machine code or the garbage of another. What flows
 * through here: the file of a suite comes as an argument; progress, rows and errors go to the parent as messages.
 *   node child.js SUITE.js full|tiny usual|large [WORD …]
 */
import { pathToFileURL } from 'node:url';
import { nodePlatform } from './machine/node.ts';
import { FULL_PLAN, TINY_PLAN } from './measure/contest.ts';
import { runSuite } from './measure/run.ts';
import type { Message } from './results.ts';
import type { Suite } from './suite.ts';

const send = (message: Message) => process.send!(message);

const [file, plan, extent, ...cases] = process.argv.slice(2);
const { default: suite } = (await import(pathToFileURL(file).href)) as { default: Suite };
const platform = await nodePlatform((text) => send({ kind: 'note', text }));
await runSuite(
  suite,
  platform,
  { plan: plan === 'tiny' ? TINY_PLAN : FULL_PLAN, cases, large: extent === 'large' },
  {
    progress: (done, total, doing) => send({ kind: 'progress', done, total, doing }),
    rows: (rows) => send({ kind: 'rows', rows }),
  },
);
process.disconnect();
