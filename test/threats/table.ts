/**
 * What goes wrong in channels, the test that shows it does not here, and the guard that the test is about. What flows
 * through here: each row names a threat, a test by file and title, and the exact lines of a guard with what stands
 * there once the guard is taken away. `npm test` holds the table to the sources; `npm run test:long` takes each guard
 * away in a copy of the tree and demands that its test goes red.
 */

export interface Guard {
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly lines: string;
  /** In its place, when the guard is taken away. */
  readonly without: string;
}

export interface ThreatRow {
  /** T1 to T36 of the threat list, a pitfall of protocols (P…), a failure of others (F…), or a flaw found here (O…). */
  readonly threat: string;
  readonly what: string;
  readonly test: {
    readonly file: string;
    /** As it runs, or its end where the title begins with the engine. */
    readonly title: string;
    /** What stands in the file, where the title is put together. */
    readonly written?: string;
  };
  readonly guard: Guard;
}

const CHANNEL = 'src/channel';
const UNIT = 'test/unit/channel';

const guard = (file: string, lines: string, without = ''): Guard => ({ file, lines, without });
const row = (
  threat: string,
  what: string,
  file: string,
  title: string,
  taken: Guard,
  written?: string,
): ThreatRow => ({ threat, what, test: written ? { file, title, written } : { file, title }, guard: taken });

