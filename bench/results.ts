/** The results of a run as they are written: schema `ooto.bench/1`. */
import type { Row } from './suite.ts';

export const SCHEMA = 'ooto.bench/1';

export interface Machine {
  platform: 'node' | 'browser';
  /** Model of the processor; browsers do not tell. */
  cpu: string | null;
  cores: number;
  /** Node and what it is made of, or the browser. */
  versions: Readonly<Record<string, string>>;
  /** Which build of the core was measured. */
  wasm: 'plain' | 'relaxed';
  /** Of the last minute, before and after; null where the platform does not tell. */
  load: { before: number | null; after: number | null };
  /** ISO 8601. */
  date: string;
}

/** What the page's worker and a suite's process say while they run. */
export type Message =
  | { kind: 'progress'; done: number; total: number; doing: string }
  | { kind: 'rows'; rows: readonly Row[] }
  | { kind: 'note'; text: string };

export interface Results {
  schema: typeof SCHEMA;
  machine: Machine;
  rows: Row[];
}
