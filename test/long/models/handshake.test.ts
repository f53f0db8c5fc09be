/**
 * The handshake with delegations, enrolment and attestation under maude, against an attacker who has the network: in
 * every run of a few sessions. Every guard of the model is taken away once, and a search must find what that breaks.
 */
import { equal, ok } from '../../support/assert.ts';
import { hasPrograms, searchWithMaude } from '../../support/model-checkers.ts';
import { suite } from '../../support/suite.ts';

const test = suite('models of the handshake', { timeout: 1_800_000 });
const MODEL = 'handshake.maude';

/** Who dials and who listens; a number names a session. */
const SCENES = {
  'a dials b': 'dialling(1, a, b) & listening(2, b)',
  'a dials m, b listens': 'dialling(1, a, m) & listening(2, b)',
  'a dials b twice': 'dialling(1, a, b) & dialling(3, a, b) & listening(2, b)',
  'a dials b, who listens twice': 'dialling(1, a, b) & listening(2, b) & listening(4, b)',
  'a and b dial each other, b listens': 'dialling(1, a, b) & dialling(3, b, a) & listening(2, b)',
  'a dials b and m, b listens': 'dialling(1, a, b) & dialling(3, a, m) & listening(2, b)',
  'a dials itself': 'dialling(1, a, a) & listening(2, a)',
};
/** Of the model; `sound` is all of them. */
type Property =
  | 'secrecy'
  | 'responderSure'
  | 'initiatorSure'
  | 'members'
  | 'attestation'
  | 'proofs'
  | 'sound';

/** What the attacker is given. Signatures hold in all of them. */
const VARIANTS = ['noFlags', 'later', 'dhBroken', 'kemBroken', 'dhBroken ; later', 'kemBroken ; later'];

const MUTANTS: readonly [flags: string, property: Property][] = [
  ['noSignature ; dhBroken', 'secrecy'],
  ['noSignature ; dhBroken', 'responderSure'],
  ['noTranscript ; dhBroken', 'secrecy'],
  ['keyAlone', 'proofs'],
  ['noConfirmation', 'initiatorSure'],
  ['noKind', 'members'],
  ['quoteUnbound', 'attestation'],
  ['dhBroken ; kemBroken', 'secrecy'],
];

/** Ends that must be reachable, or the model says nothing. */
const REACHABLE = [
  'connected(1, a, b, H, KEY, C) & W',
  'accepted(2, b, a, H, KEY, C) & W',
  'accepted(2, b, m, H, KEY, C) & W',
  'enrolled(2, b, m, m) & W',
  'enrolled(2, b, a, m) & W',
  'attested(2, b, a, a, H) & W',
  'attested(2, b, m, m, H) & W',
];

const never = (flags: string, scene: string, property: Property) =>
  `search [1] in HANDSHAKE : start(${flags}, ${scene}) =>* W such that not ${property}(W) .`;

if (hasPrograms('maude')) {
  for (const [name, scene] of Object.entries(SCENES))
    test(`${name}: no run does what must not be`, async () => {
      const results = await searchWithMaude(
        MODEL,
        VARIANTS.map((flags) => never(flags, scene, 'sound')),
      );
      equal(
        VARIANTS.filter((_, i) => results[i].found),
        [],
      );
      ok(results.every(({ states }) => states > 50));
    });

  for (const [flags, property] of MUTANTS)
    test(`the mutant ${flags} breaks ${property}, and is found`, async () => {
      const scenes = Object.values(SCENES).slice(0, 2);
      const results = await searchWithMaude(
        MODEL,
        scenes.map((scene) => never(flags, scene, property)),
      );
      ok(results.some(({ found }) => found));
    });

  test('a delegation without its subject breaks nothing here: ids and certificates are signed elsewhere too', async () => {
    const scenes = Object.values(SCENES).slice(0, 2);
    const results = await searchWithMaude(
      MODEL,
      scenes.map((scene) => never('noSubject', scene, 'sound')),
    );
    ok(results.every(({ found }) => !found));
  });

  test('every end can be reached', async () => {
    const searches = REACHABLE.map(
      (state) => `search [1] in HANDSHAKE : start(noFlags, ${SCENES['a dials b']}) =>* ${state} .`,
    );
    const results = await searchWithMaude(MODEL, searches);
    equal(
      REACHABLE.filter((_, i) => !results[i].found),
      [],
    );
  });
} else test.unavailable('the handshake under maude', 'maude is not installed');
