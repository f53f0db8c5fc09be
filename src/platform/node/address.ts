/** Transport addresses: `host:port`, an IPv6 host in brackets (`[::1]:4710`). One reading, strict. */
import { isIPv6 } from 'node:net';
import { OotoError } from '../../base/errors.ts';

export interface Endpoint {
  host: string;
  port: number;
}

const FORM = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})?)):(0|[1-9][0-9]{0,4})$/;

/** @throws OOTO_TRANSPORT_ADDRESS (caller) for any other form. */
export function parseAddress(address: string): Endpoint {
  const [, six, name, digits] = FORM.exec(address) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65535 || (six !== undefined && !isIPv6(six)))
    throw new OotoError('OOTO_TRANSPORT_ADDRESS', 'caller', `"${address.slice(0, 80)}" is not an address`, {
      hint: 'write host:port, for example 127.0.0.1:4710 or [::1]:4710',
    });
  return { host: six ?? (name as string), port };
}

export function formatAddress({ host, port }: Endpoint): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
