/** The manifests in scripts/ are what an API server would take. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as lab from '../../scripts/lab/scenarios/kube.ts';
import { manifestsIn, problemsOf } from '../support/manifests.ts';

const FOLDER = fileURLToPath(new URL('../../scripts/deploy', import.meta.url));
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
const DAEMONSET = read('daemonset.yaml');

describe.each(files)('%s', (name) => {
  it.each(
    manifestsIn(read(name)).map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest]),
  )('%s is valid', (_, manifest) => {
    expect(problemsOf(manifest)).toEqual([]);
  });
});

describe('the check', () => {
  const problemsWith = (from: string, to: string): string[] => {
    expect(DAEMONSET).toContain(from);
    return manifestsIn(DAEMONSET.replace(from, to)).flatMap(problemsOf);
  };

  it('finds a misspelt field, however deep', () => {
    expect(problemsWith('readOnlyRootFilesystem', 'readOnlyRootFileSystem')).toEqual([
      'DaemonSet.spec.template.spec.containers.0.securityContext.readOnlyRootFileSystem: there is no such field',
    ]);
    expect(problemsWith('hostPID', 'hostPid')).toHaveLength(1);
    expect(problemsWith('sizeLimit', 'limit')).toHaveLength(1);
  });

  it('finds a field that is missing, of another type, or of a value that there is not', () => {
    expect(
      problemsWith('selector:\n    matchLabels:\n      app.kubernetes.io/name: nathop\n  ', ''),
    ).toHaveLength(1);
    expect(problemsWith('hostPID: true', 'hostPID: "yes"')).toHaveLength(1);
    expect(problemsWith('ClusterFirstWithHostNet', 'ClusterFirstWithHostNetwork')).toHaveLength(1);
  });

  it('finds a kind that its group does not have', () => {
    expect(problemsWith('apiVersion: apps/v1', 'apiVersion: batch/v1')).toEqual(['no DaemonSet in batch/v1']);
  });
});

describe('the DaemonSet', () => {
  it('runs the image of this version', () => {
    const { version } = JSON.parse(read('../../package.json')) as { version: string };
    expect(DAEMONSET).toContain(`image: nathop:${version}\n`);
    expect(read('Containerfile')).toContain(`--tag nathop:${version} `);
  });
});

describe('the workloads', () => {
  interface ServiceSpec {
    readonly clusterIP: string;
    readonly ports: readonly { readonly name: string; readonly port: number; readonly nodePort?: number }[];
  }
  const services = manifestsIn(read('workloads.yaml')).flatMap(({ kind, metadata, spec }) => {
    const { clusterIP: ip, ports } = (spec ?? {}) as ServiceSpec;
    if (kind !== 'Service' || ip === 'None') return [];
    return ports.map(({ name, port, nodePort = 0 }) => ({
      ...{ name: `default/${metadata.name}:${name}`, ip, port, nodePort },
    }));
  });

  it.each(services)('have $name as the lab has it', (service) => {
    const inLab = Object.values(lab).filter((one) => typeof one === 'object');
    expect(inLab.find(({ name }) => name === service.name)).toMatchObject(service);
  });
});
