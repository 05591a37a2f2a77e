/**
 * Requests, look-ups and proxies of the lab do what their scenarios say: by what the servers themselves answer,
 * on real packets and without any tracing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesOf } from '../../scripts/lab/cluster.ts';
import type { Lab } from '../../scripts/lab/lab.ts';
import { requestsAndNames } from '../../scripts/lab/scenarios.ts';
import { MODES } from '../../scripts/lab/topology.ts';
import { mismatches } from '../../scripts/lab/truth.ts';
import { startTestLab } from '../support/lab.ts';
import { live } from '../support/live.ts';

const PREFIX = 'na-';
const scenarioNamed = (id: string): (typeof requestsAndNames)[number] => {
  const found = requestsAndNames.find((scenario) => scenario.id === id);
  if (found === undefined) throw new Error(`no scenario ${id}`);
  return found;
};

live('needs root for network namespaces')('the lab', () => {
  describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await startTestLab({ mode, prefix: PREFIX });
    });
    afterAll(() => lab.down());

    it.each(requestsAndNames)('$row $id: $title', async (scenario) => {
      expect(mismatches(await lab.run(scenario), mode)).toEqual([]);
    });

    it('sends requests of several clients over one connection, where the ingress keeps it', async () => {
      const { dials } = await lab.run(scenarioNamed('s9-pooled'));
      const ports = dials.map(({ last }) => last.answers?.[0]?.peer?.port);
      expect(new Set(ports).size).toBe(1);
      expect(new Set(dials.map(({ last }) => last.answers?.[0]?.saw[0]?.peer.ip)).size).toBe(2);
    });

    it('sends several requests on one connection, each with an id of its own', async () => {
      const { dials } = await lab.run(scenarioNamed('s9-pipelined'));
      const answers = dials[0]?.last.answers ?? [];
      const clients = answers.map(({ saw }) => saw[0]?.peer.port);
      const ids = answers.map(({ received }) => received?.find(([key]) => key === 'x-request-id')?.[1]);
      expect(new Set(clients)).toEqual(new Set([dials[0]?.last.from.port]));
      expect(new Set(ids).size).toBe(3);
    });

    it('passes on the id that the client gave', async () => {
      const scenario = scenarioNamed('s9-request-id');
      const { dials } = await lab.run(scenario);
      const given = scenario.dials[0]?.http?.requests[0]?.headers?.['X-Request-Id'];
      expect(dials[0]?.last.answers?.[0]?.received).toContainEqual(['x-request-id', given]);
    });
  });

  it('goes down with its real servers, and they leave nothing', async () => {
    const lab = await startTestLab({ mode: 'iptables', prefix: PREFIX });
    const pids = (
      await Promise.all(
        ['ingress-nginx-1', 'lb', 'meshed-1', 'dns-1'].map((name) => processesOf(PREFIX + name)),
      )
    ).flat();
    const commands = new Set(pids.map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()));
    expect(commands).toEqual(new Set(['nginx', 'haproxy', 'dnsmasq', 'meshed-1']));
    const before = readdirSync('/tmp');
    await lab.down();
    expect(readdirSync('/run/netns').filter((name) => name.startsWith(PREFIX))).toEqual([]);
    expect(before).not.toContain('nginx.conf');
    expect(before).not.toContain('queries.log');
  });
});
