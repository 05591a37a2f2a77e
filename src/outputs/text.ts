/** A line one can read aloud: who asked for what, what became of it on the way, who served, whom it saw. */
import type { Colors } from 'picocolors/types.js';
import type { Request } from '../trace/request.ts';
import type { Output } from './output.ts';
import { paintState, paintVerdict } from './paint.ts';
import {
  address,
  addressAndName,
  lossOf,
  rewriteWord,
  shown,
  stateAndFailure,
  timeOf,
  tookOf,
} from './words.ts';

export function textOutput(colors: Colors): Output {
  return {
    header: () =>
      colors.dim('TIME         CLIENT → DIALLED → REWRITES → SERVER, SOURCE IT SAW, CLIENT IP, STATE, TOOK'),
    render: (request) => {
      const facts = [
        wayOf(colors, request),
        sawOf(request),
        paintVerdict(colors, request, request.clientIp.verdict),
        paintState(colors, request, stateAndFailure(request)),
        tookOf(request),
        request.inferred.length > 0 ? 'partly inferred' : undefined,
        lossOf(request),
      ];
      return `${colors.dim(timeOf(request))} ${facts.filter((fact) => fact !== undefined).join(', ')}`;
    },
  };
}

function wayOf(colors: Colors, request: Request): string {
  // A client's port tells nothing to the reader; the wide output and JSON have it.
  const client = request.client.kind === 'pod' ? request.client.name : undefined;
  const rewrites = request.hops.map(rewriteWord).filter((word) => word !== undefined);
  const steps = [
    client === undefined ? shown(request.client.ip) : `${shown(request.client.ip)} (${shown(client)})`,
    colors.bold(addressAndName(request.dialled)) + (request.protocol === 'tcp' ? '' : ` ${request.protocol}`),
    ...(rewrites.length === 0 ? [] : [colors.cyan(rewrites.join(' '))]),
    ...(request.server === undefined || isDialled(request) ? [] : [addressAndName(request.server)]),
  ];
  return steps.join(' → ');
}

const isDialled = (request: Request): boolean =>
  request.server !== undefined && address(request.server) === address(request.dialled);

function sawOf(request: Request): string | undefined {
  const seen = request.sourceSeenByServer;
  return seen === undefined || seen.ip === request.client.ip ? undefined : `saw ${shown(seen.ip)}`;
}
