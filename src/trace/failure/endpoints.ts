/** Why a Service has nobody to send to: its objects tell, where the Kubernetes API was read. */
import type { ClusterBook, EndpointFacts, ServiceFacts } from '../knowledge.ts';
import type { FailureDetail } from '../request.ts';
import { serviceOf } from './scene.ts';
import type { Scene } from './scene.ts';

export interface Lack {
  readonly detail?: FailureDetail;
  /** After "has no ready endpoint". */
  readonly words: string;
  readonly evidence: readonly string[];
  readonly next?: string;
}

const UNKNOWN: Lack = { words: '', evidence: [] };
/** More are counted. */
const SHOWN = 3;

export function lackOf(scene: Scene): Lack {
  const { connection, knowledge, way } = scene;
  const [name = ''] = serviceOf(scene)?.split(':') ?? [];
  const netns = way.failed?.mishap?.event.netns ?? connection.origin;
  const book = knowledge.cluster(netns, connection.firstAt);
  const service = book?.service(name);
  // kube-proxy's rules hold those alone that are ready.
  if (book === undefined || service?.from !== 'api') return UNKNOWN;
  const lack = whyOf(service);
  return { ...lack, evidence: [...lack.evidence, ...doubts(book)] };
}

function whyOf({ name, endpoints, hasSelector }: ServiceFacts): Lack {
  const evidence = told(endpoints);
  const waiting = endpoints.filter(({ ready, terminating }) => !ready && !terminating);
  const [namespace, bare] = name.split('/');
  if (endpoints.length === 0) {
    return {
      detail: 'no-pods',
      words:
        hasSelector === false
          ? ', since it has no selector and nobody gave it any'
          : ', since no pod matches its selector',
      evidence: [`the API: ${name} has no endpoints at all`],
      next: `Compare the selector of the Service with the labels of its pods: \`kubectl -n ${namespace ?? ''} get service ${bare ?? ''} -o yaml\`, \`kubectl -n ${namespace ?? ''} get pods --show-labels\`; or scale up what makes them.`,
    };
  }
  if (waiting.length > 0) {
    return {
      detail: 'not-ready',
      words: `: ${count(waiting.length, 'pod')} of it ${waiting.length === 1 ? 'is' : 'are'} there and not ready`,
      evidence,
      next: `See why they are not ready: \`kubectl -n ${namespace ?? ''} describe pod ${waiting[0]?.pod?.split('/')[1] ?? ''}\`, its readiness probe and its containers.`,
    };
  }
  if (endpoints.every(({ terminating }) => terminating)) {
    return {
      detail: 'terminating',
      words: ': its last pods are ending, and no other has taken their place',
      evidence,
      next: `See why no new pod is there: \`kubectl -n ${namespace ?? ''} get pods\` and what makes them (a rollout without surge, a drained node, a scaling to zero).`,
    };
  }
  return {
    words: ' in the rules, though the API knows some',
    evidence,
    next: 'See whether kube-proxy on that node keeps up: `kubectl -n kube-system logs -l k8s-app=kube-proxy`.',
  };
}

function told(endpoints: readonly EndpointFacts[]): string[] {
  const shown = endpoints.slice(0, SHOWN).map(({ ip, port, pod, ready, terminating, serving }) => {
    const state = terminating
      ? `terminating${serving ? ', still serving' : ''}`
      : ready
        ? 'ready'
        : 'not ready';
    return `the API: ${pod ?? 'an endpoint'} (${ip}:${String(port)}) is ${state}`;
  });
  const more = endpoints.length - shown.length;
  return more > 0 ? [...shown, `the API: ${String(more)} more`] : shown;
}

const doubts = ({ api, note }: ClusterBook): string[] =>
  api === 'away' ? [`what the API said may be old${note === undefined ? '' : `: ${note}`}`] : [];

const count = (many: number, what: string): string => `${String(many)} ${what}${many === 1 ? '' : 's'}`;
