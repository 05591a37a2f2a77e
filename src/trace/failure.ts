/** What broke, in the words of the contract, with what the kernel or the packet said. */
import type { IcmpErrorEvent } from '../events/event.ts';
import { destinationOf } from '../events/tuple.ts';
import type { Connection } from './connection.ts';
import type { Way } from './hops.ts';
import { refusal } from './lifecycle.ts';
import type { Failure, Hop, State } from './request.ts';

const ERRNO: ReadonlyMap<number, string> = new Map([
  [101, 'ENETUNREACH'],
  [104, 'ECONNRESET'],
  [110, 'ETIMEDOUT'],
  [111, 'ECONNREFUSED'],
  [113, 'EHOSTUNREACH'],
]);

/** ICMP destination unreachable codes (RFC 792, RFC 1812) and ICMPv6's (RFC 4443). */
const UNREACHABLE: ReadonlyMap<number, string> = new Map([
  [0, 'net unreachable'],
  [1, 'host unreachable'],
  [2, 'protocol unreachable'],
  [3, 'port unreachable'],
  [9, 'net administratively prohibited'],
  [10, 'host administratively prohibited'],
  [13, 'administratively prohibited'],
]);
const UNREACHABLE6: ReadonlyMap<number, string> = new Map([
  [0, 'no route'],
  [1, 'administratively prohibited'],
  [3, 'address unreachable'],
  [4, 'port unreachable'],
  [5, 'source policy failed'],
  [6, 'route rejected'],
]);

/** @param lost events lost while the connection lived */
export function failureOf(connection: Connection, way: Way, state: State, lost: number): Failure | undefined {
  switch (state) {
    case 'refused':
      return refused(connection, way);
    case 'rejected':
      return rejected(connection, way);
    case 'dropped':
      return dropped(connection, way);
    case 'unanswered':
      return unanswered(connection, way, lost);
    case 'closed': {
      const { reset, finForward } = connection.ending;
      // After a FIN that was lost it would be no failure.
      if (reset?.direction !== 'reply' || finForward || lost > 0) return undefined;
      return { kind: 'reset', reason: 'RST', text: 'The server reset the connection.' };
    }
    default:
      return undefined;
  }
}

function unanswered(connection: Connection, way: Way, lost: number): Failure {
  const { dialFailed } = connection.ending;
  const { stale } = way;
  if (stale !== undefined) {
    const hop = way.hops[stale.hop];
    return {
      kind: 'stale-conntrack',
      atHop: stale.hop,
      reason: 'no rule leads there',
      text: `A conntrack entry${hop === undefined ? '' : ` on ${place(hop)}`} sends ${dialledBy(connection)} to ${hop?.after?.dst ?? 'where'}, where no rule of ${stale.service} leads now, and nothing answered: the entry is older than the rules.`,
    };
  }
  const last = way.hops.at(-1);
  const far = last === undefined ? '' : ` It was last seen ${whereOf(last)}.`;
  const doubt = lost === 0 ? '' : ` ${String(lost)} events were lost meanwhile: an answer may be among them.`;
  return {
    kind: 'unanswered',
    reason: (dialFailed && ERRNO.get(dialFailed.error)) ?? 'no answer',
    text: `Nothing answered at ${dialledBy(connection)}.${far}${doubt}`,
  };
}

function refused(connection: Connection, way: Way): Failure {
  const hop = failedHop(way);
  const by = hop === undefined ? 'The far end' : (hop.netns?.name ?? place(hop));
  return {
    kind: 'refused',
    ...atHop(way),
    reason: connection.ending.reset === undefined ? 'NO_SOCKET' : 'RST',
    text: `${by} refused ${dialledBy(connection)}: nothing listens there${nodePortWords(connection, way)}.`,
  };
}

