/**
 * A member's log and witness over plain HTTP. What flows through here: a request is counted against what its source may
 * ask, and goes to the witness when its path begins so, else to the log. All of it is public; whoever reads verifies.
 */
import { Rates } from '../../channel/rates.ts';
import { sourceOf } from '../../channel/source.ts';
import { answerReader, refusal } from '../../log/tile-service.ts';
import type { Clock, HttpHandler } from '../../ports.ts';
import type { AuthorityDuty } from './duty.ts';

/** Before the paths of the witness; a client's submission and monitoring prefix is the address with this. */
export const WITNESS_PREFIX = '/witness';
/** A reader of ten million entries asks 80,000 times. */
const READS = { perSecond: 200, burst: 2_000, most: 16_384 };
/** Each is judged, signed twice and flushed. */
const SUBMISSIONS = { perSecond: 2, burst: 16, most: 16_384 };

export function publishing(duty: Pick<AuthorityDuty, 'log' | 'witnessing'>, clock: Clock): HttpHandler {
  const [reads, submissions] = [new Rates(READS), new Rates(SUBMISSIONS)];
  return (request) => {
    const rates = request.method === 'POST' ? submissions : reads;
    if (!rates.take(sourceOf(request.remoteAddress), clock.monotonic()))
      return refusal(429, 'too many requests from this address', { 'retry-after': '1' });
    if (!request.path.startsWith(`${WITNESS_PREFIX}/`)) return answerReader(duty.log, request);
    return duty.witnessing.answer({ ...request, path: request.path.slice(WITNESS_PREFIX.length) });
  };
}
