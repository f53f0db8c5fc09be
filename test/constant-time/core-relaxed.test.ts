/** The relaxed-SIMD variant of the core; `OOTO_CORE_RELAXED` names another file to check. */
import { testConstantTime } from './core-check.ts';

testConstantTime('relaxed', process.env.OOTO_CORE_RELAXED ?? 'build/core-relaxed.wasm');
