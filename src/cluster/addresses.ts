import { canonicalAddress, isLoopback } from '../events/address.ts';
import type { NetnsEvent, NetnsId } from '../events/event.ts';

/** Which namespaces have which addresses, both ways. */
export class Addresses {
  readonly #owners = new Map<string, Set<NetnsId>>();
  readonly #owned = new Map<NetnsId, ReadonlySet<string>>();

  set({ netns, links }: NetnsEvent): void {
    this.delete(netns);
    const owned = new Set<string>();
    for (const prefix of links.flatMap((link) => link.addresses)) {
      const address = canonicalAddress(prefix.split('/', 1)[0] ?? '');
      if (address !== undefined && !isLoopback(address)) owned.add(address);
    }
    this.#owned.set(netns, owned);
    for (const address of owned) {
      const owners = this.#owners.get(address);
      if (owners) owners.add(netns);
      else this.#owners.set(address, new Set([netns]));
    }
  }

  delete(netns: NetnsId): void {
    for (const address of this.#owned.get(netns) ?? []) {
      const owners = this.#owners.get(address);
      owners?.delete(netns);
      if (owners?.size === 0) this.#owners.delete(address);
    }
    this.#owned.delete(netns);
  }

  owners(address: string): NetnsId[] {
    return [...(this.#owners.get(address) ?? [])];
  }

  /** Whether an address is one of the namespace's own, as they stand now. */
  localTo(netns: NetnsId): (address: string) => boolean {
    const owned = this.#owned.get(netns);
    return (address) => isLoopback(address) || (owned?.has(address) ?? false);
  }
}
