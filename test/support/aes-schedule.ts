/** The round keys of AES-256 (FIPS 197 section 5.2), written plainly: the wiping test looks for them. */
const RCON = [1, 2, 4, 8, 16, 32, 64];

/** The S-box, from its definition (FIPS 197 section 5.1.1): inverse in GF(2⁸), then an affine map. */
const SBOX = Array.from({ length: 256 }, (_, value) => affine(inverse(value)));

/** Fifteen round keys of sixteen bytes. */
export function aes256RoundKeys(key: Uint8Array): Uint8Array[] {
  const words = Array.from({ length: 8 }, (_, i) => [...key.subarray(4 * i, 4 * i + 4)]);
  for (let i = 8; i < 60; i++) {
    let word = words[i - 1];
    if (i % 8 === 0) {
      word = [...word.slice(1), word[0]].map((byte) => SBOX[byte]);
      word[0] ^= RCON[i / 8 - 1];
    } else if (i % 8 === 4) word = word.map((byte) => SBOX[byte]);
    words.push(word.map((byte, j) => byte ^ words[i - 8][j]));
  }
  return Array.from({ length: 15 }, (_, round) =>
    Uint8Array.from(words.slice(4 * round, 4 * round + 4).flat()),
  );
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0, shifted = a; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= shifted;
    shifted = (shifted << 1) ^ (shifted & 0x80 ? 0x11b : 0);
  }
  return product;
}

function inverse(value: number): number {
  for (let other = 1; other < 256; other++) if (multiply(value, other) === 1) return other;
  return 0;
}

function affine(value: number): number {
  let result = 0x63;
  for (let turn = 0; turn < 5; turn++) result ^= ((value << turn) | (value >> (8 - turn))) & 0xff;
  return result;
}
