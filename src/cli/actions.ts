/**
 * `ooto authority propose, approve, apply, actions` and `ooto revoke`. What flows through here: one operator writes down
 * an action, enough of them read it and sign it, and any node of the mesh carries it to the authority; the audit is read
 * back from all members and verified. The folder of a node gives a way into the mesh, and no right.
 */
import { approveAction, type Change, proposeAction, readProposal } from '../authority/action.ts';
import { describeChange } from '../authority/action-words.ts';
import type { AuthorityView } from '../authority/authority-view.ts';
import { readNodeId } from '../authority/certification.ts';
import { type GenesisRecord, verifyGenesisRecord } from '../authority/genesis.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CborValue } from '../envelope/cbor.ts';
import { type Applied, type Audit, readApplied, readAudit } from '../mesh/audit/actions.ts';
import { PERFORM_MS } from '../mesh/authority/actions.ts';
import { encodeRescue, readRescue } from '../mesh/authority/ceremonies/rescue.ts';
import { createNodeCrypto } from '../node.ts';
import { readFileLimited, writeFileAtomically } from '../platform/node/files.ts';
import {
  type ActionFile,
  type ActionSummary,
  readActionFile,
  summaryOf,
  writeActionFile,
} from './action-file.ts';
import { type ChangeOptions, readChange } from './changes.ts';
import { isMemberFolder, withMember } from './own-member.ts';
import { encodeRescueFile, isComplete, isRescueFile, readRescueFile } from './rescue-file.ts';
import { type RunningNode, startNode } from './running-node.ts';
import { openOperator, readMeshFiles } from './setting-up.ts';

const HOUR_MS = 3_600_000;
const FILE_BYTES = 16 * 1024 * 1024;
const ANSWER_MS = PERFORM_MS + 30_000;

/** `ooto authority propose`. */
export async function propose(
  kind: string,
  options: ChangeOptions & { authority: string; number: string; hours: string; out: string },
): Promise<ActionSummary> {
  const crypto = createNodeCrypto();
  const { authority, number, hours, out, ...given } = options;
  const genesis = verifyGenesisRecord(crypto, (await readMeshFiles(authority)).genesis);
  const created = Date.now();
  const frame = {
    mesh: genesis.meshId,
    number: whole(number, '--number'),
    created,
    expires: created + whole(hours, '--hours') * HOUR_MS,
  };
  await writeActionFile(out, { encoded: proposeAction(await readChange(kind, given), frame), genesis });
  return summaryOf(crypto, out, await readActionFile(crypto, out));
}

/** `ooto authority approve`: shows the action, and signs it once `confirm` has agreed. */
export async function approve(
  file: string,
  operator: string,
  confirm: (summary: ActionSummary) => Promise<void>,
): Promise<ActionSummary> {
  const crypto = createNodeCrypto();
  const read = await readActionFile(crypto, file);
  await confirm(summaryOf(crypto, file, read));
  const { key } = await openOperator(crypto, operator);
  const encoded = approveAction(read, read.genesis.draft, key);
  await writeActionFile(file, { encoded, genesis: read.genesis });
  return summaryOf(crypto, file, await readActionFile(crypto, file));
}

/** `ooto authority apply`. */
export async function apply(
  file: string,
  { member, lead, out }: { member: string; lead?: string | undefined; out?: string | undefined },
  signal: AbortSignal,
) {
  const crypto = createNodeCrypto();
  const read = await readApplicable(crypto, file);
  requireRescueOut(read, out);
  if (isOwnWay(read, member)) return leadRescue(read, { member, lead, out }, signal);
  return withNode(member, signal, async (running) => {
    const { name, applied } = await carry(running, read, lead);
    return written(name, read, applied, running.open.node.trust.authority, out);
  });
}

/** What members are asked to do, and the digest by which they have it in their logs. */
type Applicable = Pick<ActionFile, 'action' | 'digest' | 'encoded'> & { isSigned?: true };

