/** The client's address: the peer's, or what a trusted proxy says, in canonical form. */
import ipaddr from 'ipaddr.js';

/** @param forwardedFor all X-Forwarded-For lines, joined with commas */
export type ClientAddress = (peer: string, forwardedFor: string | null) => string;

/**
 * `trusted`: CIDR blocks of the proxies in front of us. X-Forwarded-For is read from the right, as long as the
 * hop that wrote it is trusted; from any other peer it is ignored.
 */
export function clientAddress(trusted: readonly string[]): ClientAddress {
  const isTrusted = trustedBy(trusted);
  return (peer, forwardedFor) => {
    const nearest = canonical(peer);
    if (forwardedFor === null || trusted.length === 0 || !isTrusted(nearest)) return nearest;
    let address = nearest;
    for (const hop of forwardedFor.split(',').reverse()) {
      if (!isTrusted(address)) break;
      const claimed = canonical(hop.trim());
      if (claimed === '') break;
      address = claimed;
    }
    return address;
  };
}

/** Whether an address lies in one of the CIDR blocks. */
export function trustedBy(trusted: readonly string[]): (address: string) => boolean {
  const blocks = trusted.map((cidr) =>
    ipaddr.parseCIDR(cidr.includes('/') ? cidr : `${cidr}/${widest(cidr)}`),
  );
  return (address) => {
    if (blocks.length === 0 || !ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return blocks.some(([net, bits]) => parsed.kind() === net.kind() && parsed.match(net, bits));
  };
}

/** Dotted IPv4 also for `::ffff:` addresses, RFC 5952 without a zone for IPv6; empty when it is no address. */
export function canonical(address: string): string {
  // Some proxies add the port of the client.
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$|^([\d.]+):\d{1,5}$/.exec(address);
  const text = (bare?.[1] ?? bare?.[2] ?? address).split('%', 1)[0] ?? '';
  // Other spellings of IPv4 (octal, hexadecimal, one number) are read in one way here and in another there.
  if (!text.includes(':')) return ipaddr.IPv4.isValidFourPartDecimal(text) ? text : '';
  return ipaddr.IPv6.isValid(text) ? ipaddr.process(text).toString() : '';
}

/** What counts as one client for limits: an IPv4 address, or an IPv6 /64, which is one customer's. */
export function limitKey(address: string): string {
  if (!address.includes(':')) return address;
  const parts = ipaddr.IPv6.parse(address).parts.slice(0, 4);
  return `${parts.map((part) => part.toString(16)).join(':')}::/64`;
}

function widest(address: string): number {
  return address.includes(':') ? 128 : 32;
}
