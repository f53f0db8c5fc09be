/** The oracle inside a page: the browser door's `Crypto` under the same operations as on Node. */
import { createBrowserCrypto } from '../../src/browser.ts';
import { answerLine } from './answer.ts';
import { operationsOf } from './operations.ts';

const operations = createBrowserCrypto().then(operationsOf);

globalThis.answerLines = async (lines: readonly string[]) => {
  const table = await operations;
  const answers: string[] = [];
  for (const line of lines) answers.push(await answerLine(table, line));
  return answers;
};
