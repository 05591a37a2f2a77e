/**
 * Which flows a request and an event belong to, by tuples alone. Coarser than the engine's ties: what shares
 * no tuple with a request has no part in it; what shares one may.
 */
import type { Event } from '../../events/event.ts';
import type { Tuple } from '../../events/tuple.ts';
import { flowKey } from '../flow-key.ts';
import type { Ends, Request } from '../request.ts';
import { hopsOf, splitEndpoint } from './way.ts';

export function flowsOfRequest(request: Request): Set<string> {
  const { protocol } = request;
  const flows = new Set<string>();
  const add = (src: Place, dst: Place): void => {
    const ports = { sport: src.port ?? 0, dport: dst.port ?? 0 };
    flows.add(flowOf({ protocol, src: src.ip, dst: dst.ip, ...ports }));
  };
  const addEnds = (ends: Ends | undefined): void => {
    if (ends !== undefined) add(splitEndpoint(ends.src), splitEndpoint(ends.dst));
  };
  for (const { client, dialled, server, sourceSeenByServer: seen } of [request, ...(request.legs ?? [])]) {
    add(client, dialled);
    // Of a request of several legs, the last server did not see the first client.
    if (server !== undefined && (seen !== undefined || request.legs === undefined))
      add(seen ?? client, server);
  }
  for (const hop of hopsOf(request)) {
    addEnds(hop.before);
    addEnds(hop.after);
  }
  return flows;
}

/** Empty for what belongs to no connection: names, rules, time, what the tracer says of itself. */
export function flowsOfEvent(event: Event): string[] {
  switch (event.kind) {
    case 'packet':
    case 'drop':
      return [event.tuple, event.conntrack?.original, event.conntrack?.reply].filter(isTuple).map(flowOf);
    case 'icmp-error':
      return [event.about, event.conntrack?.original, event.conntrack?.reply].filter(isTuple).map(flowOf);
    case 'socket':
    case 'retransmit':
    case 'head':
    case 'entry-refused':
      return [flowOf(event.tuple)];
    case 'nat':
    case 'verdict':
    case 'entry-gone':
      return [flowOf(event.original)];
    case 'entry':
      return [flowOf(event.original), flowOf(event.reply)];
    case 'conntrack-stats':
    case 'lost':
    case 'tick':
    case 'clock':
    case 'detail':
    case 'probes':
    case 'netns':
    case 'netns-gone':
    case 'rules':
    case 'kube':
    case 'kube-gone':
    case 'kube-state':
    case 'capture':
    case 'heads-missed':
      return [];
  }
}

interface Place {
  readonly ip: string;
  readonly port?: number | undefined;
}

/** A request does not tell the identifier of an ICMP echo. */
const flowOf = (tuple: Tuple): string =>
  flowKey(tuple.protocol === 'icmp' ? { ...tuple, sport: 0, dport: 0 } : tuple);

const isTuple = (tuple: Tuple | undefined): tuple is Tuple => tuple !== undefined;
