/**
 * Where the oracle's answers are computed: in this process, or in a page of headless Chromium. Both take lines
 * and give lines, so that a vector meets the same door on either side.
 */
import type { EngineName } from '../../src/crypto/crypto.ts';

export interface Answerer {
  /** Engines that can be asked for by name here. */
  readonly engines: readonly EngineName[];
  /** One answer per line, in order. */
  answer(lines: readonly string[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Opens the one or the other; the browser's side is loaded only when asked for. */
export async function openAnswerer({ browser }: { browser: boolean }): Promise<Answerer> {
  if (browser) return (await import('./answerer-browser.ts')).openBrowserAnswerer();
  return (await import('./answerer-node.ts')).openNodeAnswerer();
}
