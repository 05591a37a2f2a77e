/** What a node does to packets that pass: forwards them or not, checks their way back, shows bridged ones to netfilter. */
import { z } from 'zod';
import { parseArray } from '../../cluster/netns/links.ts';
import { runIn } from '../../cluster/netns/run.ts';
import type { LinkFact } from '../../events/event.ts';
import { type Check, doubtful, fine } from './check.ts';
import type { Settings } from './settings.ts';

export interface Forwarder {
  readonly node: string;
  /** A Kubernetes node, which must forward. */
  readonly isNode: boolean;
  readonly links: readonly LinkFact[];
  readonly settings: Settings;
}

export async function checkForwarding(forwarder: Forwarder & { readonly path: string }): Promise<Check[]> {
  const show = (type: string): Promise<string | undefined> =>
    runIn(forwarder.path, 'ip', ['-j', '-d', 'link', 'show', 'type', type]);
  const ports = bridgePorts((await show('bridge_slave')) ?? '', (await show('bridge')) ?? '');
  const { settings } = forwarder;
  // The namespace went, or /proc/sys is hidden.
  if (settings.size === 0) return [];
  return [
    forwardingCheck(forwarder),
    pathFilterCheck(forwarder),
    ...bridgeCheck(forwarder),
    ...hairpinCheck(forwarder, ports),
  ];
}

export function forwardingCheck({ node, isNode, links, settings }: Forwarder): Check {
  const name = `forwarding on ${node}`;
  const v4 = settings.get('ipv4/ip_forward') ?? 0;
  const v6 = settings.get('ipv6/conf/all/forwarding');
  const hasV6 = links.some(({ addresses }) => addresses.some(isGlobalV6));
  const onOff = (value: number | undefined): string => (value === 1 ? 'on' : 'off');
  const found = `IPv4 ${onOff(v4)}, IPv6 ${onOff(v6)}${hasV6 ? '' : ' (no IPv6 addresses)'}`;
  const values = { ip_forward: v4, ...(v6 !== undefined && { ipv6_forwarding: v6 }) };
  const more = {
    means:
      'Without forwarding a node drops every packet that is not for itself: what pods send, and what is translated to a pod.',
    values,
  };
  const lacks = [v4 !== 1 && 'net.ipv4.ip_forward=1', hasV6 && v6 !== 1 && 'net.ipv6.conf.all.forwarding=1'];
  const missing = lacks.filter((one) => one !== false);
  return isNode && missing.length > 0
    ? doubtful(name, found, `sysctl -w ${missing.join(' ')}; keep it in /etc/sysctl.d.`, more)
    : fine(name, found, more);
}

const STRICT = 1;

/** The stricter of `all` and the device's own counts (Documentation/networking/ip-sysctl.rst). */
export function pathFilterCheck({ node, links, settings }: Forwarder): Check {
  const name = `rp_filter on ${node}`;
  const all = settings.get('ipv4/conf/all/rp_filter') ?? 0;
  const mode = ({ name: device }: LinkFact): number =>
    Math.max(all, settings.get(`ipv4/conf/${device}/rp_filter`) ?? 0);
  const devices = links.filter(({ ifindex }) => ifindex !== 1);
  const strict = devices.filter((link) => mode(link) === STRICT);
  const loose = devices.filter((link) => mode(link) > STRICT);
  const found =
    strict.length + loose.length === 0
      ? 'off'
      : [
          strict.length > 0 && `strict on ${namesOf(strict)}`,
          loose.length > 0 && `loose on ${loose.length} devices`,
        ]
          .filter((words) => words !== false)
          .join(', ');
  const more = {
    means:
      'Strict drops a packet that comes in by another device than its answer would leave by (reason IP_RPFILTER): several uplinks, asymmetric routes, policy routing. Loose only drops what has no way back at all.',
    values: { all, strict: strict.length, loose: loose.length },
  };
  // With one uplink there is no other way to come by.
  const uplinks = strict.filter((link) => UPLINKS.has(link.type) && link.addresses.some(isGlobal));
  return uplinks.length > 1
    ? doubtful(
        name,
        found,
        'If requests are dropped by IP_RPFILTER: sysctl -w net.ipv4.conf.all.rp_filter=2 (the highest of `all` and the device counts).',
        more,
      )
    : fine(name, found, more);
}

/** Devices of the hardware, and what stands for them in containers and VMs. */
const UPLINKS: ReadonlySet<string> = new Set(['', 'veth', 'vlan', 'bond', 'macvlan', 'ipvlan']);

