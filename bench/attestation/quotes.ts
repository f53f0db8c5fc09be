/**
 * Quotes of one software TPM by two ways: through the agent's process, and by an asynchronous Esys_Quote in this one.
 * What flows through here: both ways have a key of their own loaded, quote the same registers, and take turns; each
 * round gives the time of a quote for both.
 */
import { DataType, load } from 'ffi-rs';
import { type KeyReference, TpmConnection } from '../../src/platform/node/tpm/connection.ts';
import { NO_ALGORITHM, selectionOf, sized } from '../../src/platform/node/tpm/templates.ts';
import { callOf, Out, openLibraries, structure, wireOf } from '../../src/platform/node/tpm/tss.ts';
import { missingForTpm, Swtpm } from '../../test/support/swtpm.ts';

export interface QuoteTimes {
  /** Milliseconds of a quote, by round. */
  agent: number[];
  inProcess: number[];
}

const REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 15];
const NONCE = new Uint8Array(32).fill(1);
const [PASSWORD, NONE] = [0x0ff, 0xfff];
const ROUNDS = 600;
const WARM_UPS = 60;

/** Undefined where no software TPM can be had. */
export async function quoteTimes(): Promise<QuoteTimes | undefined> {
  if (missingForTpm() !== undefined) return undefined;
  // A call of ffi-rs on another thread does not keep the process alive.
  const alive = setInterval(() => {}, 1000);
  const swtpm = await Swtpm.start();
  const tpm = swtpm.client();
  try {
    // Whoever connects flushes all keys: so both connect first.
    await tpm.info();
    process.env.TSS2_LOG = 'all+none';
    openLibraries();
    using connection = new TpmConnection(swtpm.tcti);
    const key = await tpm.createAttestationKey();
    const own = connection.createAttestationKey(new Uint8Array(32).fill(2));
    return await takeTurns({
      agent: () => tpm.quote(key, NONCE, REGISTERS),
      inProcess: () => quoteApart(connection, own),
    });
  } finally {
    await tpm.close();
    await swtpm.remove();
    clearInterval(alive);
  }
}

/** One quote of each way in turn: whatever else the machine does falls on both. */
async function takeTurns(ways: Record<keyof QuoteTimes, () => Promise<unknown>>): Promise<QuoteTimes> {
  const times: QuoteTimes = { agent: [], inProcess: [] };
  const order = Object.keys(times) as (keyof QuoteTimes)[];
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    for (const way of round % 2 === 0 ? order : order.toReversed()) {
      const start = performance.now();
      await ways[way]();
      if (round >= 0) times[way].push(performance.now() - start);
    }
  }
  return times;
}

/** On a thread of its own, as a program must that does not want to block: the arguments live until it ends. */
async function quoteApart(connection: TpmConnection, key: KeyReference): Promise<Uint8Array[]> {
  const [attest, signature] = [new Out(), new Out()];
  const what = [structure('TPM2B_DATA', sized(NONCE)), structure('TPMT_SIG_SCHEME', NO_ALGORITHM)];
  const selection = structure('TPML_PCR_SELECTION', selectionOf(REGISTERS));
  const sessions = [connection.load(key), PASSWORD, NONE, NONE];
  const given = [connection.context, ...sessions, ...what, selection, attest.room, signature.room];
  const code = await load({ ...callOf('Esys_Quote', given, DataType.U32), runInNewThread: true as const });
  if (code !== 0 || given.length !== 10) throw new Error(`Esys_Quote: 0x${code.toString(16)}`);
  return [wireOf('TPM2B_ATTEST', attest.address), wireOf('TPMT_SIGNATURE', signature.address)];
}
