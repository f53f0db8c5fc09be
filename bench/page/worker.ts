/** The page's worker: runs one suite, so that the page stays responsive, and says what comes out of it. */
import { browserPlatform } from '../machine/browser.ts';
import { FULL_PLAN, TINY_PLAN } from '../measure/contest.ts';
import { runSuite } from '../measure/run.ts';
import type { Message } from '../results.ts';
import type { Suite } from '../suite.ts';
import type { PageWish, WorkerEnd } from './wish.ts';

const send = (message: Message | WorkerEnd) => postMessage(message);

addEventListener('message', ({ data }: MessageEvent<PageWish>) => {
  run(data).then(
    () => send({ kind: 'done' }),
    (error: Error) => send({ kind: 'failed', reason: error.stack ?? error.message }),
  );
});

async function run({ suite: name, tiny, cases }: PageWish): Promise<void> {
  const file = new URL(`./suite-${name}.js`, import.meta.url).href;
  const { default: suite } = (await import(file)) as { default: Suite };
  const platform = await browserPlatform((text) => send({ kind: 'note', text }));
  await runSuite(
    suite,
    platform,
    { plan: tiny ? TINY_PLAN : FULL_PLAN, cases },
    {
      progress: (done, total, doing) => send({ kind: 'progress', done, total, doing }),
      rows: (rows) => send({ kind: 'rows', rows }),
    },
  );
}
