/**
 * Where a stranger comes from, as far as limits go. What flows through here: the address of a connection loses its
 * port and becomes an IPv4 address or the first 64 bits of an IPv6 address, since whoever has one address of a /64
 * has them all.
 */

const PREFIX_GROUPS = 4;
const OTHER_MOST = 64;

/** The source of `host:port` or `[host]:port`. What is neither IPv4 nor IPv6 stands for itself, cut short. */
export function sourceOf(remoteAddress: string): string {
  const [, six, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(remoteAddress) ?? [];
  if (six !== undefined) return sourceOfIpv6(six.split('%')[0].toLowerCase());
  return (plain ?? remoteAddress).slice(0, OTHER_MOST);
}

function sourceOfIpv6(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped) return mapped[1];
  const [head, tail] = address.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after];
  return `${groups
    .slice(0, PREFIX_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** Groups of 16 bits; an IPv4 address at the end stands for two. */
function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
}
