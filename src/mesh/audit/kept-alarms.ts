/**
 * What the logs of the authority gave cause for, kept until an operator has seen it. What flows through here: an alarm
 * becomes durable under a name made of what it says, so that it is told once; it is shown from then on, through restarts,
 * until it is acknowledged, and an acknowledged one is not raised again. So many of each kind are kept of each member: a
 * corrupt one cannot drown what concerns others.
 */
import { utf8 } from '../../base/bytes.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { decode, encode } from '../../envelope/cbor.ts';
import { boolean, fields, text, uint } from '../../envelope/fields.ts';
import type { Store } from '../../ports.ts';
import type { ToldAlarm } from '../status.ts';

const PREFIX = 'log-alarm/';
const AFTER_PREFIX = 'log-alarm0';
const MOST_OF_A_KIND = 16;
const MOST_BYTES = 16 * 1024;

const keptShape = {
  /** JSON: names and values as they are shown. */
  alarm: text(8 * 1024),
  /** Milliseconds since 1970. */
  raised: uint(),
  isAcknowledged: boolean,
} as const;

interface KeptAlarm {
  readonly alarm: ToldAlarm;
  readonly raised: number;
  readonly isAcknowledged: boolean;
}

export class KeptAlarms {
  readonly #crypto: Crypto;
  readonly #store: Pick<Store, 'commit'>;
  readonly #kept: Map<string, KeptAlarm>;

  constructor(crypto: Crypto, store: Pick<Store, 'range' | 'commit'>) {
    this.#crypto = crypto;
    this.#store = store;
    this.#kept = readAlarms(store);
  }

  /** Those that nobody has acknowledged, the first at first. */
  get open(): ToldAlarm[] {
    return openAlarms(this.#kept);
  }

  /** Whether it is new; it is durable then. */
  async keep(alarm: ToldAlarm, raised: number): Promise<boolean> {
    const alarmId = hex(this.#crypto.sha256(utf8(JSON.stringify(alarm)))).slice(0, 16);
    if (this.#kept.has(alarmId) || !this.#hasRoom(alarm)) return false;
    await this.#put(alarmId, { alarm, raised, isAcknowledged: false });
    return true;
  }

  /** An operator has seen it; whether there was such an alarm. */
  async acknowledge(alarmId: string): Promise<boolean> {
    const known = this.#kept.get(alarmId);
    if (!known) return false;
    if (!known.isAcknowledged) await this.#put(alarmId, { ...known, isAcknowledged: true });
    return true;
  }

  #hasRoom({ member, alarm: kind }: ToldAlarm): boolean {
    const alike = [...this.#kept.values()].filter(
      ({ alarm, isAcknowledged }) => !isAcknowledged && alarm.member === member && alarm.alarm === kind,
    );
    return alike.length < MOST_OF_A_KIND;
  }

  async #put(alarmId: string, kept: KeptAlarm): Promise<void> {
    const { alarm, raised, isAcknowledged } = kept;
    const value = encode({ alarm: JSON.stringify(alarm), raised, isAcknowledged });
    await this.#store.commit([{ put: `${PREFIX}${alarmId}`, value }]);
    this.#kept.set(alarmId, kept);
  }
}

/** The open alarms in a store, which another process may have open. */
export function storedAlarms(store: Pick<Store, 'range'>): ToldAlarm[] {
  return openAlarms(readAlarms(store));
}

function readAlarms(store: Pick<Store, 'range'>): Map<string, KeptAlarm> {
  return new Map(
    store.range(PREFIX, AFTER_PREFIX).map(({ key, value }) => {
      const { alarm, ...kept } = fields(decode(value, { maxBytes: MOST_BYTES }), keptShape, 'log-alarm');
      return [key.slice(PREFIX.length), { ...kept, alarm: JSON.parse(alarm) as ToldAlarm }];
    }),
  );
}

function openAlarms(kept: ReadonlyMap<string, KeptAlarm>): ToldAlarm[] {
  return [...kept]
    .filter(([, { isAcknowledged }]) => !isAcknowledged)
    .sort(([, a], [, b]) => a.raised - b.raised)
    .map(([alarmId, { alarm, raised }]) => ({
      ...{ alarmId, raised: new Date(raised).toISOString() },
      ...alarm,
    }));
}
