import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { lockFolder } from '../../../src/platform/node/folder-lock.ts';
import * as assert from '../../support/assert.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';

/** Started as a program, this file holds the folder it is given until it is killed. */
if (process.argv[2] === 'hold') {
  await lockFolder(process.argv[3]);
  process.stdout.write('held\n');
  setInterval(() => {}, 1_000);
} else tests();

function tests(): void {
  const test = suite('platform/folder-lock');

  test('a folder is taken once, under every name it has, and again once it is released', async () => {
    const folder = temporaryFolder();
    const other = join(temporaryFolder(), 'link');
    symlinkSync(folder, other);
    const lock = await lockFolder(folder);
    await assert.rejectsCode(lockFolder(folder), 'OOTO_FILES_LOCKED');
    await assert.rejectsCode(lockFolder(other), 'OOTO_FILES_LOCKED');
    await (await lockFolder(temporaryFolder())).release();
    await lock.release();
    await (await lockFolder(other)).release();
  });

  test('a process that is killed gives the folder back', async () => {
    const folder = temporaryFolder();
    const holder = spawn(process.execPath, [process.argv[1], 'hold', folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    await assert.rejectsCode(lockFolder(folder), 'OOTO_FILES_LOCKED');
    const ended = once(holder, 'exit');
    holder.kill('SIGKILL');
    await ended;
    await (await lockFolder(folder)).release();
  });
}
