import { canonicalAddress, isLoopback } from '../events/address.ts';
import type { NetnsEvent, NetnsId } from '../events/event.ts';
import type { Held } from './held.ts';

interface Owner extends Held<NetnsEvent> {
  who: NetnsEvent;
  until: number;
  readonly address: string;
}

/** Owners of the past, of all addresses: those of namespaces that went, or that gave an address away. */
const PAST_LIMIT = 4_096;

/** Which namespaces have which addresses, both ways, and which had them when. */
export class Addresses {
  readonly #owners = new Map<string, Owner[]>();
  readonly #owned = new Map<NetnsId, ReadonlyMap<string, Owner>>();
  readonly #past: Owner[] = [];

  set(event: NetnsEvent): void {
    const before = this.#owned.get(event.netns);
    const owned = new Map<string, Owner>();
    for (const prefix of event.links.flatMap((link) => link.addresses)) {
      const address = canonicalAddress(prefix.split('/', 1)[0] ?? '');
      if (address === undefined || isLoopback(address) || owned.has(address)) continue;
      const known = before?.get(address);
      if (known?.until === Infinity) {
        known.who = event;
        owned.set(address, known);
      } else owned.set(address, this.#begin(address, event));
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

  owners(address: string): readonly Held<NetnsEvent>[] {
    return this.#owners.get(address) ?? [];
  }

  /** Whether an address is one of the namespace's own, as they stand now. */
  localTo(netns: NetnsId): (address: string) => boolean {
    const owned = this.#owned.get(netns);
    return (address) => isLoopback(address) || (owned?.has(address) ?? false);
  }

  #begin(address: string, event: NetnsEvent): Owner {
    const owner = { address, who: event, since: event.at, until: Infinity };
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
    const owners = (this.#owners.get(oldest.address) ?? []).filter((other) => other !== oldest);
    if (owners.length > 0) this.#owners.set(oldest.address, owners);
    else this.#owners.delete(oldest.address);
  }
}
