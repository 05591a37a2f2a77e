/** What would bring the client's address to the server, for each cause of a loss, the nearest first. */
import type { Remedy } from '../request.ts';
import { byProgram, hairpin, hostPort, masqueradeAll, offCluster } from './directly.ts';
import { inFront } from './in-front.ts';
import { clusterAddress, localPolicy } from './local-policy.ts';
import type { Loss } from './loss.ts';

export function remediesFor(loss: Loss): Remedy[] {
  switch (loss.cause) {
    case 'masquerade-external-traffic-policy':
      return [...clusterAddress(loss), ...localPolicy(loss), ...inFront(loss)];
    case 'masquerade-hairpin':
      return hairpin(loss);
    case 'masquerade-off-cluster':
      return offCluster(loss);
    case 'masquerade-all':
      return masqueradeAll(loss);
    case 'masquerade-hostport':
      return hostPort(loss);
    case 'masquerade-cni-outgoing':
    case 'snat-rule':
      return byProgram(loss);
    case 'load-balancer':
      return [...inFront(loss), ...byProgram(loss)];
    default:
      return [];
  }
}
