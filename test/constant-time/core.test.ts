/** The SIMD variant of the core; `OOTO_CORE` names another file to check. */
import { testConstantTime } from './core-check.ts';

testConstantTime('release', process.env.OOTO_CORE ?? 'build/core.wasm');
