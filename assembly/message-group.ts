/**
 * Many messages a call: each has a descriptor of 24 bytes, whose first word is the length of its text. What flows
 * through here: descriptors become groups whose keystream fits the window together, so that all of a group is
 * encrypted at once and no lane of the cipher runs empty.
 */
import { blocksOf } from './gcm-message';
import { WINDOW_BLOCKS } from './keystream';

export const DESCRIPTOR_BYTES: i32 = 24;

// @ts-ignore: decorator
@inline export function descriptor(table: usize, message: i32): usize {
  return table + message * DESCRIPTOR_BYTES;
}

// @ts-ignore: decorator
@inline export function lengthOf(table: usize, message: i32): i32 {
  return load<i32>(descriptor(table, message));
}

/** One past the last of the messages from `first` on whose blocks fit the window; `first` when it alone does not. */
export function endOfGroup(table: usize, first: i32, count: i32): i32 {
  let blocks: i32 = 0;
  for (let message = first; message < count; message++) {
    blocks += blocksOf(lengthOf(table, message));
    if (blocks > WINDOW_BLOCKS) return message;
  }
  return count;
}
