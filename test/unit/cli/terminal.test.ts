/** What peers and files say must not draw on the terminal of the one who reads it. */
import { OotoError } from '../../../src/base/errors.ts';
import { EXIT, Terminal } from '../../../src/cli/terminal.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('cli/terminal');

/** What `act` writes to stderr. */
function written(act: () => void): string {
  const { write } = process.stderr;
  let text = '';
  process.stderr.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as typeof write;
  try {
    act();
  } finally {
    process.stderr.write = write;
  }
  return text;
}

test('words of a peer are one line without control characters', () => {
  const evil = 'no\x1b[2K\rooto: verified\nooto: all is well\u009b2J\u202egood';
  const terminal = new Terminal();
  const error = new OotoError('OOTO_MESH_BUSY', 'peer', `the peer refused: ${evil}`, { hint: evil });
  const failure = written(() => assert.is(terminal.failure(error), EXIT.failure));
  const talk = written(() => {
    terminal.say(evil);
    terminal.warn(evil);
  });
  for (const text of [failure, talk]) {
    assert.is(text.trimEnd().split('\n').length, 2);
    assert.not.match(text.replaceAll('\n', ''), /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
  }
});
