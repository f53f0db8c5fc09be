/**
 * Four field elements side by side, compiled alone: products, squares and inverses against integers, with limbs at
 * the limits that the file's first paragraph sets, where a column that could overflow does.
 */
import fc from 'fast-check';
import { compile } from '../../constant-time/compile.ts';
import { equal, is } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const P = 2n ** 255n - 19n;
const LIMBS = 20;
/** One unit: 2^12, and what carries may leave beyond it. */
const UNIT = 2 ** 12 + 32;
const [OUT, F, G] = [0, 160, 320];

const ENTRY = `
  import { quadInvert } from '../../assembly/field25519x4-power';
  import { quadMultiply, quadSquare } from '../../assembly/field25519x4';
  const AREA: usize = memory.data(480, 16);
  export function area(): usize { return AREA; }
  export function multiply(): void { quadMultiply(AREA, AREA + 160, AREA + 320); }
  export function square(): void { quadSquare(AREA, AREA + 160); }
  export function invert(): void { quadInvert(AREA, AREA + 160); }
`;

interface Field {
  memory: WebAssembly.Memory;
  area(): number;
  multiply(): void;
  square(): void;
  invert(): void;
}

const test = suite('core field25519x4', { timeout: 60_000 });
const field = startField();

async function startField(): Promise<Field> {
  const entry = 'test/unit/field25519x4-entry.ts';
  const args = [entry, '--runtime', 'stub', '-O3', '--enable', 'simd'];
  const module = await compile({ args, source: (file) => (file === entry ? ENTRY : undefined) });
  const abort = () => {
    throw new Error('refused');
  };
  const { instance } = await WebAssembly.instantiate(module as Uint8Array<ArrayBuffer>, { env: { abort } });
  return instance.exports as unknown as Field;
}

/** Four elements by their limbs. */
type Quad = readonly (readonly number[])[];

function write({ memory, area }: Field, at: number, quad: Quad): void {
  const view = new DataView(memory.buffer, area() + at);
  for (const [lane, limbs] of quad.entries())
    for (const [i, limb] of limbs.entries())
      view.setInt16(16 * (i >> 1) + 4 * lane + 2 * (i & 1), limb, true);
}

function read({ memory, area }: Field): Quad {
  const view = new DataView(memory.buffer, area() + OUT);
  return [0, 1, 2, 3].map((lane) =>
    Array.from({ length: LIMBS }, (_, i) => view.getInt16(16 * (i >> 1) + 4 * lane + 2 * (i & 1), true)),
  );
}

const value = (limbs: readonly number[]) => {
  const sum = limbs.reduce((total, limb, i) => total + (BigInt(limb) << BigInt(13 * i)), 0n);
  return ((sum % P) + P) % P;
};

const limbsWithin = (units: number) => {
  const most = units * UNIT;
  const limb = fc.oneof(fc.integer({ min: -most, max: most }), fc.constantFrom(-most, most));
  return fc.oneof(
    fc.array(limb, { minLength: LIMBS, maxLength: LIMBS }),
    fc.constantFrom(-most, most).map((extreme) => new Array<number>(LIMBS).fill(extreme)),
  );
};
const quads = (units: number) => fc.array(limbsWithin(units), { minLength: 4, maxLength: 4 });

function expectValues(result: Quad, expected: readonly bigint[]): void {
  equal(result.map(value), expected);
  for (const limb of result.flat()) is(Math.abs(limb) <= UNIT, true, `limb ${limb}`);
}

for (const [f, g] of [
  [1, 1],
  [2, 2],
  [2, 3],
  [3, 2],
  [6, 1],
  [1, 6],
] as const)
  test(`products of ${f} and ${g} units`, async () => {
    const core = await field;
    fc.assert(
      fc.property(quads(f), quads(g), (a, b) => {
        write(core, F, a);
        write(core, G, b);
        core.multiply();
        expectValues(
          read(core),
          a.map((limbs, lane) => (value(limbs) * value(b[lane])) % P),
        );
      }),
      { numRuns: 40 },
    );
  });

test('squares of up to two units', async () => {
  const core = await field;
  fc.assert(
    fc.property(quads(2), (a) => {
      write(core, F, a);
      core.square();
      expectValues(
        read(core),
        a.map((limbs) => value(limbs) ** 2n % P),
      );
    }),
    { numRuns: 60 },
  );
});

test('inverses, and 0 for 0', async () => {
  const core = await field;
  fc.assert(
    fc.property(quads(1), (a) => {
      const withZero = [new Array<number>(LIMBS).fill(0), ...a.slice(1)];
      write(core, F, withZero);
      core.invert();
      const inverses = read(core).map(value);
      equal(
        inverses.map((inverse, lane) => (inverse * value(withZero[lane])) % P),
        withZero.map((limbs) => (value(limbs) === 0n ? 0n : 1n)),
      );
      is(inverses[0], 0n);
    }),
    { numRuns: 40 },
  );
});
