/** What a suite gets of the platform it runs on: a core of its own, hardware, randomness, and rivals by name. */
import type { Core } from '../src/core/index.ts';
import type { Hardware, Random } from '../src/ports.ts';
import type { Engine } from './engine.ts';

export interface Platform {
  readonly kind: 'node' | 'browser';
  readonly hardware: Hardware;
  readonly random: Random;
  startCore(): Promise<Core>;
  /** How often the system has taken the processor from this program; always 0 where nobody tells. */
  interruptions(): number;
  /** Seconds that the processor has worked for this program so far; undefined where nobody tells. */
  processorSeconds(): number | undefined;
  /** The rivals that are installed and run here. */
  readonly rivals: readonly Engine[];
}
