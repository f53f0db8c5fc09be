/** What a row of the drill is: something that is done to the mesh, and what must come of it. */
import { OotoError } from '../../base/errors.ts';
import type { DrillMesh } from './mesh.ts';

export interface Exercise {
  readonly name: string;
  /** Resolves to what was seen, in words; rejects when it is not as it must be. */
  run(mesh: DrillMesh): Promise<string>;
  /** How long it took where that is not how long `run` did. */
  took?(mesh: DrillMesh): number;
}

/** @throws OOTO_CLI_DRILL (local) with what was expected. */
export function require(holds: boolean, expected: string): asserts holds {
  if (!holds) throw new OotoError('OOTO_CLI_DRILL', 'local', `not so: ${expected}`);
}

/** All of `seen` are `code`, and there are as many as there must be. */
export function requireAll(
  seen: readonly (string | undefined)[],
  count: number,
  code: string,
  what: string,
): void {
  require(seen.length === count &&
    seen.every(
      (each) => each === code,
    ), `${what}: ${count} times ${code}, not ${seen.map(String).join(', ') || 'nothing'}`);
}
