/** Whom a call comes from, as far as its connection tells. */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';

/**
 * The address of whoever asks for an upgrade, which Express never sees: that many proxies are believed, as by its
 * `trust proxy`. '' for a connection that is gone.
 */
export function callerOf(request: IncomingMessage, trustedProxies: number): string {
  return proxyAddr(request, (_, hop) => hop < trustedProxies) ?? '';
}

/**
 * Whom calls of an address are counted for. Whoever has one address of IPv6 has a network of 2^64, so that all of it is
 * one; one of IPv4 is itself, however it is written.
 */
export function countedAs(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const plain = ipaddr.process(address);
  return plain instanceof ipaddr.IPv6 ? plain.parts.slice(0, 4).join(':') : plain.toString();
}
