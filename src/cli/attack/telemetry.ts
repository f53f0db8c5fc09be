/**
 * Attacks on the collector by a node whose telemetry was tampered with after it was signed. What flows through
 * here: a chain of the node's own with one signed link of three records; a record in it is changed, or one is
 * left out; nothing else is bent.
 */
import { telemetryCredential, telemetryJudge } from '../../mesh/telemetry/credential.ts';
import { decodeFrame, encodeFrame, type Frame } from '../../telemetry/frame.ts';
import { BOOT_ID_BYTES, TelemetryChain } from '../../telemetry/index.ts';
import { type Attacker, PATIENCE_MS, type Target } from './attacker.ts';

const RECORDS = 3;
const PROMISE_MS = 60_000;

type Tamper = (records: readonly Uint8Array[]) => Uint8Array[];

export function sendAlteredTelemetry(attacker: Attacker, target: Target): Promise<unknown> {
  return sendTampered(attacker, target, alterFirst);
}

export function sendTruncatedTelemetry(attacker: Attacker, target: Target): Promise<unknown> {
  return sendTampered(attacker, target, (records) => records.slice(0, -1));
}

async function sendTampered(attacker: Attacker, target: Target, tamper: Tamper): Promise<unknown> {
  const frame = await signedFrame(attacker);
  const tampered = frame.kind === 'link' ? { ...frame, records: tamper(frame.records) } : frame;
  const session = await attacker.approach(target);
  const body = { frames: [encodeFrame(tampered)] };
  return session.request('telemetry.append', body, { timeoutMs: PATIENCE_MS });
}

/** The one frame of a new chain. */
async function signedFrame({ open: { node } }: Attacker): Promise<Frame> {
  const { crypto, store, clock } = node.options;
  const { own } = node;
  const chain = new TelemetryChain({
    crypto,
    store,
    prefix: `attack/${clock.monotonic()}/`,
    node: own.presentation.id,
    boot: crypto.random.bytes(BOOT_ID_BYTES),
    signing: { key: own.messageKey, credential: telemetryCredential(own) },
    judge: telemetryJudge(crypto, () => node.trust),
    promiseMs: PROMISE_MS,
  });
  const records: Uint8Array[] = [];
  while (records.length < RECORDS) records.push(await node.meters.record());
  const staged = chain.stage(records, clock.now());
  await store.commit(staged.changes);
  chain.accept(staged);
  return decodeFrame(chain.frames(0)[0], own.presentation.id);
}

function alterFirst([first, ...rest]: readonly Uint8Array[]): Uint8Array[] {
  const altered = first.slice();
  altered[altered.length - 1] ^= 1;
  return [altered, ...rest];
}
