/**
 * Debian's packages that nathop needs to trace, that the lab needs besides, to compile what npm brings as
 * source (cap, which also opens libpcap by the name that only its development package has, and node-pty for the
 * tests), and what the benches compare with.
 */
export const runtime = [
  'bpftrace',
  'iproute2',
  'iptables',
  'nftables',
  'conntrack',
  'util-linux',
  'libpcap0.8',
  'tcpdump',
];
export const lab = ['python3', 'nfacct', 'nginx', 'haproxy', 'dnsmasq-base', 'openssl'];
export const build = ['g++', 'make', 'libpcap-dev'];
/** Of these, what Debian would run as a service. */
export const services = ['nginx', 'haproxy'];
export const bench = ['mmdebstrap'];
