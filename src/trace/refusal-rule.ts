/** Which rule dropped or refused a packet, where a rule did. */
import type { Evaluated } from '../events/event.ts';
import type { Connection, Mishap } from './connection.ts';
import { hookOfStack } from './hook.ts';
import type { Knowledge, RefusalRule } from './knowledge.ts';
import type { Hook } from './request.ts';

export const BY_RULE = 'NETFILTER_DROP';

export interface Refused {
  /** As the stack of the drop shows it. */
  readonly hook: Hook | undefined;
  readonly rule: RefusalRule;
  /** What the kernel told of rules in that hook. */
  readonly evaluated: Evaluated | undefined;
}

export function refusalRuleOf(
  { event, rules, direction }: Mishap,
  kind: 'drop' | 'reject',
  connection: Connection,
  knowledge: Knowledge,
): Refused {
  if (event.kind !== 'drop' || event.reason !== BY_RULE) return BY_NO_RULE;
  const hook = hookOfStack(event.stack, event.location);
  // Conntrack drops in the same hooks and with the same reason.
  if (connection.entryRefused?.netns === event.netns) return { ...BY_NO_RULE, hook };
  const current = event.tuple;
  const inDevice = knowledge.hookDevice(event.netns, event.inIfindex);
  const evaluated = evaluatedBefore(connection, event, hook);
  const rule = rules?.refusalRule({
    kind,
    ...(hook && { hook }),
    // An answer meets filters as it is: what translates it back has no rules.
    original: direction === 'forward' ? (event.conntrack?.original ?? current) : current,
    current,
    ...(inDevice !== undefined && { inDevice }),
    ...(evaluated && { evaluated }),
  });
  return { hook, rule: rule ?? {}, evaluated };
}

const BY_NO_RULE: Refused = { hook: undefined, rule: {}, evaluated: undefined };

/** What ran in the very hook that dropped it. */
function evaluatedBefore(
  connection: Connection,
  { netns, conntrack }: Mishap['event'],
  hook: Hook | undefined,
): Evaluated | undefined {
  const entry = conntrack && connection.entryIn(netns, conntrack.zone, conntrack.original);
  const dropped = entry?.making?.dropped;
  return dropped?.hook === hook ? dropped?.evaluated : undefined;
}
