/** Tiers: how well a node's key and software are vouched for. Certificates name one, policy asks for a least one. */

/** Weakest first. */
export const TIERS = ['software', 'authenticator', 'hardware', 'measured'] as const;

export type Tier = (typeof TIERS)[number];

export function isTier(text: string): text is Tier {
  return (TIERS as readonly string[]).includes(text);
}

/** Whether `tier` is `least` or stronger. */
export function meetsTier(tier: Tier, least: Tier): boolean {
  return TIERS.indexOf(tier) >= TIERS.indexOf(least);
}
