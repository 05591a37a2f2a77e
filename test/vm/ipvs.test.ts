/** S22: kube-proxy's IPVS mode, in a guest, since not every kernel has it. The Service by IPVS, the masquerade by netfilter. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../scripts/lab/lab.ts';
import type { Answer } from '../../scripts/vm/machine.ts';
import type { Hop, Request } from '../../src/trace/request.ts';
import { Attribution, type TracedLab } from '../live/trace-lab.ts';
import { runNathop } from '../support/nathop.ts';
import { emulated, Guests, releases } from './guests.ts';
import { PREFIX, readTraced } from './traced.ts';

const inGuests = await emulated();
const SECONDS = 1_500;

inGuests('kube-proxy in IPVS mode, traced in guests', () => {
  const guests = new Guests();
  afterAll(() => guests.remove());

  describe.each(releases)('on %s', (release) => {
    let answer: Answer;
    let run: TracedLab;
    let attribution: Attribution;

    beforeAll(async () => {
      const command = 'traced-lab ipvs -- --probes tracepoint --no-l7';
      answer = await guests.run(release, { command, seconds: SECONDS });
      run = await readTraced(join(answer.folder, 'ipvs'));
      attribution = new Attribution(run);
    });

    it('is a node as provision.sh makes them, with nothing left to install', () => {
      const said = answer.output.split('\n').filter((line) => line.startsWith('provision: '));
      expect(said).toEqual([
        expect.stringMatching(/^provision: nathop \S+ is at \/usr\/local\/bin\/nathop$/),
      ]);
    });

    const last = (id: string): { request: Request; served: RunResult['dials'][number]['last'] } => {
      const made = run.results.find(({ scenario }) => scenario.id === id)?.dials.at(-1);
      if (made === undefined) throw new Error(`${id} was not run`);
      return { request: attribution.of(made.last), served: made.last };
    };

    it.each([
      ['s3-clusterip-remote', 'INPUT', '10.3.241.152:80', '10.0.2.11:8080'],
      ['s3-clusterip-same-node', 'INPUT', '10.3.241.152:80', '10.0.1.11:8080'],
      ['node-clusterip-remote', 'OUTPUT', '10.3.241.152:80', '10.0.2.11:8080'],
      ['s5-nodeport-a-remote', 'INPUT', '10.100.0.2:32213', '10.0.2.11:8080'],
    ])('%s is translated in %s by the virtual server %s', (id, hook, virtualServer, endpoint) => {
      const { request } = last(id);
      const [dnat, ...more] = request.hops.filter(({ kind }) => kind === 'dnat');
      expect(more).toEqual([]);
      expect(dnat).toMatchObject({
        node: `${PREFIX}node-a`,
        hook,
        after: { dst: endpoint },
        // Nothing on the node tells which Service it is of: that is the API's to say.
        rule: { table: 'ipvs', chain: `TCP ${virtualServer}` },
      });
      expect(request.state).toBe('closed');
    });

    it('a node port is masqueraded by netfilter, and the pod sees the node', () => {
      const { request, served } = last('s5-nodeport-a-remote');
      const masquerade = request.hops.find(({ kind }: Hop) => kind === 'masquerade');
      expect(masquerade).toMatchObject({
        node: `${PREFIX}node-a`,
        hook: 'POSTROUTING',
        rule: { chain: 'KUBE-POSTROUTING' },
      });
      expect(request.sourceSeenByServer).toMatchObject(served.peer ?? {});
      expect(request.clientIp).toMatchObject({
        verdict: 'lost',
        cause: 'masquerade-external-traffic-policy',
      });
    });

    it("keeps a pod's own address to a ClusterIP", () => {
      expect(last('s3-clusterip-remote').request.clientIp.verdict).toBe('preserved');
    });

    it('replays its recording byte for byte', async () => {
      const { status, stdout } = await runNathop(['replay', '-o', 'json', run.recording]);
      expect(status).toBe(0);
      expect(stdout).toBe(run.ended.stdout);
    });
  });
});
