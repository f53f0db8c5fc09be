/** A suite in headless Chromium: the page that people see, driven from here. */
import { chromium } from 'playwright-core';
import { CHROMIUM, CHROMIUM_FLAGS, chromiumIsInstalled } from '../../test/support/chromium.ts';
import { load, nodeMachine } from '../machine/node.ts';
import type { Watcher } from '../measure/run.ts';
import type { Machine, Results } from '../results.ts';
import { PAGE } from './build.ts';
import { servePage } from './serve.ts';
import type { PageWish } from './wish.ts';

/** @throws Error without Chromium, and when the suite fails in the page. */
export async function runInChromium(wish: PageWish, watcher: Watcher): Promise<Results> {
  if (!chromiumIsInstalled()) throw new Error(`${CHROMIUM} is missing; install Debian's package chromium`);
  const server = await servePage(PAGE, 0);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  try {
    const before = load();
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(`page: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'warning' || message.type() === 'error')
        console.error(`page: ${message.text()}`);
    });
    await page.exposeFunction('ootoBenchProgress', (done: number, total: number, doing: string) =>
      watcher.progress(done, total, doing),
    );
    await page.goto(server.address);
    await page.waitForFunction(() => globalThis.ootoBench !== undefined);
    const results = await page.evaluate((wish) => globalThis.ootoBench.run(wish), wish);
    watcher.rows(results.rows);
    return { ...results, machine: knownHere(results.machine, browser.version(), before) };
  } finally {
    await browser.close();
    await server.close();
  }
}

/** The browser does not tell what it runs on; this side knows. */
function knownHere(machine: Machine, version: string, before: number): Machine {
  const { cpu, cores } = nodeMachine();
  return { ...machine, versions: { Chromium: version }, cpu, cores, load: { before, after: load() } };
}
