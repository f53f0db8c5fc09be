/** Keys of a node before a live TPM: opened while the registers hold, recovered by the operator when they do not. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hex } from '../../../src/base/hex.ts';
import {
  openRecoveryKey,
  openState,
  protectKeys,
  recoverState,
  sealState,
} from '../../../src/cli/state-key.ts';
import { softwareKey } from '../../../src/platform/node/signer.ts';
import { bytes, is, match, not, ok, rejectsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';
import { missingForTpm, Swtpm } from '../../support/swtpm.ts';

const test = suite('state key', { timeout: 60_000 });
const crypto = testCrypto();
const { random, ed25519 } = crypto;
const missing = missingForTpm();
const REGISTERS = [7, 15];

interface Place {
  swtpm: Swtpm;
  folder: string;
  operator: string;
}

function live(title: string, body: (place: Place) => Promise<void>): void {
  if (missing !== undefined) test.unavailable(title, missing);
  else
    test(title, async () => {
      const root = mkdtempSync(join(tmpdir(), 'ooto-state-key-'));
      const swtpm = await Swtpm.start();
      try {
        await body({ swtpm, folder: root, operator: join(root, 'operator') });
      } finally {
        await swtpm.remove();
        rmSync(root, { recursive: true });
      }
    });
}

async function seal({ swtpm, folder, operator }: Place): Promise<void> {
  const recovery = join(folder, 'recovery.pem');
  writeFileSync(recovery, await openRecoveryKey(crypto, operator));
  const tpm = swtpm.client();
  try {
    await sealState(crypto, folder, { tpm, registers: REGISTERS, recovery });
  } finally {
    await tpm.close();
  }
}
const file = ({ folder }: Place) => join(folder, 'log.key');
const opened = (place: Place, swtpm = place.swtpm) => openState(crypto, place.folder, () => swtpm.client());

live(
  'a secret that is sealed comes back while the registers hold, and from no other TPM',
  async ({ swtpm }) => {
    const [tpm, otherTpm] = [swtpm.client(), await Swtpm.start()];
    const other = otherTpm.client();
    try {
      const secret = random.bytes(32);
      const sealed = await tpm.seal(secret, REGISTERS);
      not.ok(hex(sealed.privateArea).includes(hex(secret)));
      bytes(await tpm.unseal(sealed), secret);
      await swtpm.restart();
      bytes(await tpm.unseal(sealed), secret, 'after a restart');
      await rejectsCode(other.unseal(sealed), 'OOTO_TPM_FOREIGN_KEY');
      const bent = { ...sealed, privateArea: sealed.privateArea.slice() };
      bent.privateArea[bent.privateArea.length - 1] ^= 1;
      await tpm.unseal(bent).then(
        () => ok(false, 'a changed blob was unsealed'),
        () => undefined,
      );
      await tpm.extendRegister(15, secret);
      await rejectsCode(tpm.unseal(sealed), 'OOTO_TPM_POLICY');
      const anew = await tpm.seal(secret, REGISTERS);
      bytes(await tpm.unseal(anew), secret);
    } finally {
      await tpm.close();
      await other.close();
      await otherTpm.remove();
    }
  },
);

live('keys of a folder are encrypted, open with the TPM, and stay closed without it', async (place) => {
  const before = await softwareKey({ file: file(place), random, ed25519 });
  await seal(place);
  match(readFileSync(file(place), 'utf8'), /BEGIN OOTO SEALED KEY/);
  await rejectsCode(softwareKey({ file: file(place), random, ed25519 }), 'OOTO_SIGNER_SEALED');
  const protection = await opened(place);
  const after = await softwareKey({ file: file(place), random, ed25519, protection });
  bytes(after.publicKey, before.publicKey);
  const fresh = await softwareKey({ file: join(place.folder, 'witness.key'), random, ed25519, protection });
  match(readFileSync(join(place.folder, 'witness.key'), 'utf8'), /OOTO SEALED KEY/);
  is(fresh.publicKey.length, 32);
  writeFileSync(file(place), readFileSync(join(place.folder, 'witness.key')));
  await rejectsCode(
    softwareKey({ file: file(place), random, ed25519, protection }),
    'OOTO_CRYPTO_AUTHENTICATION',
  );
  protection?.[Symbol.dispose]();
  await rejectsCode(seal(place), 'OOTO_CLI_STATE_KEY');
});

live(
  'keys that a crash has left in the clear beside the state key are encrypted at the next start',
  async (place) => {
    await seal(place);
    const before = await softwareKey({ file: file(place), random, ed25519 });
    match(readFileSync(file(place), 'utf8'), /BEGIN PRIVATE KEY/);
    const protection = await opened(place);
    const sealed = readFileSync(file(place), 'utf8');
    match(sealed, /BEGIN OOTO SEALED KEY/);
    const after = await softwareKey({ file: file(place), random, ed25519, protection });
    bytes(after.publicKey, before.publicKey);
    await opened(place);
    is(readFileSync(file(place), 'utf8'), sealed, 'what is encrypted stays as it is');
  },
);

live('a key file that cannot be read is said to be that, and nothing of firmware', async (place) => {
  await seal(place);
  writeFileSync(file(place), 'no key', { mode: 0o600 });
  const refusal = await rejectsCode(opened(place), 'OOTO_SIGNER_FILE');
  is(/firmware|recovery open/.test(refusal.hint ?? ''), false);
});

test('what would encrypt keys is wiped where it cannot', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ooto-state-key-'));
  let wiped = 0;
  const protection = {
    seal: (content: Uint8Array) => content,
    open: (content: Uint8Array) => content,
    [Symbol.dispose]: () => void wiped++,
  };
  try {
    await protectKeys(folder, protection);
    is(wiped, 0);
    mkdirSync(join(folder, 'log.key'));
    await protectKeys(folder, protection).then(
      () => ok(false, 'a folder was encrypted'),
      () => undefined,
    );
    is(wiped, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

live(
  'after new firmware, and on another board, the operator opens the other copy; a stranger does not',
  async (place) => {
    const before = await softwareKey({ file: file(place), random, ed25519 });
    await seal(place);
    const tpm = place.swtpm.client();
    await tpm.extendRegister(7, random.bytes(32));
    const refusal = await rejectsCode(opened(place), 'OOTO_TPM_POLICY');
    match(refusal.hint ?? '', /ooto recovery open/);
    const stranger = join(place.folder, 'stranger');
    await openRecoveryKey(crypto, stranger);
    await rejectsCode(
      recoverState(crypto, place.folder, { tpm, operator: stranger }),
      'OOTO_CRYPTO_AUTHENTICATION',
    );
    await recoverState(crypto, place.folder, { tpm, operator: place.operator });
    await tpm.close();
    const board = await Swtpm.start();
    const replaced = board.client();
    try {
      const protection = await opened(place);
      bytes(
        (await softwareKey({ file: file(place), random, ed25519, protection })).publicKey,
        before.publicKey,
      );
      await rejectsCode(opened(place, board), 'OOTO_TPM_FOREIGN_KEY');
      await recoverState(crypto, place.folder, { tpm: replaced, operator: place.operator });
      bytes(
        (await softwareKey({ file: file(place), random, ed25519, protection: await opened(place, board) }))
          .publicKey,
        before.publicKey,
      );
    } finally {
      await replaced.close();
      await board.remove();
    }
  },
);

live('without a recovery key nothing is sealed: the TPM never has the only copy', async (place) => {
  const before = await softwareKey({ file: file(place), random, ed25519 });
  const tpm = place.swtpm.client();
  const none = join(place.folder, 'none.pem');
  writeFileSync(none, '');
  await sealState(crypto, place.folder, { tpm, registers: REGISTERS, recovery: none }).then(
    () => ok(false, 'sealed'),
    () => undefined,
  );
  await tpm.close();
  is(await opened(place), undefined);
  bytes((await softwareKey({ file: file(place), random, ed25519 })).publicKey, before.publicKey);
});
