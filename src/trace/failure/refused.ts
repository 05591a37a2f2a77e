/** Nothing listens where the packet arrived, and whoever has the address said so. */
import type { Failure } from '../request.ts';
import { evidenceOf } from './evidence.ts';
import { atHop, capital, dialledBy, failedHop, place } from './scene.ts';
import type { Scene } from './scene.ts';

export function refused(scene: Scene): Failure {
  const { connection } = scene;
  const hop = failedHop(scene);
  const where = hop === undefined ? 'the far end' : (hop.netns?.name ?? place(hop));
  const ports = nodePorts(scene);
  return {
    kind: 'refused',
    detail: 'no-listener',
    ...atHop(scene),
    reason: connection.ending.reset === undefined ? 'NO_SOCKET' : 'RST',
    text: `${capital(where)} refused ${dialledBy(scene)}: nothing listens there${ports.words}.`,
    evidence: [...evidenceOf(scene), ...ports.evidence],
    next:
      ports.next ??
      `See what listens on ${where}: \`ss -ln\` there; start the server, or mend the port that is dialled.`,
  };
}

interface NodePorts {
  readonly words: string;
  readonly evidence: string[];
  readonly next?: string;
}

const SHOWN = 3;

/** "…, and which NodePort there is": only on a node, and only as many as one reads. */
function nodePorts({ connection: { protocol, client }, way: { failed } }: Scene): NodePorts {
  const ports = (failed?.mishap?.rules?.nodePorts() ?? []).filter((one) => one.protocol === protocol);
  const [first] = ports;
  if (first === undefined) return { words: '', evidence: [] };
  const dialled = ports.find(({ port }) => port === client.dport);
  if (dialled !== undefined) {
    return {
      words: `; it is the NodePort of ${dialled.service}, which this node does not serve on ${client.dst}`,
      evidence: [`the node's rules have ${dialled.service} on NodePort ${String(dialled.port)}`],
      next: 'Dial the NodePort on an address that kube-proxy serves (see its `nodePortAddresses`).',
    };
  }
  const shown = ports.slice(0, SHOWN).map(({ port, service }) => `${String(port)} (${service})`);
  const more = ports.length > shown.length ? ` and ${String(ports.length - shown.length)} more` : '';
  return {
    words: `, and no rule matches; there are NodePorts ${shown.join(', ')}${more}`,
    evidence: [
      `no rule of the node's matches port ${String(client.dport)}; NodePorts there: ${shown.join(', ')}${more}`,
    ],
    next: `Dial the NodePort of the Service that is meant, e.g. ${String(first.port)} for ${first.service}.`,
  };
}
