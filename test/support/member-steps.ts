/**
 * The steps of a member of the authority, seen from outside the program. What flows through here: a process that a test
 * has started as a node has the methods by which members act, ask each other and answer replaced by ones that say where
 * they are, before and after; and whatever this member says in signing is written down before anybody can hear it, so
 * that the test can audit every nonce, those of processes that were killed too.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from '../../src/base/hex.ts';
import type { CborValue } from '../../src/envelope/cbor.ts';
import { Participant } from '../../src/mesh/authority/ceremonies/participant.ts';
import { AuthorityDuty } from '../../src/mesh/authority/duty.ts';
import { FellowMembers } from '../../src/mesh/authority/fellow-members.ts';
import { Witnessing } from '../../src/mesh/authority/witnessing.ts';
import { MeshNode } from '../../src/mesh/node.ts';
import type { NonceCommitment } from '../../src/threshold/frost.ts';
import { decodeSigningMessage } from '../../src/threshold/signing-message.ts';

export const SAID_FILE = 'signing.jsonl';

/** What a member said in signing: a commitment alone, or a share over these commitments. */
interface Said {
  session: string;
  attempt: number;
  message: string;
  epoch: string;
  /** Of this member; `null` where it gave a share. */
  commitment: string | null;
  list: string[];
}

/** Has this process say each step it comes to. */
export function watchSteps(folder: string, pass: (step: string) => void): void {
  const saying = new SigningRecord(folder);
  const around = <T>(step: string, act: () => T, note: (result: Awaited<T>) => void = () => {}): T => {
    const after = (result: Awaited<T>) => {
      note(result);
      pass(`done ${step}`);
      return result;
    };
    pass(`doing ${step}`);
    const result = act();
    if (result instanceof Promise) return result.then(after) as T;
    return after(result as Awaited<T>) as T;
  };
  const { challenge, appraise, sign } = AuthorityDuty.prototype;
  AuthorityDuty.prototype.challenge = function (coordinator, body) {
    return around('authority.challenge', () => challenge.call(this, coordinator, body));
  };
  AuthorityDuty.prototype.appraise = function (coordinator, body) {
    return around('authority.appraise', () => appraise.call(this, coordinator, body));
  };
  AuthorityDuty.prototype.sign = function (coordinator, body) {
    const step = stepOf('authority.sign', body);
    return around(
      step,
      () => sign.call(this, coordinator, body),
      (answer) => saying.note(body, answer),
    );
  };
  const { answer } = Participant.prototype;
  Participant.prototype.answer = function (leader, operation, body) {
    const note = (said: CborValue) => operation === 'ceremony.sign' && saying.note(body, said);
    return around(stepOf(operation, body), () => answer.call(this, leader, operation, body), note);
  };
  const { cosignMember } = Witnessing.prototype;
  Witnessing.prototype.cosignMember = function (body, member) {
    return around('authority.cosign-log', () => cosignMember.call(this, body, member));
  };
  watchRequests(pass);
}

function watchRequests(pass: (step: string) => void): void {
  const { ask } = FellowMembers.prototype;
  FellowMembers.prototype.ask = async function (member, operation, body, timeoutMs) {
    const step = stepOf(operation, body);
    pass(`asking ${step}`);
    const answer = await ask.call(this, member, operation, body, timeoutMs);
    pass(`asked ${step}`);
    return answer;
  };
  const { handle } = MeshNode.prototype;
  MeshNode.prototype.handle = function (operation, handler) {
    handle.call(this, operation, async (peer, body, session) => {
      const step = stepOf(operation, body);
      pass(`answering ${step}`);
      const answer = await handler(peer, body, session);
      pass(`answered ${step}`);
      // By then the session has written it.
      setImmediate(() => setImmediate(() => pass(`sent ${step}`)));
      return answer;
    });
  };
}

/** The two rounds of signing are two steps. */
function stepOf(operation: string, body: CborValue): string {
  if (operation !== 'authority.sign' && operation !== 'ceremony.sign') return operation;
  const { kind } = decodeSigningMessage((body as { message: Uint8Array }).message).body;
  return `${operation}:${kind === 'commitment-request' ? 'commitment' : 'share'}`;
}

/** Appends, and is with the system before the answer is with anybody. */
class SigningRecord {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, SAID_FILE);
  }

  note(body: CborValue, answer: CborValue): void {
    const asked = decodeSigningMessage((body as { message: Uint8Array }).message).body;
    const { binding, body: said } = decodeSigningMessage(answer as Uint8Array);
    const line: Said = {
      session: hex(binding.session),
      attempt: binding.attempt,
      message: hex(binding.messageDigest),
      epoch: hex(binding.publicDigest),
      commitment: said.kind === 'commitment' ? textOf(said.commitment) : null,
      list: asked.kind === 'share-request' ? asked.commitments.map(textOf) : [],
    };
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

function textOf({ hiding, binding }: NonceCommitment): string {
  return `${hex(hiding)}${hex(binding)}`;
}

/** How often the member in this folder has said something in signing. */
export function saidInSigning(folder: string): number {
  return readSaid(folder).length;
}

function readSaid(folder: string): Said[] {
  const file = join(folder, SAID_FILE);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  return lines.map((line) => JSON.parse(line) as Said);
}

/**
 * Every nonce pair of the member in this folder serves one attempt to sign one message, and at most one share is given
 * with it. Returns how many pairs were committed to, and how many shares given.
 */
export function auditNonces(folder: string): { commitments: number; shares: number } {
  const said = readSaid(folder);
  const committed = new Map<string, Said>();
  for (const each of said) {
    if (each.commitment === null) continue;
    if (committed.has(each.commitment)) throw new Error(`${folder}: a nonce pair is committed to twice`);
    committed.set(each.commitment, each);
  }
  const spent = new Set<string>();
  const shares = said.filter(({ commitment }) => commitment === null);
  for (const { session, attempt, message, epoch, list } of shares) {
    const own = list.filter((commitment) => committed.has(commitment));
    if (own.length !== 1) throw new Error(`${folder}: a share over ${own.length} own commitments`);
    if (spent.has(own[0])) throw new Error(`${folder}: two shares with one nonce pair`);
    spent.add(own[0]);
    const promise = committed.get(own[0]) as Said;
    const isKept = promise.session === session && promise.attempt === attempt && promise.message === message;
    if (!isKept || promise.epoch !== epoch) throw new Error(`${folder}: a share for another message`);
  }
  return { commitments: committed.size, shares: shares.length };
}
