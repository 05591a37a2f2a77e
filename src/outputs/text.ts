/** A line one can read aloud: who asked for what, what became of it on the way, who served, whom it saw. */
import type { Colors } from 'picocolors/types.js';
import { jointsOf, proxyName } from '../trace/legs.ts';
import type { Request } from '../trace/request.ts';
import type { Output } from './output.ts';
import { paintState, paintUnmet, paintVerdict } from './paint.ts';
import {
  address,
  addressAndName,
  askedOf,
  lossOf,
  rewriteWord,
  shown,
  stateAndFailure,
  timeOf,
  tookOf,
  verdictOf,
} from './words.ts';

export function textOutput(colors: Colors): Output {
  return {
    header: () =>
      colors.dim(
        'TIME         CLIENT → DIALLED → REWRITES → SERVER, ASKED, SOURCE IT SAW, CLIENT IP, STATE, TOOK',
      ),
    render: (request, unmet) => {
      const facts = [
        wayOf(colors, request),
        askedOf(request),
        sawOf(request),
        paintVerdict(colors, request, verdictOf(request)),
        paintState(colors, request, stateAndFailure(request)),
        tookOf(request),
        request.inferred.length > 0 ? 'partly inferred' : undefined,
        lossOf(request),
        paintUnmet(colors, unmet),
      ];
      return `${colors.dim(timeOf(request))} ${facts.filter((fact) => fact !== undefined).join(', ')}`;
    },
  };
}

function wayOf(colors: Colors, request: Request): string {
  // A client's port tells nothing to the reader; the wide output and JSON have it.
  const client = request.client.kind === 'pod' ? request.client.name : undefined;
  const steps = [
    client === undefined ? shown(request.client.ip) : `${shown(request.client.ip)} (${shown(client)})`,
    colors.bold(addressAndName(request.dialled)) + (request.protocol === 'tcp' ? '' : ` ${request.protocol}`),
    ...rewritesOn(colors, request, 0),
    ...jointsOf(request).flatMap((joint) => [
      `proxy ${shown(proxyName(joint))}`,
      ...rewritesOn(colors, request, joint.to),
    ]),
    ...(request.server === undefined || isDialled(request) ? [] : [addressAndName(request.server)]),
  ];
  return steps.join(' → ');
}

function rewritesOn(colors: Colors, request: Request, leg: number): string[] {
  const words = request.hops
    .filter((hop) => hop.leg === leg)
    .map(rewriteWord)
    .filter((word) => word !== undefined);
  return words.length === 0 ? [] : [colors.cyan(words.join(' '))];
}

const isDialled = (request: Request): boolean =>
  request.server !== undefined && address(request.server) === address(request.dialled);

function sawOf(request: Request): string | undefined {
  const seen = request.sourceSeenByServer;
  return seen === undefined || seen.ip === request.client.ip ? undefined : `saw ${shown(seen.ip)}`;
}
