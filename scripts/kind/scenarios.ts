/** What is dialled, and from where: the rows of the lab's scenarios that a kind cluster can show. */
import { HOSTS, LB_PORTS } from '../lab/daemons.ts';
import {
  INGRESS,
  INGRESS_LOCAL,
  INGRESS_PROXY,
  LOCAL,
  NO_PODS,
  STICKY,
  TEST,
} from '../lab/scenarios/kube.ts';
import { NO_SUCH_SERVICE } from '../lab/topology.ts';
import { ADDRESSES, CLIENT, KUBECONFIG, type Cluster } from './cluster.ts';

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** The command that dials. */
  readonly command: (cluster: Cluster) => readonly string[];
}

/** Enough for a connection that is dropped to be told so. */
const CURL = ['curl', '--silent', '--show-error', '--max-time', '6'];
const EXTERNAL_IP = '192.0.2.80';

const fromClient = (url: string, host?: string): readonly string[] => [
  ...['docker', 'exec', CLIENT, ...CURL],
  ...(host === undefined ? [] : ['--header', `Host: ${host}`]),
  url,
];
const fromPod = (pod: string, ...command: readonly string[]): readonly string[] => [
  ...['kubectl', '--kubeconfig', KUBECONFIG, 'exec', pod, '--', ...command],
];
const curlFrom = (pod: string, url: string): readonly string[] => fromPod(pod, ...CURL, url);

const scenario = (id: string, title: string, command: Scenario['command']): Scenario => ({
  id,
  title,
  command,
});

export const scenarios: readonly Scenario[] = [
  scenario('s3-service', 'pod to a Service, by name', () => curlFrom('toolbox-a', 'http://service-test/')),
  scenario('s5-nodeport', 'client to a NodePort, Cluster policy', ({ a }) =>
    fromClient(`http://${a.ip}:${TEST.nodePort}/`),
  ),
  scenario('s6-nodeport-local', 'client to a NodePort, Local policy', ({ a }) =>
    fromClient(`http://${a.ip}:${LOCAL.nodePort}/`),
  ),
  scenario('s6-without-endpoint', 'the same at a node that has no endpoint', ({ a }) =>
    fromClient(`http://${a.ip}:${INGRESS_LOCAL.nodePort}/`),
  ),
  scenario('s7-nothing-listens', 'client to port 80 of a node', ({ a }) => fromClient(`http://${a.ip}/`)),
  scenario('s8-lb-ranges', 'client outside of loadBalancerSourceRanges', () =>
    fromClient(`http://${ADDRESSES['service-test-ranges']}/`),
  ),
  scenario('s9-ingress-a', 'client to the ingress, Local policy, on to a Service', () =>
    fromClient(`http://${ADDRESSES['ingress-nginx-local']}/a/pings`, HOSTS.shop),
  ),
  scenario('s9-ingress-b', 'the same, on to the pod itself', () =>
    fromClient(`http://${ADDRESSES['ingress-nginx-local']}/b/pings`, HOSTS.shop),
  ),
  scenario('s10-masqueraded', 'client to the ingress, Cluster policy', () =>
    fromClient(`http://${ADDRESSES['ingress-nginx']}/a/pings`, HOSTS.shop),
  ),
  scenario('s11-proxy-v2', 'client to HAProxy, PROXY v2 to the ingress', ({ balancerIp }) =>
    fromClient(`http://${balancerIp}:${LB_PORTS.v2}/a/pings`, HOSTS.shop),
  ),
  scenario('s11-proxy-v1', 'client to HAProxy, PROXY v1 to the ingress', ({ balancerIp }) =>
    fromClient(`http://${balancerIp}:${LB_PORTS.v1}/a/pings`, HOSTS.shop),
  ),
  scenario('s12-unwanted', 'PROXY v2 to an ingress that does not speak it', ({ balancerIp }) =>
    fromClient(`http://${balancerIp}:${LB_PORTS.v2Unwanted}/a/pings`, HOSTS.shop),
  ),
  scenario('s12-missing', 'no PROXY header to an ingress that demands one', ({ b }) =>
    fromClient(`http://${b.ip}:${INGRESS_PROXY.nodePort}/a/pings`, HOSTS.shop),
  ),
  scenario('s13-hostport', 'client to a hostPort', ({ b }) => fromClient(`http://${b.ip}:8088/`)),
  scenario('s13-hostnetwork', 'client to a pod in the network of its node', ({ b }) =>
    fromClient(`http://${b.ip}:8080/`),
  ),
  scenario('s14-hairpin', 'pod to itself through its Service', () =>
    curlFrom('a-service-1', 'http://a-service/'),
  ),
  scenario('s15-no-pods', 'client to a NodePort whose Service has no pods', ({ a }) =>
    fromClient(`http://${a.ip}:${NO_PODS.nodePort}/`),
  ),
  scenario('s15-not-ready', 'pod to a Service whose only pod is not ready', () =>
    curlFrom('toolbox-a', 'http://not-ready/'),
  ),
  scenario('s16-sticky', 'client to a NodePort with sessionAffinity', ({ a }) =>
    fromClient(`http://${a.ip}:${STICKY.nodePort}/`),
  ),
  scenario('s16-external-ip', 'client to an external IP', () => fromClient(`http://${EXTERNAL_IP}/`)),
  scenario('s16-itp-local', 'pod to a Service, internalTrafficPolicy Local', () =>
    curlFrom('toolbox-a', 'http://service-test-itp-local/'),
  ),
  scenario('s17-nxdomain', 'pod asks for a name that there is not', () =>
    fromPod('toolbox-a', 'nslookup', `${NO_SUCH_SERVICE}.default.svc.cluster.local`),
  ),
  scenario('s18-egress', 'pod to HAProxy outside of the cluster', ({ balancerIp }) =>
    curlFrom('toolbox-a', `http://${balancerIp}:${LB_PORTS.http}/a/pings`),
  ),
  scenario('s20-unauthorized', 'the application answers 401', () =>
    fromClient(`http://${ADDRESSES['ingress-nginx-local']}/login`, HOSTS.shop),
  ),
  scenario('s20-unresolved', 'the name that the ingress wants to dial does not exist', ({ a }) =>
    fromClient(`http://${a.ip}:${INGRESS.nodePort}/products`, HOSTS.shop),
  ),
];
