/**
 * From a line to a line. What flows through here: one line of JSON is parsed, its operation looked up and
 * computed, and what came of it written as one line; nothing that a line holds can end the oracle.
 */
import { type Fields, isFields, type Json, malformed, type Operation } from './request.ts';

export type Answer =
  | { readonly id: Json; readonly ok: true; readonly out: Fields }
  | { readonly id: Json; readonly ok: false; readonly code: string };

/** More than the largest vector or exported file by far; a longer line is refused unread. */
export const MOST_LINE_CHARACTERS = 64 * 1024 * 1024;

export type OperationTable = ReadonlyMap<string, Operation>;

/** The answer to `line`, as one line without its end. */
export async function answerLine(operations: OperationTable, line: string): Promise<string> {
  return JSON.stringify(await answerParsed(operations, parse(line)));
}

/** The answer to a request that is no text any more. */
export async function answerParsed(operations: OperationTable, request: Json | undefined): Promise<Answer> {
  const id = identifier(request);
  try {
    if (!isFields(request)) throw malformed('the line is no JSON object');
    return { id, ok: true, out: await compute(operations, request) };
  } catch (error) {
    return { id, ok: false, code: codeOf(error) };
  }
}

/** What is answered where no line could be read. */
export function unreadable(): string {
  return JSON.stringify({ id: null, ok: false, code: 'OOTO_ORACLE_REQUEST' } satisfies Answer);
}

function compute(operations: OperationTable, request: Fields): Fields | Promise<Fields> {
  const { id, op } = request;
  if (id !== undefined && id !== null && typeof id !== 'number' && typeof id !== 'string')
    throw malformed('an id is a number or a text');
  if (typeof op !== 'string') throw malformed('field op is no text');
  const operation = operations.get(op);
  if (!operation) throw Object.assign(malformed(`no operation ${op}`), { code: 'OOTO_ORACLE_UNKNOWN_OP' });
  return operation(request);
}

function parse(line: string): Json | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function identifier(request: Json | undefined): Json {
  const id = isFields(request) ? request.id : null;
  return typeof id === 'number' || typeof id === 'string' ? id : null;
}

/** A code by its form, not its class: the browser's bundle has its own. What has none is a fault of the product. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('OOTO_') ? code : 'OOTO_ORACLE_INTERNAL';
}
