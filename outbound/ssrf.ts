/**
 * Which addresses a call may reach. Scripts and their upstreams choose URLs, so everything that is not the public
 * internet is refused: by its literal address, after name resolution, and on each redirect alike.
 */
import { lookup as resolveName } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { EngineError } from '../contract/failures.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];
type Resolved = { readonly address: string; readonly family: number };

export type AddressPolicy = {
  /**
   * Throws `upstream_refused` for URLs that may not be called. `'open'`: the operator allowed this host, resolve it as
   * usual. `'guarded'`: connect with `lookup`.
   */
  readonly check: (url: URL) => 'open' | 'guarded';
  /**
   * A `dns.lookup` that answers allowed addresses only and fails with `upstream_refused` when none is left. The socket
   * connects to exactly what was checked here, so the name cannot mean something else a moment later.
   */
  readonly lookup: LookupFunction;
};

const PUBLIC_IPV6: Range = [ipaddr.parse('2000::'), 3];
/** Azure's platform endpoint has a public address and is a metadata service all the same. */
const METADATA = new Set(['168.63.129.16']);

/**
 * Reads the allow-list of NANGO_OUTBOUND_ALLOW: each entry a host, `host:port`, an address or a CIDR range. Throws
 * `configuration_invalid` with every entry that is none of these.
 */
export function createAddressPolicy(allow: readonly string[]): AddressPolicy {
  const { hosts, ranges } = readAllowList(allow);
  const allowed = (address: Address) => isPublic(address) || ranges.some((range) => contains(range, address));
  return {
    check: (url) => {
      if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused(url.protocol, 'expected http or https');
      if (url.username !== '' || url.password !== '')
        throw refused(url.hostname, 'expected a URL without user and password');
      const port = url.port || (url.protocol === 'https:' ? '443' : '80');
      if (hosts.has(url.hostname) || hosts.has(`${url.hostname}:${port}`)) return 'open';
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // WHATWG URLs have turned decimal, octal, hexadecimal and shortened forms into dotted ones by now.
      if (ipaddr.isValid(host) && !allowed(ipaddr.parse(host))) throw refusedAddress(host);
      return 'guarded';
    },
    lookup: guardedLookup(allowed),
  };
}

function guardedLookup(allowed: (address: Address) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '', 0);
      const usable = found.filter(({ address }) => allowed(ipaddr.parse(address)));
      const [first] = usable;
      if (first === undefined) return callback(refusedAddress(hostname), '', 0);
      return options.all ? callback(null, usable as Resolved[]) : callback(null, first.address, first.family);
    });
  };
}

function isPublic(address: Address): boolean {
  const plain = embeddedIpv4(address) ?? address;
  if (METADATA.has(plain.toString())) return false;
  if (plain.range() !== 'unicast') return false;
  return plain.kind() === 'ipv4' || contains(PUBLIC_IPV6, plain);
}

/** The IPv4 address behind an IPv4-mapped (`::ffff:…`) or NAT64 (`64:ff9b::…`) one. */
function embeddedIpv4(address: Address): ipaddr.IPv4 | undefined {
  if (!(address instanceof ipaddr.IPv6)) return undefined;
  const range = address.range();
  if (range === 'ipv4Mapped') return address.toIPv4Address();
  return range === 'rfc6052' ? new ipaddr.IPv4(address.toByteArray().slice(12)) : undefined;
}

function contains([network, bits]: Range, address: Address): boolean {
  const plain = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
  return plain.kind() === network.kind() && plain.match(network, bits);
}

function readAllowList(allow: readonly string[]): { hosts: ReadonlySet<string>; ranges: readonly Range[] } {
  const hosts = new Set<string>();
  const ranges: Range[] = [];
  const mistakes: string[] = [];
  for (const given of allow) {
    const entry = given.trim().toLowerCase();
    const bare = entry.replace(/^\[([^\]]*)\]$/, '$1');
    if (ipaddr.isValidCIDR(entry)) ranges.push(ipaddr.parseCIDR(entry));
    else if (ipaddr.IPv4.isValidFourPartDecimal(bare) || ipaddr.IPv6.isValid(bare)) ranges.push(single(bare));
    else if (isHost(entry)) hosts.add(new URL(`x-host://${entry}`).host);
    else if (entry !== '') mistakes.push(`'${given}': expected a host, host:port, an address or a CIDR range`);
  }
  if (mistakes.length === 0) return { hosts, ranges };
  const message = `NANGO_OUTBOUND_ALLOW has entries that cannot be read: ${mistakes.join('; ')}.`;
  throw new EngineError('configuration_invalid', message, { details: { mistakes } });
}

function single(address: string): Range {
  const parsed = ipaddr.parse(address);
  return [parsed, parsed.kind() === 'ipv4' ? 32 : 128];
}

function isHost(entry: string): boolean {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:\d{1,5})?$/.test(entry) && URL.canParse(`x-host://${entry}`);
}

function refused(what: string, expected: string): EngineError {
  return new EngineError('upstream_refused', `A call to '${what}' is refused: ${expected}.`);
}

function refusedAddress(host: string): EngineError {
  return new EngineError(
    'upstream_refused',
    `A call to '${host}' is refused: it is no address of the public internet. ` +
      'Name the host, host:port or range in NANGO_OUTBOUND_ALLOW to allow it.',
  );
}
