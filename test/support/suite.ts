/**
 * A strict face for uvu. Declared tests are counted, hooks that throw turn the test red, every test has a time
 * limit, and a suite that declares nothing fails. Import this, never uvu.
 */
import { suite as uvuSuite } from 'uvu';

const witnesses = new Set<() => string>();

/** What `witness` says is added to the message of whatever fails from now on. */
export function onFailure(witness: () => string): void {
  witnesses.add(witness);
}

export interface SuiteOptions {
  /** Limit of one test in milliseconds. */
  timeout?: number;
}
type Body = () => unknown;
export interface Suite {
  (title: string, body: Body, options?: SuiteOptions): void;
  /** Declares a test that cannot run here; under CI it is a failure. */
  unavailable(title: string, reason: string): void;
  before(hook: Body): void;
  after(hook: Body): void;
  beforeEach(hook: Body): void;
  afterEach(hook: Body): void;
}

export function suite(name: string, { timeout = 10_000 }: SuiteOptions = {}): Suite {
  const under = uvuSuite(name);
  const hooks = {
    before: [] as Body[],
    after: [] as Body[],
    beforeEach: [] as Body[],
    afterEach: [] as Body[],
  };
  let declared = 0;
  let setUp: Promise<void> | undefined;

  const runAll = async (bodies: Body[]) => {
    for (const body of bodies) await body();
  };
  const test = ((title, body, options = {}) => {
    declared++;
    const limit = options.timeout ?? timeout;
    under(title, () =>
      limited(title, limit, async () => {
        setUp ??= runAll(hooks.before);
        await setUp;
        await bothOrThrow(
          async () => {
            await runAll(hooks.beforeEach);
            await body();
          },
          () => runAll(hooks.afterEach),
        );
      }),
    );
  }) as Suite;
  test.unavailable = (title, reason) => {
    declared++;
    if (globalThis.process?.env?.CI)
      under(title, () => {
        throw new Error(`cannot run in CI: ${reason}`);
      });
    else {
      console.error(`skipped: ${name}: ${title}: ${reason}`);
      under.skip(title, () => {});
    }
  };
  test.before = (hook) => void hooks.before.push(hook);
  test.after = (hook) => void hooks.after.push(hook);
  test.beforeEach = (hook) => void hooks.beforeEach.push(hook);
  test.afterEach = (hook) => void hooks.afterEach.push(hook);

  queueMicrotask(() => {
    if (declared === 0) under('declares no tests', () => void fail('empty suite'));
    else if (hooks.after.length > 0)
      under('(clean-up)', () => limited('after', timeout, () => runAll(hooks.after)));
    under.run();
  });
  return test;
}

function fail(message: string): never {
  throw new Error(message);
}

async function limited(label: string, ms: number, body: () => Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${label}: exceeded ${ms} ms`)), ms);
  });
  try {
    await Promise.race([body(), expiry]);
  } catch (error) {
    const failure =
      error instanceof Error ? error : new Error(`${label}: threw a non-Error: ${String(error)}`);
    failure.message = [failure.message, ...[...witnesses].map((witness) => witness())].join('\n').trim();
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

async function bothOrThrow(first: Body, last: Body): Promise<void> {
  let failure: unknown;
  try {
    await first();
  } catch (error) {
    failure = error;
  }
  try {
    await last();
  } catch (error) {
    failure = failure ? new AggregateError([failure, error], `${failure}; and after.each: ${error}`) : error;
  }
  if (failure) throw failure;
}
