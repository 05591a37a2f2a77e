import type { NetnsId } from '../events/event.ts';
import type { Protocol } from '../events/tuple.ts';
import type { Endpoint } from '../trace/request.ts';

/** Answers kept; then all are forgotten. */
const KEPT = 20_000;

type ByPort = Map<number, Endpoint>;

/** Who was found at an address and port, seen from a namespace: it is asked four times a connection. */
export class Endpoints {
  readonly #byNetns = new Map<NetnsId, Map<string, ByPort>>();
  #size = 0;

  get(netns: NetnsId, ip: string, port: number, protocol: Protocol): Endpoint | undefined {
    return this.#byNetns.get(netns)?.get(ip)?.get(keyOf(port, protocol));
  }

  set(netns: NetnsId, ip: string, port: number, protocol: Protocol, endpoint: Endpoint): void {
    if (this.#size >= KEPT) this.clear();
    this.#size++;
    let byAddress = this.#byNetns.get(netns);
    if (byAddress === undefined) this.#byNetns.set(netns, (byAddress = new Map<string, ByPort>()));
    let byPort = byAddress.get(ip);
    if (byPort === undefined) byAddress.set(ip, (byPort = new Map<number, Endpoint>()));
    byPort.set(keyOf(port, protocol), endpoint);
  }

  clear(): void {
    this.#byNetns.clear();
    this.#size = 0;
  }
}

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp', 'icmp'];

const keyOf = (port: number, protocol: Protocol): number =>
  port * PROTOCOLS.length + PROTOCOLS.indexOf(protocol);
