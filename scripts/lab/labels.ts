/** What each connection of a run should be told as: the lab knows what it broke, and what it left well. */
import { formatEndpoint } from '../../src/events/tuple.ts';
import type { FailureKind, Request } from '../../src/trace/request.ts';
import type { Attempt, DialResult, RunResult } from './lab.ts';
import { DNS } from './scenarios/kube.ts';
import { expectedIn, type Dial, type Expected } from './scenarios/scenario.ts';
import type { Mode } from './topology.ts';

export interface Label {
  readonly scenario: string;
  readonly protocol: Request['protocol'];
  /** The client's own socket, which nobody else has; absent: a proxy's, whose port nobody knows. */
  readonly client?: string;
  readonly dialled: string;
  /** `GET /a/pings`, `A example.com`; absent: whatever was asked. */
  readonly asked?: string;
  /** `null`: it went well. `any`: it failed, and the scenario does not say of what kind. */
  readonly failure: FailureKind | 'any' | null;
  /** It failed, and was told so; later it was mended, and is told so. */
  readonly mended?: true;
}

export const labelsOf = (results: readonly RunResult[], mode: Mode): Label[] =>
  results.flatMap(({ scenario, dials }) =>
    dials.flatMap(({ dial, attempts }: DialResult) =>
      attempts.flatMap((attempt) =>
        [...ofDial(dial, attempt, expectedIn(dial, mode)), ...ofLookUp(dial, attempt)].map((label) => ({
          scenario: scenario.id,
          ...label,
        })),
      ),
    ),
  );

type Unnamed = Omit<Label, 'scenario'>;

function ofDial(dial: Dial, { from, outcome }: Attempt, expected: Expected): Unnamed[] {
  // Nothing was dialled: its name has no address.
  if (outcome === 'unresolved') return [];
  const { protocol, to, http, ask, types = ['A'] } = dial;
  const base = {
    protocol,
    // A request does not tell the identifier of an ICMP echo.
    client: formatEndpoint(from.ip, protocol === 'icmp' ? 0 : from.port),
    dialled: formatEndpoint(to.ip, to.port),
  };
  const failure = expected.failure ?? (expected.outcome === 'answered' ? null : 'any');
  if (http !== undefined && expected.failure === undefined && expected.outcome !== 'refused') {
    return http.requests.flatMap(({ method = 'GET', path, expect }): Unnamed[] => [
      {
        ...base,
        asked: `${method} ${path}`,
        failure: expect.failure ?? (expect.status === undefined ? 'any' : null),
      },
      ...(expect.unresolved === undefined ? [] : [inVain(expect.unresolved)]),
    ]);
  }
  if (protocol === 'udp' && ask !== undefined) {
    return types.map((type) => ({ ...base, asked: `${type} ${ask}`, failure }));
  }
  return [{ ...base, failure, ...(expected.mended && { mended: true }) }];
}

const inVain = (name: string): Unnamed => ({
  protocol: 'udp',
  dialled: formatEndpoint(DNS.ip, DNS.port),
  asked: `A ${name}`,
  failure: 'dns-nxdomain',
});

/** Of a search list only the last name fails, if that does: the others are tried on the way. */
function ofLookUp({ lookUp }: Dial, { lookUp: tries = [] }: Attempt): Unnamed[] {
  if (lookUp === undefined) return [];
  return tries.flatMap(({ name, from, outcome, queries = [] }, index) => {
    const isLast = index === tries.length - 1;
    const base = {
      protocol: 'udp',
      client: formatEndpoint(from.ip, from.port),
      dialled: formatEndpoint(lookUp.resolver, 53),
    } as const;
    return (['A', 'AAAA'] as const).map((type) => {
      const rcode = queries.find((query) => query.type === type)?.rcode;
      const missing = isLast && rcode === 'NXDOMAIN' ? 'dns-nxdomain' : null;
      return {
        ...base,
        asked: `${type} ${name}`,
        failure: outcome === 'answered' ? missing : 'dns-unanswered',
      };
    });
  });
}
