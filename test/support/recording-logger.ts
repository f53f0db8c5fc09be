/** A logger that keeps what it is told. */
import type { Logger, LogLevel } from '../../src/ports.ts';

export interface LogLine {
  level: LogLevel;
  message: string;
  fields: Readonly<Record<string, unknown>>;
}

export class RecordingLogger implements Logger {
  readonly lines: LogLine[] = [];

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.lines.push({ level, message, fields });
  }

  /** Codes that were logged with this message. */
  codes(message: string): unknown[] {
    return this.lines.filter((line) => line.message === message).map((line) => line.fields.code);
  }
}
