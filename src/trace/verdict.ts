/**
 * Whether the server saw the client's own address, and where and why it was lost.
 */
import type { Connection } from './connection.ts';
import type { Way } from './hops.ts';
import type { Knowledge } from './knowledge.ts';
import { placeOf } from './remedies/loss.ts';
import type { Loss, SourceRewrite } from './remedies/loss.ts';
import { noLocalEndpoint } from './remedies/no-local-endpoint.ts';
import { programOf } from './remedies/programs.ts';
import { remediesFor } from './remedies/remedies.ts';
import { responsibleFor } from './remedies/responsible.ts';
import type { ClientIp, Hop, LossCause, Remedy, Request } from './request.ts';

const CAUSES: Readonly<Record<LossCause, string>> = {
  'masquerade-external-traffic-policy':
    'the Service has externalTrafficPolicy: Cluster, so the entry node hides the client behind its own address',
  'masquerade-hairpin': 'a pod reached itself through its Service, which needs the node in between',
  'masquerade-off-cluster': 'the source is no pod address, so kube-proxy hides it behind the node',
  'masquerade-all': 'kube-proxy runs with masqueradeAll',
  'masquerade-cni-outgoing': "hides pods behind the node for traffic that leaves the cluster's network",
  'masquerade-hostport': 'the HostPort plugin hides the source behind the node',
  'snat-rule': 'a source NAT rule rewrites it that is not one of kube-proxy',
  proxy: 'a proxy opened a connection of its own',
  'load-balancer': 'a load balancer in front of the cluster sends it on from an address of its own',
};

/** The ends of a connection by their names. */
export type Ends = Pick<Request, 'client' | 'dialled' | 'server'>;

export interface Seen {
  readonly connection: Connection;
  readonly way: Way;
  readonly ends: Ends;
  readonly knowledge: Knowledge;
  /** Events lost while the connection lived: a verdict that may need one of them is unknown. */
  readonly lost: number;
}

export function verdictOf({ connection, way, ends, knowledge, lost }: Seen): ClientIp {
  const base = { carriers: [], remedies: [] };
  const unknown = (text: string): ClientIp => ({ verdict: 'unknown', ...base, text });
  const client = connection.client.src;
  const seen = way.server?.tuple.src;
  const rewrite = way.sourceRewrites.findLast(({ hop }) => changesAddress(hop));
  if (!connection.beginningSeen && way.server === undefined && rewrite === undefined) {
    return unknown('The beginning of this connection was not seen.');
  }
  if (rewrite !== undefined && seen !== client) {
    // Another rewrite may have followed.
    if (lost > 0 && seen !== rewrite.rewrite.after.src) return unknown(unknownWords(connection, way, lost));
    return lostAt(lossOf(rewrite, connection, ends, knowledge), client);
  }
  if (seen === undefined) {
    const text = unknownWords(connection, way, lost);
    return { ...unknown(text), remedies: remediesForDrop(connection, way, knowledge) };
  }
  if (seen !== client) {
    const text = `The server saw ${seen}, not the client ${client}; the hop that changed it was not seen.`;
    return { verdict: 'lost', ...base, text };
  }
  if (lost > 0 && !connection.sourceSeen) {
    return unknown(
      `The server saw ${seen}; whether that is who dialled is not known: ${String(lost)} events were lost meanwhile.`,
    );
  }
  return { verdict: 'preserved', ...base, text: `The server saw the client's own address, ${client}.` };
}

function lossOf(rewrite: SourceRewrite, connection: Connection, ends: Ends, knowledge: Knowledge): Loss {
  const { netns } = rewrite;
  return {
    ...rewrite,
    cause: isLoadBalancer(rewrite, knowledge, connection.firstAt) ? 'load-balancer' : rewrite.explained.cause,
    client: ends.client,
    dialled: ends.dialled,
    server: ends.server,
    cluster: knowledge.cluster(netns, connection.firstAt),
    isLocal: (ip) => knowledge.isLocal(netns, ip),
  };
}

function remediesForDrop({ firstAt }: Connection, way: Way, knowledge: Knowledge): Remedy[] {
  const { hop: index, mishap, rule } = way.failed ?? {};
  const hop = index === undefined ? undefined : way.hops[index];
  if (hop === undefined || mishap === undefined || rule?.because !== 'no-local-endpoint') return [];
  const { event } = mishap;
  const current = event.kind === 'drop' ? event.tuple : event.about;
  return noLocalEndpoint({
    hop,
    original: event.conntrack?.original ?? current,
    servicePort: rule.rule?.service,
    cluster: knowledge.cluster(event.netns, firstAt),
    isLocal: (ip) => knowledge.isLocal(event.netns, ip),
  });
}

/** Outside of the cluster, and it sends what was dialled on to the cluster's nodes, Services or pods. */
function isLoadBalancer(
  { netns, rewrite, explained }: SourceRewrite,
  knowledge: Knowledge,
  at: number,
): boolean {
  const { original, before } = rewrite;
  const role = knowledge.place(netns, at)?.role;
  if (explained.author !== undefined || role === 'node' || role === 'pod') return false;
  if (original.dst === before.dst && original.dport === before.dport) return false;
  const { kind } = knowledge.endpoint(netns, before.dst, before.dport, before.protocol, at);
  return kind === 'service' || kind === 'node' || kind === 'pod';
}

function lostAt(loss: Loss, client: string): ClientIp {
  const { cause, hop, index, rewrite } = loss;
  const responsible = responsibleFor(loss);
  return {
    verdict: 'lost',
    lostAtHop: index,
    ...(cause !== undefined && { cause }),
    ...(responsible && { responsible }),
    carriers: [],
    text: `Lost on ${placeOf(loss)} in ${hop.hook ?? 'netfilter'}: ${client} became ${rewrite.after.src}, because ${whyOf(loss)}.`,
    remedies: remediesFor(loss),
  };
}

function whyOf({ cause, hop, explained }: Loss): string {
  if (cause === undefined) return ruleWords(hop);
  const program = programOf(explained.author)?.name;
  if (cause === 'masquerade-cni-outgoing') return `${program ?? 'the network plugin'} ${CAUSES[cause]}`;
  if (cause === 'snat-rule' && program !== undefined) return `a rule of ${program} rewrites it`;
  return CAUSES[cause];
}

function changesAddress(hop: Hop | undefined): boolean {
  return (
    hop?.before !== undefined &&
    hop.after !== undefined &&
    withoutPort(hop.before.src) !== withoutPort(hop.after.src)
  );
}

function withoutPort(end: string): string {
  if (end.startsWith('[')) return end.slice(1, end.indexOf(']'));
  return end.includes('.') ? (end.split(':')[0] ?? end) : end;
}

function ruleWords({ kind, rule }: Hop): string {
  if (rule === undefined)
    return kind === 'masquerade' ? 'a rule masquerades it' : 'a rule translates its source';
  return `a rule in ${rule.table} ${rule.chain} translates its source`;
}

function unknownWords(connection: Connection, way: Way, lost: number): string {
  if (!connection.answered) return 'Nobody served it, so no server saw an address.';
  const last = way.hops.at(-1);
  const out = last?.device?.out;
  const where = last?.node ?? last?.netns?.name;
  const left =
    where !== undefined && out !== undefined
      ? `It left ${where} by ${out} with the address ${way.arrived?.src ?? connection.client.src}`
      : 'It went where nothing was seen';
  const loss = lost > 0 ? `, and ${String(lost)} events were lost meanwhile` : '';
  return `${left}; the server is not traced here${loss}.`;
}
