/** Actions of operators in a mesh of processes: proposed, approved and carried to a member by a node of the test's own. */
import { join } from 'node:path';
import { approveAction, type Change, proposeAction, readProposal } from '../../src/authority/action.ts';
import { nodeIdOf } from '../../src/authority/certification.ts';
import { verifyGenesisRecord } from '../../src/authority/genesis.ts';
import { type RunningNode, startNode } from '../../src/cli/running-node.ts';
import { openOperator, readMeshFiles } from '../../src/cli/setting-up.ts';
import { type Applied, readApplied } from '../../src/mesh/audit/actions.ts';
import { FOUNDERS, type LiveMesh } from './live-mesh.ts';

export class LedActions {
  readonly #mesh: LiveMesh;
  readonly #stop = new AbortController();
  #carrier: RunningNode | undefined;
  #number = 0;

  constructor(mesh: LiveMesh) {
    this.#mesh = mesh;
  }

  /** The node that carries; it joins the first time. */
  async carrier(): Promise<RunningNode> {
    if (this.#carrier) return this.#carrier;
    const folder = await this.#mesh.invite('originator', 'carrier');
    this.#carrier = await startNode(folder, this.#stop.signal);
    void this.#carrier.upkeep.run();
    return this.#carrier;
  }

  /** What the member that leads answers. */
  async apply(change: Change, lead = FOUNDERS[0] as string): Promise<Applied> {
    return this.carry(await this.approve(change), lead);
  }

  /** An action under the next number, approved; it may be carried again and again. */
  async approve(change: Change): Promise<Uint8Array> {
    const { crypto, folder } = this.#mesh;
    const genesis = await this.#genesis();
    const { key } = await openOperator(crypto, join(folder, 'operator'));
    const now = Date.now();
    const frame = { mesh: genesis.meshId, number: ++this.#number, created: now, expires: now + 3_600_000 };
    const proposal = readProposal(crypto, proposeAction(change, frame));
    return approveAction(proposal, genesis.draft, key);
  }

  async carry(encoded: Uint8Array, lead: string): Promise<Applied> {
    const { crypto } = this.#mesh;
    const { node } = (await this.carrier()).open;
    const { authority } = node.trust;
    const genesis = await this.#genesis();
    const addresses = authority.memberNamed(lead)?.addresses ?? [];
    const to = { id: nodeIdOf(genesis.meshId, 'authority', lead), addresses };
    const answer = await node.ask(to, 'authority.apply', encoded, { timeoutMs: 120_000 });
    return readApplied(crypto, authority, readProposal(crypto, encoded), answer);
  }

  async #genesis() {
    const { genesis } = await readMeshFiles(this.#mesh.folderOf(FOUNDERS[0]));
    return verifyGenesisRecord(this.#mesh.crypto, genesis);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#carrier?.close();
  }
}
