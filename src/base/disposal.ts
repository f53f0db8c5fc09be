/** Ends of lives: secrets are overwritten and resources released, in the reverse order of their making. */

/** Overwrites a secret. JavaScript copies made before are beyond reach; keep secrets in one array each. */
export function wipe(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}

/** Runs `use` with secrets that are overwritten whatever happens. */
export function withSecrets<T>(secrets: readonly Uint8Array[], use: () => T): T {
  try {
    return use();
  } finally {
    wipe(...secrets);
  }
}
