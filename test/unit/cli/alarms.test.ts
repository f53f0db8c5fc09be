/** Alarms of a node at the command line, beside the node that has its state open. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ACKNOWLEDGED, ALARM_ID, acknowledge, showAlarms, writeEvidence } from '../../../src/cli/alarms.ts';
import { KeptAlarms } from '../../../src/mesh/audit/kept-alarms.ts';
import { openStore } from '../../../src/platform/node/store.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';

const test = suite('cli/alarms');

test('alarms are shown from the state of a node that runs, until they are acknowledged; no name is a path', async () => {
  const folder = temporaryFolder();
  const store = await openStore(join(folder, 'state'));
  try {
    assert.equal((await showAlarms(folder)).alarms, []);
    const kept = new KeptAlarms(testCrypto(), store);
    for (const member of ['a1', 'a2'])
      await kept.keep({ alarm: 'log', member, code: 'OOTO_LOG_ROLLBACK', reason: 'less than before' }, 0);
    const { alarms } = await showAlarms(folder);
    assert.equal(alarms.map(({ member }) => member).sort(), ['a1', 'a2']);
    const [first, second] = alarms.map(({ alarmId }) => String(alarmId));
    for (const name of ['../../x', '0'.repeat(16), ''])
      await assert.rejectsCode(acknowledge(folder, [name]), 'OOTO_CLI_USAGE');
    await acknowledge(folder, [first]);
    const waiting = readdirSync(join(folder, ACKNOWLEDGED));
    assert.equal(waiting, [first]);
    assert.ok(waiting.every((name) => ALARM_ID.test(name)));
    assert.equal(
      (await showAlarms(folder)).alarms.map(({ alarmId }) => alarmId),
      [second],
    );
    await assert.rejectsCode(writeEvidence(folder, join(folder, 'proof')), 'OOTO_CLI_NODE');
  } finally {
    await store.close();
  }
});
