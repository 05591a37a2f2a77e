import { canonicalAddress, isLoopback } from '../events/address.ts';
import type { NameEvent, NetnsEvent, NetnsGoneEvent, NetnsId, ProcessRef } from '../events/event.ts';
import type { Tuple } from '../events/tuple.ts';
import type { ClusterBook, Knowledge, Place, Resident, RuleBook } from '../trace/knowledge.ts';
import type { Endpoint } from '../trace/request.ts';
import { Addresses } from './addresses.ts';
import { Endpoints } from './endpoints.ts';
import { holderAt, type Held } from './held.ts';
import { ApiBook } from './kube/book.ts';
import { MachineBook } from './kube/machine-book.ts';
import { Clusters, type View } from './kube/clusters.ts';
import { ownerNamed, podWords, serviceNamed, type Named } from './kube/names.ts';
import { findListener } from './listener.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { bookOf } from './rules/book.ts';
import { NamespaceRules } from './rules/namespace-rules.ts';
import { ServiceNames } from './service-names.ts';

/** Namespaces that went whose names are kept: what they did is still being told, and stale entries point at them. */
const GONE_LIMIT = 256;

/** A namespace is looked at every few seconds: what is told of it has been so for a while. */
const TOLD_LATE_NS = 30_000_000_000;

/**
 * Who is who and which rule, by the name events taken so far. Pure: the same events give the same answers.
 * Of what the machine tells and what the API tells of one address: a namespace is whose control group says; else a
 * Pod's is named by the API by its address; what is neither node nor Pod is the machine's to name, unless a node or Pod
 * asks, whose packets go where the cluster sends them.
 */
export class ClusterKnowledge implements Knowledge {
  readonly #namespaces = new Map<NetnsId, NetnsEvent>();
  readonly #gone = new Map<NetnsId, NetnsEvent>();
  /** Whose number is now another's. */
  readonly #former = new Map<NetnsId, { readonly event: NetnsEvent; readonly until: number }>();
  readonly #rules = new Map<NetnsId, NamespaceRules>();
  readonly #books = new Map<NetnsId, RuleBook>();
  readonly #addresses = new Addresses();
  readonly #clusters = new Clusters();
  #neighbourhood = new Neighbourhood([]);
  /** What the API calls the nodes of these machines. */
  #nodeNames: ReadonlyMap<string, string> = new Map();
  #services = new ServiceNames([]);
  /** Of times since the last change. */
  readonly #endpoints = new Endpoints();
  readonly #places = new Map<NetnsId, Place>();
  #changedAt = -Infinity;
  #stale = false;