/** An action that enough operators approved, or a rescue that enough have signed. */
async function readApplicable(crypto: Crypto, file: string): Promise<Applicable> {
  const content = await readFileLimited(file, FILE_BYTES);
  if (!isRescueFile(content)) {
    const read = await readActionFile(crypto, file);
    requireApproved(summaryOf(crypto, file, read));
    return read;
  }
  const { action, digest, rescue, genesis } = readRescueFile(crypto, file, content);
  requireApproved({
    complete: isComplete(crypto, { rescue, genesis }),
    approvals: rescue.signatures.map(({ keyid }) => keyid),
    quorum: genesis.draft.operatorQuorum,
  });
  return { action, digest, encoded: encodeRescue(rescue), isSigned: true };
}

function requireRescueOut({ action, isSigned }: Applicable, out: string | undefined): void {
  const isNeeded = action.kind === 'rescue' && !isSigned;
  if (isNeeded === (out !== undefined)) return;
  throw new OotoError(
    'OOTO_CLI_USAGE',
    'caller',
    '--out belongs to an action that rescues, and to no other',
    {
      hint: 'it names the file for what the operators have to sign then; that file is applied without it',
    },
  );
}

/** Whoever is a member brings a rescue by itself: there may be no certificate left that is valid. */
function isOwnWay({ action }: Applicable, folder: string): boolean {
  return action.kind === 'rescue' && isMemberFolder(folder);
}

function leadRescue(
  read: Applicable,
  { member, lead, out }: { member: string; lead?: string | undefined; out?: string | undefined },
  signal: AbortSignal,
) {
  return withMember(member, signal, async (own) => {
    const { name, crypto } = own.node.options;
    if (lead !== undefined && lead !== name) throw unreachable(lead);
    const answer = await own.apply(read.encoded);
    const { authority } = own.node.trust;
    return written(name, read, readApplied(crypto, authority, read, answer), authority, out);
  });
}

/** What is to be signed goes into a file. */
async function written(
  lead: string,
  { action }: Applicable,
  { rescue, ...applied }: Applied,
  authority: AuthorityView,
  out: string | undefined,
): Promise<AppliedReport> {
  const report = plainApplied(lead, action.kind, applied);
  if (!rescue || out === undefined) return report;
  const { genesis } = authority;
  const documents = authority.documentsSinceGenesis();
  await writeFileAtomically(out, encodeRescueFile({ rescue: readRescue(rescue), genesis, documents }));
  return { ...report, file: out };
}

/** Members would refuse it too; this way nobody is asked. */
function requireApproved({
  complete,
  approvals,
  quorum,
}: Pick<ActionSummary, 'complete' | 'approvals' | 'quorum'>): void {
  if (complete) return;
  const message = `${approvals.length} operators have approved, and ${quorum} must who may`;
  throw new OotoError('OOTO_CLI_APPROVALS', 'caller', message, {
    hint: 'ooto authority approve adds an approval',
  });
}

/** `ooto authority actions`. */
export async function listActions({ member }: { member: string }, signal: AbortSignal) {
  if (isMemberFolder(member))
    return withMember(member, signal, async (own) => {
      const { options, trust } = own.node;
      const { authority } = trust;
      const names = authority.activeMembers.map(({ name }) => name);
      const ask = (name: string, body: CborValue) => own.auditOf(name, body);
      return plainAudit(await requireAudit(options.crypto, authority, names, ask), authority);
    });
  return withNode(member, signal, async (running) =>
    plainAudit(await auditOf(running), running.open.node.trust.authority),
  );
}

/** `ooto revoke`: proposes, approves and applies, where one operator is enough. */
export async function revoke(
  subject: string,
  options: { operator: string; member: string; reason: string },
  confirm: (words: readonly string[]) => Promise<void>,
  signal: AbortSignal,
) {
  const crypto = createNodeCrypto();
  const change = await revocationOf(subject, options.reason);
  return withNode(options.member, signal, async (running) => {
    const { genesis } = running.open.node.trust;
    requireOneOperator(genesis);
    await confirm(describeChange(change));
    const { key } = await openOperator(crypto, options.operator);
    const created = Date.now();
    const number = nextNumber(await auditOf(running));
    const frame = { mesh: genesis.meshId, number, created, expires: created + HOUR_MS };
    const proposal = readProposal(crypto, proposeAction(change, frame));
    const encoded = approveAction(proposal, genesis.draft, key);
    const { action, digest } = readProposal(crypto, encoded);
    const { name, applied } = await carry(running, { action, digest, encoded });
    return plainApplied(name, action.kind, applied);
  });
}

