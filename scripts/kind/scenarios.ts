/** What is dialled, and from where: the rows of the lab's scenarios that a kind cluster can show. */
import { HOSTS, LB_PORTS } from '../lab/daemons.ts';
import { HOST_PORT } from '../lab/rules.ts';
import {
  DUAL,
  INGRESS,
  INGRESS_LOCAL,
  INGRESS_PROXY,
  INGRESS_TLS,
  LOCAL,
  NO_PODS,
  STICKY,
  TEST,
} from '../lab/scenarios/kube.ts';
import { CLIENT_IP, CLIENT_IP6, NO_SUCH_SERVICE, OUTSIDE_PORT, PLAIN } from '../lab/topology.ts';
import { CLIENT, SERVER } from './beside.ts';
import { ADDRESSES, KUBECONFIG, type Cluster } from './cluster.ts';

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** The command that dials. */
  readonly command: (cluster: Cluster) => readonly string[];
}

/** Enough for a connection that is dropped to be told so. */
const CURL = ['curl', '--silent', '--show-error', '--max-time', '6'];
const EXTERNAL_IP = '192.0.2.80';

const withHost = (host: string): readonly string[] => ['--header', `Host: ${host}`];
/** The address or name that is dialled is another than the one that TLS, and the request, asks for. */
const tls = (dialled: string): readonly string[] => [
  ...['--insecure', '--connect-to', `${HOSTS.shop}:443:${dialled}`],
];
const fromClient = (url: string, ...options: readonly string[]): readonly string[] => [
  ...['docker', 'exec', CLIENT, ...CURL, ...options, url],
];
const atShop = (url: string): readonly string[] => fromClient(url, ...withHost(HOSTS.shop));
const kubectlExec = (pod: string, container: string, command: readonly string[]): readonly string[] => [
  ...['kubectl', '--kubeconfig', KUBECONFIG, 'exec', pod, '--container', container, '--', ...command],
];
/** Its container is called as the Pod is, but for the number. */
const fromPod = (pod: string, ...command: readonly string[]): readonly string[] =>
  kubectlExec(pod, pod.replace(/-[a-z0-9]$/, ''), command);
const curlFrom = (pod: string, url: string, ...options: readonly string[]): readonly string[] =>
  fromPod(pod, ...CURL, ...options, url);
const inCluster = (service: string): string => `${service}.default.svc.cluster.local`;
/** curl would not share the port with the server. */
const SOCAT_GET = `printf 'GET / HTTP/1.1\\r\\nHost: client\\r\\nConnection: close\\r\\n\\r\\n' |
  socat -t 3 - TCP4:${CLIENT_IP}:${OUTSIDE_PORT},bind=${PLAIN.server}:${PLAIN.port},reuseport,connect-timeout=6`;

const scenario = (id: string, title: string, command: Scenario['command']): Scenario => ({
  id,
  title,
  command,
});