  take(event: NameEvent): void {
    this.#changedAt = Math.max(this.#changedAt, event.at);
    this.#endpoints.clear();
    this.#places.clear();
    switch (event.kind) {
      case 'kube':
      case 'kube-gone':
      case 'kube-state':
        if (this.#clusters.take(event)) this.#stale = true;
        return;
      case 'rules': {
        const before = this.#rules.get(event.netns) ?? NamespaceRules.none;
        this.#rules.set(event.netns, before.with(event.syntax, event.text));
        break;
      }
      case 'netns':
        this.#succeed(event);
        this.#namespaces.set(event.netns, event);
        this.#addresses.set(event);
        break;
      case 'netns-gone':
        this.#retire(event);
        break;
    }
    this.#stale = true;
    this.#books.delete(event.netns);
  }

  place(netns: NetnsId, at: number): Place | undefined {
    this.#refresh();
    const former = this.#former.get(netns);
    const event = former !== undefined && at < former.until ? former.event : this.#known(netns);
    if (event === undefined) return undefined;
    const known = at >= this.#changedAt ? this.#places.get(netns) : undefined;
    if (known !== undefined) return known;
    const { role } = event;
    const { name = event.name, node } = this.#who(event, at);
    const place: Place = node === undefined ? { name, role } : { name, role, node };
    if (at >= this.#changedAt) this.#places.set(netns, place);
    return place;
  }

  device(netns: NetnsId, ifindex: number): string | undefined {
    return this.#known(netns)?.links.find((link) => link.ifindex === ifindex)?.name;
  }

  hookDevice(netns: NetnsId, ifindex: number): string | undefined {
    const links = this.#known(netns)?.links ?? [];
    const link = links.find((one) => one.ifindex === ifindex);
    const master = links.find((one) => one.ifindex === link?.masterIfindex);
    return master?.type === 'bridge' ? master.name : link?.name;
  }

  isLocal(netns: NetnsId, ip: string): boolean {
    return this.#addresses.localTo(netns)(ip);
  }

  endpoint(netns: NetnsId, ip: string, port: number, protocol: Tuple['protocol'], at: number): Endpoint {
    this.#refresh();
    const isNow = at >= this.#changedAt;
    const known = isNow ? this.#endpoints.get(netns, ip, port, protocol) : undefined;
    if (known !== undefined) return known;
    const address = canonicalAddress(ip) ?? ip;
    const ends = protocol === 'icmp' ? { ip: address } : { ip: address, port };
    const found = { ...ends, ...this.#find(netns, address, port, protocol, at) };
    if (isNow) this.#endpoints.set(netns, ip, port, protocol, found);
    return found;
  }

  #find(netns: NetnsId, address: string, port: number, protocol: Tuple['protocol'], at: number): Named {
    const view = this.#clusters.seenFrom(netns);
    const byApi = view && serviceNamed(view, address, port, protocol, at);
    const byRules =
      protocol === 'icmp'
        ? undefined
        : this.#services.at(netns, address, port, protocol, this.#neighbourhood);
    // What the node does counts, unless it is known what was so at the time.
    if (byApi?.exact === true && (byRules?.name === undefined || byApi.named.stale !== true))
      return byApi.named;
    if (byRules) return { kind: 'service', ...byRules };
    const owner = this.#owner(netns, address, view, at);
    return byApi !== undefined && owner.kind === 'external' ? byApi.named : owner;
  }

  resident(netns: NetnsId, process: ProcessRef, at: number): Resident | undefined {
    const known = this.#known(netns);
    const { podUid, container } =
      known?.tenants?.find(({ pid }) => pid === process.pid) ??
      known?.listeners.find((listener) => listener.process.pid === process.pid) ??
      {};
    const uid = podUid ?? known?.podUid;
    const found = uid === undefined ? undefined : this.#clusters.podOf(uid);
    if (found === undefined) return undefined;
    const { kind: _kind, ...resident } = podWords(found.objects, found.pod, at, container);
    return resident;
  }

  peer(netns: NetnsId, ifindex: number): { netns: NetnsId; ifindex: number; device?: string } | undefined {
    const link = this.#known(netns)?.links.find((one) => one.ifindex === ifindex);
    if (link?.type !== 'veth' || link.peerIfindex === undefined) return undefined;
    const peerNetns = link.peerElsewhere ? link.peerNetns : netns;
    if (peerNetns === undefined) return undefined;
    const device = this.device(peerNetns, link.peerIfindex);
    return { netns: peerNetns, ifindex: link.peerIfindex, ...(device === undefined ? {} : { device }) };
  }

  listener(netns: NetnsId, tuple: Tuple): ProcessRef | undefined {
    return findListener(this.#known(netns)?.listeners ?? [], tuple);
  }

  rules(netns: NetnsId): RuleBook | undefined {
    const known = this.#books.get(netns);
    if (known) return known;
    const rules = this.#rules.get(netns);
    if (!rules) return undefined;
    const book = bookOf(rules, this.#addresses.localTo(netns));
    this.#books.set(netns, book);
    return book;
  }

  cluster(netns: NetnsId, at: number): ClusterBook | undefined {
    this.#refresh();
    const view = this.#clusters.seenFrom(netns);
    const machine = this.#machineBook(netns, at);
    return view && machine ? new ApiBook(view.objects, at, machine) : machine;
  }

  #machineBook(netns: NetnsId, at: number): MachineBook | undefined {
    const nodes = [...this.#namespaces.values()].filter(({ role }) => role === 'node');
    const nearest = this.#neighbourhood.nearest(
      netns,
      nodes.map((node) => node.netns),
    );
    const [first] = nearest;
    if (first === undefined) return undefined;
    return new MachineBook({
      rules: nearest.flatMap((node) => this.#rules.get(node)?.services() ?? []),
      namespaces: [...this.#namespaces.values()],
      who: (ip) => this.#ownerHere(first, ip, at),
      note: this.#clusters.unreached,
    });
  }

  remembers(at: number): boolean {
    return this.#clusters.remembers(at) && this.#addresses.remembers(at);
  }

  #known(netns: NetnsId): NetnsEvent | undefined {
    return this.#namespaces.get(netns) ?? this.#gone.get(netns);
  }

  #owner(netns: NetnsId, address: string, view: View | undefined, at: number): Named {
    if (isLoopback(address)) {
      const known = this.#known(netns);
      return known ? this.#who(known, at) : { kind: 'unknown' };
    }
    if (isGroup(address)) return { kind: 'unknown' };
    const here = this.#ownerHere(netns, address, at);
    const isOurs = here?.kind === 'pod' || here?.kind === 'node';
    if (here !== undefined && (isOurs || !this.#isOfCluster(netns))) return here;
    return (view && ownerNamed(view, address, at)) ?? here ?? { kind: 'external' };
  }

  /** Of the namespaces of these machines. */
  #ownerHere(netns: NetnsId, address: string, at: number): Named | undefined {
    const owners = this.#addresses.owners(address);
    const self = owners.length === 0 && this.isLocal(netns, address) ? this.#known(netns) : undefined;
    // In IPVS mode a node dials a Service from that Service's own address, which is on a device of every node.
    if (self !== undefined) return this.#who(self, at);
    const living = this.#nearest(
      netns,
      owners.filter(({ until }) => until === Infinity),
    );
    const [first, ...others] = living.map(({ who }) => this.#who(who, at));
    if (first !== undefined && others.length > 0) {
      // Several own it and nothing tells them apart: their kind may still be the same, their names are not.
      return { kind: others.every(({ kind }) => kind === first.kind) ? first.kind : 'unknown' };
    }
    const past = this.#nearest(
      netns,
      owners.filter(({ until }) => until !== Infinity),
    );
    const holder = holderAt([...living, ...past], at, TOLD_LATE_NS);
    return holder === 'ambiguous' ? { kind: 'unknown' } : holder && this.#who(holder, at);
  }

  #nearest(netns: NetnsId, owners: readonly Held<NetnsEvent>[]): Held<NetnsEvent>[] {
    const candidates = [...new Set(owners.map(({ who }) => who.netns))];
    const nearest = this.#neighbourhood.nearest(netns, candidates);
    return owners.filter(({ who }) => nearest.includes(who.netns));
  }

  /** A node or Pod: what it sends to an address of the cluster goes there. */
  #isOfCluster(netns: NetnsId): boolean {
    const role = this.#known(netns)?.role;
    return role === 'node' || role === 'pod';
  }

  #who(namespace: NetnsEvent, at: number): Named {
    const { name, node, role } = namespace;
    if (role === 'pod') {
      const named = this.#podIn(namespace, at);
      if (named !== undefined) return named;
      return { kind: 'pod', name, ...(node === undefined ? {} : { node: this.#nodeName(node) }) };
    }
    if (role === 'node') {
      const called = this.#nodeName(node ?? name);
      return { kind: 'node', name: called, node: called };
    }
    // In a cluster all that is neither node nor Pod is outside of it, be it on this machine or not.
    return { kind: this.#services.inCluster ? 'external' : 'host', name };
  }

  /** The Pod of a namespace: by the UID of its control group, else by kubelet's name, else by its address. */
  #podIn({ netns, podUid, pod: name, node, links }: NetnsEvent, at: number): Named | undefined {
    if (podUid !== undefined) {
      const found = this.#clusters.podOf(podUid);
      return found && podWords(found.objects, found.pod, at);
    }
    const view = this.#clusters.seenFrom(netns);
    if (view?.inside !== true) return undefined;
    const { objects } = view;
    if (name !== undefined) {
      const pod = objects.podNamed(name, at);
      return pod && podWords(objects, pod, at);
    }
    const on = node === undefined ? undefined : this.#nodeName(node);
    for (const prefix of links.flatMap(({ addresses }) => addresses)) {
      const pod = objects.podAt(canonicalAddress(prefix.split('/', 1)[0] ?? '') ?? '', at);
      if (pod === undefined || pod === 'ambiguous') continue;
      if (on === undefined || pod.node === undefined || pod.node === on) return podWords(objects, pod, at);
    }
    return undefined;
  }

  /** As the API calls it. */
  #nodeName(name: string): string {
    return this.#nodeNames.get(name) ?? name;
  }

  /** The number of a namespace that went may be given to another: its rules went too. */
  #succeed({ netns, at }: NetnsEvent): void {
    const former = this.#gone.get(netns);
    if (former === undefined) return;
    this.#gone.delete(netns);
    this.#rules.delete(netns);
    this.#former.set(netns, { event: former, until: at });
    const [oldest] = this.#former.keys();
    if (this.#former.size > GONE_LIMIT && oldest !== undefined) this.#former.delete(oldest);
  }

  #retire({ netns, at }: NetnsGoneEvent): void {
    const event = this.#namespaces.get(netns);
    if (!event) return;
    this.#namespaces.delete(netns);
    this.#gone.set(netns, event);
    this.#addresses.retire(netns, at);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size <= GONE_LIMIT || oldest === undefined) return;
    this.#gone.delete(oldest);
    this.#rules.delete(oldest);
    this.#books.delete(oldest);
    this.#addresses.forget(oldest);
  }

  /** What follows from all namespaces together is worked out when it is first asked for. */
  #refresh(): void {
    if (!this.#stale) return;
    this.#stale = false;
    const all = [...this.#namespaces.values()];
    this.#neighbourhood = new Neighbourhood([...this.#gone.values(), ...all]);
    const nodes = all.filter(({ role }) => role === 'node');
    this.#nodeNames = this.#clusters.place(nodes, this.#neighbourhood);
    this.#services = new ServiceNames(
      nodes.map(({ netns }) => ({
        netns,
        rules: this.#rules.get(netns) ?? NamespaceRules.none,
        isLocal: this.#addresses.localTo(netns),
      })),
    );
  }
}

/** Multicast, broadcast and the unspecified address belong to nobody. */
const isGroup = (address: string): boolean =>
  /^(?:22[4-9]|23\d)\.|^255\.255\.255\.255$|^0\.0\.0\.0$|^ff[0-9a-f]{2}:|^::$/.test(address);
