/**
 * Every event that enters the engine. A recording is this stream written down, one JSON object a line, in
 * the order in which the engine took it; so each field here is part of the recording's format (`header.ts`
 * holds its version).
 *
 * Optional fields of the hot events may also be undefined, so that all events of a kind have one shape.
 *
 * Times (`at`) are nanoseconds of the recording machine's monotonic clock (bpf_ktime_get_ns); the header
 * gives the offset to wall time.
 */
import type { CaptureEvent, HeadEvent, HeadsMissedEvent } from './head.ts';
import type { KubeNameEvent } from './kube.ts';
import type { Protocol, Tuple } from './tuple.ts';

/**
 * A network namespace: its inode number, plus 2^32 × the index of the machine when recordings of several
 * machines are merged (each machine's first namespace has the same number). See `netns.ts`.
 */
export type NetnsId = number;

/** `enum ip_conntrack_info`: the low three bits of skb->_nfct. */
export type CtInfo = 'established' | 'related' | 'new' | 'established-reply' | 'related-reply' | 'untracked';

/** What a packet's skb says of its conntrack entry (`struct nf_conn`). */
export interface ConntrackView {
  /** Address of the nf_conn, masked to 48 bits. Tells entries apart while they live; reused afterwards. */
  readonly pointer: number;
  readonly info: CtInfo;
  /** IPS_* bits (include/uapi/linux/netfilter/nf_conntrack_common.h). */
  readonly status: number;
  readonly mark: number;
  readonly zone: number;
  /** enum tcp_conntrack; 0 for other protocols. */
  readonly tcpState: number;
  /** Interface index for which MASQUERADE chose the address (nf_conn_nat.masq_index); 0: no MASQUERADE. */
  readonly masqueradeIndex: number;
  readonly original: Tuple;
  readonly reply: Tuple;
}

/** The process in whose name a socket acts; known only where the kernel reported it in process context. */
export interface ProcessRef {
  readonly pid: number;
  /** At most 15 bytes, cleaned of control characters. */
  readonly comm: string;
}

/** A packet about to leave by a device (net:net_dev_queue). */
export interface PacketEvent {
  readonly kind: 'packet';
  readonly at: number;
  readonly netns: NetnsId;
  /** Device it leaves by. */
  readonly ifindex: number;
  readonly device: string;
  /** Index of the device it came in by, in the same namespace; 0: sent from here. */
  readonly inIfindex: number;
  /** Address of the sk_buff, masked to 48 bits: the same through veth, bridge, routing and NAT; reused soon. */
  readonly skb: number;
  /** As it stands in the packet at this place. */
  readonly tuple: Tuple;
  /** TCP flags byte (FIN 1, SYN 2, RST 4, ACK 16); SCTP: first chunk's type; ICMP: type; else 0. */
  readonly flags: number;
  /** TCP sequence number; SCTP INIT / INIT ACK: initiate tag; else 0. NAT does not change it. */
  readonly seq: number;
  /** TCP acknowledgement number; SCTP: verification tag; else 0. */
  readonly ack: number;
  readonly conntrack?: ConntrackView | undefined;
  /** Who dialled: on the first packet of a TCP connection that a local socket sent. */
  readonly process?: ProcessRef | undefined;
}

/** An ICMP error about to leave by a device; `about` is the packet it complains of, as quoted in it. */
export interface IcmpErrorEvent {
  readonly kind: 'icmp-error';
  readonly at: number;
  readonly netns: NetnsId;
  readonly ifindex: number;
  readonly device: string;
  readonly inIfindex: number;
  readonly skb: number;
  readonly family: 4 | 6;
  readonly type: number;
  readonly code: number;
  readonly src: string;
  readonly dst: string;
  readonly about: Tuple;
  /** The entry of the connection it complains of (info 'related' or 'related-reply'). */
  readonly conntrack?: ConntrackView | undefined;
}

