import { canonicalAddress } from '../../events/address.ts';
import type {
  KubeEvent,
  KubeIngress,
  KubeNode,
  KubeObject,
  KubePod,
  KubeProtocol,
  KubeService,
  KubeServicePort,
  KubeSlice,
  KubeStateEvent,
} from '../../events/kube.ts';
import { holderAt, type Held } from '../held.ts';
import { History } from './history.ts';
import { PodRanges } from './pod-ranges.ts';
import { isNewer } from './version.ts';

/** What the past is kept of: a node's Pods of hours, in a cluster that changes every second some minutes. */
const LIMITS = { past: 8_192, gone: 4_096 };
/**
 * A Pod has its address some seconds before the API tells it: kubelet sends the status once its sandbox stands.
 */
const TOLD_LATE_NS = 10_000_000_000;

/** The objects of one cluster, as they were when. */
export class ClusterObjects {
  readonly #objects = new History<KubeObject>(LIMITS, (uid) => {
    this.#unlist(uid);
  });
  /** uids by what they may be asked for by: an address, a name, a node port. */
  readonly #listed = new Map<string, Set<string>>();
  /** Keys under which a uid is listed. */
  readonly #keys = new Map<string, Set<string>>();
  readonly #states: KubeStateEvent[] = [];
  #complete = false;
  #ranges: PodRanges | undefined;

  /** @returns false where it says nothing new */
  take({ at, object }: KubeEvent): boolean {
    const known = this.#objects.latest(object.uid);
    // An object that is no more does not come again; several who watch may tell of it late.
    if (known === undefined ? this.#objects.has(object.uid) : !isNewer(object.version, known.version)) {
      return false;
    }
    // What is told before all has been told was there before anybody asked.
    if (object.resource === 'node') this.#ranges = undefined;
    this.#objects.set(object.uid, this.#complete ? at : -Infinity, object);
    for (const key of keysOf(object)) this.#list(key, object.uid);
    return true;
  }

  gone(uid: string, at: number): void {
    const known = this.#objects.latest(uid);
    if (known === undefined) return;
    if (known.resource === 'node') this.#ranges = undefined;
    this.#objects.set(uid, at, undefined);
  }

  state(event: KubeStateEvent): void {
    if (event.state === 'in-step') this.#complete = true;
    this.#states.push(event);
    if (this.#states.length > STATES_KEPT) this.#states.shift();
  }

  /** Undefined where nothing was said of it. */
  stateAt(time: number): KubeStateEvent | undefined {
    return this.#states.findLast(({ at }) => at <= time) ?? this.#states[0];
  }

  serviceNamed(name: string, time: number): KubeService | undefined {
    return this.#at(`service ${name}`, time, isService)[0];
  }

  podNamed(name: string, time: number): KubePod | undefined {
    return this.#at(`pod ${name}`, time, isPod)[0];
  }

  nodeNamed(name: string, time: number): KubeNode | undefined {
    return this.#at(`node ${name}`, time, isNode)[0];
  }

  services(time: number): KubeService[] {
    return this.#at('service', time, isService);
  }

  nodes(time: number): KubeNode[] {
    return this.#at('node', time, isNode);
  }

  /** Of `namespace/name`. */
  slicesOf(service: string, time: number): KubeSlice[] {
    return this.#at(`slices ${service}`, time, isSlice);
  }

  /** That lead to the Service `namespace/name`. */
  ingressesTo(service: string, time: number): KubeIngress[] {
    return this.#at(`ingress ${service}`, time, isIngress);
  }

  /** Of a Pod that is no more too: its processes and addresses are told of after it. */
  podOf(uid: string): KubePod | undefined {
    for (const one of [uid, ...(this.#listed.get(`static ${uid}`) ?? [])]) {
      for (const { value } of this.#objects.stretches(one)) if (value?.resource === 'pod') return value;
    }
    return undefined;
  }

  servicesAt(address: string, time: number): KubeService[] {
    return this.#at(address, time, isService);
  }

  serviceByNodePort(protocol: KubeProtocol, port: number, time: number): KubeService | undefined {
    const asked = (one: KubeServicePort): boolean => one.nodePort === port && one.protocol === protocol;
    return this.#at(nodePortKey(protocol, port), time, isService).find(({ ports }) => ports.some(asked));
  }

  nodeAt(address: string, time: number): KubeNode | undefined {
    return this.#at(address, time, isNode)[0];
  }

  podAt(address: string, time: number): KubePod | 'ambiguous' | undefined {
    return holderAt(this.#holders(address), time, TOLD_LATE_NS);
  }

  /** Of the nodes as they are now: a node keeps its range as long as it lives. */
  ranges(): PodRanges {
    return (this.#ranges ??= new PodRanges(this.nodes(Infinity)));
  }

  /** False where some of what was so then is no longer known. */
  remembers(time: number): boolean {
    return this.#objects.remembers(time);
  }

  /** The stretches of time in which Pods had an address. */
  *#holders(address: string): Generator<Held<KubePod>> {
    for (const uid of this.#listed.get(address) ?? []) {
      let until = Infinity;
      let held: Held<KubePod> | undefined;
      for (const { since, value } of this.#objects.stretches(uid)) {
        if (value?.resource === 'pod' && holds(value) && addressesOf(value).includes(address)) {
          held = { who: held?.who ?? value, since, until: held?.until ?? until };
        } else if (held) {
          yield held;
          held = undefined;
        }
        until = since;
      }
      if (held) yield held;
    }
  }

  #at<T extends KubeObject>(key: string, time: number, is: (object: KubeObject) => object is T): T[] {
    const found: T[] = [];
    for (const uid of this.#listed.get(key) ?? []) {
      const object = this.#objects.at(uid, time);
      if (object !== undefined && is(object) && keysOf(object).includes(key)) found.push(object);
    }
    return found;
  }

  #list(key: string, uid: string): void {
    const uids = this.#listed.get(key);
    if (uids) uids.add(uid);
    else this.#listed.set(key, new Set([uid]));
    const keys = this.#keys.get(uid);
    if (keys) keys.add(key);
    else this.#keys.set(uid, new Set([key]));
  }

  #unlist(uid: string): void {
    for (const key of this.#keys.get(uid) ?? []) {
      const uids = this.#listed.get(key);
      uids?.delete(uid);
      if (uids?.size === 0) this.#listed.delete(key);
    }
    this.#keys.delete(uid);
  }
}

/** How often the API came and went, as far as it is kept. */
const STATES_KEPT = 256;

export const nameOf = (object: { readonly namespace: string; readonly name: string }): string =>
  `${object.namespace}/${object.name}`;

/** A Pod that has ended has its address no longer, whatever its status still says. */
const holds = ({ phase, hostNetwork }: KubePod): boolean =>
  !hostNetwork && phase !== 'Succeeded' && phase !== 'Failed';

const isService = (object: KubeObject): object is KubeService => object.resource === 'service';
const isPod = (object: KubeObject): object is KubePod => object.resource === 'pod';
const isNode = (object: KubeObject): object is KubeNode => object.resource === 'node';
const isSlice = (object: KubeObject): object is KubeSlice => object.resource === 'slice';
const isIngress = (object: KubeObject): object is KubeIngress => object.resource === 'ingress';

const nodePortKey = (protocol: KubeProtocol, port: number): string => `${protocol} ${port}`;

function keysOf(object: KubeObject): string[] {
  switch (object.resource) {
    case 'service':
      return [
        'service',
        `service ${nameOf(object)}`,
        ...addressesOf(object),
        ...object.ports.flatMap(({ protocol, nodePort }) =>
          nodePort === undefined ? [] : [nodePortKey(protocol, nodePort)],
        ),
      ];
    case 'slice':
      return [`slices ${object.namespace}/${object.service}`];
    case 'pod':
      return [
        `pod ${nameOf(object)}`,
        ...(object.staticUid === undefined ? [] : [`static ${object.staticUid}`]),
        ...(object.hostNetwork ? [] : addressesOf(object)),
      ];
    case 'node':
      return ['node', `node ${object.name}`, ...addressesOf(object)];
    case 'ingress':
      return [...new Set(object.paths.map(({ service }) => `ingress ${object.namespace}/${service}`))];
  }
}

function addressesOf(object: KubeService | KubePod | KubeNode): string[] {
  return written(object).flatMap((address) => canonicalAddress(address) ?? []);
}

function written(object: KubeService | KubePod | KubeNode): readonly string[] {
  switch (object.resource) {
    case 'pod':
      return object.podIPs;
    case 'node':
      return object.addresses;
    case 'service':
      return [
        ...object.clusterIPs,
        ...object.externalIPs,
        ...object.loadBalancerIPs,
        ...object.loadBalancerProxyIPs,
      ];
  }
}