function rejected(connection: Connection, way: Way): Failure {
  const hop = failedHop(way);
  const dialled = dialledBy(connection);
  const error = refusal(connection)?.event;
  const reason = error?.kind === 'icmp-error' ? icmpWords(error) : 'RST';
  const drop = way.failed?.mishap?.event;
  if (drop?.kind !== 'drop') {
    return { kind: 'refused', ...atHop(way), reason, text: `${dialled} was refused: ${reason}.` };
  }
  if (drop.reason !== BY_RULE) {
    const by = hop === undefined ? 'The kernel' : place(hop);
    return {
      kind: 'dropped-by-kernel',
      ...atHop(way),
      reason: `${drop.reason}, ${reason}`,
      text: `${by} had no way to ${dialled} (${drop.reason}) and said so (${reason}).`,
    };
  }
  const because = way.failed?.rule.because;
  if (because === 'no-endpoints') {
    return {
      kind: 'rejected-no-endpoints',
      ...atHop(way),
      reason,
      text: `Service ${serviceOf(connection, way)} has no ready endpoint: ${ruleWords(hop)} rejects ${dialled}.`,
    };
  }
  const port = because === 'unknown-port' ? ' (a port that the Service does not have)' : '';
  return {
    kind: 'rejected-by-rule',
    ...atHop(way),
    reason,
    text: `${ruleWords(hop)} rejects ${dialled}${port}.`,
  };
}

function dropped(connection: Connection, way: Way): Failure {
  const hop = failedHop(way);
  const dialled = dialledBy(connection);
  const drop = way.failed?.mishap?.event;
  if (drop?.kind !== 'drop' || drop.reason !== BY_RULE) {
    const reason = drop?.kind === 'drop' ? drop.reason : 'unknown';
    const location = drop?.kind === 'drop' ? ` in ${drop.location}` : '';
    return {
      kind: 'dropped-by-kernel',
      ...atHop(way),
      reason,
      text: `${hop === undefined ? 'The kernel' : place(hop)} dropped the packet to ${dialled}: ${reason}${location}.`,
    };
  }
  const because = way.failed?.rule.because;
  const service = serviceOf(connection, way);
  if (because === 'no-local-endpoint') {
    return {
      kind: 'no-local-endpoint',
      ...atHop(way),
      reason: BY_RULE,
      text: `Service ${service} keeps traffic on the node (Local) and has no endpoint there: ${ruleWords(hop)} drops ${dialled}.`,
    };
  }
  const ranges = because === 'source-ranges' ? ': the source is outside loadBalancerSourceRanges' : '';
  const noEndpoints = because === 'no-endpoints' ? `: Service ${service} has no ready endpoint` : '';
  return {
    kind: 'dropped-by-rule',
    ...atHop(way),
    reason: BY_RULE,
    text: `${ruleWords(hop)} drops ${dialled}${ranges}${noEndpoints}.`,
  };
}

const BY_RULE = 'NETFILTER_DROP';

const dialledBy = ({ client }: Connection): string => destinationOf(client);

const failedHop = ({ hops, failed }: Way): Hop | undefined => failed && hops[failed.hop];

const atHop = ({ failed }: Way): { atHop?: number } => (failed === undefined ? {} : { atHop: failed.hop });

const serviceOf = (connection: Connection, { failed }: Way): string =>
  failed?.rule.rule?.service ?? dialledBy(connection);

/** "…, and which NodePort there is": only on a node, and only as many as one reads. */
function nodePortWords({ protocol, client }: Connection, { failed }: Way): string {
  const ports = (failed?.mishap?.rules?.nodePorts() ?? []).filter((one) => one.protocol === protocol);
  const dialled = ports.find(({ port }) => port === client.dport);
  if (dialled !== undefined) {
    return `; it is the NodePort of ${dialled.service}, which this node does not serve on ${client.dst}`;
  }
  const shown = ports.slice(0, 3).map(({ port, service }) => `${String(port)} (${service})`);
  if (shown.length === 0) return '';
  const more = ports.length > shown.length ? ` and ${String(ports.length - shown.length)} more` : '';
  return `, and no rule matches; there are NodePorts ${shown.join(', ')}${more}`;
}

function icmpWords(event: IcmpErrorEvent): string {
  const names = event.family === 4 ? UNREACHABLE : UNREACHABLE6;
  const words = names.get(event.code) ?? `type ${String(event.type)} code ${String(event.code)}`;
  return `ICMP${event.family === 6 ? 'v6' : ''} ${words} from ${event.src}`;
}

function place(hop: Hop): string {
  return hop.node ?? hop.netns?.name ?? 'The machine';
}

function whereOf(hop: Hop): string {
  const name = hop.node ?? hop.netns?.name;
  const device = hop.device?.out ?? hop.device?.in;
  return `${name === undefined ? '' : `on ${name} `}${device === undefined ? '' : `at ${device}`}`.trim();
}

function ruleWords(hop: Hop | undefined): string {
  if (hop?.rule === undefined) return hop === undefined ? 'a rule' : `a rule on ${place(hop)}`;
  return `${hop.rule.chain} on ${place(hop)}`;
}
