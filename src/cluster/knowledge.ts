import { canonicalAddress, isLoopback } from '../events/address.ts';
import type { NameEvent, NetnsEvent, NetnsId, ProcessRef } from '../events/event.ts';
import type { Tuple } from '../events/tuple.ts';
import type { ClusterBook, Knowledge, Place, RuleBook } from '../trace/knowledge.ts';
import type { Endpoint } from '../trace/request.ts';
import { Addresses } from './addresses.ts';
import { Endpoints } from './endpoints.ts';
import { findListener } from './listener.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { bookOf } from './rules/book.ts';
import { NamespaceRules } from './rules/namespace-rules.ts';
import { ServiceNames } from './service-names.ts';

/** Namespaces that went whose names are kept: what they did is still being told, and stale entries point at them. */
const GONE_LIMIT = 256;

/** Who is who and which rule, by the name events taken so far. Pure: the same events give the same answers. */
export class ClusterKnowledge implements Knowledge {
  readonly #namespaces = new Map<NetnsId, NetnsEvent>();
  readonly #gone = new Map<NetnsId, NetnsEvent>();
  readonly #rules = new Map<NetnsId, NamespaceRules>();
  readonly #books = new Map<NetnsId, RuleBook>();
  readonly #addresses = new Addresses();
  #neighbourhood = new Neighbourhood([]);
  #services = new ServiceNames([]);
  readonly #endpoints = new Endpoints();
  #stale = false;

  take(event: NameEvent): void {
    this.#stale = true;
    if (event.kind === 'kube' || event.kind === 'kube-gone' || event.kind === 'kube-state') return;
    if (event.kind === 'rules') {
      const before = this.#rules.get(event.netns) ?? NamespaceRules.none;
      this.#rules.set(event.netns, before.with(event.syntax, event.text));
    } else if (event.kind === 'netns') {
      // The number of one that went, given to another: its rules went too.
      if (this.#gone.delete(event.netns)) this.#rules.delete(event.netns);
      this.#namespaces.set(event.netns, event);
      this.#addresses.set(event);
    } else {
      this.#retire(event.netns);
      return;
    }
    this.#books.delete(event.netns);
  }

  place(netns: NetnsId): Place | undefined {
    const known = this.#known(netns);
    if (known === undefined) return undefined;
    const { name, role, node } = known;
    return node === undefined ? { name, role } : { name, role, node };
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

  endpoint(netns: NetnsId, ip: string, port: number, protocol: Tuple['protocol']): Endpoint {
    this.#refresh();
    const known = this.#endpoints.get(netns, ip, port, protocol);
    if (known !== undefined) return known;
    const found = this.#find(netns, ip, port, protocol);
    this.#endpoints.set(netns, ip, port, protocol, found);
    return found;
  }

  #find(netns: NetnsId, ip: string, port: number, protocol: Tuple['protocol']): Endpoint {
    const address = canonicalAddress(ip) ?? ip;
    const ends = protocol === 'icmp' ? { ip: address } : { ip: address, port };
    const service =
      protocol === 'icmp'
        ? undefined
        : this.#services.at(netns, address, port, protocol, this.#neighbourhood);
    if (service) return { ...ends, kind: 'service', ...service };
    return { ...ends, ...this.#owner(netns, address) };
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

  cluster(): ClusterBook | undefined {
    return undefined;
  }

  #known(netns: NetnsId): NetnsEvent | undefined {
    return this.#namespaces.get(netns) ?? this.#gone.get(netns);
  }

  #owner(netns: NetnsId, address: string): Omit<Endpoint, 'ip' | 'port'> {
    if (isLoopback(address)) return this.#is(this.#known(netns));
    if (isGroup(address)) return { kind: 'unknown' };
    const owners = this.#addresses.owners(address);
    const living = owners.filter((owner) => this.#namespaces.has(owner));
    const nearest = this.#neighbourhood.nearest(netns, living.length > 0 ? living : owners);
    const [first, ...others] = nearest.map((owner) => this.#is(this.#known(owner)));
    if (!first) return { kind: 'external' };
    if (others.length === 0) return first;
    // Several own it and nothing tells them apart: their kind may still be the same, their names are not.
    return { kind: others.every(({ kind }) => kind === first.kind) ? first.kind : 'unknown' };
  }

  #is(namespace: NetnsEvent | undefined): Omit<Endpoint, 'ip' | 'port'> {
    if (!namespace) return { kind: 'unknown' };
    const { name, node, role } = namespace;
    if (role === 'pod') return { kind: 'pod', name, ...(node === undefined ? {} : { node }) };
    if (role === 'node') return { kind: 'node', name, node: node ?? name };
    // In a cluster all that is neither node nor Pod is outside of it, be it on this machine or not.
    return { kind: this.#services.inCluster ? 'external' : 'host', name };
  }

  #retire(netns: NetnsId): void {
    const event = this.#namespaces.get(netns);
    if (!event) return;
    this.#namespaces.delete(netns);
    this.#gone.set(netns, event);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size <= GONE_LIMIT || oldest === undefined) return;
    this.#gone.delete(oldest);
    this.#rules.delete(oldest);
    this.#books.delete(oldest);
    this.#addresses.delete(oldest);
  }

  /** What follows from all namespaces together is worked out when it is first asked for. */
  #refresh(): void {
    if (!this.#stale) return;
    this.#stale = false;
    this.#endpoints.clear();
    const all = [...this.#namespaces.values()];
    this.#neighbourhood = new Neighbourhood([...this.#gone.values(), ...all]);
    this.#services = new ServiceNames(
      all.flatMap(({ netns, role }) =>
        role === 'node'
          ? [
              {
                netns,
                rules: this.#rules.get(netns) ?? NamespaceRules.none,
                isLocal: this.#addresses.localTo(netns),
              },
            ]
          : [],
      ),
    );
  }
}

/** Multicast, broadcast and the unspecified address belong to nobody. */
const isGroup = (address: string): boolean =>
  /^(?:22[4-9]|23\d)\.|^255\.255\.255\.255$|^0\.0\.0\.0$|^ff[0-9a-f]{2}:|^::$/.test(address);