/** A packet dropped (skb:kfree_skb) for a reason that is not harmless. */
export interface DropEvent {
  readonly kind: 'drop';
  readonly at: number;
  readonly netns: NetnsId;
  /** The device the packet belonged to; absent where it had none yet (a local packet in OUTPUT). */
  readonly ifindex?: number;
  readonly device?: string;
  readonly inIfindex: number;
  readonly skb: number;
  /** Name without SKB_DROP_REASON_, resolved for the kernel that reported it. */
  readonly reason: string;
  /** Function that freed it. */
  readonly location: string;
  /** Of the packet, from its network header on. */
  readonly length?: number;
  /** Return addresses, innermost first, as function names; the frame above nf_hook_slow tells the hook. */
  readonly stack: readonly string[];
  readonly tuple: Tuple;
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly conntrack?: ConntrackView | undefined;
  readonly process?: ProcessRef | undefined;
}

/** A socket gave up dialling (sock:inet_sock_set_state, SYN_SENT to CLOSE), or a datagram reached a process. */
export interface SocketEvent {
  readonly kind: 'socket';
  readonly at: number;
  readonly netns: NetnsId;
  readonly what: 'dial-failed' | 'delivered';
  /** From the socket's view for dial-failed (local = src); from the packet's view for delivered. */
  readonly tuple: Tuple;
  /** errno left on the socket (ECONNREFUSED 111, ETIMEDOUT 110, EHOSTUNREACH 113); 0: closed by its owner. */
  readonly error: number;
  readonly process?: ProcessRef | undefined;
}

/** TCP sent a segment again (tcp:tcp_retransmit_skb); at most one a socket and second. */
export interface RetransmitEvent {
  readonly kind: 'retransmit';
  readonly at: number;
  readonly netns: NetnsId;
  /** From the sender's view. */
  readonly tuple: Tuple;
  /** How often the timer ran out since anything of what was sent was acknowledged (icsk_retransmits). */
  readonly timeouts?: number;
  /** Bytes of payload in the segment. */
  readonly length?: number;
  /** The first byte that was sent and is not acknowledged (snd_una). */
  readonly unacked?: number;
}

export type HookName = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';

/** What the kernel came by when it ran the rules of a hook on a packet, up to what the event tells. */
export interface Evaluated {
  /** The comment met last (xt_comment): the rule's own, if it has one. May be cut. */
  readonly comment?: string;
  /** Chains of nf_tables sent on to by a jump or goto, the last two, newest last. May be cut. */
  readonly chains: readonly string[];
  /** How many there were. */
  readonly entered: number;
}

/** What both of these say of the conntrack entry: where it was when, and by what it is known. */
interface OfEntry {
  readonly at: number;
  readonly netns: NetnsId;
  /** Address of the nf_conn, masked to 48 bits, as in `ConntrackView`. */
  readonly pointer: number;
  readonly zone: number;
  readonly original: Tuple;
  readonly hook: HookName;
  readonly evaluated: Evaluated;
}

/** The kernel translates a connection (nf_nat_setup_info; IPVS: ip_vs_nat_xmit), on its first packet. */
export interface NatEvent extends OfEntry {
  readonly kind: 'nat';
  readonly manip: 'source' | 'destination';
  /** `address`: to what the rule says (DNAT, SNAT). */
  readonly what: 'address' | 'masquerade' | 'redirect' | 'ipvs';
  /** As the hook was told them; 0: none. */
  readonly inIfindex: number;
  readonly outIfindex: number;
}

/** The rules that ran on a first packet in the hook in which it was dropped (skb:kfree_skb). */
export interface VerdictEvent extends OfEntry {
  readonly kind: 'verdict';
}

/** Conntrack has no entry for a packet, which is dropped: the table is full, or another took its tuple first. */
export interface RefusedEntryEvent {
  readonly kind: 'entry-refused';
  readonly at: number;
  readonly netns: NetnsId;
  readonly why: 'full' | 'clash';
  /** As the packet came. */
  readonly tuple: Tuple;
}

