import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RefusalLog } from '../../../src/cli/demo/refusal-log.ts';
import * as assert from '../../support/assert.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';

const test = suite('refusal log');
const ME = '127.0.0.1:40001';

function refused(remote: string, code: string, message = 'refused'): string {
  return `${JSON.stringify({ level: 'warn', message, remote, code })}\n`;
}

function startedLog(content = ''): { file: string; log: RefusalLog } {
  const file = join(temporaryFolder(), 'node.log');
  writeFileSync(file, content);
  return { file, log: new RefusalLog(file) };
}

test('the first refusal of an address is found, and nobody else’s', () => {
  const { file, log } = startedLog();
  appendFileSync(file, refused('127.0.0.1:40002', 'OOTO_OTHER'));
  assert.is(log.codeFor(ME), null);
  appendFileSync(file, refused(ME, 'OOTO_MINE') + refused(ME, 'OOTO_LATER'));
  assert.is(log.codeFor(ME), 'OOTO_MINE');
});

test('a line that says something else is no refusal', () => {
  const { file, log } = startedLog();
  appendFileSync(file, refused(ME, 'OOTO_MESH_CLOSED', 'session ended'));
  appendFileSync(file, `${JSON.stringify({ message: 'refused', remote: ME })}\n`);
  assert.is(log.codeFor(ME), null);
});

test('what was refused before does not count: ports are used again', () => {
  const { file, log } = startedLog(refused(ME, 'OOTO_OLD'));
  assert.is(log.codeFor(ME), null);
  appendFileSync(file, refused(ME, 'OOTO_NEW'));
  assert.is(log.codeFor(ME), 'OOTO_NEW');
});

test('a line in the writing is waited for', () => {
  const { file, log } = startedLog();
  const line = refused(ME, 'OOTO_MINE');
  appendFileSync(file, line.slice(0, 30));
  assert.is(log.codeFor(ME), null);
  appendFileSync(file, line.slice(30));
  assert.is(log.codeFor(ME), 'OOTO_MINE');
});

test('a log that was moved aside begins anew', () => {
  const { file, log } = startedLog(refused(ME, 'OOTO_OLD').repeat(3));
  renameSync(file, `${file}.1`);
  writeFileSync(file, refused(ME, 'OOTO_NEW'));
  assert.is(log.codeFor(ME), 'OOTO_NEW');
});
