/** What a load balancer or proxy in front of the loss could carry past it. */
import type { Endpoint, Remedy } from '../request.ts';
import type { Loss } from './loss.ts';
import { placeOf } from './loss.ts';

/** Of TCP alone: the PROXY protocol is a head on a stream. Nobody puts a load balancer before pods and nodes. */
export function inFront(loss: Loss): Remedy[] {
  if (loss.rewrite.original.protocol !== 'tcp') return [];
  if (loss.client.kind === 'pod' || loss.client.kind === 'node') return [];
  const { client, dialled } = loss;
  const server = serverName(loss.server);
  const port = loss.rewrite.after.dport;
  return [
    {
      kind: 'proxy-protocol',
      text: `Put a load balancer that speaks the PROXY protocol in front of ${placeOf(loss)}, in the way from ${client.name ?? client.ip} to ${dialled.name ?? dialled.ip}, and let ${server} expect its header on port ${String(port)}`,
      breaks: `Both ends or neither: ${server} takes the header for a broken request while it does not expect it, and once it does, it refuses on that port whoever sends none, health checks and clients inside the cluster too.`,
    },
    {
      kind: 'forwarded-header',
      text: `For HTTP: put a proxy there that sets X-Forwarded-For, and let ${server} believe it from that proxy alone`,
      breaks: `A server that believes the header from anybody takes whatever a client writes into it; and it must come before ${placeOf(loss)}, since behind it the address is gone.`,
    },
  ];
}

const serverName = (server: Endpoint | undefined): string => server?.name ?? server?.ip ?? 'the server';
