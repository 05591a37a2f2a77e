/**
 * Datagrams that nobody need answer. Of most UDP nobody can tell whether an answer is due: syslog, statsd, NetFlow, and
 * each direction of VXLAN or Geneve, are sent and that is all. So silence tells of a failure only where a question is
 * what the port is for.
 */
import type { Tuple } from '../events/tuple.ts';

/** Ports (IANA) on which one asks and waits. */
const ASKING: ReadonlySet<number> = new Set([
  53, // DNS
  69, // TFTP
  88, // Kerberos
  123, // NTP
  161, // SNMP
  389, // CLDAP
  443, // QUIC
  500, // IKE
  853, // DNS over QUIC
  1053, // DNS, as CoreDNS is often given it
  1812, // RADIUS
  1813,
  3478, // STUN
  4500, // IKE behind NAT
]);

/** @param dialled as the one who sends it has it */
export function needsNoAnswer({ protocol, dst, dport }: Tuple): boolean {
  return protocol === 'udp' && (isGroup(dst) || !ASKING.has(dport));
}

/** Multicast (RFC 5771, RFC 4291 2.7) or limited broadcast: whoever hears it may have nothing to say. */
export function isGroup(ip: string): boolean {
  if (ip.includes(':')) return ip.startsWith('ff');
  const first = Number(ip.split('.', 1)[0]);
  return (first >= 224 && first < 240) || ip === '255.255.255.255';
}
