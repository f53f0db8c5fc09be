/** How this room says no: every error of it is made here, so that codes and culprits look alike. */
import { OotoError } from '../base/errors.ts';

/** An error that a named member caused. */
export function blame(
  code: string,
  culprit: string | readonly string[],
  message: string,
  cause?: unknown,
): OotoError {
  const culprits = typeof culprit === 'string' ? [culprit] : culprit;
  return new OotoError(code, 'peer', `${culprits.join(', ')}: ${message}`, { culprits, cause });
}

/** Runs `body`; whatever it throws becomes an error that names `culprit`, unless it names one already. */
export function blaming<T>(code: string, culprit: string, message: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (cause instanceof OotoError && cause.culprits.length > 0) throw cause;
    throw blame(code, culprit, message, cause);
  }
}

/** A message came that the machine cannot take in its present state. */
export function wrongState(message: string): OotoError {
  return new OotoError('OOTO_THRESHOLD_STATE', 'caller', message);
}
