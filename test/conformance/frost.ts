/**
 * FROST(Ed25519, SHA-512), RFC 9591 appendix E.1: the oracle is given keys, randomness and message, and must come
 * to every value that the file lists after them. The file's other ciphersuites are not the product's.
 */
import type { Fields } from '../oracle/request.ts';
import { gives, occurrences, type Suite, type Vector, type VectorFile } from './vector.ts';

interface FrostVector extends Fields {
  readonly inputs: Fields;
  readonly round_one_outputs: { readonly outputs: readonly Fields[] };
  readonly round_two_outputs: Fields;
  readonly final_output: { readonly sig: string };
}

const GIVEN = ['identifier', 'hiding_nonce_randomness', 'binding_nonce_randomness'];

export const frost: Suite = {
  title: 'RFC 9591 FROST',
  files: { 'frost-rfc9591/poc/frost-ed25519-sha512.json': 1 },
  holds: (text) => occurrences(text, '"final_output"'),
  read: (file: VectorFile) => [toVector(file.path, JSON.parse(file.texts[0].text))],
};

function toVector(path: string, vector: FrostVector): Vector {
  const { group_public_key, participant_shares, ...inputs } = vector.inputs;
  const rounds = vector.round_one_outputs.outputs;
  const outputs = rounds.map((entry) => only(entry, (name) => GIVEN.includes(name)));
  const given = { config: vector.config, inputs, round_one_outputs: { outputs } };
  const results = rounds.map((entry) => only(entry, (name) => !name.endsWith('_randomness')));
  return {
    name: path,
    check: async (ask) =>
      gives(await ask('frost.sign', { vector: given }), {
        group_public_key,
        participant_shares,
        round_one_outputs: { outputs: results },
        round_two_outputs: vector.round_two_outputs,
        final_output: vector.final_output,
        sig: vector.final_output.sig,
      }),
  };
}

function only(fields: Fields, keep: (name: string) => boolean): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => keep(name)));
}
