/**
 * Where the hashes and entries of a log lie (C2SP tlog-tiles). What flows through here: a tree is cut into tiles
 * of 256 hashes; a tile's place is a level and an index, its address is a path; entries lie in bundles of 256
 * beside the tiles of level 0.
 */
import { OotoError } from '../base/errors.ts';

export const TILE_WIDTH = 256;
export const TILE_HEIGHT = 8;

/** One tile or bundle; `width` is 256 for a full one. */
export interface TileAddress {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;
const MAX_LEVEL = 63;

/** The path below the log's prefix, for example `tile/0/x001/x234/067.p/5`. */
export function tilePath({ level, index, width }: TileAddress): string {
  const suffix = width === TILE_WIDTH ? '' : `.p/${width}`;
  return `tile/${level}/${indexPath(index)}${suffix}`;
}

/**
 * Reads a path; each address has exactly one.
 * @throws OOTO_LOG_PATH (peer).
 */
export function parseTilePath(path: string): TileAddress {
  const match = PATH.exec(path);
  if (!match) throw noPath(path);
  const address = {
    level: match[1] === 'entries' ? ('entries' as const) : Number(match[1]),
    index: Number(match[2].replaceAll(/[x/]/g, '')),
    width: match[3] === undefined ? TILE_WIDTH : Number(match[3]),
  };
  const isInside = address.level === 'entries' || address.level <= MAX_LEVEL;
  if (!isInside || !Number.isSafeInteger(address.index) || tilePath(address) !== path) throw noPath(path);
  return address;
}

/** How many hashes of `level` a tree of `size` has. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** The width of the tile `index` of `level` in a tree of `size`; 0 when there is none. */
export function tileWidth(level: number, index: number, size: number): number {
  return Math.max(0, Math.min(TILE_WIDTH, hashesAt(level, size) - index * TILE_WIDTH));
}

/** Levels that have any hash in a tree of `size`. */
export function levelsOf(size: number): number {
  let levels = 0;
  while (hashesAt(levels, size) > 0) levels++;
  return levels;
}

function indexPath(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const groups = padded.match(/.{3}/g) ?? [];
  return groups.map((group, i) => (i === groups.length - 1 ? group : `x${group}`)).join('/');
}

function noPath(path: string): OotoError {
  return new OotoError('OOTO_LOG_PATH', 'peer', `no path of a log: ${JSON.stringify(path.slice(0, 100))}`);
}
