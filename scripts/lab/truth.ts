/** Compares what a run met with what its scenario says must be. */
import type { Answer, Attempt, DialResult, RunResult } from './lab.ts';
import { expectedIn, type Ask, type Dial, type Expected } from './scenarios/scenario.ts';
import type { Mode } from './topology.ts';

/** In words; empty where all is as it must be. */
export const mismatches = ({ dials }: RunResult, mode: Mode): string[] =>
  dials.flatMap((result) => dialMismatches(result, mode));

type Check = readonly [what: string, want: unknown, got: unknown];

function dialMismatches({ dial, last }: DialResult, mode: Mode): string[] {
  const expected = expectedIn(dial, mode);
  const checks: Check[] = [
    ['outcome', expected.outcome, last.outcome],
    ...lookUpChecks(dial, last),
    ...(dial.http === undefined ? peerChecks(expected, last) : []),
    ...(dial.http?.requests ?? []).flatMap((ask, index) =>
      requestChecks(ask, expected, last.answers?.[index]),
    ),
  ];
  return checks
    .filter(([, want, got]) => told(want) !== told(got))
    .map(([what, want, got]) => `${dial.from}: ${what} should be ${told(want)}, is ${told(got)}`);
}

const peerChecks = ({ server, sourceSeen, queries }: Expected, last: Attempt): Check[] => [
  ['server', server, last.server],
  ['source seen', sourceSeen, last.peer?.ip],
  ...(queries === undefined
    ? []
    : [
        [
          'answers',
          queries.map(({ type, rcode, answers }) => [type, rcode, ...answers]),
          [...(last.queries ?? [])]
            .sort((a, b) => a.type.localeCompare(b.type))
            .map(({ type, rcode, addresses }) => [type, rcode, ...addresses]),
        ] as const,
      ]),
];

const lookUpChecks = ({ lookUp }: Dial, { lookUp: tries = [] }: Attempt): Check[] => [
  [
    'names asked',
    (lookUp?.expect ?? []).map(({ name, rcode, answers, server }) => [name, rcode, server, ...answers]),
    tries.map(({ name, queries = [], server }) => [
      ...[name, queries[0]?.rcode, server],
      ...queries.flatMap(({ addresses }) => addresses),
    ]),
  ],
];

/** Of one request: how it was answered, whom each server on its way saw, and what it carried at the end. */
function requestChecks(ask: Ask, first: Expected, answer: Answer | undefined): Check[] {
  const { status, legs, carriers } = ask.expect;
  const seen = new Map(words(answer).map(({ server, peer }) => [server, peer.ip]));
  const named = [first, ...legs].filter(({ server }) => server !== undefined);
  const last = named.length === legs.length + 1 ? named.at(-1)?.server : undefined;
  const atEnd = carriers.filter(({ leg, kind }) => leg === legs.length && kind !== 'proxy-protocol');
  const proxied = carriers.find(({ kind }) => kind === 'proxy-protocol');
  const isApp = answer?.received !== undefined;
  return [
    [`status of ${ask.path}`, status, answer?.status],
    ...named
      // HAProxy passing bytes on can tell nothing to the client; a HEAD's answer has no body to tell it in.
      .filter(({ server }) => seen.has(server ?? '') || (server === last && ask.method !== 'HEAD' && isApp))
      .map(({ server, sourceSeen }): Check => [
        `source seen by ${server}`,
        sourceSeen,
        seen.get(server ?? ''),
      ]),
    ...(isApp ? [['server', last, answer.server] as const, headersCheck(atEnd, answer)] : []),
    ...(status === 200 && proxied !== undefined
      ? [['client in the PROXY header', proxied.values[0], answer?.proxyProtocol] as const]
      : []),
  ];
}

const words = (answer: Answer | undefined): { server: string; peer: { ip: string } }[] => {
  const { saw = [], server, peer } = answer ?? {};
  return server === undefined || peer === undefined ? saw : [...saw, { server, peer }];
};

const KINDS = ['x-forwarded-for', 'x-real-ip', 'forwarded'];

const headersCheck = (carriers: Ask['expect']['carriers'], { received = [] }: Answer): Check => [
  'who asked, by the headers',
  carriers.map(({ kind, values }) => `${kind}: ${values.join(', ')}`).sort(),
  received
    .filter(([kind]) => KINDS.includes(kind))
    .map(([kind, value]) => `${kind}: ${kind === 'forwarded' ? forwardedFor(value) : value}`)
    .sort(),
];

/** The addresses of a Forwarded header (RFC 7239). */
const forwardedFor = (value: string): string =>
  [...value.matchAll(/\bfor=([^;,]+)/g)].map(([, ip]) => ip).join(', ');

const told = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value));
