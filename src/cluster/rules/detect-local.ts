/** How kube-proxy tells Pods of the cluster from all else (`detectLocalMode`), read off the rules that ask it. */
import { evaluate } from './evaluate.ts';
import type { Match, Table } from './model.ts';
import type { Packet } from './packet.ts';

/** @param asked what `questionIn` found; @returns undefined where the answer is not known */
export function isFromPod(asked: Match | undefined, packet: Packet): boolean | undefined {
  if (asked === undefined) return undefined;
  const answer = evaluate({ ...asked, negated: false }, { packet, mark: 0, hook: 'PREROUTING' });
  return answer === 'yes' ? true : answer === 'no' ? false : undefined;
}

/**
 * Of the first rule that marks what is for a ClusterIP and not from a Pod: all Services ask the same, in IPVS mode one
 * rule for all.
 */
export function questionIn(tables: readonly Table[]): Match | undefined {
  for (const { chains } of tables) {
    for (const { name, rules } of chains.values()) {
      if (!/^(?:KUBE-SV[CL]-|KUBE-SERVICES$|services$)/.test(name)) continue;
      for (const { steps } of rules) {
        for (const step of steps) if (step.kind === 'match' && asksForSender(step.match)) return step.match;
      }
    }
  }
  return undefined;
}

const asksForSender = (match: Match): boolean =>
  match.negated &&
  ((match.kind === 'address' && match.side === 'src') || (match.kind === 'device' && match.side === 'in'));
