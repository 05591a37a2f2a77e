/** What a failure is told from, and the words that all failures share. */
import type { DropEvent, NetnsId } from '../../events/event.ts';
import { inumOf } from '../../events/netns.ts';
import { destinationOf } from '../../events/tuple.ts';
import type { Connection } from '../connection.ts';
import type { ConntrackCounts } from '../conntrack-counts.ts';
import type { Way } from '../hops.ts';
import type { Knowledge } from '../knowledge.ts';
import { BY_RULE } from '../refusal-rule.ts';
import type { Hop } from '../request.ts';

export interface Scene {
  readonly connection: Connection;
  readonly way: Way;
  readonly knowledge: Knowledge;
  readonly counts: ConntrackCounts;
  /** Events lost while the connection lived. */
  readonly lost: number;
}

export const dialledBy = ({ connection }: Scene): string => destinationOf(connection.client);

export const failedHop = ({ way: { hops, failed } }: Scene): Hop | undefined => failed && hops[failed.hop];

export const atHop = ({ way: { failed } }: Scene): { atHop?: number } =>
  failed === undefined ? {} : { atHop: failed.hop };

/** Netfilter's drop of a packet that had no entry where entries are made (nf_conntrack_in), and that no known rule did. */
export function entryDenied(scene: Scene): { readonly drop: DropEvent; readonly hop: Hop } | undefined {
  const hop = failedHop(scene);
  const drop = scene.way.failed?.mishap?.event;
  if (drop?.kind !== 'drop' || drop.reason !== BY_RULE || drop.conntrack !== undefined) return undefined;
  const isEntrance = hop?.hook === 'PREROUTING' || hop?.hook === 'OUTPUT';
  return isEntrance && hop.rule === undefined ? { drop, hop } : undefined;
}

/** Of the rule that did it; else as the address dialled is known. */
export function serviceOf(scene: Scene): string | undefined {
  const { connection, way, knowledge } = scene;
  const named = way.failed?.rule.rule?.service;
  if (named !== undefined) return named;
  const { client, origin, firstAt } = connection;
  const { kind, name } = knowledge.endpoint(origin, client.dst, client.dport, client.protocol, firstAt);
  return kind === 'service' ? name : undefined;
}

export const serviceOrAddress = (scene: Scene): string => serviceOf(scene) ?? dialledBy(scene);

/** A pod has the name of its own namespace. */
export const place = (hop: Hop): string => hop.netns?.name ?? hop.node ?? 'the machine';

export function placeOf({ knowledge, connection }: Scene, netns: NetnsId): string {
  const known = knowledge.place(netns, connection.firstAt);
  return known?.name ?? known?.node ?? 'the machine';
}

/** The first hop at which a namespace rewrote it; -1 where none did. */
export const rewrittenAt = ({ way }: Scene, netns: NetnsId): number =>
  way.hops.findIndex(({ kind, netns: at }) => REWRITES.has(kind) && at?.inum === inumOf(netns));

const REWRITES: ReadonlySet<string> = new Set(['dnat', 'redirect', 'snat', 'masquerade']);

export function ruleWords(hop: Hop | undefined): string {
  if (hop?.rule === undefined) return hop === undefined ? 'a rule' : `a rule on ${place(hop)}`;
  return `${hop.rule.chain} on ${place(hop)}`;
}

/** Where a rule that is not known by name is looked for. */
export function rulesThere(hop: Hop | undefined): string {
  if (hop?.rule !== undefined) return `${hop.rule.chain} on ${place(hop)}`;
  return hop === undefined
    ? 'the filter tables'
    : `the filter tables${hop.hook === undefined ? '' : ` in ${hop.hook}`} on ${place(hop)}`;
}

/** How a person lists what a Service has behind it; `ns/name:port` is a name that Kubernetes gave. */
export function endpointsOf(service: string | undefined): string {
  const [, namespace, name] = /^([^/]+)\/([^:]+)/.exec(service ?? '') ?? [];
  if (namespace === undefined || name === undefined) return 'the pods behind it, and whether they are ready';
  return `\`kubectl -n ${namespace} get endpointslices -l kubernetes.io/service-name=${name}\``;
}

/** At the head of a sentence; a name stays as it is. */
export const capital = (text: string): string => text.replace(/^the /, 'The ');
