import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event, NatEvent } from '../../src/events/event.ts';
import type { Hop, Request } from '../../src/trace/request.ts';
import { recorded, requestsOf } from '../support/engine.ts';
import { withNat } from '../support/precise.ts';
import { plans, toldOf, traffic } from '../support/traffic.ts';
import { saidTwice, throughWindow } from '../support/unsettled.ts';

const rewrites = (request: Request): Hop[] =>
  request.hops.filter(({ kind }) => kind === 'dnat' || kind === 'snat' || kind === 'masquerade');
const tellings = (requests: readonly Request[]): string[] =>
  requests.map((request) => JSON.stringify(toldOf(request))).sort();
const isNat = (event: Event): event is NatEvent => event.kind === 'nat';

describe('what the kernel tells of its translations', () => {
  it('adds no hop and loses none; the hooks of those there are become seen', () => {
    fc.assert(
      fc.property(plans, fc.nat(), (planned, seed) => {
        const { events } = traffic(planned);
        const plain = requestsOf(events);
        const told = requestsOf(throughWindow(withNat(events), seed));
        expect(tellings(told)).toEqual(tellings(plain));
        for (const hop of told.flatMap(rewrites)) expect(hop.hookObserved).toBe(true);
        for (const hop of plain.flatMap(rewrites)) expect(hop.hookObserved).toBe(false);
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  it('may be told twice, lost, or later than the packet', () => {
    fc.assert(
      fc.property(plans, fc.nat(), (planned, seed) => {
        const { events } = traffic(planned);
        const precise = withNat(events);
        const plain = tellings(requestsOf(events));
        expect(requestsOf(saidTwice(precise, seed))).toEqual(requestsOf(precise));
        const some = precise.filter((event, index) => !isNat(event) || (index + seed) % 3 === 0);
        expect(tellings(requestsOf(some))).toEqual(plain);
        const late = [...precise.filter((event) => !isNat(event)), ...precise.filter(isNat)];
        expect(tellings(requestsOf(late))).toEqual(plain);
      }),
      { numRuns: 150, seed: 2 },
    );
  });

  it('stands on the hop with its time, kind and hook', () => {
    const first = events.findIndex(
      (event) => event.kind === 'packet' && event.conntrack?.masqueradeIndex !== 0,
    );
    const translated = events.slice(0, first).concat(withNat(events.slice(first)));
    const asSnat = translated.map((event): Event =>
      event.kind === 'nat' && event.manip === 'source' ? { ...event, what: 'address', hook: 'INPUT' } : event,
    );
    const hops = requestsOf(asSnat)
      .flatMap(rewrites)
      .filter(({ hookObserved }) => hookObserved);
    const sources = hops.filter(({ kind }) => kind !== 'dnat');
    expect(sources.length).toBeGreaterThan(10);
    for (const hop of sources) expect(hop).toMatchObject({ kind: 'snat', hook: 'INPUT' });
  });

  it('stands behind the hop before it where the packet was sent again, and the first sending was translated', () => {
    const early = withNat(events).map((event): Event =>
      isNat(event) ? { ...event, at: event.at - 1e9 } : event,
    );
    const told = requestsOf(early);
    expect(told.flatMap(rewrites).length).toBeGreaterThan(10);
    for (const { hops } of told) {
      const times = hops.map(({ atMs }) => atMs ?? Number.NaN);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });
});

const events = recorded('iptables');

describe('the rule that the kernel ran', () => {
  const services = (requests: readonly Request[]): Hop[] =>
    requests.flatMap(rewrites).filter(({ rule, kind }) => kind === 'dnat' && rule?.comment !== undefined);

  it('is said to come from it where its comment was the last that was met', () => {
    const [example] = services(requestsOf(events));
    const comment = example?.rule?.comment ?? '';
    const told = services(requestsOf(withNat(events, { comment, chains: [], entered: 0 })));
    const same = told.filter(({ rule }) => rule?.comment === comment);
    expect(same.length).toBeGreaterThan(0);
    for (const hop of same) {
      expect(hop).toMatchObject({ rule: { source: 'kernel' }, evaluated: { comment, chains: [] } });
    }
  });

  it('is not told from the texts where the kernel met another comment, and that is said', () => {
    const told = requestsOf(withNat(events, { comment: 'of no rule here', chains: [], entered: 0 }));
    const contradicted = told.filter((request) =>
      request.inferred.some((note) => note.includes('the kernel was seen to run another')),
    );
    expect(contradicted.length).toBeGreaterThan(0);
    for (const request of contradicted) {
      const hops = rewrites(request).filter(({ evaluated }) => evaluated !== undefined);
      expect(hops.some(({ rule }) => rule === undefined)).toBe(true);
    }
  });

  it('rests on the texts alone where nothing of it tells', () => {
    for (const hop of services(requestsOf(withNat(events)))) expect(hop.rule?.source).toBeUndefined();
    const other = { chains: ['a-chain'], entered: 9 };
    for (const { rule } of services(requestsOf(withNat(events, other))))
      expect(rule?.source ?? 'rules').toBe('rules');
  });
});

describe('rules that ran before a drop', () => {
  it('tell which rule dropped it, of the hook in which it was dropped only', () => {
    const verdicts = (hook: 'FORWARD' | 'PREROUTING'): Event[] =>
      events.flatMap((event): Event[] => {
        if (event.kind !== 'drop' || event.conntrack === undefined) return [event];
        const { at, netns, conntrack } = event;
        const { pointer, zone, original } = conntrack;
        const evaluated = { comment: 'seen', chains: [], entered: 0 };
        return [{ kind: 'verdict', at, netns, pointer, zone, original, hook, evaluated }, event];
      });
    const dropped = (requests: readonly Request[]): Hop[] =>
      requests.flatMap(({ hops }) => hops.filter((hop) => hop.kind === 'drop' || hop.kind === 'reject'));
    const inForward = dropped(requestsOf(verdicts('FORWARD'))).filter(({ evaluated }) => evaluated);
    expect(inForward.length).toBeGreaterThan(0);
    for (const hop of inForward) expect(hop.hook).toBe('FORWARD');
  });
});

describe('a packet for which conntrack has no entry', () => {
  it.each([
    ['full', 'conntrack-full'],
    ['clash', 'conntrack-clash'],
  ] as const)("is no rule's doing (%s)", (why, failure) => {
    const turned = events.flatMap((event): Event[] => {
      if (event.kind !== 'drop' || event.reason !== 'NETFILTER_DROP') return [event];
      const { at, netns, conntrack, tuple } = event;
      return [{ kind: 'entry-refused', at, netns, why, tuple: conntrack?.original ?? tuple }, event];
    });
    const failed = requestsOf(turned).filter((request) => request.failure?.kind === failure);
    expect(failed.length).toBeGreaterThan(0);
    for (const { hops, failure: told } of failed) {
      expect(hops[told?.atHop ?? -1]).toMatchObject({ kind: 'drop' });
      expect(hops[told?.atHop ?? -1]?.rule).toBeUndefined();
      expect(told?.evidence.join('\n')).toContain('gave no entry for');
    }
  });
});
