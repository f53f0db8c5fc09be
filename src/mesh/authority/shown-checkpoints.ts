/**
 * Checkpoints of members' logs that were shown before anybody has cosigned them. What flows through here: whoever has a
 * certificate signed shows the signers in which logs it stands; each keeps, in memory, the newest of every log from
 * everybody that showed one, as a leader does for a new committee; when a member that was started asks what was seen of its log, they are judged by its key.
 */
import { parseCheckpoint } from '../../log/index.ts';
import { parseNote } from '../../log/note.ts';

interface Shown {
  readonly size: number;
  readonly note: string;
}

export class ShownCheckpoints {
  /** By log and by who showed it: nobody can push out what others showed. */
  readonly #byLog = new Map<string, Map<string, Shown>>();

  /** What it says is not judged yet. @throws OOTO_LOG_* (peer) where it is no checkpoint. */
  add(log: string, shower: string, note: string): void {
    const { size } = parseCheckpoint(parseNote(note).text);
    const shown = this.#byLog.get(log) ?? new Map<string, Shown>();
    if (size > (shown.get(shower)?.size ?? 0)) this.#byLog.set(log, shown.set(shower, { size, note }));
  }

  /** The newest that `judge` does not throw at. */
  newest(log: string, judge: (note: string) => unknown): string | undefined {
    const shown = [...(this.#byLog.get(log)?.values() ?? [])].sort((a, b) => b.size - a.size);
    return shown.find(({ note }) => isGood(note, judge))?.note;
  }
}

function isGood(note: string, judge: (note: string) => unknown): boolean {
  try {
    judge(note);
    return true;
  } catch {
    return false;
  }
}
