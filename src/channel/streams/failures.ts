/** What a reset means to the program here, and what the failure of a program here means to the peer. */
import { OotoError } from '../../base/errors.ts';
import { REFUSAL_CODE, RESET, type Reset } from './frames.ts';

/** The peer's handler failed; what it said of it is the peer's word. */
export class RemoteRefusal extends OotoError {
  /** The peer's code (`OOTO_…`), or empty where it told none. */
  readonly remoteCode: string;
  readonly remoteMessage: string;

  constructor({ refusal, message }: Reset) {
    super('OOTO_STREAM_REFUSED', 'peer', `the peer refused: ${message || refusal || 'it did not say why'}`);
    this.remoteCode = refusal;
    this.remoteMessage = message;
  }
}

/** What whoever reads or writes a stream is told when the peer has reset it. */
export function errorOf(reset: Reset, name: string): OotoError {
  if (reset.code === RESET.failed) return new RemoteRefusal(reset);
  if (reset.code === RESET.deadline) return late(name);
  if (reset.code === RESET.method)
    return new OotoError('OOTO_STREAM_METHOD', 'peer', `the peer has no method "${name}"`);
  if (reset.code === RESET.busy)
    return new OotoError('OOTO_STREAM_BUSY', 'peer', 'the peer works on too many requests', {
      hint: 'ask again later',
    });
  return new OotoError('OOTO_STREAM_RESET', 'peer', 'the peer has given the stream up');
}

export function late(name: string): OotoError {
  return new OotoError('OOTO_STREAM_DEADLINE', 'peer', `no whole answer to "${name}" within its deadline`);
}

/**
 * The reset that tells the peer of a handler's failure. Errors of this project are told by code; their words only where
 * the fault is the peer's or nothing lies underneath. Of all others the peer learns no more than that they happened.
 */
export function resetOf(failure: unknown): Reset {
  if (!(failure instanceof OotoError)) return { code: RESET.failed, refusal: '', message: '' };
  return {
    code: RESET.failed,
    refusal: REFUSAL_CODE.test(failure.code) ? failure.code : '',
    message: isForPeers(failure) ? failure.message.replace(UNENCODABLE, '\ufffd') : '',
  };
}

const UNENCODABLE = /\p{Cs}/gu;

/** Misuse inside this program, and what the system said (with its paths), are for this side alone. */
function isForPeers({ fault, cause }: OotoError): boolean {
  return fault === 'peer' || (fault !== 'caller' && (cause === undefined || cause instanceof OotoError));
}
