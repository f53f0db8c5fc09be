/** Inclusion and consistency proofs of RFC 6962, as the transparency-dev project publishes them, one a file. */
import { hex, unbase64 } from '../../src/base/hex.ts';
import type { Fields } from '../oracle/request.ts';
import { gives, occurrences, refuses, type Suite, type VectorFile } from './vector.ts';

interface Inclusion {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

interface Consistency {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

export const inclusion: Suite = suite(
  'inclusion',
  98,
  ({ leafIdx, treeSize, leafHash, proof, root }: Inclusion) => ({
    index: leafIdx,
    size: treeSize,
    leafHash: hexText(leafHash),
    proof: hexTexts(proof),
    root: hexText(root),
  }),
);

export const consistency: Suite = suite(
  'consistency',
  98,
  ({ size1, size2, proof, root1, root2 }: Consistency) => ({
    size1,
    size2,
    proof: hexTexts(proof),
    root1: hexText(root1),
    root2: hexText(root2),
  }),
);

function suite<T extends { readonly wantErr: boolean }>(
  name: string,
  cases: number,
  toRequest: (vector: T) => Fields,
): Suite {
  return {
    title: `merkle ${name}`,
    files: { [`merkle/${name}`]: cases },
    holds: (text) => occurrences(text, '"wantErr"'),
    read: (file: VectorFile) =>
      file.texts.map(({ path, text }) => {
        const vector = JSON.parse(text) as T;
        return {
          name: path,
          check: async (ask) => {
            const answer = await ask(`merkle.${name}`, toRequest(vector));
            if (vector.wantErr) refuses(answer);
            else gives(answer, {});
          },
        };
      }),
  };
}

function hexText(base64: string): string {
  return hex(unbase64(base64));
}

/** Go writes an empty list as null. */
function hexTexts(list: readonly string[] | null): readonly string[] {
  return (list ?? []).map(hexText);
}