export function bridgeCheck({ node, isNode, links, settings }: Forwarder): Check[] {
  const bridges = links.filter(({ type }) => type === 'bridge');
  const used = bridges.filter(({ ifindex }) => links.some((port) => port.masterIfindex === ifindex));
  if (used.length === 0) return [];
  const v4 = settings.get('bridge/bridge-nf-call-iptables');
  const v6 = settings.get('bridge/bridge-nf-call-ip6tables');
  const hasV6 = used.some(({ addresses }) => addresses.some(isGlobalV6));
  const name = `bridge-nf-call on ${node}`;
  const found =
    v4 === undefined
      ? 'br_netfilter is not loaded'
      : `bridge-nf-call-iptables=${v4}, bridge-nf-call-ip6tables=${v6 ?? 0}`;
  const more = {
    means: `Of two pods behind ${namesOf(used)}, the answer to a Service goes straight through the bridge: without this it is not translated back, and the client resets it. Requests to other nodes are not touched.`,
    values: {
      br_netfilter: v4 !== undefined,
      ...(v4 !== undefined && { 'bridge-nf-call-iptables': v4 }),
      ...(v6 !== undefined && { 'bridge-nf-call-ip6tables': v6 }),
    },
  };
  const lacks = [v4 !== 1 && 'iptables', hasV6 && v6 !== 1 && 'ip6tables'].filter((one) => one !== false);
  const mend = `${v4 === undefined ? 'modprobe br_netfilter; ' : ''}sysctl -w ${lacks.map((one) => `net.bridge.bridge-nf-call-${one}=1`).join(' ')}; keep it in /etc/sysctl.d.`;
  return [isNode && lacks.length > 0 ? doubtful(name, found, mend, more) : fine(name, found, more)];
}

export interface BridgePort {
  readonly name: string;
  readonly hairpin: boolean;
}

const Port = z.object({
  ifname: z.string(),
  master: z.string().optional(),
  promiscuity: z.int().optional(),
  flags: z.array(z.string()).optional(),
  linkinfo: z.object({ info_slave_data: z.object({ hairpin: z.boolean() }).optional() }).optional(),
});

/**
 * From `ip -j -d link show type bridge_slave`, and of the bridges themselves: one that is promiscuous gets every frame,
 * and routes back what the port would not (kubelet's hairpinMode: promiscuous-bridge).
 */
export function bridgePorts(slaves: string, bridges: string): BridgePort[] {
  const parsed = (json: string): z.infer<typeof Port>[] =>
    parseArray(json).flatMap((item) => Port.safeParse(item).data ?? []);
  const promiscuous = new Set(
    parsed(bridges)
      .filter(({ flags }) => flags?.includes('PROMISC'))
      .map(({ ifname }) => ifname),
  );
  return parsed(slaves).flatMap(({ ifname, master = '', linkinfo }) => {
    const hairpin = linkinfo?.info_slave_data?.hairpin;
    return hairpin === undefined ? [] : [{ name: ifname, hairpin: hairpin || promiscuous.has(master) }];
  });
}

export function hairpinCheck({ node, isNode }: Forwarder, ports: readonly BridgePort[]): Check[] {
  if (ports.length === 0) return [];
  const name = `hairpin on ${node}`;
  const off = ports.filter(({ hairpin }) => !hairpin);
  const found =
    off.length === 0
      ? `on, of ${ports.length} bridge ports`
      : `off on ${namesOf(off)} of ${ports.length} bridge ports`;
  const more = {
    means:
      'A pod that dials its own Service and is given itself gets no answer where its port is off: the bridge does not send a frame back to where it came from.',
    values: { ports: ports.length, off: off.length },
  };
  const mend =
    'Set hairpinMode: true in the bridge plugin of the CNI configuration; for a pod that runs: bridge link set dev DEVICE hairpin on.';
  return [isNode && off.length > 0 ? doubtful(name, found, mend, more) : fine(name, found, more)];
}

const isGlobal = (address: string): boolean => !/^(?:127\.|169\.254\.|fe80:|::1\/)/i.test(address);
const isGlobalV6 = (address: string): boolean => address.includes(':') && isGlobal(address);

/** As many as one reads. */
const SHOWN = 4;

function namesOf(devices: readonly { readonly name: string }[]): string {
  const shown = devices.slice(0, SHOWN).map(({ name }) => name);
  const more = devices.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
