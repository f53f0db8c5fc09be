/**
 * An authority of five on this machine, any three of which issue: each member with a log and a store of its own on the
 * disk. What flows through here: candidates with invites make their applications, and a coordinator has them issued by
 * function calls, many at a time, as it would over channels.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Application } from '../../src/authority/member.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import type { IssuedCertificate, Issuing } from '../../src/mesh/authority/issuing.ts';
import { openStore } from '../../src/platform/node/store.ts';
import type { Store } from '../../src/ports.ts';
import { AuthorityWorld } from '../../test/support/authority.ts';

export const MEMBERS = 5;
export const THRESHOLD = 3;

export class DiskAuthority {
  readonly world: AuthorityWorld;
  readonly #stores: Store[];
  readonly #folder: string;
  readonly #issuing: Issuing;
  #count = 0;

  private constructor(world: AuthorityWorld, stores: Store[], folder: string) {
    this.world = world;
    this.#stores = stores;
    this.#folder = folder;
    this.#issuing = world.issuing();
  }

  static async open(crypto: Crypto): Promise<DiskAuthority> {
    const folder = temporaryFolder();
    const world = new AuthorityWorld(crypto, { count: MEMBERS, threshold: THRESHOLD });
    const stores = await Promise.all(world.names.map((name) => openStore(join(folder, name))));
    for (const [i, name] of world.names.entries()) world.restart(name, stores[i]);
    await world.establish();
    return new DiskAuthority(world, stores, folder);
  }

  /** What a node sends once it has the members' challenges. */
  async application(): Promise<Application> {
    const candidate = this.world.candidate();
    const id = this.world.id('worker', `w${this.#count++}`);
    const request = await this.world.request(candidate, id);
    return this.world.application(candidate, request, this.world.inviteClaim(id, request));
  }

  issue(application: Application): Promise<IssuedCertificate> {
    return this.#issuing.issue(application);
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** On the disk that holds the program: the folder for temporary files may be memory. */
export function temporaryFolder(): string {
  return mkdtempSync(join('build', 'bench-authority-'));
}
