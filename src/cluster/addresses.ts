import { canonicalAddress, isLoopback } from '../events/address.ts';
import type { NetnsEvent, NetnsId } from '../events/event.ts';
import type { Held } from './held.ts';

interface Owner extends Held<NetnsEvent> {
  who: NetnsEvent;
  until: number;
  readonly address: string;
}

/** kube-proxy's IPVS mode gives every Service's address to every node on it (netlink_linux.go): it names none of them. */
const IPVS_DEVICE = 'kube-ipvs0';

/** Owners of the past, of all addresses: those of namespaces that went, or that gave an address away. */
const PAST_LIMIT = 4_096;

/** Which namespaces have which addresses, both ways, and which had them when. */
export class Addresses {
  readonly #owners = new Map<string, Owner[]>();
  readonly #owned = new Map<NetnsId, ReadonlyMap<string, Owner>>();
  readonly #past: Owner[] = [];
  /** Of times before it some owner is forgotten. */
  #knownSince = -Infinity;

  set(event: NetnsEvent): void {
    const before = this.#owned.get(event.netns);
    const owned = new Map<string, Owner>();
    const prefixes = event.links.flatMap(({ name, addresses }) =>
      addresses.map((prefix) => ({ prefix, isService: name === IPVS_DEVICE })),
    );
    for (const { prefix, isService } of prefixes) {
      const address = canonicalAddress(prefix.split('/', 1)[0] ?? '');
      if (address === undefined || isLoopback(address) || owned.has(address)) continue;
      const known = before?.get(address);
      if (known?.until === Infinity) {
        known.who = event;
        owned.set(address, known);
      } else owned.set(address, this.#begin(address, event, isService));
    }
    for (const [address, owner] of before ?? []) {
      if (owned.get(address) !== owner) this.#end(owner, event.at);
    }
    this.#owned.set(event.netns, owned);
  }

  /** The namespace went; its addresses stay its own until they are another's. */
  retire(netns: NetnsId, at: number): void {
    for (const owner of this.#owned.get(netns)?.values() ?? []) this.#end(owner, at);
  }

  forget(netns: NetnsId): void {
    this.#owned.delete(netns);
  }

  /** False where somebody who had an address then is no longer known. */
  remembers(time: number): boolean {
    return time >= this.#knownSince;
  }

  owners(address: string): readonly Held<NetnsEvent>[] {
    return this.#owners.get(address) ?? [];
  }

  /** Whether an address is one of the namespace's own, as they stand now. */
  localTo(netns: NetnsId): (address: string) => boolean {
    const owned = this.#owned.get(netns);
    return (address) => isLoopback(address) || (owned?.has(address) ?? false);
  }

  #begin(address: string, event: NetnsEvent, isService: boolean): Owner {
    const owner = { address, who: event, since: event.at, until: Infinity };
    if (isService) return owner;
    const owners = this.#owners.get(address);
    if (owners) owners.push(owner);
    else this.#owners.set(address, [owner]);
    return owner;
  }

  #end(owner: Owner, at: number): void {
    if (owner.until !== Infinity) return;
    owner.until = at;
    this.#past.push(owner);
    const oldest = this.#past.length > PAST_LIMIT ? this.#past.shift() : undefined;
    if (oldest === undefined) return;
    this.#knownSince = Math.max(this.#knownSince, oldest.until);
    const owners = (this.#owners.get(oldest.address) ?? []).filter((other) => other !== oldest);
    if (owners.length > 0) this.#owners.set(oldest.address, owners);
    else this.#owners.delete(oldest.address);
  }
}
