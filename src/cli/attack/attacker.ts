/**
 * One who attacks a mesh. What flows through here: a folder like any node's; with an invite in it the attacker is
 * a corrupt insider, who joins like everybody and owns a certificate; without one an outsider, who knows what is
 * public of the mesh. Either dials its victims over a line that can lie, with whatever credentials it likes to show.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HeadView } from '../../authority/head.ts';
import { type Invite, readInvite } from '../../authority/invite.ts';
import { OotoError } from '../../base/errors.ts';
import type { OwnCredential } from '../../channel/credential.ts';
import { type MeshTrust, memberVerifier, readTrust } from '../../mesh/identity.ts';
import { join as joinMesh, present, storedCredential } from '../../mesh/joining.ts';
import type { Session } from '../../mesh/session.ts';
import { nodeClock } from '../../platform/node/clock.ts';
import { readSecretFile } from '../../platform/node/files.ts';
import { openStore } from '../../platform/node/store.ts';
import { tcpTransport } from '../../platform/node/transport.ts';
import { closeNode, type OpenNode, openNode } from '../node-folder.ts';
import { readMeshFiles } from '../setting-up.ts';
import { BentLine } from './bent-line.ts';

/** How long a victim may take to answer or to hang up. */
export const PATIENCE_MS = 10_000;
const INVITE_BYTES = 4 * 1024 * 1024;

/** A node to be attacked. */
export interface Target {
  /** SPIFFE id. */
  id: string;
  address: string;
}

export class Attacker {
  readonly folder: string;
  readonly open: OpenNode;
  readonly line: BentLine;
  readonly trust: MeshTrust;
  readonly signal: AbortSignal;
  readonly #invite: Invite | undefined;

  private constructor(
    parts: Pick<Attacker, 'folder' | 'open' | 'line' | 'trust' | 'signal'>,
    invite: Invite | undefined,
  ) {
    this.folder = parts.folder;
    this.open = parts.open;
    this.line = parts.line;
    this.trust = parts.trust;
    this.signal = parts.signal;
    this.#invite = invite;
  }

  /** The attacker of `folder`, who joins first where the folder holds an invite. */
  static async open(folder: string, signal: AbortSignal): Promise<Attacker> {
    const line = new BentLine(tcpTransport());
    const open = await openOver(line, folder);
    const { crypto, node, configuration } = open;
    const file = join(folder, 'invite');
    const invite = existsSync(file) ? readInvite(await readSecretFile(file, INVITE_BYTES)) : undefined;
    const known = invite ?? (await readMeshFiles(folder));
    const trust = readTrust(crypto, known.genesis, known.root);
    const stored = invite && storedCredential(node);
    if (stored) await present(node, stored);
    else if (invite) await joinMesh(node, invite, configuration.certificate_ms, signal);
    else node.trustMesh(trust);
    return new Attacker({ folder, open, line, trust, signal }, invite);
  }

  /** The invite by which this insider joined, kept against the rules. */
  get invite(): Invite {
    if (this.#invite) return this.#invite;
    throw new OotoError('OOTO_CLI_ATTACK', 'caller', 'this attack needs an attacker with an invite');
  }

  get meshId(): Uint8Array {
    return this.trust.genesis.meshId;
  }

  /**
   * Dials `target` and shows `own`; resolves when the target has accepted it and, for members, both are attested.
   * Without `own` the attacker shows its true certificate.
   */
  approach(target: Target, own?: OwnCredential): Promise<Session> {
    const { node, crypto } = this.open;
    const { meshId } = this.trust.genesis;
    const shown = new HeadView(crypto, this.trust.authority, undefined);
    const verifier = memberVerifier(crypto, this.trust, shown, (head) => shown.accept(head));
    node.peers.join({ meshId, own: () => own ?? node.own.forChannel(), verifier, accept: [] });
    return node.peers.dial(meshId, target.address, target.id, { signal: this.signal });
  }

  /** Another node of the attacker's own, with another identity key, over the same line. */
  openSecond(folder: string): Promise<OpenNode> {
    return openOver(this.line, folder);
  }

  close(): Promise<void> {
    return closeNode(this.open);
  }
}

function openOver(transport: BentLine, folder: string): Promise<OpenNode> {
  return openNode(folder, { clock: nodeClock(), transport, openStore });
}
