import type { RefusalRule } from '../../trace/knowledge.ts';
import { markingRule } from './cause.ts';
import { IPVS_TABLE } from './ipvs.ts';
import type { Outcome, Trail } from './journey.ts';

/** What a rule that refuses is for, from what kube-proxy names it. */
export function reasonOf(outcome: Outcome, how: 'drop' | 'reject'): NonNullable<RefusalRule['because']> {
  const chains = [outcome.chain.name];
  const comments = [outcome.comment, outcome.rule?.comment];
  for (let at: Trail | undefined = outcome.trail; at; at = at.outer) {
    chains.push(at.chain.name);
    comments.push(at.comment, at.rule.comment);
  }
  // Older versions mark what is to be dropped (KUBE-MARK-DROP) and say at the mark what for.
  const marking = outcome.markedBy && markingRule(outcome.markedBy);
  if (marking) {
    chains.push(marking.chain.name);
    comments.push(marking.rule?.comment);
  }
  const says = (text: string): boolean => comments.some((comment) => comment?.endsWith(text) ?? false);
  if (says(' has no local endpoints')) return 'no-local-endpoint';
  if (says(' has no endpoints')) return 'no-endpoints';
  if (chains.some((name) => NO_ENDPOINTS.has(name)))
    return how === 'drop' ? 'no-local-endpoint' : 'no-endpoints';
  if (chains.some((name) => /^(?:KUBE-PROXY-FIREWALL$|KUBE-FW-|firewall-)/.test(name)))
    return 'source-ranges';
  // A virtual server refuses where it has no real one.
  if (outcome.table.name === IPVS_TABLE) return 'no-endpoints';
  return how === 'reject' && chains.some((name) => UNKNOWN_PORT.has(name)) ? 'unknown-port' : 'other';
}

/** They hold the addresses of Services, and refuse what was not for one of their ports. */
const UNKNOWN_PORT: ReadonlySet<string> = new Set(['cluster-ips-check', 'KUBE-IPVS-FILTER']);

/** Their maps hold Services without endpoints: rejected, or dropped where only a local one would do. */
const NO_ENDPOINTS: ReadonlySet<string> = new Set(['service-endpoints-check', 'nodeport-endpoints-check']);
