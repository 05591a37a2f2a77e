/**
 * Whether the server saw the client's own address, and where and why it was lost.
 */
import type { Connection } from './connection.ts';
import type { Way } from './hops.ts';
import type { ClientIp, Hop, LossCause } from './request.ts';

const CAUSES: Readonly<Record<LossCause, string>> = {
  'masquerade-external-traffic-policy':
    'the Service has externalTrafficPolicy: Cluster, so the entry node hides the client behind its own address',
  'masquerade-hairpin': 'a pod reached itself through its Service, which needs the node in between',
  'masquerade-off-cluster': 'the source is no pod address, so kube-proxy hides it behind the node',
  'masquerade-all': 'kube-proxy runs with masqueradeAll',
  'masquerade-cni-outgoing':
    "the CNI hides pods behind the node for traffic that leaves the cluster's network",
  'masquerade-hostport': 'the HostPort plugin hides the source behind the node',
  'snat-rule': 'a source NAT rule rewrites it that is not one of kube-proxy',
  proxy: 'a proxy opened a connection of its own',
  'load-balancer': 'a load balancer in front opened a connection of its own or translated the source',
};

/** @param lost events lost while the connection lived: a verdict that may need one of them is unknown */
export function verdictOf(connection: Connection, way: Way, lost: number): ClientIp {
  const base = { carriers: [], remedies: [] };
  const unknown = (text: string): ClientIp => ({ verdict: 'unknown', ...base, text });
  const client = connection.client.src;
  const seen = way.server?.tuple.src;
  const rewrite = way.sourceRewrites.findLast(({ hop }) => changesAddress(way.hops[hop]));
  if (!connection.beginningSeen && way.server === undefined && rewrite === undefined) {
    return unknown('The beginning of this connection was not seen.');
  }
  if (rewrite !== undefined && seen !== client) {
    // Another rewrite may have followed.
    if (lost > 0 && seen !== rewrite.after.src) return unknown(unknownWords(connection, way, lost));
    const hop = way.hops[rewrite.hop] as Hop;
    const { cause } = rewrite.rule;
    const where = hop.node ?? hop.netns?.name ?? 'a node';
    const why = cause === undefined ? ruleWords(hop) : CAUSES[cause];
    const became = rewrite.after.src;
    return {
      verdict: 'lost',
      lostAtHop: rewrite.hop,
      ...(cause !== undefined && { cause }),
      ...base,
      text: `Lost on ${where} in ${hop.hook ?? 'netfilter'}: ${client} became ${became}, because ${why}.`,
    };
  }
  if (seen === undefined) return unknown(unknownWords(connection, way, lost));
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