function revocationOf(subject: string, reason: string): Promise<Change> {
  return subject.startsWith('spiffe://')
    ? readChange('revoke-node', { id: subject, reason })
    : readChange('revoke-key', { key: subject, reason });
}

function requireOneOperator({ draft: { operatorQuorum } }: GenesisRecord): void {
  if (operatorQuorum === 1) return;
  throw new OotoError(
    'OOTO_CLI_USAGE',
    'caller',
    `${operatorQuorum} operators must approve this in this mesh`,
    {
      hint: 'ooto authority propose, then approve by each of them, then apply',
    },
  );
}

/** Has the first member that can take it lead the action, and tells what it answered. */
async function carry(running: RunningNode, { action, digest, encoded }: Applicable, lead?: string) {
  const { node } = running.open;
  const { crypto } = node.options;
  let failure: unknown = unreachable(lead);
  for (const member of membersOf(running)) {
    if (lead !== undefined && member.name !== lead) continue;
    try {
      const answer = await node.ask(member, 'authority.apply', encoded, { timeoutMs: ANSWER_MS });
      const applied = readApplied(crypto, node.trust.authority, { action, digest }, answer);
      return { name: member.name, applied };
    } catch (error) {
      failure = error;
      if (!isElsewhere(error)) throw error;
    }
  }
  throw failure;
}

/** Whether another member may still take it. */
function isElsewhere(error: unknown): boolean {
  return (
    isOotoError(error, 'OOTO_MESH_ACTION_BUSY') ||
    (isOotoError(error) && error.code.startsWith('OOTO_TRANSPORT_')) ||
    isOotoError(error, 'OOTO_MESH_NOT_READY')
  );
}

function unreachable(lead: string | undefined): OotoError {
  const who = lead === undefined ? 'no member of the authority' : `no member ${lead} of the authority`;
  return new OotoError('OOTO_MESH_UNAVAILABLE', 'environment', `${who} can be reached`);
}

function plainApplied(lead: string, kind: string, applied: Omit<Applied, 'rescue'>) {
  return { schema: 'ooto.action-applied/1' as const, kind, lead, ...applied };
}

/** `file` holds what the operators have to sign before it is in force. */
export type AppliedReport = ReturnType<typeof plainApplied> & { file?: string };

/** For people: each member's answer, and what came of it. */
export function wordsOfApplied({
  number,
  kind,
  lead,
  logged,
  refused,
  facts,
  failure,
  file,
}: AppliedReport): string {
  return [
    `action ${number}, ${kind}, led by ${lead}`,
    ...logged.map((member) => `${member}: in its log, proven`),
    ...refused.map(({ member, code, message }) => `${member}: ${shown(message)} (${code})`),
    ...Object.entries(facts).map(([name, value]) => `${shown(name)}: ${shown(String(value))}`),
    failure ? `not done: ${shown(failure.message)} (${failure.code})` : doneWords(file),
  ].join('\n');
}

function doneWords(file: string | undefined): string {
  if (file === undefined) return 'done';
  return `not in force yet: the operators sign ${file} (ooto authority sign), then it is applied`;
}

