/** Where and by what a client's address became another, and what is known there of what could keep it. */
import type { NetnsId } from '../../events/event.ts';
import type { ClusterBook, Rewrite, RewriteRule, RuleBook, ServiceFacts } from '../knowledge.ts';
import type { Endpoint, Hop, LossCause } from '../request.ts';
import { placedEndpoints } from './endpoints.ts';
import type { Placed } from './endpoints.ts';

export interface SourceRewrite {
  /** Index into the hops of its connection. */
  readonly index: number;
  readonly hop: Hop;
  readonly netns: NetnsId;
  readonly rewrite: Rewrite;
  readonly explained: RewriteRule;
  /** The rules under which it was made. */
  readonly rules: RuleBook | undefined;
}

export interface Loss extends SourceRewrite {
  readonly cause: LossCause | undefined;
  readonly client: Endpoint;
  readonly dialled: Endpoint;
  readonly server: Endpoint | undefined;
  /** Of the namespace where it was lost. */
  readonly cluster: ClusterBook | undefined;
  readonly isLocal: (ip: string) => boolean;
}

/** `namespace/name:port` of the Service that the connection was for. */
const servicePortOf = ({ explained }: Loss): string | undefined =>
  explained.markedBy?.service ?? explained.rule?.service;

/** `namespace/name` of the same. */
export function serviceOf(loss: Loss): string | undefined {
  const { kind, name } = loss.dialled;
  return nameOf(servicePortOf(loss)) ?? (kind === 'service' ? name : undefined);
}

export function serviceFacts(loss: Loss): ServiceFacts | undefined {
  const name = serviceOf(loss);
  return name === undefined ? undefined : loss.cluster?.service(name);
}

/** Where the endpoints are that the connection could have met; undefined where nothing is known of the Service. */
export function endpointsFor(loss: Loss): Placed | undefined {
  const facts = serviceFacts(loss);
  return facts && placedEndpoints(facts, servicePortOf(loss), loss.rewrite.original);
}

/** The machine it happened on, by the best name there is. */
export const placeOf = ({ hop }: Pick<SourceRewrite, 'hop'>): string =>
  hop.node ?? hop.netns?.name ?? 'this machine';

export const nameOf = (servicePort: string | undefined): string | undefined => servicePort?.split(':', 1)[0];
