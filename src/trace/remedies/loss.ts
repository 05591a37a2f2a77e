/** Where and by what a client's address became another, and what is known there of what could keep it. */
import type { NetnsId } from '../../events/event.ts';
import type { ClusterBook, Rewrite, RewriteRule, RuleBook, ServiceFacts } from '../knowledge.ts';
import type { Endpoint, Hop, LossCause } from '../request.ts';

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

/** `namespace/name` of the Service that the connection was for. */
export function serviceOf({ explained, dialled }: Loss): string | undefined {
  const port = explained.markedBy?.service ?? explained.rule?.service;
  if (port !== undefined) return port.split(':', 1)[0];
  return dialled.kind === 'service' ? dialled.name : undefined;
}

export function serviceFacts(loss: Loss): ServiceFacts | undefined {
  const name = serviceOf(loss);
  return name === undefined ? undefined : loss.cluster?.service(name);
}

/** The machine it happened on, by the best name there is. */
export const placeOf = ({ hop }: SourceRewrite): string => hop.node ?? hop.netns?.name ?? 'this machine';
