/** Changes to the lab that a scenario needs before it runs, and their undoing. */
import { run, runIn } from './run.ts';
import { nftAffinitySet, sepChain } from './scenarios/kube.ts';
import type { Preparation } from './scenarios/scenario.ts';
import { announce, ANNOUNCED, type ClusterNode, type Identity } from './topology.ts';

/** Gives back what undoes it. */
export async function prepare(lab: Identity, steps: readonly Preparation[]): Promise<() => Promise<void>> {
  for (const step of steps) {
    if (step.kind === 'announce') await announceFrom(lab, step.ip, step.node);
    else if (step.kind === 'remember') await remember(lab, step);
    else await leaveEntry(lab, step);
  }
  return async () => {
    for (const step of steps) {
      const owner = step.kind === 'announce' ? ANNOUNCED[step.ip] : undefined;
      if (step.kind === 'announce' && owner) await announceFrom(lab, step.ip, owner);
      if (step.kind === 'stale-entry') await deleteEntry(lab, step);
    }
  };
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
