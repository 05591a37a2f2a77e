/** The installed package on real packets: no compiler, no `cap`. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Request } from '../../src/trace/request.ts';
import { traced } from '../support/live.ts';
import { TestNetwork, until } from '../support/network.ts';
import { INSTALL_LIMIT_MS, Installed } from '../support/package.ts';

const tracing = await traced();

tracing('the installed package', () => {
  const network = new TestNetwork();
  let installed: Installed;
  beforeAll(async () => {
    installed = await Installed.make();
    await network.add('client', 'server');
    await network.join(['client', 'eth0', '10.9.8.1/24'], ['server', 'eth0', '10.9.8.2/24']);
    network.spawn('server', 'python3', ['-m', 'http.server', '8080', '--directory', installed.project]);
    await until(async () =>
      (await network.exec('server', 'ss', ['-Hltn'])).includes(':8080 ') ? true : undefined,
    );
  }, INSTALL_LIMIT_MS);
  afterAll(async () => {
    await network.down();
    installed.remove();
  });

  it('traces a request, with its head by tcpdump', async () => {
    const netns = network.name('client');
    const { stdout, exitCode } = await installed.nathop([
      ...['trace', '-o', 'json', '--netns', `${netns},${network.name('server')}`, '-c', '1', '--'],
      // PATH leads to no more than it did for the installation.
      ...['/bin/sh', '-c', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin; exec "$@"', 'sh'],
      ...['ip', 'netns', 'exec', netns, 'curl', '-s', '-o', '/dev/null', 'http://10.9.8.2:8080/package.json'],
    ]);
    expect(exitCode).toBe(0);
    const request = JSON.parse(stdout) as Request;
    expect(request).toMatchObject({
      state: 'closed',
      clientIp: { verdict: 'preserved' },
      http: { method: 'GET', path: '/package.json', status: 200 },
    });
  });
});
