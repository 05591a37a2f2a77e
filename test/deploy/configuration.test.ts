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
import { judgedBy, live } from '../support/live.ts';
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

judgedBy('nginx')("the ingress's configuration", () => {
  it('is valid', async () => {
    await writeConfiguration(folder);
    const path = join(folder, 'nginx.conf');
    writeFileSync(path, INGRESS_CONF.replaceAll('/tmp/', `${folder}/`).replaceAll(CERTIFICATES, folder));
    const { stderr } = await execa('nginx', ['-t', '-c', path, '-e', join(folder, 'error.log')]);
    expect(stderr).toContain('test is successful');
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