/** Conntrack forgets a TCP connection that was not closed (nf_conntrack_free): what comes of it later is another to it. */
export interface EntryGoneEvent {
  readonly kind: 'entry-gone';
  readonly at: number;
  readonly netns: NetnsId;
  readonly zone: number;
  /**
   * `deleted`: by a process; `expired`; `removed` before its time: by the kernel, for room or with an address, or by a
   * process that flushed the table, which some kernels do not tell apart.
   */
  readonly why: 'deleted' | 'expired' | 'removed';
  readonly original: Tuple;
}

/** A conntrack entry that existed when tracing began, read from the namespace's table. */
export interface EntryEvent {
  readonly kind: 'entry';
  readonly at: number;
  readonly netns: NetnsId;
  readonly zone: number;
  readonly mark: number;
  /** As `conntrack -L` words it: ESTABLISHED, TIME_WAIT, …; '' for protocols without. */
  readonly state: string;
  readonly assured: boolean;
  readonly replied: boolean;
  readonly original: Tuple;
  readonly reply: Tuple;
}

/**
 * What a namespace's conntrack counts of itself (/proc/net/stat/nf_conntrack, summed over processors): at the start, and
 * when one of the counts of trouble has moved. Counts are since the namespace was made.
 */
export interface ConntrackStatsEvent {
  readonly kind: 'conntrack-stats';
  readonly at: number;
  readonly netns: NetnsId;
  readonly entries: number;
  /** nf_conntrack_max, which is one for the machine. */
  readonly max: number;
  /** Entries that lost a race for their tuple when their first packet was confirmed: that packet was dropped. */
  readonly insertFailed: number;
  /** First packets dropped because the table was full and nothing could be evicted, or memory was short. */
  readonly drop: number;
  /** Entries not yet assured that were evicted to make room: the table was full. */
  readonly earlyDrop: number;
  /** Races for a tuple that were resolved: the packet took the winner's entry. */
  readonly clashResolved: number;
  /** Look-ups begun anew because the table was resized or an entry moved meanwhile. */
  readonly searchRestart: number;
  /** Packets that belong to no connection as conntrack sees it: they pass untranslated, or a rule drops them. */
  readonly invalid: number;
}

/** Events were lost. */
export interface LostEvent {
  readonly kind: 'lost';
  readonly at: number;
  readonly count: number;
  /**
   * `kernel`: bpftrace's buffer overran; `skipped`: the kernel did not run a program of ours for something that may have
   * been worth telling; `order`: later than the reorder window; `line`: could not be read.
   */
  readonly where: 'kernel' | 'skipped' | 'order' | 'line';
}

/** Time passed; the engine has no other clock. */
export interface TickEvent {
  readonly kind: 'tick';
  readonly at: number;
}

/** The level of detail changed by itself because of load. */
export interface DetailEvent {
  readonly kind: 'detail';
  readonly at: number;
  readonly level: 'path' | 'nat';
  readonly linesPerSecond: number;
}

/** What is traced, and what is missing. Sent at start and when it changes (a probe that died). */
export interface ProbesEvent {
  readonly kind: 'probes';
  readonly at: number;
  readonly set: 'tracepoint' | 'precise';
  readonly level: 'path' | 'nat';
  readonly running: boolean;
  /** In words, for the reader: what is not seen and why. */
  readonly missing: readonly string[];
  /** How each part of the precise set is attached; absent where the set was not asked for. */
  readonly precise?: readonly ProbeChoice[];
}

export interface ProbeChoice {
  /** What it tells, in words. */
  readonly what: string;
  readonly by: 'fentry' | 'kprobe' | 'tracepoint' | 'none';
  /** Why not by something better. */
  readonly why?: string;
}