/** What members say is not to draw anything. */
function shown(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

async function auditOf(running: RunningNode): Promise<Audit> {
  const { node } = running.open;
  const members = membersOf(running);
  const names = members.map(({ name }) => name);
  return requireAudit(node.options.crypto, node.trust.authority, names, async (name, body) => {
    const member = members.find((each) => each.name === name);
    if (!member) throw unreachable(name);
    return node.ask(member, 'authority.actions', body);
  });
}

/** @throws what the last member threw, where none answered with what verifies. */
async function requireAudit(
  crypto: Crypto,
  authority: AuthorityView,
  names: readonly string[],
  ask: (name: string, body: CborValue) => Promise<CborValue>,
): Promise<Audit> {
  const audit = await readAudit(crypto, authority, names, ask);
  const last = audit.failed.at(-1);
  if (last && audit.failed.length === names.length) throw last.error;
  return audit;
}

/** The number that the next action may have. */
function nextNumber({ actions }: Audit): number {
  return 1 + Math.max(0, ...actions.map(({ action }) => action.number));
}

function plainAudit(audit: Audit, { committee, bundle }: Pick<AuthorityView, 'committee' | 'bundle'>) {
  const numbers = audit.actions.map(({ action }) => action.number);
  return {
    schema: 'ooto.actions/1' as const,
    next: nextNumber(audit),
    /** Where the mesh is: what the next ceremony begins from. */
    epoch: committee.epoch,
    bundle: bundle.version,
    threshold: committee.threshold,
    members: committee.members.map(({ name }) => name),
    actions: audit.actions.map(({ action, digest, operators, logged }) => ({
      number: action.number,
      kind: action.kind,
      fingerprint: hex(digest),
      words: describeChange(action),
      created: new Date(action.created).toISOString(),
      operators,
      logged,
    })),
    /** Numbers under which members were shown different actions. */
    twice: [...new Set(numbers.filter((number, i) => numbers.indexOf(number) !== i))],
    failed: audit.failed.map(({ member, error }) => {
      const { code, message } = isOotoError(error)
        ? error
        : new OotoError('OOTO_CLI_UNEXPECTED', 'local', String(error));
      return { member, code, message };
    }),
  };
}

export type AuditReport = ReturnType<typeof plainAudit>;

/** For people. */
export function wordsOfAudit(report: AuditReport): string {
  const { actions, next, failed, twice, epoch, bundle, threshold, members } = report;
  return [
    ...actions.map(({ number, kind, operators, logged, words, created }) =>
      [
        `${number}  ${created}  ${kind}, approved by ${operators.join(', ')}`,
        ...words.map((line) => `   ${line}`),
        `   in the logs of ${logged.map(({ member, index }) => `${member} (${index})`).join(', ')}`,
      ].join('\n'),
    ),
    ...twice.map((number) => `TWO ACTIONS CARRY THE NUMBER ${number}: ask the operators that approved both`),
    ...failed.map(({ member, code, message }) => `${member}: ${shown(message)} (${code})`),
    `epoch ${epoch}, ${threshold} of ${members.join(', ')}; trust bundle ${bundle}`,
    `the next number is ${next}`,
  ].join('\n');
}

/** Whether what members showed contradicts itself, or does not verify. */
export function isUnsound({ failed, twice }: AuditReport): boolean {
  return (
    twice.length > 0 || failed.some(({ code }) => !/^OOTO_(TRANSPORT|CHANNEL|MESH_(?!AUDIT))/.test(code))
  );
}

function membersOf({ upkeep }: RunningNode) {
  return upkeep.authorities.map((member) => ({ ...member, name: readNodeId(member.id).name }));
}

/** Starts the node of a folder, which must not run meanwhile, for as long as it is used. */
async function withNode<T>(
  folder: string,
  signal: AbortSignal,
  use: (running: RunningNode) => Promise<T>,
): Promise<T> {
  const running = await startNode(folder, signal).catch(explainLocked);
  try {
    return await use(running);
  } finally {
    await running.close();
  }
}

function explainLocked(error: unknown): never {
  if (!isOotoError(error, 'OOTO_FILES_LOCKED')) throw error;
  throw new OotoError(error.code, error.fault, error.message, {
    cause: error,
    hint: 'give the folder of a node that does not run, such as one that operators keep for this: ooto invite --role originator',
  });
}

/** @throws OOTO_CLI_USAGE (caller). */
function whole(text: string, option: string): number {
  const value = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new OotoError('OOTO_CLI_USAGE', 'caller', `${option} is a number from 1`);
}
