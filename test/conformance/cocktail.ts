/**
 * COCKTAIL(Ed25519, SHA-512), the C2SP's published vectors: the oracle is given the static keys, the session and the
 * payloads, and must come to every value that the file lists after them.
 */
import type { Fields } from '../oracle/request.ts';
import { gives, occurrences, type Suite, type Vector, type VectorFile } from './vector.ts';

interface CocktailVector extends Fields {
  readonly n: number;
  readonly t: number;
  readonly config: { readonly static_public_keys: readonly string[] };
}

const GIVEN = ['n', 't', 'session_tag', 'payloads', 'config'];

export const cocktail: Suite = {
  title: 'COCKTAIL-DKG',
  files: { 'cocktail-dkg/cocktail-dkg-ed25519-sha512.json': 4 },
  mayLack: 'not in the folder: see the public repository C2SP/CCTV',
  holds: (text) => occurrences(text, '"session_tag"'),
  read: ({ path, texts }: VectorFile) =>
    (JSON.parse(texts[0].text) as { vectors: readonly CocktailVector[] }).vectors.map((vector) =>
      toVector(path, vector),
    ),
};

function toVector(path: string, vector: CocktailVector): Vector {
  const given = Object.fromEntries(Object.entries(vector).filter(([name]) => GIVEN.includes(name)));
  const expected = Object.fromEntries(Object.entries(vector).filter(([name]) => !GIVEN.includes(name)));
  const { static_public_keys } = vector.config;
  const payload = 'payloads' in vector ? ' with payloads' : '';
  return {
    name: `${path} ${vector.t} of ${vector.n}${payload}`,
    check: async (ask) =>
      gives(await ask('dkg.cocktail', { vector: given }), { ...expected, static_public_keys }),
  };
}
