/** Answers computed in headless Chromium, by the `Crypto` of the browser door. */
import { openChromium } from '../support/chromium.ts';
import type { Answerer } from './answerer.ts';

/** What test/oracle/page.ts leaves in the page. */
declare global {
  var answerLines: (lines: readonly string[]) => Promise<readonly string[]>;
}

export async function openBrowserAnswerer(): Promise<Answerer> {
  const chromium = await openChromium('oracle-page.js');
  return {
    engines: ['wasm', 'auto'],
    answer: (lines) => chromium.page.evaluate((lines) => globalThis.answerLines(lines), lines),
    close: () => chromium.close(),
  };
}
