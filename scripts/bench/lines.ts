/**
 * bpftrace's lines for short connections through a router with DNAT and MASQUERADE, as probes/traffic.bt
 * prints them: client, router and server in namespaces of their own.
 */
const CLIENT_NETNS = 0xf00001df;
const ROUTER_NETNS = 0xf0000224;
const SERVER_NETNS = 0xf0000269;
const SERVER_ADDRESS = word(10, 1, 0, 2);
const DIALLED = word(10, 96, 0, 1);
const ROUTER_ADDRESS = word(10, 1, 0, 1);

/** Six lines a closed connection (SYN and SYN-ACK at two places each, two FINs); four where it stays open. */
export function connectionLines(index: number, open: boolean): string {
  const at = 0x41ce80097ca + index * 20_000;
  const port = 1024 + (index % 60_000);
  const client = word(10, 2, Math.floor(index / 60_000), 7);
  const isn = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  const serverIsn = Math.imul(index + 7, 0x85ebca6b) >>> 0;
  const masked = 1024 + ((index * 7) % 60_000);
  const ct = (0xffff8883868fc000n + BigInt((index % 4096) * 0x400)).toString(16);
  const skb = (n: number): string =>
    (0xffff88810436fee0n + BigInt((index * 4 + n) % 512) * 0xe0n).toString(16);
  const syn = be(isn);
  const synAck = be(serverIsn);
  const original = `${hex(client)} ${hex(DIALLED)} 2${hex16(port)} 6${hex16(80)}`;
  const reply = `${hex(SERVER_ADDRESS)} ${hex(ROUTER_ADDRESS)} 2${hex16(8080)} 106${hex16(masked)}`;
  const conntrack = (status: string, state: number): string =>
    `${status} 0 0 ${String(state)} 3 ${original} ${reply.replace(' 6', ' 106')} 0 `;
  const out = `${hex(client)} ${hex(DIALLED)} ${ports(port, 80)}`;
  const inner = `${hex(ROUTER_ADDRESS)} ${hex(SERVER_ADDRESS)} ${ports(masked, 8080)}`;
  const back = `${hex(SERVER_ADDRESS)} ${hex(ROUTER_ADDRESS)} ${ports(8080, masked)}`;
  const home = `${hex(DIALLED)} ${hex(client)} ${ports(80, port)}`;
  const lines = [
    `P4 ${hex(at)} ${hex(CLIENT_NETNS)} 2 0 ${skb(0)} 0 6 2 ${syn} 0 eth0 ${out} 1fa1 curl`,
    `C4 ${hex(at + 9_000)} ${hex(ROUTER_NETNS)} 3 2 ${skb(0)} ${ct.slice(0, -1)}2 6 2 ${syn} 0 pbr1 ${inner} ${conntrack('1b8', 1)}`,
    `P4 ${hex(at + 20_000)} ${hex(SERVER_NETNS)} 2 0 ${skb(1)} 0 6 12 ${synAck} ${be(isn + 1)} eth0 ${back} 0 `,
    `C4 ${hex(at + 30_000)} ${hex(ROUTER_NETNS)} 2 3 ${skb(1)} ${ct.slice(0, -1)}3 6 12 ${synAck} ${be(isn + 1)} pbr0 ${home} ${conntrack('1ba', 2)}`,
  ];
  if (!open) {
    lines.push(
      `P4 ${hex(at + 400_000)} ${hex(SERVER_NETNS)} 2 0 ${skb(2)} 0 6 11 ${be(serverIsn + 900)} ${be(isn + 80)} eth0 ${back} 0 `,
      `P4 ${hex(at + 500_000)} ${hex(CLIENT_NETNS)} 2 0 ${skb(3)} 0 6 11 ${be(isn + 80)} ${be(serverIsn + 901)} eth0 ${out} 0 `,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** An IPv4 address as a little-endian load gives it. */
function word(a: number, b: number, c: number, d: number): number {
  return ((d << 24) | (c << 16) | (b << 8) | a) >>> 0;
}

const hex = (value: number): string => value.toString(16);

/** A 32-bit number in network order, loaded little-endian. */
function be(value: number): string {
  const v = value >>> 0;
  return hex(word((v >>> 24) & 255, (v >>> 16) & 255, (v >>> 8) & 255, v & 255));
}

function swap(port: number): number {
  return ((port & 255) << 8) | (port >>> 8);
}

const hex16 = (port: number): string => hex(swap(port)).padStart(4, '0');
const ports = (source: number, destination: number): string =>
  hex(((swap(destination) << 16) | swap(source)) >>> 0);
