import fc from 'fast-check';
import { concat, utf8, utf8Decode } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { type ExecutionRequest, execute } from '../../../src/workload/execution.ts';
import { confineModule, MODULE_BYTES_MOST, PAGE_BYTES } from '../../../src/workload/module.ts';
import { bytes, equal, is, not, ok, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { command, wat } from '../../support/wat.ts';

const test = suite('execution', { timeout: 30_000 });
const limits = { memoryBytes: 16 * PAGE_BYTES, timeMs: 10_000, outputBytes: 1000 };
const zeros = new Uint8Array(32);

function run(module: Uint8Array, given: Partial<ExecutionRequest> = {}) {
  return execute({ module, arguments: [], stdin: new Uint8Array(), limits, seed: zeros, ...given });
}
const importing = (line: string) =>
  wat(`(module ${line} (memory (export "memory") 1) (func (export "_start")))`);

test('standard input, output and exit code', () => {
  const echo = command(`
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 100))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $write (i32.const 64) (i32.load (i32.const 8)))
    (call $proc_exit (i32.const 7))`);
  const { exitCode, stdout, stderr } = run(echo, { stdin: utf8('to and fro') });
  is(exitCode, 7);
  is(utf8Decode(stdout), 'to and fro');
  is(stderr.length, 0);
});

test('arguments are UTF-8 and counted in bytes', () => {
  const show = command(`
    (drop (call $args_sizes_get (i32.const 16) (i32.const 20)))
    (drop (call $args_get (i32.const 200) (i32.const 300)))
    (call $write (i32.const 16) (i32.const 8))
    (call $write (i32.const 300) (i32.load (i32.const 20)))`);
  const { stdout } = run(show, { arguments: ['é', 'b'] });
  bytes(stdout, concat(Uint8Array.of(2, 0, 0, 0, 5, 0, 0, 0), utf8('é\0b\0')));
});

test('random numbers follow from the seed alone; clocks stand still', () => {
  const draw = command(`
    (drop (call $random_get (i32.const 64) (i32.const 32)))
    (i64.store (i32.const 96) (i64.const -1))
    (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 96)))
    (call $write (i32.const 64) (i32.const 40))`);
  const [first, again, other] = [zeros, zeros, zeros.slice().fill(1)].map(
    (seed) => run(draw, { seed }).stdout,
  );
  bytes(first, again);
  not.equal(first, other);
  bytes(first.subarray(32), new Uint8Array(8));
});

test('there is no file and no environment', () => {
  const look = command(`
    (i32.store (i32.const 64) (call $path_open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 1)
      (i32.const 0) (i64.const 1) (i64.const 1) (i32.const 0) (i32.const 80)))
    (drop (call $environ_sizes_get (i32.const 68) (i32.const 72)))
    (call $write (i32.const 64) (i32.const 12))`);
  const EBADF = 8;
  bytes(run(look).stdout, Uint8Array.of(EBADF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
});

test('attack: forbidden imports', () => {
  for (const line of [
    '(import "env" "system" (func))',
    '(import "wasi_snapshot_preview1" "no_such" (func))',
    '(import "wasi_snapshot_preview1" "constructor" (func))',
    '(import "wasi_unstable" "fd_write" (func))',
    '(import "wasi_snapshot_preview1" "fd_write" (global i32))',
    '(import "wasi_snapshot_preview1" "fd_write" (table 1 funcref))',
  ])
    throwsCode(() => run(importing(line)), 'OOTO_SANDBOX_IMPORT');
  const imported = wat('(module (import "wasi_snapshot_preview1" "m" (memory 1)) (func (export "_start")))');
  throwsCode(() => run(imported), 'OOTO_SANDBOX_MODULE');
});

test('attack: memory bomb', () => {
  const grow = command(
    '(i32.store (i32.const 64) (memory.grow (i32.const 1000))) (call $write (i32.const 64) (i32.const 4))',
  );
  bytes(run(grow).stdout, Uint8Array.of(255, 255, 255, 255), 'growth is refused by the engine');
  const modest = command(
    '(i32.store (i32.const 64) (memory.grow (i32.const 15))) (call $write (i32.const 64) (i32.const 4))',
  );
  bytes(run(modest).stdout, Uint8Array.of(1, 0, 0, 0));
  const large = command('', { memory: '(memory (export "memory") 17)' });
  throwsCode(() => run(large), 'OOTO_SANDBOX_MEMORY');
});

test('attack: table bomb', () => {
  const grow = command(
    '(i32.store (i32.const 64) (table.grow $t (ref.null func) (i32.const 1000000))) (call $write (i32.const 64) (i32.const 4))',
    { extra: '(table $t 1 funcref)' },
  );
  bytes(run(grow).stdout, Uint8Array.of(255, 255, 255, 255));
  throwsCode(() => run(command('', { extra: '(table 100000 funcref)' })), 'OOTO_SANDBOX_MODULE');
  throwsCode(() => run(command('', { extra: '(table 1 funcref)'.repeat(17) })), 'OOTO_SANDBOX_MODULE');
});

test('attack: output bomb, also of a module that catches what the host throws', () => {
  throwsCode(
    () => run(command('(loop $l (call $write (i32.const 0) (i32.const 100)) (br $l))')),
    'OOTO_SANDBOX_OUTPUT',
  );
  is(run(command('(call $write (i32.const 0) (i32.const 1000))')).stdout.length, 1000);
  throwsCode(() => run(command('(call $write (i32.const 0) (i32.const 1001))')), 'OOTO_SANDBOX_OUTPUT');
  const catching = command('(try (do (call $write (i32.const 0) (i32.const 1001))) (catch_all))');
  throwsCode(() => run(catching), 'OOTO_SANDBOX_OUTPUT');
});

test('attack: shared, second and 64-bit memories', () => {
  for (const memory of [
    '(memory (export "memory") 1 2 shared)',
    '(memory (export "memory") i64 1)',
    '(memory (export "memory") 1) (memory 1)',
  ])
    throwsCode(() => run(wat(`(module ${memory} (func (export "_start")))`)), 'OOTO_SANDBOX_MODULE');
  throwsCode(() => run(wat('(module (func (export "_start")))')), 'OOTO_SANDBOX_MODULE');
});

test('traps and endless recursion are traps; no _start is no command', () => {
  throwsCode(() => run(command('unreachable')), 'OOTO_SANDBOX_TRAP');
  throwsCode(() => run(command('(call $f)', { extra: '(func $f (call $f))' })), 'OOTO_SANDBOX_TRAP');
  throwsCode(() => run(wat('(module (memory (export "memory") 1))')), 'OOTO_SANDBOX_MODULE');
  throwsCode(() => run(wat('(module (memory 1) (func (export "_start")))')), 'OOTO_SANDBOX_MODULE');
});

test('confinement keeps everything but the maxima', () => {
  const module = command('', { memory: '(memory (export "memory") 2 16)' });
  const kept = confineModule(module, 16 * PAGE_BYTES);
  bytes(confineModule(kept, 16 * PAGE_BYTES), kept);
  equal(
    WebAssembly.Module.imports(new WebAssembly.Module(kept as BufferSource)),
    WebAssembly.Module.imports(new WebAssembly.Module(module as BufferSource)),
  );
  throwsCode(() => confineModule(new Uint8Array(MODULE_BYTES_MOST + 1), PAGE_BYTES), 'OOTO_SANDBOX_MODULE');
});

test('damaged modules are refused, never more', () => {
  const good = command('(call $write (i32.const 0) (i32.const 4))', { extra: '(table 3 funcref)' });
  fc.assert(
    fc.property(
      fc.nat(good.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.nat(good.length),
      (at, flip, end) => {
        const bad = good.slice(0, Math.max(end, good.length - 20));
        if (at < bad.length) bad[at] ^= flip;
        try {
          ok(run(bad).stdout.length <= limits.outputBytes);
        } catch (error) {
          ok(isOotoError(error) && error.code.startsWith('OOTO_SANDBOX_'), String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});
