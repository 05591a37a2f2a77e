/** A name that could not be had: no answer, or none that helps. */
import type { DnsHead } from '../../events/head.ts';
import type { Exchange } from '../exchange.ts';
import type { Lookup, Lookups } from '../lookups.ts';
import type { Failure, Request } from '../request.ts';

/** @param base the look-up's own connection */
export function lookupFailure(
  told: Exchange,
  asked: DnsHead,
  base: Request | undefined,
  lookups: Lookups,
): Failure | undefined {
  const answer = told.answer?.message;
  const resolver = base?.dialled;
  const whom = resolver?.name ?? resolver?.ip ?? 'the resolver';
  if (answer?.what !== 'dns') {
    if (told.endedAt === 0 || lookups.mayBeAnswered(told)) return undefined;
    return noAnswer(asked, whom, base?.failure);
  }
  const tries = lookups.alike(told, asked, told.since);
  // Another name of the search list is tried next: nothing has failed yet. What was not seen may be that.
  const unseen = lookups.missed > told.missedBefore || (base?.lostEvents ?? 0) > 0;
  if (answer.rcode !== 'NXDOMAIN' || unseen || tries.some(({ at }) => at > told.since)) return undefined;
  return noSuchName(asked, whom, tries);
}

function noAnswer({ name, type }: DnsHead, whom: string, below: Failure | undefined): Failure {
  if (below?.kind === 'stale-conntrack') return below;
  const why = below === undefined ? '' : ` ${below.text}`;
  return {
    kind: 'dns-unanswered',
    ...(below?.atHop !== undefined && { atHop: below.atHop }),
    reason: below?.reason ?? 'no answer',
    text: `No answer from ${whom} for ${name} (${type}).${why}`,
    evidence: [`${name} (${type}) was asked of ${whom}; no answer was seen`, ...(below?.evidence ?? [])],
    next:
      below?.next ??
      `See whether the pods behind ${whom} are up and answer: \`kubectl -n kube-system get pods -o wide\`.`,
  };
}

function noSuchName({ name, type }: DnsHead, whom: string, tries: readonly Lookup[]): Failure {
  const others = [...new Set(tries.map(({ asked }) => asked.name))];
  return {
    kind: 'dns-nxdomain',
    ...(others.length > 0 && { detail: 'search-list' }),
    reason: 'NXDOMAIN',
    text: `${whom} knows no ${name} (${type}).`,
    evidence: [
      `${whom} answered NXDOMAIN for ${name} (${type})`,
      ...(others.length === 0
        ? []
        : [`tried before by the search list, as much in vain: ${others.join(', ')}`]),
    ],
    next:
      others.length === 0
        ? 'See whether the name is spelt right and exists; the name of a Service is NAME.NAMESPACE.svc.CLUSTER-DOMAIN.'
        : 'See whether a Service of that name exists (`kubectl get services -A`). A full name with a dot at its end spares the tries of the search list.',
  };
}
