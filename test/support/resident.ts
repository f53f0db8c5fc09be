/** How much memory processes have taken: the high-water mark of resident memory, of a process and its children. */
import { readdirSync, readFileSync } from 'node:fs';

/** Watches a process and what it starts, until stopped; the kernel keeps the high-water marks between two looks. */
export class ResidentWatch {
  readonly #most = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #pid: number;

  constructor(pid: number, everyMs = 100) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  /** Bytes at most, by what the process was started as. */
  stop(): Map<string, number> {
    this.#look();
    clearInterval(this.#timer);
    return this.#most;
  }

  #look(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
        if (Number(pid) !== this.#pid && field('PPid') !== this.#pid) continue;
        const name = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(2).join(' ').trim();
        this.#most.set(name, Math.max(this.#most.get(name) ?? 0, 1024 * field('VmHWM')));
      } catch {
        // It has ended between two looks.
      }
    }
  }
}