export const scenarios: readonly Scenario[] = [
  scenario('s1-pod-pod', 'pod to a pod of its node', () =>
    curlFrom('toolbox-b', 'http://b-service-pods:8080/'),
  ),
  scenario('s2-across-nodes', 'pod to a pod of the other node', () =>
    curlFrom('toolbox-a', 'http://b-service-pods:8080/'),
  ),
  scenario('s3-service', 'pod to a Service, by name', () => curlFrom('toolbox-a', 'http://service-test/')),
  scenario('s3-from-node', 'a process of a node to a Service', ({ a }) => [
    ...['docker', 'exec', a.name, ...CURL, `http://${TEST.ip}/`],
  ]),
  scenario('s4-plain-dnat', 'client through a router with a DNAT rule, without Kubernetes', () =>
    fromClient(`http://${PLAIN.dialled}/`),
  ),
  scenario('s4-plain-snat', 'the server behind it from its own port: an SNAT rule', () => [
    ...['docker', 'exec', SERVER, 'sh', '-c', SOCAT_GET],
  ]),
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
  scenario('s8-lb-cluster', 'client to an announced address, Cluster policy', () =>
    fromClient(`http://${ADDRESSES['ingress-nginx']}/ping`),
  ),
  scenario('s8-lb-local', 'the same with Local policy', () =>
    fromClient(`http://${ADDRESSES['ingress-nginx-local']}/ping`),
  ),
  scenario('s8-lb-ranges', 'client outside of loadBalancerSourceRanges', () =>
    fromClient(`http://${ADDRESSES['service-test-ranges']}/`),
  ),
  scenario('s9-ingress-a', 'client to the ingress, Local policy, on to a Service', () =>
    atShop(`http://${ADDRESSES['ingress-nginx-local']}/a/pings`),
  ),
  scenario('s9-ingress-b', 'the same, on to the pod itself', () =>
    atShop(`http://${ADDRESSES['ingress-nginx-local']}/b/pings`),
  ),
  scenario('s9-tls', 'pod to the ingress over TLS', () =>
    curlFrom('toolbox-a', `https://${HOSTS.shop}/a/pings`, ...tls('ingress-nginx-tls:443')),
  ),
  scenario('s10-masqueraded', 'client to the ingress, Cluster policy', () =>
    atShop(`http://${ADDRESSES['ingress-nginx']}/a/pings`),
  ),
  scenario('s10-tls-masqueraded', 'client to the ingress over TLS, by a NodePort', ({ a }) =>
    fromClient(`https://${HOSTS.shop}/a/pings`, ...tls(`${a.ip}:${INGRESS_TLS.nodePort}`)),
  ),
  scenario('s10-forged', 'the client writes X-Forwarded-For, and the ingress believes it', () =>
    fromClient(
      `http://${ADDRESSES['ingress-nginx-local']}/a/pings`,
      ...withHost(HOSTS.trusting),
      ...['--header', 'X-Forwarded-For: 203.0.113.99'],
    ),
  ),
  scenario('s11-proxy-v2', 'client to HAProxy, PROXY v2 to the ingress', ({ balancerIp }) =>
    atShop(`http://${balancerIp}:${LB_PORTS.v2}/a/pings`),
  ),
  scenario('s11-proxy-v1', 'client to HAProxy, PROXY v1 to the ingress', ({ balancerIp }) =>
    atShop(`http://${balancerIp}:${LB_PORTS.v1}/a/pings`),
  ),
  scenario('s12-unwanted', 'PROXY v2 to an ingress that does not speak it', ({ balancerIp }) =>
    atShop(`http://${balancerIp}:${LB_PORTS.v2Unwanted}/a/pings`),
  ),
  scenario('s12-missing', 'no PROXY header to an ingress that demands one', ({ b }) =>
    atShop(`http://${b.ip}:${INGRESS_PROXY.nodePort}/a/pings`),
  ),
  scenario('s13-hostport', 'client to a hostPort', ({ b }) => fromClient(`http://${b.ip}:${HOST_PORT}/`)),
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
  scenario('s16-v6-service', 'pod to a Service over IPv6, by name', () =>
    curlFrom('toolbox-a', 'http://service-test-dual/', '--ipv6'),
  ),
  scenario('s16-v6-nodeport', `client ${CLIENT_IP6} to a NodePort over IPv6`, ({ a }) =>
    fromClient(`http://[${a.ip6}]:${DUAL.nodePort}/`, '--interface', CLIENT_IP6),
  ),
  scenario('s17-a-and-aaaa', 'pod asks for A and AAAA at once, from one port', () =>
    fromPod('toolbox-a', 'nslookup', inCluster('service-test-dual')),
  ),
  scenario('s17-nxdomain', 'pod asks for a name that there is not', () =>
    fromPod('toolbox-a', 'nslookup', inCluster(NO_SUCH_SERVICE)),
  ),
  scenario('s17-no-answer', 'pod asks a resolver that says nothing', ({ serverIp }) =>
    fromPod('toolbox-a', 'nslookup', inCluster('service-test'), serverIp),
  ),
  scenario('s18-egress', 'pod to a server outside of the cluster', () =>
    curlFrom('toolbox-a', `http://${CLIENT_IP}:${OUTSIDE_PORT}/`),
  ),
  scenario('s19-sidecar-out', 'a pod with a sidecar to a Service', () =>
    curlFrom('meshed-1', 'http://b-service/'),
  ),
  scenario('s19-sidecar-in', 'pod to a Service whose pod has a sidecar', () =>
    curlFrom('toolbox-a', 'http://meshed/'),
  ),
  scenario('s20-unauthorized', 'the application answers 401', () =>
    atShop(`http://${ADDRESSES['ingress-nginx-local']}/login`),
  ),
  scenario('s20-not-found', 'the application answers 404', () =>
    atShop(`http://${ADDRESSES['ingress-nginx-local']}/missing`),
  ),
  scenario('s20-bad-gateway', 'nothing listens where the ingress dials: 502', () =>
    atShop(`http://${ADDRESSES['ingress-nginx-local']}/down`),
  ),
  scenario('s20-no-such-name', 'pod dials a name that nobody created', () =>
    curlFrom('toolbox-a', `http://${NO_SUCH_SERVICE}/`),
  ),
  scenario('s20-unresolved', 'the name that the ingress wants to dial does not exist', ({ a }) =>
    atShop(`http://${a.ip}:${INGRESS.nodePort}/products`),
  ),
  scenario('s21-localhost', 'one container of a pod to another by localhost: no hop, so no request', () =>
    kubectlExec('meshed-1', 'sidecar', ['wget', '-q', '-O', '-', 'http://127.0.0.1:8080/']),
  ),
];
