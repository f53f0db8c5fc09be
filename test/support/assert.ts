/** Assertions of this project: uvu's, and those that name what matters here. */
import { equal as sameBytes } from '../../src/base/bytes.ts';
import { OotoError } from '../../src/base/errors.ts';
import { hex } from '../../src/base/hex.ts';

export { equal, instance, is, match, not, ok, throws, type, unreachable } from 'uvu/assert';

/** Byte equality, shown in hexadecimal and shortened around the first difference. */
export function bytes(actual: Uint8Array, expected: Uint8Array, what = 'bytes'): void {
  if (sameBytes(actual, expected)) return;
  const [a, e] = [hex(actual), hex(expected)];
  let at = 0;
  while (a[at] === e[at]) at++;
  const from = Math.max(0, at - 16);
  throw new Error(
    `${what}: ${actual.length} and ${expected.length} bytes differ at byte ${at >> 1}: ` +
      `got …${a.slice(from, from + 64)}… expected …${e.slice(from, from + 64)}…`,
  );
}

/** Runs `body`, which must throw an OotoError with this code; returns the error. */
export function throwsCode(body: () => unknown, code: string): OotoError {
  try {
    body();
  } catch (error) {
    return requireCode(error, code);
  }
  throw new Error(`nothing was thrown, expected ${code}`);
}

/** Awaits `promise`, which must reject with an OotoError with this code; returns the error. */
export async function rejectsCode(promise: Promise<unknown>, code: string): Promise<OotoError> {
  try {
    await promise;
  } catch (error) {
    return requireCode(error, code);
  }
  throw new Error(`nothing was thrown, expected ${code}`);
}

/** What `promise` is refused with: it must reject with an OotoError. */
export async function refusal(promise: Promise<unknown>): Promise<OotoError> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  if (error instanceof OotoError) return error;
  throw new Error(`threw ${error}, expected an OotoError`, { cause: error });
}

/** What `body` throws; undefined when it throws nothing. */
export function thrown(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  return undefined;
}

function requireCode(error: unknown, code: string): OotoError {
  if (!(error instanceof OotoError))
    throw new Error(`threw ${error}, expected OotoError ${code}`, { cause: error });
  if (error.code !== code)
    throw new Error(`threw ${error.code} (${error.message}), expected ${code}`, { cause: error });
  return error;
}
