/** What a load balancer or proxy in front of the loss could carry past it. */
import type { Remedy } from '../request.ts';
import type { Loss } from './loss.ts';
import { placeOf } from './loss.ts';

/** Of TCP alone: the PROXY protocol is a head on a stream. Nobody puts a load balancer before pods and nodes. */
export function inFront(loss: Loss): Remedy[] {
  if (loss.rewrite.original.protocol !== 'tcp') return [];
  if (loss.client.kind === 'pod' || loss.client.kind === 'node') return [];
  const server = loss.server?.name ?? loss.server?.ip ?? 'the server';
  const node = placeOf(loss);
  return [
    {
      kind: 'proxy-protocol',
      text: `Let a load balancer in front of ${node} send the PROXY protocol, and ${server} expect it on port ${String(loss.rewrite.after.dport)}`,
      breaks: `Both ends or neither: until ${server} expects the header it takes it for a broken request, and from then on it refuses whoever sends none, health checks and clients inside the cluster too.`,
    },
    {
      kind: 'forwarded-header',
      text: `For HTTP: let a proxy in front of ${node} set X-Forwarded-For, and ${server} believe it from that proxy alone`,
      breaks: `Believed from anybody, it is what clients write into it. Behind ${node} it is too late: there the address is gone.`,
    },
  ];
}