/** Rows of a threat that has none, and why. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  T12: 'certificates: src/cert',
  T13: 'names: src/cert',
  T14: 'threshold signing',
  T15: 'threshold signing',
  T17: 'threshold signing',
  T18: 'attestation',
  T19: 'attestation',
  T20: 'attestation',
  T21: 'attestation',
  T22: 'attestation',
  T23: 'attestation',
  T25: 'envelopes',
  T26: 'logs',
  T27: 'logs',
  T28: 'logs',
  T29: 'logs',
  T30: 'membership',
  T31: 'membership',
  T32: 'enrolment',
  T36: 'the build',
};

export const THREATS: readonly ThreatRow[] = [
  row(
    'T1',
    'a record replayed on a stream',
    `${UNIT}/records.test.ts`,
    'a record that was replayed closes the channel and is not delivered again',
    guard(`${CHANNEL}/incoming.ts`, 'if (header.counter !== expected)', 'if (header.counter > expected)'),
  ),
  row(
    'T1',
    'records reordered or dropped on a stream',
    `${UNIT}/records.test.ts`,
    'records reordered or left out close the channel',
    guard(`${CHANNEL}/incoming.ts`, 'if (header.counter !== expected)', 'if (header.counter < expected)'),
  ),
  row(
    'T1',
    'a datagram replayed',
    `${UNIT}/datagram/replay-window.test.ts`,
    'property: the window does what a set does that refuses what is too old',
    guard(
      `${CHANNEL}/datagram/replay-window.ts`,
      'return (this.#words[wordOf(counter)] & bitOf(counter)) === 0;',
      'return true;',
    ),
  ),
  row(
    'T1',
    'records dropped at the end of an epoch, where counters begin anew',
    `${UNIT}/epochs.test.ts`,
    'records dropped at the end of an epoch are missed when the next one begins',
    guard(
      `${CHANNEL}/epoch-keeper.ts`,
      "    requireAllArrived('records', sent.records, this.#receiving.receiving.counter);\n    requireAllArrived('batches', sent.batches, batches);\n",
    ),
  ),
  row(
    'T2',
    'junk on a live channel over datagrams (10^6 of it in test/long/channel/junk.test.ts)',
    `${UNIT}/datagram/channel.test.ts`,
    'T2: junk on a live channel changes nothing; the next honest record decrypts',
    guard(
      `${CHANNEL}/datagram/incoming.ts`,
      '      const plaintext = epoch.receiving.open(frameOfRecord(datagram));\n      window.mark(counter);\n',
      '      window.mark(counter);\n      const plaintext = epoch.receiving.open(frameOfRecord(datagram));\n',
    ),
  ),
  row(
    'T2',
    'junk on a live stream: nothing of it is counted or delivered',
    `${UNIT}/records.test.ts`,
    'junk in one chunk with good records: those before it are delivered, none after it',
    guard(
      'src/crypto/record-cipher.ts',
      "      throw notAuthentic('a record');\n",
      '      return [{ type: 0x10, epoch: 0, counter: 0n, plaintext: new Uint8Array(72).with(67, 1) }];\n',
    ),
  ),
  row(
    'T3',
    'a key that has sealed all it may',
    `${UNIT}/records.test.ts`,
    'a key is never used beyond its limit, by either side',
    guard(
      `${CHANNEL}/epoch.ts`,
      'this.#disposed || this.#counter + records > this.#limits.keyRecords',
      'this.#disposed',
    ),
  ),
  row(
    'T3',
    'a nonce used twice: the audit over epochs',
    `${UNIT}/epochs.test.ts`,
    'four hours of epochs: no key is used twice with one counter',
    guard(`${CHANNEL}/epoch.ts`, '    this.#counter += records;\n', '    this.#counter += records - 1;\n'),
  ),
  row(
    'T3',
    'a counter sealed twice by one cipher',
    'test/unit/crypto/record-cipher.test.ts',
    'no counter is sealed twice',
    guard('src/crypto/record-cipher.ts', '  if (counter <= lastCounter)\n', '  if (counter < 0n)\n'),
  ),
  row(
    'T4',
    'an epoch that nobody replaces',
    `${UNIT}/epochs.test.ts`,
    'without a new epoch both sides close at 90 seconds',
    guard(`${CHANNEL}/epoch-keeper.ts`, 'if (age >= this.#options.limits.epochLimitMs)', 'if (age < 0)'),
  ),
  row(
    'T4',
    'both sides change the epoch at once',
    `${UNIT}/epochs.test.ts`,
    'both sides at once: one change comes of it',
    guard(
      `${CHANNEL}/epoch-keeper.ts`,
      '    if (!this.#isSettled) return undefined;\n    this.#pace',
      '    this.#pace',
    ),
  ),
  row(
    'T4',
    'what arrives or is sealed after the limit',
    `${UNIT}/epochs.test.ts`,
    'close() seals nothing in an epoch 90 s old or for a peer whose delegation has lapsed',
    guard(
      `${CHANNEL}/channel.ts`,
      '      this.#checkTime(now);\n      if (this.#state === ',
      '      if (this.#state === ',
    ),
  ),
  row(
    'T5',
    'keys of an epoch that is over (the whole process in test/long/channel/residue.test.ts)',
    `${UNIT}/epochs.test.ts`,
    'keys of an epoch are overwritten when it is left, and all of them when the channel ends',
    guard(`${CHANNEL}/epoch-keeper.ts`, '    this.#receiving.disposeKeys();\n'),
  ),
  row(
    'T5',
    'what a handshake leaves',
    'test/unit/noise/handshake-state.test.ts',
    'every secret of a handshake is overwritten once its keys were taken, or once it has failed',
    guard(
      'src/noise/symmetric-state.ts',
      '  #replaceChainingKey(ck: Uint8Array): void {\n    wipe(this.#ck);\n',
      '  #replaceChainingKey(ck: Uint8Array): void {\n',
    ),
  ),
  row(
    'T5',
    'what a refused change of epoch leaves',
    `${UNIT}/epochs.test.ts`,
    'an offer that is refused leaves no secret of the change behind',
    guard(
      `${CHANNEL}/epoch-change.ts`,
      '  } finally {\n    noise[Symbol.dispose]();\n  }\n',
      '  } finally {\n  }\n',
    ),
  ),
  row(
    'T6',
    'a handshake message changed on the way',
    `${UNIT}/handshake.test.ts`,
    'any changed byte of any handshake message ends the handshake',
    guard(
      `${CHANNEL}/handshake.ts`,
      '    prologue,\n    staticKey: own.noiseStatic,\n',
      '    staticKey: own.noiseStatic,\n',
    ),
  ),
  row(
    'T6',
    'another version',
    `${UNIT}/handshake.test.ts`,
    'another version is refused',
    guard(`${CHANNEL}/preamble.ts`, 'if (version !== PROTOCOL_VERSION)', 'if (version < 0)'),
  ),
  row(
    'T7',
    'an encapsulation key above the modulus (Wycheproof and C2SP/CCTV vectors: npm run conformance)',
    'test/unit/noise/handshake-state.test.ts',
    'a KEM key with a coefficient above the modulus is refused',
    guard(
      'src/crypto/mlkem768.ts',
      "  if (result === undefined) throw new OotoError('OOTO_CRYPTO_KEY', fault, reason);\n",
      '  if (result === undefined) return { c: new Uint8Array(1088), k: new Uint8Array(32) } as T;\n',
    ),
  ),
  row(
    'T8',
    'a Diffie-Hellman result of zeros (Wycheproof: npm run conformance)',
    'test/unit/noise/handshake-state.test.ts',
    'a peer key of all zeros, or one that gives all zeros, is refused',
    guard(
      'src/crypto/x25519.ts',
      'if (secret === undefined)\n        throw',
      'if (secret === undefined) return new Uint8Array(32);\n      if (!secret)\n        throw',
    ),
  ),
  row(
    'T9',
    'a verifier that does not return an identity',
    `${UNIT}/handshake.test.ts`,
    'fails closed at the initiator when the verifier returns a promise',
    guard(
      `${CHANNEL}/credential.ts`,
      '    identity?.id === presented.id &&\n    identity.kind === presented.kind &&\n',
      '    identity !== undefined || identity === undefined ||\n',
    ),
    'test(`fails closed at the ',
  ),
  row(
    'T9',
    'an identity that is not signed for',
    `${UNIT}/handshake.test.ts`,
    'a forged transcript signature of bob is refused',
    guard(
      `${CHANNEL}/credential.ts`,
      '  requireTranscriptSignature(crypto, statement.unverified.messageKey, message, signature);\n',
    ),
    'test(`a forged transcript signature of ',
  ),
  row(
    'T9',
    'data before the peer is verified',
    `${UNIT}/handshake.test.ts`,
    'a responder that sends data instead of its confirmation is refused',
    guard(
      `${CHANNEL}/session.ts`,
      'if (frame.type === FRAME.batch && this.#established)',
      'if (frame.type === FRAME.batch)',
    ),
  ),
  row(
    'T10',
    'key-compromise impersonation',
    `${UNIT}/pitfalls.test.ts`,
    'key-compromise impersonation: who stole the victim’s own keys cannot pose as its peer',
    guard(
      `${CHANNEL}/delegation.ts`,
      "  require(!noiseStatic || equal(claimed.noiseStatic, noiseStatic), 'is for another Noise static key');\n",
    ),
  ),
  row(
    'T10',
    'unknown key share: a message shown as by or to another',
    `${UNIT}/proof.test.ts`,
    'nobody puts himself in the place of sender or receiver by delegating to their message key',
    guard(
      `${CHANNEL}/delegation.ts`,
      'concat(lengthPrefixed(utf8(id)), subject, messageKey)',
      'concat(messageKey)',
    ),
  ),
  row(
    'T10',
    'a delegation for another certificate',
    `${UNIT}/handshake.test.ts`,
    'a delegation of alice for another certificate is refused',
    guard(
      `${CHANNEL}/delegation.ts`,
      "  require(equal(claimed.subject, context.subject), 'is for another certificate');\n",
    ),
    'test(`a delegation of ',
  ),
  row(
    'T11',
    'a signature that has a second spelling',
    'test/unit/crypto/ed25519.test.ts',
    'a platform that accepts everything passes none of the checks on bytes',
    guard('src/crypto/ed25519.ts', '    isBelowOrder(signature.subarray(KEY_BYTES)) &&\n'),
  ),
  row(
    'T11',
    'a message key of small order',
    `${UNIT}/threats.test.ts`,
    'T11: a delegation to a message key of small order is refused by the delegation itself',
    guard(`${CHANNEL}/delegation.ts`, '  crypto.ed25519.admitKey(claimed.messageKey);\n'),
  ),
  row(
    'T16',
    'two pairs of ids with one encoding',
    `${UNIT}/threats.test.ts`,
    'T16: two ids never stand for two others in the prologue of an epoch',
    guard(
      `${CHANNEL}/epoch-change.ts`,
      '    lengthPrefixed(utf8(initiatorId)),\n    lengthPrefixed(utf8(responderId)),\n',
      '    utf8(initiatorId),\n    utf8(responderId),\n',
    ),
  ),
  row(
    'T16',
    'a signature for one purpose used for another',
    `${UNIT}/threats.test.ts`,
    'T16: what message keys sign begins with labels of which none begins another',
    guard('src/envelope/labels.ts', '}\\0`)', '}`)'),
  ),
  row(
    'T24',
    'a verifier of signatures that never answers',
    `${UNIT}/delivery.test.ts`,
    'so much may wait for a verifier that never answers, and no more',
    guard(
      `${CHANNEL}/incoming.ts`,
      'this.#unchecked.length > MOST_UNCHECKED || this.#uncheckedBytes > MOST_UNCHECKED_BYTES',
      'this.#uncheckedBytes > MOST_UNCHECKED_BYTES',
    ),
  ),
  row(
    'T24',
    'a handshake that stands still',
    `${UNIT}/handshake.test.ts`,
    'a handshake that is not finished in time is given up by both sides',
    guard(`${CHANNEL}/channel.ts`, 'if (now.monotonic >= this.#handshakeDeadline)', 'if (now.monotonic < 0)'),
  ),
  row(
    'T33',
    'a delegation that lapsed, by the monotonic clock',
    `${UNIT}/renewal.test.ts`,
    'the lapse comes by either clock, whatever the other one does',
    guard(
      `${CHANNEL}/parties.ts`,
      'now.monotonic >= this.#lapsesAt || now.wall >= this.#peer.delegation.notAfter',
      'now.wall >= this.#peer.delegation.notAfter',
    ),
  ),
  row(
    'T33',
    'a delegation that lapsed, by the wall clock',
    `${UNIT}/renewal.test.ts`,
    'the lapse comes by either clock, whatever the other one does',
    guard(
      `${CHANNEL}/parties.ts`,
      'now.monotonic >= this.#lapsesAt || now.wall >= this.#peer.delegation.notAfter',
      'now.monotonic >= this.#lapsesAt',
    ),
  ),
  row(
    'T33',
    'a delegation that outlives the certificate',
    `${UNIT}/handshake.test.ts`,
    'a delegation of alice longer than the identity is refused',
    guard(
      `${CHANNEL}/delegation.ts`,
      "  require(claimed.notAfter <= context.identityNotAfter, 'outlives the identity that gave it');\n",
    ),
    'test(`a delegation of ',
  ),
  row(
    'T33',
    'an enrolment that prolongs itself',
    `${UNIT}/renewal.test.ts`,
    'a peer that enrols does not renew: its channel is for one enrolment, and short',
    guard(`${CHANNEL}/session.ts`, "    if (kind === 'enrol')\n", "    if (kind === ('none' as string))\n"),
  ),
  row(
    'T34',
    'a flood of first messages',
    `${UNIT}/cookie.test.ts`,
    'before the cookie a loaded responder spends no DH, no KEM and no signature, and answers with less',
    guard(
      `${CHANNEL}/handshake.ts`,
      '    if (!isAdmitted(crypto, cookies, meshId, cookie)) return this.#askForCookie(cookies!);\n',
    ),
  ),
  row(
    'T34',
    'a cookie used from elsewhere',
    `${UNIT}/cookie.test.ts`,
    'a cookie holds for its address, its mesh and one more period',
    guard(`${CHANNEL}/cookie.ts`, 'meshId, lengthPrefixed(utf8(address))', 'meshId'),
  ),
  row(
    'T35',
    'a frame that claims to be huge',
    `${UNIT}/records.test.ts`,
    'a length beyond a record is refused before anything is allocated',
    guard(`${CHANNEL}/wire.ts`, 'if (length === 0 || length > maxBytes)', 'if (length === 0)'),
  ),
  row(
    'T35',
    'a stranger that claims a first message of 64 KiB',
    `${UNIT}/threats.test.ts`,
    'T35: a stranger’s first frame is refused at its length when no first message has it',
    guard(
      `${CHANNEL}/handshake.ts`,
      'this.#noise ? MAX_HANDSHAKE_BYTES : HELLO_BYTES',
      'MAX_HANDSHAKE_BYTES',
    ),
  ),
  row(
    'T35',
    'a batch that lies about its items',
    `${UNIT}/records.test.ts`,
    'malformed batches are refused',
    guard(`${CHANNEL}/batch.ts`, "  if (at !== end) throw badFrame('a batch with bytes after its items');\n"),
  ),
  row(
    'T35',
    'a message that grows for ever',
    `${UNIT}/records.test.ts`,
    'a message that grows beyond the limit is refused while it grows',
    guard(
      `${CHANNEL}/fragments.ts`,
      '    if (this.#bytes > this.#maxBytes) throw tooLong(this.#maxBytes);\n',
    ),
  ),
  row(
    'P limits',
    'GCM limits: a new key in time, by wear too',
    `${UNIT}/epochs.test.ts`,
    'wear in either direction brings a new epoch',
    guard(
      `${CHANNEL}/epoch.ts`,
      'this.#counter >= this.#limits.epochRecords || this.#bytes >= this.#limits.epochBytes',
      'this.#counter >= this.#limits.epochRecords',
    ),
  ),
  row(
    'P limits',
    'limits that a caller would raise',
    `${UNIT}/pitfalls.test.ts`,
    'the limits of AES-GCM: a new key at 60 s, 2^23 records or 2^36 bytes, and an end at 90 s or 2^24',
    guard(`${CHANNEL}/options.ts`, '  requireSoundLimits(limits);\n'),
  ),
  row(
    'P commitment',
    'AES-GCM commits to no key: the header selects it, nothing is tried',
    `${UNIT}/pitfalls.test.ts`,
    'the header selects the key: a record of one epoch never opens under the key of another',
    guard(
      `${CHANNEL}/epoch-keeper.ts`,
      'if (number === this.#receiving.number) return this.#receiving;',
      'if (number <= this.#receiving.number) return this.#receiving;',
    ),
  ),
  row(
    'P reflection',
    'a node that reaches itself',
    `${UNIT}/handshake.test.ts`,
    'a peer with keys of its own that presents our id is refused',
    guard(`${CHANNEL}/credential.ts`, '  if (id === own.id)\n', '  if (id === undefined)\n'),
  ),
  row(
    'P reflection',
    'a peer with our own keys',
    `${UNIT}/handshake.test.ts`,
    'a peer that presents our message key or Noise static under another id is refused',
    guard(`${CHANNEL}/credential.ts`, '  requireOtherKeys(context, delegation);\n'),
  ),
  row(
    'P roles',
    'a signature made in the other role',
    `${UNIT}/handshake.test.ts`,
    'a signature made in the other role does not verify',
    guard(
      `${CHANNEL}/transcript.ts`,
      "concat(label('transcript'), roleOf(role), h, contentHash)",
      "concat(label('transcript'), Uint8Array.of(role.length === 9 ? 1 : 1), h, contentHash)",
    ),
  ),
  row(
    'P identity',
    'whoever answers is not who was dialled',
    `${UNIT}/handshake.test.ts`,
    'whoever answers must be the one that was dialled',
    guard(
      `${CHANNEL}/credential.ts`,
      'if (expectedId !== undefined && id !== expectedId)',
      'if (id === undefined)',
    ),
  ),
  row(
    'F nonce after failure',
    'one junk packet kills the session (snow, flynn/noise, Noise Explorer)',
    'test/unit/noise/cipher-state.test.ts',
    'a message that does not open leaves the nonce where it was',
    guard(
      'src/noise/cipher-state.ts',
      '    const result = apply(this.#nonce);\n    this.#nonce++;\n    return result;\n',
      '    this.#nonce++;\n    return apply(this.#nonce - 1n);\n',
    ),
  ),
  row(
    'F reserved nonce',
    'nonce 2^64 - 1 used (snow)',
    'test/unit/noise/cipher-state.test.ts',
    'the last nonce used is 2^64 - 2; 2^64 - 1 never is',
    guard(
      'src/noise/cipher-state.ts',
      'if (this.#nonce >= RESERVED_NONCE)',
      'if (this.#nonce > RESERVED_NONCE)',
    ),
  ),
  row(
    'F payload not verified',
    'a delegation whose signature nobody looks at (js-libp2p-noise, dotnet-libp2p, litep2p)',
    `${UNIT}/handshake.test.ts`,
    'a delegation signed by another identity key is refused',
    guard(
      `${CHANNEL}/delegation.ts`,
      '  return verifyStatement(crypto, statement, context.identityKey);\n',
      '  return statement.unverified;\n',
    ),
  ),
  row(
    'O thief',
    'a record of a thief in the place of a batch, seen at the next batch',
    `${UNIT}/thief.test.ts`,
    'a batch that another record replaced is missed at the next batch',
    guard(`${CHANNEL}/batch.ts`, '    writeU64be(message, this.#counterAt + 8, number);\n'),
  ),
  row(
    'O thief',
    'the same, seen at the change of epoch',
    `${UNIT}/thief.test.ts`,
    'a batch that another record replaced is missed when the epoch changes, in either direction',
    guard(`${CHANNEL}/epoch-keeper.ts`, "    requireAllArrived('batches', sent.batches, batches);\n"),
  ),
  row(
    'O thief',
    'the same, seen at the end',
    `${UNIT}/thief.test.ts`,
    'a batch that another record replaced is missed at the end',
    guard(`${CHANNEL}/session.ts`, "    requireAllArrived('batches', batches, this.incoming.batches);\n"),
  ),
  row(
    'O thief',
    'an end that the peer did not sign',
    `${UNIT}/thief.test.ts`,
    'an end that the peer did not sign, or not for this number of batches, is none',
    guard(
      `${CHANNEL}/session.ts`,
      "    this.#verify(message, plaintext.subarray(8), 'OOTO_CHANNEL_END', 'the end is not signed by the peer');\n",
    ),
  ),
  row(
    'O parts',
    'a record between the parts of a message',
    `${UNIT}/hostile-peer.test.ts`,
    'no record stands between the parts of a message: it could not be proven, or would be cut off in agreement',
    guard(`${CHANNEL}/incoming.ts`, '    this.#order.other();\n'),
  ),
  row(
    'O unchecked end',
    'an agreed end before what was handed out is checked',
    `${UNIT}/delivery.test.ts`,
    'authenticated delivery: what was handed out is checked before this side ends the channel',
    guard(
      `${CHANNEL}/session.ts`,
      "    if (this.#options.delivery === 'authenticated') this.incoming.check();\n    this.outgoing",
      '    this.outgoing',
    ),
  ),
  row(
    'O buffers',
    'a buffer given back twice would hold two records',
    `${UNIT}/delivery.test.ts`,
    'a buffer that is given back twice serves one record',
    guard(
      `${CHANNEL}/wire-buffers.ts`,
      '    if (this.#spare.some((spare) => spare.buffer === buffer)) return;\n',
    ),
  ),
  row(
    'O epochs',
    'a peer that begins one epoch after the other',
    `${UNIT}/epochs.test.ts`,
    'a peer that begins epochs without end loses the channel, whichever role it has',
    guard(
      `${CHANNEL}/epoch-keeper.ts`,
      '    this.#pace.take(now);\n    return this.#makeOffer();',
      '    return this.#makeOffer();',
    ),
  ),
  row(
    'O resumption',
    'a stolen resumption, confirmed by nobody',
    `${UNIT}/lasting/migration.test.ts`,
    'a fresh resumption in the wrong hands takes nothing over and stops nothing',
    guard(
      `${CHANNEL}/lasting/resumption.ts`,
      '    requireMac(this.#context, 3, otherRole(this.#context.role), rest, this.#transcript);\n',
    ),
  ),
  row(
    'O resumption',
    'a resumption played again',
    `${UNIT}/lasting/migration.test.ts`,
    'a resumption that is played again is not answered and changes nothing',
    guard(
      `${CHANNEL}/lasting/migration.ts`,
      "    if (!isLater(place, this.#place)) throw refused('a resumption that comes too late');\n",
    ),
  ),
  row(
    'O resumption',
    'a resumption of somebody without the key',
    `${UNIT}/lasting/migration.test.ts`,
    'a resumption with any bit changed is not answered',
    guard(
      `${CHANNEL}/lasting/resumption.ts`,
      '    requireMac(context, 1, otherRole(context.role), resume.bytes);\n',
    ),
  ),
  row(
    'O resumption',
    'connections that say nothing',
    `${UNIT}/lasting/bounds.test.ts`,
    'connections that say nothing are so many and no more, and the oldest gives way',
    guard(
      `${CHANNEL}/lasting/resumptions.ts`,
      '    if (this.#silent.size > MOST_SILENT) closeOldest(this.#silent, this.#silent);\n',
    ),
  ),
  row(
    'O resumption',
    'one session that is resumed over and over crowds out others',
    `${UNIT}/lasting/bounds.test.ts`,
    'resumptions under way are so many and no more, of one session a few',
    guard(
      `${CHANNEL}/lasting/resumptions.ts`,
      '    if (ofThis.length > MOST_PENDING_EACH) closeOldest(this.#pending, ofThis);\n    else if',
      '    if',
    ),
  ),
  row(
    'O resumption',
    'a peer that never says what it has fills memory',
    `${UNIT}/lasting/bounds.test.ts`,
    'a peer that never says what it has is kept so much for and no more, waited for or not',
    guard(`${CHANNEL}/lasting/retained.ts`, '    if (this.#bytes > this.#options.mostBytes) this.letGo();\n'),
  ),
  row(
    'O resumption',
    'many such peers fill memory together',
    `${UNIT}/lasting/bounds.test.ts`,
    'property: all together keep no more than their bound, and the largest gives way',
    guard(
      `${CHANNEL}/lasting/kept-memory.ts`,
      '    if (this.#bytes > this.#most) this.#largest().letGo();\n',
    ),
  ),
  row(
    'O resumption',
    'a peer that says nothing of lasting is kept for',
    `${UNIT}/lasting/bounds.test.ts`,
    'a peer that says nothing is kept little for, and a writer waits for it 5 seconds',
    guard(`${CHANNEL}/lasting/lasting-connection.ts`, '    if (!this.#hasRoom) this.#expectDecision();\n'),
  ),
  row(
    'O datagrams',
    'pieces of two attempts of one address put together',
    `${UNIT}/datagram/handshake.test.ts`,
    'pieces of message 1 under different cookies are not put together',
    guard(
      `${CHANNEL}/datagram/handshake.ts`,
      "    if (!equal(preamble, this.#introduction.preamble))\n      throw badDatagram('a first message under another cookie');\n",
    ),
  ),
  row(
    'O datagrams',
    'a forged reply that names another sender spoils an attempt',
    `${UNIT}/datagram/handshake.test.ts`,
    'a reply whose sender cannot be called, and one of a second sender, leave the first as it is',
    guard(
      `${CHANNEL}/datagram/handshake.ts`,
      "    if ((this.#remoteIndex ?? sender) !== sender) throw badDatagram('two replies');\n",
    ),
  ),
  row(
    'O datagrams',
    'a forged cookie throws away a handshake that has an answer',
    `${UNIT}/datagram/handshake.test.ts`,
    'a cookie that comes behind a piece of the reply does not begin anew',
    guard(`${CHANNEL}/datagram/handshake.ts`, 'this.#remoteIndex !== undefined || '),
  ),
  row(
    'O datagrams',
    'a forged reply before the ephemerals ends a channel that is being dialled',
    `${UNIT}/datagram/handshake.test.ts`,
    'a reply before any ephemerals were sent answers nothing',
    guard(
      `${CHANNEL}/datagram/handshake.ts`,
      "if (!this.#noise || sender === 0) throw badDatagram('a reply to nothing');\n    if (this.#noise.isFinished)",
      'if (this.#noise!.isFinished)',
    ),
  ),
  row(
    'O datagrams',
    'a session whose responder did not sign it',
    `${UNIT}/datagram/breaches.test.ts`,
    'the initiator has no session before the responder has signed it',
    guard(
      `${CHANNEL}/datagram/session.ts`,
      "    this.#verify(\n      confirmationMessage(otherRole(this.#options.role), this.sessionId),\n      signature,\n      'OOTO_CHANNEL_CONFIRMATION',\n      'the responder did not confirm the session with its key',\n    );\n",
    ),
  ),
  row(
    'O datagrams',
    'a record for an index without a session ends a channel that is being dialled',
    `${UNIT}/datagram/breaches.test.ts`,
    'what names the index of a handshake and is no part of it changes nothing',
    guard(
      `${CHANNEL}/datagram/channel.ts`,
      'if (this.#session?.index !== index) return void this.#refuse();\n    this.#takeRecord(this.#session, ',
      'this.#takeRecord(this.#session!, ',
    ),
  ),
  row(
    'T34',
    'strangers that all show their address take every turn from peers',
    `${UNIT}/datagram/doorstep.test.ts`,
    'T34: strangers who all show their address get one first message a turn worked on, in their order',
    guard(
      `${CHANNEL}/datagram/host.ts`,
      '      channel.answer(now);\n      this.#touch(channel);\n      return;\n',
      '      channel.answer(now);\n      this.#touch(channel);\n',
    ),
  ),
  row(
    'T34',
    'hellos take every turn from peers',
    `${UNIT}/datagram/doorstep.test.ts`,
    'T34: of hellos that come in one turn so many are answered; the next turn answers again',
    guard(
      `${CHANNEL}/datagram/host.ts`,
      '    if (this.#cookies >= MOST_COOKIES_A_TURN) return void this.#refuse();\n',
    ),
  ),
];
