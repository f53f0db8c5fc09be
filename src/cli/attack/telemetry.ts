/**
 * Attacks on the collector by a node whose telemetry was tampered with after it was signed. What flows through
 * here: a chain of the node's own with one signed link of three records; a record in it is changed, or one is
 * left out.
 */
import type { CborValue } from '../../envelope/cbor.ts';
import { telemetryCredential, telemetryJudge } from '../../mesh/telemetry-credential.ts';
import { decodeFrame, encodeFrame, type LinkFrame } from '../../telemetry/frame.ts';
import { BOOT_ID_BYTES, TelemetryChain } from '../../telemetry/index.ts';
import { type Attacker, PATIENCE_MS, type Target } from './attacker.ts';

const RECORDS = 3;
const PROMISE_MS = 60_000;

export function sendAlteredTelemetry(attacker: Attacker, target: Target): Promise<unknown> {
  return append(attacker, target, 'altered/', ([first, ...rest]) => {
    const altered = first.slice();
    altered[altered.length - 1] ^= 1;
    return [altered, ...rest];
  });
}

export function sendTruncatedTelemetry(attacker: Attacker, target: Target): Promise<unknown> {
  return append(attacker, target, 'truncated/', (records) => records.slice(0, -1));
}

async function append(
  attacker: Attacker,
  target: Target,
  prefix: string,
  tamper: (records: Uint8Array[]) => Uint8Array[],
): Promise<CborValue> {
  const { node } = attacker.open;
  const link = await signedLink(attacker, prefix);
  const frames = [encodeFrame({ ...link, records: tamper(link.records) })];
  const session = await attacker.approach(target);
  return session.request('telemetry.append', { frames }, { timeoutMs: PATIENCE_MS });

  async function signedLink({ open }: Attacker, chainPrefix: string): Promise<LinkFrame> {
    const { crypto, store, clock } = node.options;
    const { own } = node;
    const chain = new TelemetryChain({
      crypto,
      store,
      prefix: chainPrefix,
      node: own.presentation.id,
      boot: crypto.random.bytes(BOOT_ID_BYTES),
      signing: { key: own.messageKey, credential: telemetryCredential(own) },
      judge: telemetryJudge(crypto, () => node.trust),
      promiseMs: PROMISE_MS,
    });
    const records = [];
    for (let i = 0; i < RECORDS; i++) records.push(await open.node.meters.record());
    const staged = chain.stage(records, clock.now());
    await store.commit(staged.changes);
    chain.accept(staged);
    return decodeFrame(chain.frames(0)[0], own.presentation.id) as LinkFrame;
  }
}
