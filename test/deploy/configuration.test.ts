/** The configuration that the workloads share with the lab: valid, where the Pods look for it, and what a Pod may do. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CERTIFICATES,
  configuration,
  INGRESS_CONF,
  SIDECAR_CFG,
  writeConfiguration,
} from '../../scripts/deploy/configuration.ts';
import { HOSTS, SIDECAR } from '../../scripts/lab/daemons.ts';
import { SIDECAR_RULES } from '../../scripts/lab/rules.ts';
import { A_SERVICE, DNS } from '../../scripts/lab/scenarios/kube.ts';
import { live } from '../support/live.ts';
import { manifestsIn, problemsOf, type Manifest } from '../support/manifests.ts';
import { TestNetwork } from '../support/network.ts';

interface PodSpec {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly {
    readonly name: string;
    readonly configMap?: { readonly name: string };
    readonly secret?: { readonly secretName: string };
  }[];
}

interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly securityContext?: { readonly runAsUser?: number; readonly runAsGroup?: number };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
  }[];
}

const written: readonly Manifest[] = configuration({ 'tls.crt': 'AA==', 'tls.key': 'AA==' }).items;
const workloads = manifestsIn(
  readFileSync(fileURLToPath(new URL('../../scripts/deploy/workloads.yaml', import.meta.url)), 'utf8'),
);
const pods = workloads
  .filter(({ kind }) => kind === 'Pod')
  .map(({ metadata, spec }) => ({ name: metadata.name, spec: spec as PodSpec }));
const meshed = pods.find(({ name }) => name === 'meshed-1')?.spec;
const proxy = meshed?.containers.find(({ name }) => name === 'sidecar');
const init = meshed?.initContainers?.[0];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nathop-configuration-'));
  // HAProxy is not root, and reads its configuration there.
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the configuration', () => {
  it.each(written.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest]))(
    '%s is valid',
    (_, manifest) => expect(problemsOf(manifest)).toEqual([]),
  );

  it.each(pods)('holds what $name mounts', ({ spec: { volumes = [], containers, initContainers = [] } }) => {
    for (const { name, volumeMounts = [] } of [...initContainers, ...containers]) {
      for (const { name: of, subPath } of volumeMounts) {
        const volume = volumes.find((one) => one.name === of);
        const [kind, source] = volume?.secret
          ? ['Secret', volume.secret.secretName]
          : ['ConfigMap', volume?.configMap?.name];
        const found = [...written, ...workloads].filter(
          (one) => one.kind === kind && one.metadata.name === source,
        );
        expect(found, `${name}: ${of}`).toHaveLength(1);
        if (subPath !== undefined) expect(found[0]?.data).toHaveProperty([subPath]);
      }
    }
  });

  it('is where its programs look for it', () => {
    const mounts = pods
      .flatMap(({ spec }) => spec.containers)
      .flatMap(({ volumeMounts = [] }) => volumeMounts);
    expect(mounts).toContainEqual(expect.objectContaining({ name: 'certificate', mountPath: CERTIFICATES }));
    expect(proxy?.volumeMounts?.map(({ mountPath }) => mountPath)).toEqual(['/usr/local/etc/haproxy']);
    const [mount] = init?.volumeMounts ?? [];
    expect(init?.command?.at(-1)).toBe(`${mount?.mountPath ?? ''}/nat.rules`);
  });

  it('is written with a certificate that goes with its key, for the name of the ingress', async () => {
    const path = await writeConfiguration(folder);
    expect(statSync(path).mode & 0o077).toBe(0);
    const { items } = JSON.parse(readFileSync(path, 'utf8')) as { items: Manifest[] };
    const data = items.find(({ kind }) => kind === 'Secret')?.data;
    const decoded = (file: string): string => Buffer.from(data?.[file] ?? '', 'base64').toString();
    const certificate = await openssl(
      ['x509', '-noout', '-pubkey', '-checkhost', HOSTS.shop],
      decoded('tls.crt'),
    );
    expect(certificate).toContain(await openssl(['pkey', '-pubout'], decoded('tls.key')));
    expect(certificate).toContain('does match certificate');
  });

  const openssl = async (args: readonly string[], input: string): Promise<string> =>
    (await execa('openssl', args, { input })).stdout;
});

live('needs root for network namespaces')('the Pod of the ingress', () => {
  const network = new TestNetwork();
  const webConf = workloads.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'web',
  )?.data;
  const nginx = (short: string, name: string, text: string): void => {
    const path = join(folder, `${name}.conf`);
    writeFileSync(path, text);
    network.spawn(short, 'nginx', ['-e', join(folder, `${name}.log`), '-g', 'daemon off;', '-c', path]);
  };

  beforeAll(async () => {
    await writeConfiguration(folder);
    await network.add('ingress', 'cluster');
    await network.join(['ingress', 'eth0', '10.0.2.20/16'], ['cluster', 'eth0', '10.0.2.22/16']);
    await network.ip('ingress', 'route add default via 10.0.2.22');
    // The Services, and in the ingress's place a pod on which nothing listens.
    for (const ip of [DNS.ip, A_SERVICE.ip]) await network.ip('cluster', `addr add ${ip}/32 dev lo`);
    await network.ip('ingress', 'addr add 10.0.2.99/32 dev lo');
    const toPod = ['-d', A_SERVICE.ip, '-p', 'tcp', '--dport', '80', '-j', 'REDIRECT', '--to-ports', '8080'];
    await network.exec('cluster', 'iptables', ['-t', 'nat', '-A', 'PREROUTING', ...toPod]);
    network.spawn('cluster', 'dnsmasq', [
      ...['--keep-in-foreground', '--user=root', '--pid-file', '--no-resolv', '--no-hosts', '--local=/#/'],
      '--host-record=b-service-pods.default.svc.cluster.local,10.0.2.22',
      '--host-record=toolbox-b.toolbox.default.svc.cluster.local,10.0.2.99',
    ]);
    const web = webConf?.['default.conf'] ?? '';
    nginx('cluster', 'web', `pid ${folder}/web.pid; events {} http { access_log off;\n${web}}`);
    const own = INGRESS_CONF.replaceAll('/tmp/', `${folder}/`).replaceAll(CERTIFICATES, folder);
    nginx('ingress', 'ingress', own);
    await network.listening('cluster', 53, 'udp');
    await network.listening('cluster', 8080);
    for (const port of [80, 443, 8081]) await network.listening('ingress', port);
  });
  afterAll(() => network.down());

  const get = (url: string, ...options: readonly string[]): Promise<string> =>
    network.exec('ingress', 'curl', ['-sS', '-w', '%{http_code}', ...options, url]);
  const atShop = (path: string): Promise<string> =>
    get(`http://10.0.2.20${path}`, '-H', `Host: ${HOSTS.shop}`);

  it.each(['/a/pings', '/b/pings'])('leads %s on to the pod', async (path) => {
    expect(await atShop(path)).toMatch(/ saw 10\.0\.2\.20:\d+, X-Forwarded-For: 10\.0\.2\.20\n200$/);
  });

  it('ends TLS', async () => {
    const to = ['--insecure', '--connect-to', '::10.0.2.20:443'];
    expect(await get(`https://${HOSTS.shop}/a/pings`, ...to)).toMatch(/200$/);
  });

  it('demands PROXY protocol on a port of its own', async () => {
    const to = ['-H', `Host: ${HOSTS.shop}`, '--haproxy-protocol'];
    expect(await get('http://10.0.2.20:8081/a/pings', ...to)).toMatch(/200$/);
  });

  it.each([
    ['/login', 401],
    ['/missing', 404],
    ['/down', 502],
    ['/products', 502],
  ])('answers %s with %i', async (path, status) => {
    expect(await atShop(path)).toMatch(new RegExp(`${String(status)}$`));
  });
});

live('needs root for network namespaces')('the Pod with a sidecar', () => {
  const network = new TestNetwork();
  const CLIENT = '10.0.1.99';
  const POD = '10.0.1.31';
  beforeAll(async () => {
    await network.add('client', 'pod');
    await network.join(['client', 'eth0', `${CLIENT}/24`], ['pod', 'eth0', `${POD}/24`]);
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const rules = file('nat.rules', SIDECAR_RULES);
    const [command = '', ...args] =
      init?.command?.map((word) => (word.endsWith('nat.rules') ? rules : word)) ?? [];
    await network.exec('pod', command, args);
    const { runAsUser, runAsGroup } = proxy?.securityContext ?? {};
    network.spawn('pod', 'setpriv', [
      ...[`--reuid=${String(runAsUser)}`, `--regid=${String(runAsGroup)}`, '--clear-groups', '--'],
      ...['haproxy', '-W', '-db', '-f', file('haproxy.cfg', SIDECAR_CFG)],
    ]);
    network.spawn('pod', 'python3', ['-m', 'http.server', '8080']);
    network.spawn('client', 'python3', ['-m', 'http.server', '80']);
    for (const port of [8080, SIDECAR.inbound, SIDECAR.outbound]) await network.listening('pod', port);
    await network.listening('client', 80);
  });
  afterAll(() => network.down());

  const seenBySidecar = async (short: string, url: string): Promise<string | undefined> =>
    /^lab-saw: sidecar-1 (\S+)/im.exec(await network.exec(short, 'curl', ['-sSI', url]))?.[1];

  it('is the user whom the rules spare', () => {
    expect(proxy?.securityContext).toEqual({ runAsUser: SIDECAR.uid, runAsGroup: SIDECAR.uid });
  });

  it('takes what comes to the pod', async () => {
    expect(await seenBySidecar('client', `http://${POD}:8080/`)).toBe(CLIENT);
  });

  it('takes what leaves it', async () => {
    expect(await seenBySidecar('pod', `http://${CLIENT}/`)).toBe(POD);
  });
});
