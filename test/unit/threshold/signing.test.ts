import { execFileSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import {
  type GeneratedKey,
  groupKey,
  SigningCoordinator,
  SigningMember,
  signingSession,
} from '../../../src/threshold/index.ts';
import { NoncePair } from '../../../src/threshold/nonce-pair.ts';
import { bytes, equal, is, ok, throws, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { approving, coordinatorOf, crypto, keysOf, runSigning, SESSION } from './ceremony.ts';

const test = suite('threshold signing', { timeout: 60_000 });
const MESSAGE = utf8('a certificate to be');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
/** kind, label, public digest, session, message digest, attempt. */
const HEADER = 1 + utf8('ooto/1 threshold-signing-message\0').length + 32 + 32 + 32 + 2;

const publicKeyOf = (made: Map<string, GeneratedKey>) => groupKey([...made.values()][0].publicPackage);

function requireAccepted(made: Map<string, GeneratedKey>, message: Uint8Array, signature?: Uint8Array): void {
  ok(signature, 'no signature was made');
  const key = createPublicKey({
    key: Buffer.concat([SPKI, publicKeyOf(made)]),
    format: 'der',
    type: 'spki',
  });
  ok(verify(null, message, key, signature), 'node:crypto refuses');
  crypto.ed25519.verify(publicKeyOf(made), message, signature);
}

const changed = (message: Uint8Array, at: number) => {
  const copy = message.slice();
  copy[at < 0 ? copy.length + at : at] ^= 1;
  return copy;
};

for (const [t, n] of [
  [2, 3],
  [3, 5],
])
  test(`any ${t} of ${n} make a signature that node:crypto accepts`, () => {
    const made = keysOf(t, n);
    for (const names of subsets([...made.keys()], t)) {
      const coordinator = coordinatorOf(made, MESSAGE, names);
      requireAccepted(made, MESSAGE, runSigning(coordinator, approving(made, MESSAGE)));
      is(coordinator.passedOver.size, 0);
    }
  });

test('the openssl program accepts a signature', () => {
  const made = keysOf(2, 3);
  const signature = runSigning(coordinatorOf(made, MESSAGE), approving(made, MESSAGE))!;
  const folder = mkdtempSync(join(tmpdir(), 'ooto-threshold-'));
  try {
    const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.concat([SPKI, publicKeyOf(made)]).toString('base64')}\n-----END PUBLIC KEY-----\n`;
    writeFileSync(join(folder, 'key'), pem);
    writeFileSync(join(folder, 'message'), MESSAGE);
    writeFileSync(join(folder, 'signature'), signature);
    const said = execFileSync(
      'openssl',
      ['pkeyutl', '-verify', '-pubin', '-inkey', 'key', '-rawin', '-in', 'message', '-sigfile', 'signature'],
      { cwd: folder, encoding: 'utf8' },
    );
    ok(said.includes('Verified Successfully'), said);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('messages of any length are signed', () => {
  const made = keysOf(2, 3);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
      requireAccepted(made, message, runSigning(coordinatorOf(made, message), approving(made, message)));
    }),
    { numRuns: 10 },
  );
});

for (let liar = 1; liar <= 5; liar++) {
  const name = `member-${liar}`;

  test(`3 of 5, ${name} lies: it is named, the others sign`, () => {
    const made = keysOf(3, 5);
    const order = [name, ...[...made.keys()].filter((other) => other !== name)];
    const coordinator = coordinatorOf(made, MESSAGE, order);
    const lie = (from: string, _: Uint8Array, answer: Uint8Array) =>
      from === name && answer[0] === 3 ? changed(answer, HEADER) : answer;
    requireAccepted(made, MESSAGE, runSigning(coordinator, approving(made, MESSAGE), lie));
    equal([...coordinator.passedOver], [[name, 'bad share']]);
  });

  test(`3 of 5, ${name} commits and then is silent: it is passed over`, () => {
    const made = keysOf(3, 5);
    const order = [name, ...[...made.keys()].filter((other) => other !== name)];
    const coordinator = coordinatorOf(made, MESSAGE, order);
    const silent = (from: string, _: Uint8Array, answer: Uint8Array) =>
      from === name && answer[0] === 3 ? undefined : answer;
    requireAccepted(made, MESSAGE, runSigning(coordinator, approving(made, MESSAGE), silent));
    equal([...coordinator.passedOver], [[name, 'silent']]);
  });
}

test('two liars and then one silent member: all three are named, nothing is signed', () => {
  const made = keysOf(3, 5);
  const coordinator = coordinatorOf(made, MESSAGE);
  const fault = (from: string, _: Uint8Array, answer: Uint8Array) => {
    if (from === 'member-3') return undefined;
    if (answer[0] !== 3) return answer;
    // Different bytes: two liars that cancel each other out have not lied.
    return from === 'member-1' ? changed(answer, -3) : from === 'member-2' ? changed(answer, -4) : answer;
  };
  const error = throwsCode(
    () => runSigning(coordinator, approving(made, MESSAGE), fault),
    'OOTO_THRESHOLD_BAD_SHARE',
  );
  equal([...error.culprits].sort(), ['member-1', 'member-2']);
  is(coordinator.signature, undefined);
  is(coordinator.deadline, undefined);
});

test('with too few members it says which are missing', () => {
  const made = keysOf(2, 3);
  const dead = (from: string, _: Uint8Array, answer: Uint8Array) =>
    from === 'member-2' ? answer : undefined;
  const error = throwsCode(
    () => runSigning(coordinatorOf(made, MESSAGE), approving(made, MESSAGE), dead),
    'OOTO_THRESHOLD_TOO_FEW',
  );
  equal([...error.culprits], ['member-1', 'member-3']);
  throwsCode(() => coordinatorOf(made, MESSAGE, ['member-1']).start(0), 'OOTO_THRESHOLD_TOO_FEW');
  throwsCode(() => coordinatorOf(made, MESSAGE, ['member-1', 'member-1']).start(0), 'OOTO_THRESHOLD_TOO_FEW');
  throwsCode(() => coordinatorOf(made, MESSAGE, ['stranger', 'member-1']), 'OOTO_THRESHOLD_MEMBER');
});

test('a refusal passes a member over at once', () => {
  const made = keysOf(2, 3);
  const coordinator = coordinatorOf(made, MESSAGE);
  coordinator.start(0);
  equal(coordinator.refused('member-1', 1), []);
  const error = throwsCode(() => coordinator.refused('member-3', 2), 'OOTO_THRESHOLD_TOO_FEW');
  equal([...error.culprits], ['member-1', 'member-3']);
});

test('what is no commitment or no scalar is blamed on its sender', () => {
  const made = keysOf(3, 5);
  const junk: [string, (answer: Uint8Array) => Uint8Array][] = [
    ['identity', (a) => (a[0] === 1 ? patched(a, HEADER + 2, Uint8Array.of(1, ...new Uint8Array(31))) : a)],
    ['small order', (a) => (a[0] === 1 ? patched(a, HEADER + 2, new Uint8Array(32)) : a)],
    ['other identifier', (a) => (a[0] === 1 ? changed(a, HEADER + 1) : a)],
    ['scalar not reduced', (a) => (a[0] === 3 ? patched(a, HEADER, new Uint8Array(32).fill(255)) : a)],
    ['short', (a) => a.subarray(0, 20)],
    ['trailing', (a) => Uint8Array.of(...a, 0)],
    ['other message', (a) => changed(a, HEADER - 3)],
    ['other key', (a) => changed(a, HEADER - 2 - 3 * 32)],
    ['empty', () => new Uint8Array()],
  ];
  for (const [what, make] of junk) {
    const coordinator = coordinatorOf(made, MESSAGE);
    const send = (from: string, _: Uint8Array, answer: Uint8Array) =>
      from === 'member-1' ? make(answer) : answer;
    requireAccepted(made, MESSAGE, runSigning(coordinator, approving(made, MESSAGE), send));
    equal([...coordinator.passedOver], [['member-1', 'malformed']], what);
  }
});

test('answers of other sessions and attempts are ignored, strangers are refused', () => {
  const made = keysOf(2, 3);
  const coordinator = coordinatorOf(made, MESSAGE);
  const members = approving(made, MESSAGE);
  const [request] = coordinator.start(0);
  const answer = members.get('member-1')!.receive('coordinator', request.bytes, 0);
  bytes(signingSession(answer), SESSION);
  const foreign = changed(answer, HEADER - 2 - 32 - 5);
  equal(coordinator.receive('member-1', foreign, 0), []);
  throwsCode(() => coordinator.receive('stranger', answer, 0), 'OOTO_THRESHOLD_MEMBER');
  is(coordinator.passedOver.size, 0);
});

test('one nonce makes at most one share, whatever is asked', () => {
  const { member, shareRequest } = asked();
  member.receive('coordinator', shareRequest, 0);
  throwsCode(() => member.receive('coordinator', shareRequest, 0), 'OOTO_THRESHOLD_NONCE_USED');
});

test('round 2 for another message, session, epoch, attempt or list is refused, and the nonces are gone', () => {
  const cases: [string, (request: Uint8Array) => Uint8Array, string][] = [
    ['another message', (r) => changed(r, HEADER - 3), 'OOTO_THRESHOLD_MESSAGE'],
    ['another epoch or key', (r) => changed(r, HEADER - 2 - 3 * 32), 'OOTO_THRESHOLD_EPOCH'],
    ['another attempt', (r) => changed(r, HEADER - 1), 'OOTO_THRESHOLD_NONCE_USED'],
    ['own commitment changed', (r) => swapEntry(r, 0, 1), 'OOTO_THRESHOLD_COMMITMENTS'],
    ['a member twice', (r) => copyEntry(r, 0, 1), 'OOTO_THRESHOLD_COMMITMENTS'],
    ['out of order', (r) => swapWhole(r), 'OOTO_THRESHOLD_COMMITMENTS'],
    ['one signer alone', (r) => shortened(r), 'OOTO_THRESHOLD_COMMITMENTS'],
    ['no member', (r) => patched(r, HEADER + 2 + 66, Uint8Array.of(0, 9)), 'OOTO_THRESHOLD_COMMITMENTS'],
    ['no element', (r) => patched(r, HEADER + 2 + 68, new Uint8Array(32)), 'OOTO_THRESHOLD_COMMITMENTS'],
  ];
  for (const [what, make, code] of cases) {
    const { member, shareRequest } = asked();
    const error = throwsCode(() => member.receive('coordinator', make(shareRequest), 0), code);
    ok(error instanceof OotoError, what);
    throwsCode(() => member.receive('coordinator', shareRequest, 0), 'OOTO_THRESHOLD_NONCE_USED');
  }
});

test('a new attempt erases the nonces of the one before', () => {
  const { member, shareRequest, request } = asked();
  const second = patched(request, HEADER - 1, Uint8Array.of(2));
  const answer = member.receive('coordinator', second, 0);
  ok(answer.length > HEADER);
  throwsCode(() => member.receive('coordinator', shareRequest, 0), 'OOTO_THRESHOLD_NONCE_USED');
  throwsCode(() => member.receive('coordinator', second, 0), 'OOTO_THRESHOLD_NONCE_USED');
  throwsCode(() => member.receive('coordinator', request, 0), 'OOTO_THRESHOLD_NONCE_USED');
  const beyond = patched(request, HEADER - 1, Uint8Array.of(4));
  throwsCode(() => member.receive('coordinator', beyond, 0), 'OOTO_THRESHOLD_NONCE_USED');
});

test('a nonce pair is spent once, also when the computation fails', () => {
  const { secretShare } = keysOf(2, 3).get('member-1')!;
  const pair = new NoncePair(crypto, secretShare);
  let lent: Uint8Array[] = [];
  const failing = () =>
    pair.spend(({ hiding, binding }) => {
      lent = [hiding, binding];
      throw new Error('on purpose');
    });
  throws(failing, /on purpose/);
  for (const nonce of lent) bytes(nonce, new Uint8Array(32));
  throwsCode(() => pair.spend(() => 0), 'OOTO_THRESHOLD_STATE');
  const dropped = new NoncePair(crypto, secretShare);
  dropped[Symbol.dispose]();
  throwsCode(() => dropped.spend(() => 0), 'OOTO_THRESHOLD_STATE');
});

test('commitments are never the same twice', () => {
  const made = keysOf(2, 3);
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const session = new Uint8Array(32).fill(i);
    const { publicPackage } = made.get('member-1')!;
    const coordinator = new SigningCoordinator({ crypto, publicPackage, session, message: MESSAGE });
    const [request] = coordinator.start(0);
    const member = approving(made, MESSAGE, session).get('member-1')!;
    seen.add(Buffer.from(member.receive('coordinator', request.bytes, 0).subarray(HEADER)).toString('hex'));
  }
  is(seen.size, 20);
});

test('nothing is answered without approval, to another coordinator, or after the time', () => {
  const made = keysOf(2, 3);
  const members = approving(made, MESSAGE);
  const member = members.get('member-1')!;
  const [request] = coordinatorOf(made, MESSAGE).start(0);
  throwsCode(() => member.receive('member-2', request.bytes, 0), 'OOTO_THRESHOLD_NOT_APPROVED');
  throwsCode(
    () => member.receive('coordinator', changed(request.bytes, HEADER - 2 - 32 - 5), 0),
    'OOTO_THRESHOLD_NOT_APPROVED',
  );
  throwsCode(() => member.receive('coordinator', request.bytes, 60_000), 'OOTO_THRESHOLD_NOT_APPROVED');
  const other = approving(made, utf8('another message')).get('member-1')!;
  throwsCode(() => other.receive('coordinator', request.bytes, 0), 'OOTO_THRESHOLD_MESSAGE');
  const withdrawn = approving(made, MESSAGE).get('member-1')!;
  withdrawn.forget(SESSION);
  throwsCode(() => withdrawn.receive('coordinator', request.bytes, 0), 'OOTO_THRESHOLD_NOT_APPROVED');
});

test('sessions are limited, and none is opened twice', () => {
  const { publicPackage, secretShare } = keysOf(2, 3).get('member-1')!;
  const member = new SigningMember({ crypto, publicPackage, secretShare, maxSessions: 6, sessionMs: 10 });
  const approve = (fill: number, now: number) =>
    member.approve({ session: new Uint8Array(32).fill(fill), message: MESSAGE, coordinator: 'c' }, now);
  approve(1, 0);
  throwsCode(() => approve(1, 0), 'OOTO_THRESHOLD_SESSION');
  approve(2, 5);
  throwsCode(() => approve(3, 9), 'OOTO_THRESHOLD_BUSY');
  approve(3, 10);
});

test('no coordinator fills a member with sessions so that another finds no room', () => {
  const { publicPackage, secretShare } = keysOf(2, 3).get('member-1')!;
  const member = new SigningMember({ crypto, publicPackage, secretShare, maxSessions: 6 });
  const approve = (coordinator: string, number: number) =>
    member.approve({ session: new Uint8Array(32).fill(number), message: MESSAGE, coordinator }, 0);
  for (const [position, coordinator] of ['member-1', 'member-2', 'member-3'].entries()) {
    approve(coordinator, 10 * position + 1);
    approve(coordinator, 10 * position + 2);
    throwsCode(() => approve(coordinator, 10 * position + 3), 'OOTO_THRESHOLD_BUSY');
  }
});

test('a member of another key is not made', () => {
  const { publicPackage } = keysOf(3, 5).get('member-1')!;
  const { secretShare } = keysOf(2, 3).get('member-1')!;
  throwsCode(() => new SigningMember({ crypto, publicPackage, secretShare }), 'OOTO_THRESHOLD_KEY');
});

test('a request with one changed byte never yields a share of the approved session', () => {
  const made = keysOf(2, 3);
  const { shareRequest } = asked();
  fc.assert(
    fc.property(fc.nat(shareRequest.length - 1), (at) => {
      const fresh = asked();
      const request = changed(fresh.shareRequest, at);
      // Who the other signer is, and with what, is the coordinator's word: a share for another list serves nobody.
      const ofOther = at >= HEADER + 2 + 66;
      try {
        fresh.member.receive('coordinator', request, 0);
        ok(ofOther, `byte ${at} made a share`);
      } catch (error) {
        ok(error instanceof OotoError, `${error}`);
      }
    }),
    { numRuns: 25 },
  );
  ok(made);
});

/** Member 1 with a share request of members 1 and 2 that it would answer. */
function asked() {
  const made = keysOf(2, 3);
  const members = approving(made, MESSAGE);
  const coordinator = coordinatorOf(made, MESSAGE, ['member-1', 'member-2']);
  const requests = coordinator.start(0);
  let shareRequests: ReturnType<typeof coordinator.start> = [];
  for (const { to, bytes: request } of requests)
    shareRequests = coordinator.receive(to, members.get(to)!.receive('coordinator', request, 0), 0);
  const { bytes: shareRequest } = shareRequests.find(({ to }) => to === 'member-1')!;
  return { member: members.get('member-1')!, shareRequest, request: requests[0].bytes };
}

function patched(message: Uint8Array, at: number, part: Uint8Array): Uint8Array {
  const copy = message.slice();
  copy.set(part, at);
  return copy;
}

const entry = (request: Uint8Array, i: number) =>
  request.slice(HEADER + 2 + 66 * i, HEADER + 2 + 66 * (i + 1));

function swapEntry(request: Uint8Array, i: number, j: number): Uint8Array {
  const [a, b] = [entry(request, i).subarray(2), entry(request, j).subarray(2)];
  return patched(patched(request, HEADER + 2 + 66 * i + 2, b), HEADER + 2 + 66 * j + 2, a);
}

function copyEntry(request: Uint8Array, from: number, to: number): Uint8Array {
  return patched(request, HEADER + 2 + 66 * to, entry(request, from));
}

function swapWhole(request: Uint8Array): Uint8Array {
  return patched(patched(request, HEADER + 2, entry(request, 1)), HEADER + 2 + 66, entry(request, 0));
}

function shortened(request: Uint8Array): Uint8Array {
  return patched(request.subarray(0, HEADER + 2 + 66), HEADER, Uint8Array.of(0, 1));
}

function subsets(names: string[], size: number): string[][] {
  if (size === 0) return [[]];
  return names.flatMap((name, i) => subsets(names.slice(i + 1), size - 1).map((rest) => [name, ...rest]));
}