export interface LinkFact {
  readonly ifindex: number;
  readonly name: string;
  /** Index of the veth peer or lower device, and whether that lies in another namespace. */
  readonly peerIfindex?: number;
  readonly peerElsewhere?: boolean;
  /** Namespace of that peer, where it is certain. */
  readonly peerNetns?: NetnsId;
  /** Index of the bridge this is a port of. */
  readonly masterIfindex?: number;
  /** Kind as `ip -d link` says: veth, bridge, vxlan, …; '' for hardware and loopback. */
  readonly type: string;
  /** Addresses with prefix length. */
  readonly addresses: readonly string[];
}

export interface ListenerFact {
  readonly protocol: Protocol;
  /** '*' for any address of any family. */
  readonly ip: string;
  readonly port: number;
  readonly process: ProcessRef;
  /** Of the Pod whose process it is, by its control group: on a node's network there are many. */
  readonly podUid?: string;
  /** Id of its container, 64 hexadecimal digits. */
  readonly container?: string;
}

/** A process of a Pod on its node's network. */
export interface TenantFact {
  readonly pid: number;
  readonly podUid: string;
  readonly container?: string;
}

/** Everything read of one namespace; a later one with the same id replaces it. */
export interface NetnsEvent {
  readonly kind: 'netns';
  readonly at: number;
  readonly netns: NetnsId;
  /** For people: /run/netns name, pod or container name, host name; never empty. */
  readonly name: string;
  readonly role: 'node' | 'pod' | 'host' | 'other';
  /** Name of the node it is or runs on. */
  readonly node?: string;
  /** `namespace/name`, where the machine tells (kubelet's log directories). */
  readonly pod?: string;
  /** As the API and kubelet spell it; of a Pod's namespace, where its control group tells. */
  readonly podUid?: string;
  readonly containers?: readonly string[];
  /** Of a node. */
  readonly tenants?: readonly TenantFact[];
  readonly links: readonly LinkFact[];
  readonly listeners: readonly ListenerFact[];
}

export interface NetnsGoneEvent {
  readonly kind: 'netns-gone';
  readonly at: number;
  readonly netns: NetnsId;
}

/** The rules in force in a namespace from now on; replaces the one of the same syntax. */
export interface RulesEvent {
  readonly kind: 'rules';
  readonly at: number;
  readonly netns: NetnsId;
  /**
   * What `text` is: `iptables-save`, `ip6tables-save`, `nft -j list ruleset` of kube-proxy's tables,
   * `ipvsadm-save -n`, or the `ipset save` of the sets that iptables rules ask.
   */
  readonly syntax: 'iptables' | 'ip6tables' | 'nft' | 'ipvs' | 'ipset';
  readonly text: string;
}

/** Of several machines' recordings merged: how the times of one came to stand on the common clock. */
export interface ClockEvent {
  readonly kind: 'clock';
  readonly at: number;
  /** As `netns.ts` counts them. */
  readonly machine: number;
  readonly node: string;
  /** `packets`: by handshakes that several machines saw; `wall`: by its wall clock, or the first of those tied. */
  readonly by: 'packets' | 'wall';
  /** Nanoseconds that its times may be off either way, beside the first's; of `packets`. */
  readonly uncertainty?: number;
  /** How many handshakes it shares with others; of `packets`. */
  readonly handshakes?: number;
}

/** Packets and what befell them: the hot ones. */
export type TrafficEvent =
  | PacketEvent
  | IcmpErrorEvent
  | DropEvent
  | SocketEvent
  | RetransmitEvent
  | NatEvent
  | VerdictEvent
  | RefusedEntryEvent
  | EntryGoneEvent;
/** What the tracer says of itself. */
export type TracerEvent = LostEvent | TickEvent | DetailEvent | ProbesEvent | ClockEvent;
/** Who is who, and which rules. */
export type NameEvent = NetnsEvent | NetnsGoneEvent | RulesEvent | KubeNameEvent;
/** What messages said, and how well they were heard. */
export type MessageEvent = HeadEvent | CaptureEvent | HeadsMissedEvent;

export type Event = TrafficEvent | TracerEvent | NameEvent | EntryEvent | ConntrackStatsEvent | MessageEvent;
