/**
 * What the workloads take from the lab and is not in workloads.yaml: the configuration of the ingress, the sidecar's
 * with its rules, and a certificate made anew.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ingressConf, makeCertificate, sidecar, type Backends } from '../lab/daemons.ts';
import { SIDECAR_RULES } from '../lab/rules.ts';
import { run } from '../lab/run.ts';
import { A_SERVICE, DNS } from '../lab/scenarios/kube.ts';
import { NO_POD_IP, NO_SUCH_SERVICE } from '../lab/topology.ts';

/** Where the Pod of the ingress has its certificate. */
export const CERTIFICATES = '/etc/nginx/tls';

const named = (service: string): string => `${service}.default.svc.cluster.local`;

/** Addresses of Pods are not known beforehand: their names lead to them, past the Services. */
const BACKENDS: Backends = {
  a: A_SERVICE.ip,
  b: `${named('b-service-pods')}:8080`,
  down: `${named('toolbox-b.toolbox')}:8080`,
  gone: `${NO_POD_IP}:8080`,
  unresolved: named(NO_SUCH_SERVICE),
  resolver: DNS.ip,
};

export const INGRESS_CONF = ingressConf('ingress-nginx-1', BACKENDS, CERTIFICATES);
export const SIDECAR_CFG = sidecar('sidecar-1').files['haproxy.cfg'] ?? '';

/** @returns the path of the manifest, for kubectl; the certificate is beside it */
export async function writeConfiguration(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const [openssl, ...args] = makeCertificate(folder);
  await run(openssl, args);
  const encoded = async (file: string): Promise<string> =>
    (await readFile(join(folder, file))).toString('base64');
  const manifest = configuration({
    'tls.crt': await encoded('tls.crt'),
    'tls.key': await encoded('tls.key'),
  });
  const path = join(folder, 'configuration.json');
  // It has the key.
  await writeFile(path, JSON.stringify(manifest, undefined, 2), { mode: 0o600 });
  return path;
}

/** @param certificate in base64 */
export const configuration = (certificate: Readonly<Record<'tls.crt' | 'tls.key', string>>) => ({
  ...{ apiVersion: 'v1', kind: 'List' },
  items: [
    configMap('ingress-nginx', { 'nginx.conf': INGRESS_CONF }),
    configMap('sidecar', { 'haproxy.cfg': SIDECAR_CFG, 'nat.rules': SIDECAR_RULES }),
    {
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' },
      ...{ metadata: { name: 'ingress-nginx', namespace: 'default' }, data: certificate },
    },
  ],
});

const configMap = (name: string, data: Readonly<Record<string, string>>) => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap' },
  ...{ metadata: { name, namespace: 'default' }, data },
});
