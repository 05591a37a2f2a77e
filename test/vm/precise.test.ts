/**
 * The precise set on Debian's kernels: the same scenarios with the kernel's own word for hook, kind and rule, IPVS as it
 * chooses a server, and what conntrack turns away. Traced in guests, whose tables and limits are theirs alone.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODES } from '../../scripts/lab/topology.ts';
import type { Answer } from '../../scripts/vm/machine.ts';
import type {
  EntryGoneEvent,
  Event,
  ProbeChoice,
  ProbesEvent,
  RefusedEntryEvent,
} from '../../src/events/event.ts';
import type { Request } from '../../src/trace/request.ts';
import { checkScenarios } from '../live/scenario-checks.ts';
import { Attribution, type TracedLab } from '../live/trace-lab.ts';
import { checkSeenByKernel } from '../support/kernel-rules.ts';
import { headerOf } from '../support/recording.ts';
import { emulated, Guests, releases } from './guests.ts';
import { readTraced, toldOn, type Round } from './traced.ts';

const inGuests = await emulated();
/** Each round attaches anew, which is most of it. */
const SECONDS = 2_400;
type Parts = Readonly<Record<string, ProbeChoice['by']>>;
/** In every round: IPVS's part needs the module, which is there where a virtual server is. */
const DESCRIBED: Parts = {
  'NAT as the kernel does it': 'fentry',
  'the comments of the rules that run': 'fentry',
  'the chains of nf_tables that run': 'fentry',
  'the chains that verdict maps choose': 'fentry',
  'the rules that ran before a drop': 'tracepoint',
  'what conntrack turns away and forgets': 'fentry',
};
/** Bullseye's kernel describes no module's functions. */
const UNDESCRIBED: Parts = {
  'NAT as the kernel does it': 'kprobe',
  'the comments of the rules that run': 'kprobe',
  'the chains of nf_tables that run': 'none',
  'the chains that verdict maps choose': 'none',
  'the rules that ran before a drop': 'tracepoint',
  'what conntrack turns away and forgets': 'kprobe',
  'IPVS as it chooses a server': 'none',
};
const ROUNDS: readonly Round[] = [...MODES, 'ipvs', 'conntrack'];

inGuests('the precise set, traced in guests', () => {
  const guests = new Guests();
  afterAll(() => guests.remove());

  describe.each(releases)('on %s', (release) => {
    const isDescribed = release !== 'bullseye';
    let answer: Answer;
    beforeAll(async () => {
      const rounds = isDescribed ? ROUNDS : ROUNDS.filter((round) => round !== 'ipvs');
      const command = `traced-lab ${rounds.join(' ')} -- --probes precise --no-l7`;
      answer = await guests.run(release, { command, seconds: SECONDS });
    }, SECONDS * 1_000);
    const read = (round: Round): Promise<TracedLab> => readTraced(join(answer.folder, round));

    describe.each(MODES)('with kube-proxy in %s mode', (mode) => {
      it('has each part attached that this kernel can have', async () => {
        const { recording } = await read(mode);
        expect(headerOf(recording).probes.set).toBe('precise');
        expect(partsOf(recording)).toMatchObject(isDescribed ? DESCRIBED : UNDESCRIBED);
      });

      it('knows the rules that the kernel ran by their comments and chains', async () => {
        const { requests } = await read(mode);
        checkSeenByKernel(requests, { chains: isDescribed });
      });

      // Last: it takes the run's folder with it.
      checkScenarios(toldOn(release, mode), () => read(mode));
    });

    describe.runIf(isDescribed)('with kube-proxy in IPVS mode', () => {
      it('sees IPVS choose a server, in the hook in which it does', async () => {
        const run = await read('ipvs');
        const requests = lastRequests(run);
        expect(requests.length).toBeGreaterThan(3);
        for (const { hops, client } of requests) {
          const hook = client.kind === 'node' ? 'OUTPUT' : 'INPUT';
          const dnats = hops.filter(({ kind }) => kind === 'dnat');
          expect(dnats).toMatchObject([{ hook, hookObserved: true, rule: { table: 'ipvs' } }]);
        }
        expect(eventsOf(run.recording).filter((e) => e.kind === 'nat' && e.what === 'ipvs')).not.toEqual([]);
      });
    });

    describe('what conntrack turns away and forgets', () => {
      it('is told by conntrack itself: a table that is full, a tuple that is taken', async () => {
        const run = await read('conntrack');
        const refused = eventsOf(run.recording).filter(
          (e): e is RefusedEntryEvent => e.kind === 'entry-refused',
        );
        expect(new Set(refused.map(({ why }) => why))).toEqual(new Set(['full', 'clash']));
        const failures = lastRequests(run).flatMap(({ failure }) => failure?.kind ?? []);
        expect(failures).toEqual(expect.arrayContaining(['conntrack-full', 'conntrack-clash']));
      });

      it('is told where it forgets: an entry that expires', async () => {
        const run = await read('conntrack');
        const gone = eventsOf(run.recording).filter((e): e is EntryGoneEvent => e.kind === 'entry-gone');
        const told = lastRequests(run).find(({ failure }) => failure?.detail === 'entry-gone')?.failure;
        expect(told?.text).toContain('no longer knew it');
        expect(gone).toContainEqual(expect.objectContaining({ why: 'expired' }));
        expect(told?.text).toContain('its conntrack entry had expired');
      });
    });
  });
});

function lastRequests(run: TracedLab): Request[] {
  const attribution = new Attribution(run);
  return run.results.flatMap(({ dials }) => dials.map(({ last }) => attribution.of(last)));
}

function eventsOf(recording: string): Event[] {
  const [, ...lines] = gunzipSync(readFileSync(recording)).toString().trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Event);
}

function partsOf(recording: string): Record<string, string> {
  const probes = eventsOf(recording).find((event): event is ProbesEvent => event.kind === 'probes');
  return Object.fromEntries((probes?.precise ?? []).map(({ what, by }) => [what, by]));
}
