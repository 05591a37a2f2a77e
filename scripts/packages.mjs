/** Debian's packages that nathop needs to trace, that the lab needs besides, and to compile node-pty for the tests. */
export const runtime = ['bpftrace', 'iproute2', 'iptables', 'nftables', 'conntrack', 'util-linux'];
export const lab = ['python3', 'nfacct'];
export const build = ['g++', 'make'];
