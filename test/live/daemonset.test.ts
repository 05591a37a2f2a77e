/** The capabilities that the DaemonSet asks for, on real packets: they are enough. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Request } from '../../src/trace/request.ts';
import { traced } from '../support/live.ts';
import { manifestsIn } from '../support/manifests.ts';
import { TestNetwork, until } from '../support/network.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

interface DaemonSetSpec {
  readonly template: {
    readonly spec: {
      readonly containers: readonly [
        { readonly securityContext: { readonly capabilities: { readonly add: readonly string[] } } },
      ];
    };
  };
}

const daemonSet = manifestsIn(readFileSync(path('scripts/deploy/daemonset.yaml'), 'utf8')).find(
  ({ kind }) => kind === 'DaemonSet',
);
const [container] = (daemonSet?.spec as DaemonSetSpec).template.spec.containers;
const CAPABILITIES = container.securityContext.capabilities.add;

/** As root with these capabilities and no other, which is what a container's process is. */
const nathop = (args: readonly string[]) =>
  execa(
    'setpriv',
    [
      ...['--bounding-set', ['-all', ...CAPABILITIES.map((name) => `+${name.toLowerCase()}`)].join(',')],
      ...[process.execPath, path('dist/nathop.js'), ...args],
    ],
    { reject: false, stdin: 'ignore' },
  );

const tracing = await traced();

tracing("with the DaemonSet's capabilities nathop", () => {
  const network = new TestNetwork();
  beforeAll(async () => {
    await network.add('client', 'node', 'server');
    await network.join(['client', 'eth0', '10.9.7.2/24'], ['node', 'in', '10.9.7.1/24']);
    await network.join(['server', 'eth0', '10.9.8.2/24'], ['node', 'out', '10.9.8.1/24']);
    await network.ip('client', 'route add default via 10.9.7.1');
    await network.ip('server', 'route add default via 10.9.8.1');
    const rules = [
      'table ip t {',
      '  chain turned { type nat hook prerouting priority dstnat; tcp dport 80 dnat to 10.9.8.2:8080; }',
      '  chain dropped { type filter hook forward priority filter; tcp dport 9 drop; }',
      '}',
    ];
    await network.exec('node', 'nft', ['-f', '-'], rules.join('\n'));
    await network.exec('node', 'sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
    network.spawn('server', 'python3', ['-m', 'http.server', '8080', '--directory', path('probes')]);
    await until(async () =>
      (await network.exec('server', 'ss', ['-Hltn'])).includes(':8080 ') ? true : undefined,
    );
  });
  afterAll(() => network.down());

  it('misses none in doctor', async () => {
    const { stdout } = await nathop(['doctor', '-o', 'json']);
    const checks = stdout
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; ok: boolean | string });
    expect(checks.filter(({ ok }) => ok === false)).toEqual([]);
    expect(checks.find(({ name }) => name === 'privileges')).toMatchObject({ ok: true });
    expect(checks.find(({ name }) => name === 'message heads')).toMatchObject({ ok: true });
  });

  it('tells a rewrite, its rule and the request, and the hook of a drop', async () => {
    const dial = (port: number): string =>
      `curl -s -o /dev/null --max-time 2 http://10.9.7.1:${String(port)}/traffic.bt`;
    const { stdout, stderr } = await nathop([
      ...[
        'trace',
        '-o',
        'json',
        '--netns',
        ['client', 'node', 'server'].map((one) => network.name(one)).join(','),
      ],
      ...['--', 'ip', 'netns', 'exec', network.name('client')],
      ...['sh', '-c', `${dial(80)}; curl -s --max-time 2 http://10.9.8.2:9/ || true`],
    ]);
    expect(stderr).toContain('0 events lost');
    const requests = stdout.split('\n').map((line) => JSON.parse(line) as Request);
    expect(requests).toContainEqual(
      expect.objectContaining({ state: 'closed', http: expect.objectContaining({ status: 200 }) as unknown }),
    );
    const hops = requests.flatMap((request) => request.hops);
    expect(hops.find(({ kind }) => kind === 'dnat')).toMatchObject({ rule: { chain: 'turned' } });
    expect(hops.find(({ kind }) => kind === 'drop')).toMatchObject({ hook: 'FORWARD', hookObserved: true });
  });
});
