/** Changes to the lab that a scenario needs before it runs, and their undoing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { run, runIn, runPeer } from './run.ts';
import { nftAffinitySet, sepChain } from './scenarios/kube.ts';
import type { Preparation } from './scenarios/scenario.ts';
import { announce, ANNOUNCED, type ClusterNode, type Identity } from './topology.ts';

/** A tracer reads rules a moment after they have changed; rules that do harm have mostly stood for long. */
const NOTICED_MS = 2500;

/** Gives back what undoes it, last first; what was begun is undone too where a later step fails. */
export async function prepare(lab: Identity, steps: readonly Preparation[]): Promise<() => Promise<void>> {
  const begun: Preparation[] = [];
  const undo = async (): Promise<void> => {
    for (const step of begun.reverse()) await takeBack(lab, step);
  };
  try {
    for (const step of steps) {
      begun.push(step);
      await make(lab, step);
    }
  } catch (error) {
    await undo();
    throw error;
  }
  return undo;
}

async function make(lab: Identity, step: Preparation): Promise<void> {
  switch (step.kind) {
    case 'announce':
      await announceFrom(lab, step.ip, step.node);
      return;
    case 'remember':
      await remember(lab, step);
      return;
    case 'stale-entry':
      await leaveEntry(lab, step);
      return;
    case 'change':
      for (const command of step.does) await runIn(lab.prefix + step.in, command);
      if (step.does.some(([program]) => program === 'iptables')) await sleep(NOTICED_MS);
      return;
    case 'full-table':
      // What is closing would give way soon, and make room again (gc_worker_can_early_drop).
      await runIn(lab.prefix + step.in, ['conntrack', '-F']);
      await runPeer(['fill.py'], { netns: lab.prefix + step.in });
  }
}

async function takeBack(lab: Identity, step: Preparation): Promise<void> {
  switch (step.kind) {
    case 'announce': {
      const owner = ANNOUNCED[step.ip];
      if (owner !== undefined) await announceFrom(lab, step.ip, owner);
      return;
    }
    case 'remember':
      return;
    case 'stale-entry':
      await deleteEntry(lab, step);
      return;
    case 'change':
      for (const command of step.undoes) await runIn(lab.prefix + step.in, command);
      return;
    case 'full-table':
      await runIn(lab.prefix + step.in, ['conntrack', '-F']);
  }
}

const announceFrom = ({ prefix }: Identity, ip: string, node: ClusterNode): Promise<string> =>
  run('ip', ['-n', `${prefix}fabric`, '-batch', '-'], { input: `${announce(ip, node)}\n` });

/** Affinity lives in xt_recent's lists in one mode and in sets with a time-out in the other. */
async function remember(
  { prefix, mode }: Identity,
  { node, client, service, endpoint }: Extract<Preparation, { kind: 'remember' }>,
): Promise<void> {
  const namespace = prefix + node.name;
  if (mode === 'iptables') {
    await runIn(namespace, ['tee', `/proc/net/xt_recent/${sepChain(service, endpoint)}`], {
      input: `+${client}\n`,
    });
  } else {
    const set = nftAffinitySet(service, endpoint);
    await runIn(namespace, ['nft', '-f', '-'], { input: `add element ip kube-proxy ${set} { ${client} }\n` });
  }
}

type StaleEntry = Extract<Preparation, { kind: 'stale-entry' }>;

/** The kernel makes of the address the reply it expects; a reply told besides would leave it unmarked as NAT. */
const leaveEntry = (lab: Identity, step: StaleEntry): Promise<void> =>
  conntrack(lab, step, '-I', ['--timeout', '30', '--dst-nat', step.movedFrom]);

const deleteEntry = (lab: Identity, step: StaleEntry): Promise<void> => conntrack(lab, step, '-D', []);

async function conntrack(
  { prefix }: Identity,
  { node, client, service }: StaleEntry,
  command: '-I' | '-D',
  more: readonly string[],
): Promise<void> {
  await runIn(prefix + node.name, [
    ...(['conntrack', command, '-p', service.protocol] as const),
    ...['-s', client.ip, '--sport', String(client.port), '-d', service.ip, '--dport', String(service.port)],
    ...more,
  ]);
}
