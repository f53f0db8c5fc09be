/**
 * A link that outlives its connections. What flows through here: the options of a channel gain what a resumption needs;
 * channel, lasting connection and link are put together, and end together.
 */
import { Channel, type ChannelOptions } from '../channel.ts';
import { Link, type LinkOptions } from '../link.ts';
import { DEFAULT_EXPORTS } from '../options.ts';
import { LastingConnection, type LastingOptions } from './lasting-connection.ts';
import { RESUMPTION_EXPORTS } from './resumption.ts';

export type LastingLinkOptions = Omit<LinkOptions, 'channel' | 'connection'> &
  Omit<LastingOptions, 'channel' | 'crypto' | 'meshId' | 'role'> & { readonly channel: ChannelOptions };

export interface LastingLink {
  readonly link: Link;
  readonly connection: LastingConnection;
}

/**
 * A link over `connection` that goes on over others where both sides were opened so.
 * @throws OOTO_CHANNEL_OPTIONS (caller) for options that do not fit together.
 */
export function openLastingLink(options: LastingLinkOptions): LastingLink {
  const { crypto, meshId, role, exports = DEFAULT_EXPORTS } = options.channel;
  const channel = new Channel({
    ...options.channel,
    exports: [...exports, ...RESUMPTION_EXPORTS],
    lasting: true,
  });
  const connection = new LastingConnection({ ...options, channel, crypto, meshId, role });
  const link = new Link({ ...options, channel, connection });
  void link.closed.then((error) => error && connection.close());
  return { link, connection };
}
