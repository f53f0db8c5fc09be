/**
 * The oracle: one door for every outside test vector. What flows through here: a JSON request per line on stdin,
 * a JSON answer per line on stdout, in order, until stdin ends. The operations stand in test/oracle/; they call
 * the product's own functions. With --browser they run in headless Chromium.
 *   npm run -s oracle [-- --browser]
 */
import { MOST_LINE_CHARACTERS, unreadable } from './oracle/answer.ts';
import { type Answerer, openAnswerer } from './oracle/answerer.ts';
import { lineBatches } from './oracle/lines.ts';

const answerer = await openAnswerer({ browser: process.argv.includes('--browser') });
process.stdout.on('error', () => process.exit(0));
try {
  for await (const batch of lineBatches(process.stdin, MOST_LINE_CHARACTERS))
    await answerBatch(answerer, batch);
} finally {
  await answerer.close();
}

async function answerBatch(answerer: Answerer, batch: readonly (string | undefined)[]): Promise<void> {
  const answers = await answerer.answer(batch.filter((line) => line !== undefined));
  let next = 0;
  const text = batch.map((line) => `${line === undefined ? unreadable() : answers[next++]}\n`).join('');
  if (!process.stdout.write(text)) await new Promise((drained) => process.stdout.once('drain', drained));
}
