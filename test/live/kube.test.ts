/** Names by the Kubernetes API, on real packets: the lab has the addresses of the objects that are served. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { allScenarios } from '../../scripts/lab/scenarios.ts';
import { MODES } from '../../scripts/lab/topology.ts';
import type { Request } from '../../src/trace/request.ts';
import { clusterObjects, KubeApi } from '../support/kube-api.ts';
import { traced } from '../support/live.ts';
import { runNathop } from '../support/nathop.ts';
import { traceLab, type TracedLab } from './trace-lab.ts';

const tracing = await traced();

const TITLES = [
  'client to the NodePort on node-a, Cluster policy; backend on node-b',
  'pod on node-a to the ClusterIP; backend on the same node',
  'pod on node-a to pod on node-b',
  'client to a NodePort with Local policy where the node has an endpoint',
  'pod to the ClusterIP of a Service without pods',
  'pod to the ClusterIP of a Service whose only pod is not ready',
];

/** What the only pod of default/not-ready is doing: the rules are the same whatever it is. */
const CONDITIONS = {
  'not-ready': { ready: false, serving: false, terminating: false },
  terminating: { ready: false, serving: false, terminating: true },
} as const;

function objectsWith(conditions: object): ReturnType<typeof clusterObjects> {
  const objects = clusterObjects();
  const slices = objects.endpointslices.map((slice) =>
    slice.metadata.labels?.['kubernetes.io/service-name'] === 'not-ready'
      ? { ...slice, endpoints: [{ addresses: ['10.0.1.66'], nodeName: 'node-a', conditions }] }
      : slice,
  );
  return { ...objects, endpointslices: slices };
}

for (const mode of MODES)
  tracing(`with the API beside it, ${mode} mode`, () => {
    const detail = mode === 'iptables' ? 'not-ready' : 'terminating';
    const api = new KubeApi(objectsWith(CONDITIONS[detail]));
    const folder = mkdtempSync(join(tmpdir(), 'nathop-kube-'));
    let run: TracedLab | undefined;

    beforeAll(async () => {
      await api.start();
      const kubeconfig = api.kubeconfig(join(folder, 'config'));
      const scenarios = TITLES.map((title) => allScenarios.find((scenario) => scenario.title === title));
      run = await traceLab(
        { mode, prefix: 'nk-' },
        scenarios.filter((scenario) => scenario !== undefined),
        { flags: ['--kubeconfig', kubeconfig] },
      );
    });
    afterAll(async () => {
      await api.stop();
      rmSync(folder, { recursive: true });
      if (run !== undefined) rmSync(run.folder, { recursive: true });
    });

    const requests = (): readonly Request[] => run?.requests ?? [];
    /** The lab dials until it gets the backend that it wants. */
    const dialling = (ip: string, port: number, server: string): Request | undefined =>
      requests().find(
        (one) => one.dialled.ip === ip && one.dialled.port === port && one.server?.ip === server,
      );

    it('says nothing on stderr of an API that is in step', () => {
      expect(run?.ended.stderr).not.toContain('Kubernetes');
    });

    it('names Service, port, pod, container and nodes of a NodePort', () => {
      expect(dialling('10.100.0.2', 32213, '10.0.2.11')).toMatchObject({
        client: { ip: '198.51.100.7', kind: 'external' },
        dialled: { kind: 'service', name: 'default/service-test', portName: 'http' },
        server: { kind: 'pod', name: 'default/service-test-2', node: 'node-b', container: 'service-test' },
        sourceSeenByServer: { kind: 'node', name: 'node-a', node: 'node-a' },
      });
    });

    it('names a pod that dials a ClusterIP, and its namespace on the way', () => {
      const request = dialling('10.3.241.152', 80, '10.0.1.11');
      expect(request).toMatchObject({
        client: { kind: 'pod', name: 'default/toolbox-a', node: 'node-a', container: 'toolbox' },
        dialled: { kind: 'service', name: 'default/service-test', portName: 'http' },
        server: { kind: 'pod', name: 'default/service-test-1', node: 'node-a' },
        clientIp: { verdict: 'preserved' },
      });
      const [first, last] = [request?.hops[0], request?.hops.at(-1)];
      expect(first).toMatchObject({ node: 'node-a', netns: { name: 'default/toolbox-a' } });
      expect(last).toMatchObject({
        kind: 'deliver',
        node: 'node-a',
        netns: { name: 'default/service-test-1' },
      });
    });

    it('tells Services without a ready endpoint apart by their pods', () => {
      const failure = (ip: string): Request['failure'] =>
        requests().find(({ dialled }) => dialled.ip === ip)?.failure;
      const kind = 'rejected-no-endpoints';
      expect(failure('10.3.243.1')).toMatchObject({ kind, detail: 'no-pods' });
      expect(failure('10.3.243.2')).toMatchObject({ kind, detail });
      expect(failure('10.3.243.2')?.evidence.join(' ')).toContain('10.0.1.66');
    });

    it('leaves to the machine what the API does not know', () => {
      expect(dialling('10.0.2.2', 8080, '10.0.2.2')).toMatchObject({
        client: { kind: 'pod', name: 'default/toolbox-a', node: 'node-a' },
        server: { kind: 'pod', name: 'nk-hostport-web-1', node: 'node-b' },
      });
    });

    it('finds them by name in the recording, which replays to what was told', async () => {
      const { recording, ended } = run as TracedLab;
      const replayed = await runNathop(['replay', '-o', 'json', recording]);
      expect(replayed.stdout).toBe(ended.stdout);
      const found = async (...filter: string[]): Promise<string[]> =>
        idsIn((await runNathop(['replay', '-o', 'json', ...filter, recording])).stdout);
      const served = requests().filter(({ server }) => server?.name === 'default/service-test-2');
      expect(served).not.toEqual([]);
      expect(await found('--pod', 'default/service-test-2')).toEqual(served.map(({ id }) => id).sort());
      expect(await found('--service', 'default/service-test-local:http')).toHaveLength(1);
      expect(await found('-n', 'default')).toHaveLength(requests().length);
      expect(await found('--pod', 'default/nobody')).toEqual([]);
    });
  });

const idsIn = (stdout: string): string[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as Request).id)
    .sort();
