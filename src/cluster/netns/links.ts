import { z } from 'zod';
import { clean } from '../../events/clean.ts';
import type { LinkFact } from '../../events/event.ts';

/** A link as `ip -j -d addr show` tells it, before its peer's namespace is known. */
export interface LinkReading extends LinkFact {
  /** The peer's namespace as the namespace of this link numbers it (RTM_GETNSID). */
  readonly nsid?: number;
}

/** Linux allows 15 bytes (IFNAMSIZ). */
const NAME_LIMIT = 15;

const Link = z.object({
  ifindex: z.int(),
  ifname: z.string(),
  link_type: z.string().optional(),
  /** Peer or lower device: by index where it lies in another namespace, else by name. */
  link_index: z.int().optional(),
  link: z.string().nullish(),
  link_netnsid: z.int().optional(),
  master: z.string().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  addr_info: z.array(z.object({ local: z.string().optional(), prefixlen: z.int().optional() })).optional(),
});

/** Elements that are not links (`ip` prints empty ones) are left out. */
export function parseLinks(json: string): LinkReading[] {
  const links = parseArray(json).flatMap((item) => {
    const parsed = Link.safeParse(item);
    return parsed.success ? [parsed.data] : [];
  });
  const indexOf = new Map(links.map((link) => [link.ifname, link.ifindex]));
  return links.map((link) => {
    const peer = link.link_index ?? (link.link ? indexOf.get(link.link) : undefined);
    const master = link.master === undefined ? undefined : indexOf.get(link.master);
    return {
      ifindex: link.ifindex,
      name: clean(link.ifname, NAME_LIMIT),
      type: link.linkinfo?.info_kind ?? '',
      addresses: (link.addr_info ?? []).flatMap(({ local, prefixlen }) =>
        local === undefined || prefixlen === undefined ? [] : [`${local}/${prefixlen}`],
      ),
      // Index 0: a tunnel without a lower device.
      ...(peer ? { peerIfindex: peer, peerElsewhere: link.link_netnsid !== undefined } : {}),
      ...(peer && link.link_netnsid !== undefined ? { nsid: link.link_netnsid } : {}),
      ...(master === undefined ? {} : { masterIfindex: master }),
    };
  });
}

/** Names of the devices that carry a default route, from `ip -j route show default`. */
export function parseDefaultDevices(json: string): string[] {
  const Route = z.object({
    dev: z.string().optional(),
    nexthops: z.array(z.object({ dev: z.string() })).optional(),
  });
  return parseArray(json).flatMap((item) => {
    const route = Route.safeParse(item).data;
    return [route?.dev, ...(route?.nexthops ?? []).map((hop) => hop.dev)].filter((dev) => dev !== undefined);
  });
}

/** The JSON array in a tool's output; none where it is something else. */
export function parseArray(json: string): unknown[] {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
