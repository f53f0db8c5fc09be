/** Answers computed in this process, by the `Crypto` of the Node door. */
import { createNodeCrypto } from '../../src/node.ts';
import { answerLine } from './answer.ts';
import type { Answerer } from './answerer.ts';
import { operationsOf } from './operations.ts';

export async function openNodeAnswerer(): Promise<Answerer> {
  const operations = operationsOf(createNodeCrypto());
  return {
    engines: ['wasm', 'hardware', 'auto'],
    answer: async (lines) => {
      const answers: string[] = [];
      for (const line of lines) answers.push(await answerLine(operations, line));
      return answers;
    },
    close: async () => {},
  };
}
