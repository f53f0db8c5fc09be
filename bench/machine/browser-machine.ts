/** What a browser tells about itself and the machine it runs on. */
import { runsRelaxedSimd } from '../../src/platform/browser/core-file.ts';
import type { Machine } from '../results.ts';

export function browserMachine(): Machine {
  return {
    platform: 'browser',
    cpu: null,
    cores: navigator.hardwareConcurrency,
    versions: browserVersions(navigator.userAgent),
    wasm: runsRelaxedSimd() ? 'relaxed' : 'plain',
    load: { before: null, after: null },
    date: new Date().toISOString(),
  };
}

/** The browser's name and version, as its user agent tells. */
export function browserVersions(userAgent: string): Record<string, string> {
  for (const [name, pattern] of [
    ['Edge', /Edg\/([\d.]+)/],
    ['Firefox', /Firefox\/([\d.]+)/],
    ['Chromium', /Chrome\/([\d.]+)/],
    ['Safari', /Version\/([\d.]+) .*Safari/],
  ] as const) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return { [name]: version };
  }
  return { browser: userAgent };
}
