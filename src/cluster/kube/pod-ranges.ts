import { contains, parseAddress, parseRange, type AddressRange } from '../rules/address.ts';
import type { KubeNode } from '../../events/kube.ts';

interface NodeRange {
  readonly range: AddressRange;
  readonly node: string;
}

/** Which node hands out an address, by spec.podCIDRs: known of a Pod that has come or gone unseen, and of bridges. */
export class PodRanges {
  /** In order of their first addresses; ranges of nodes do not overlap. */
  readonly #byFamily = new Map<4 | 6, NodeRange[]>();

  constructor(nodes: readonly KubeNode[]) {
    for (const { name, podCIDRs } of nodes) {
      for (const cidr of podCIDRs) {
        const range = parseRange(cidr);
        if (range === undefined) continue;
        const known = this.#byFamily.get(range.family);
        if (known) known.push({ range, node: name });
        else this.#byFamily.set(range.family, [{ range, node: name }]);
      }
    }
    for (const ranges of this.#byFamily.values()) {
      ranges.sort((a, b) => (a.range.first < b.range.first ? -1 : a.range.first > b.range.first ? 1 : 0));
    }
  }

  nodeOf(ip: string): string | undefined {
    const address = parseAddress(ip);
    const ranges = address && this.#byFamily.get(address.family);
    if (address === undefined || ranges === undefined) return undefined;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle] as NodeRange).range.first <= address.value) low = middle + 1;
      else high = middle;
    }
    const found = ranges[low - 1];
    return found !== undefined && contains(found.range, address) ? found.node : undefined;
  }
}
