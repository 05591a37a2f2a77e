/**
 * Puts namespaces up and takes them down. All are known by name, so taking down needs no memory of putting up
 * and works after a crash half way.
 */
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Blueprint, Cable, Program, Namespace, Topology, Wire } from './network.ts';
import { LabError, run, runIn, runPeer, type RunOptions } from './run.ts';

/** `prefix` stands before every namespace's name: labs with different prefixes live side by side. */
export async function putUp(plan: Blueprint, prefix: string, options: RunOptions): Promise<void> {
  requireRoot();
  await takeDown(plan, prefix);
  try {
    await build(plan, prefix, options);
  } catch (error) {
    // Why it could not be built says more than why it does not go.
    await takeDown(plan, prefix).catch(() => undefined);
    throw error;
  }
}

/** Kills what runs in the namespaces and deletes them; with a namespace go its devices and rules. */
export async function takeDown(plan: Topology, prefix: string): Promise<void> {
  const names = await existing(plan, prefix);
  if (names.length === 0) return;
  await Promise.all(names.map(endProcesses));
  await run('ip', ['-batch', '-'], { input: names.map((name) => `netns delete ${name}\n`).join('') });
}

/** Full names of those of the plan's namespaces that exist. */
export async function existing({ namespaces }: Topology, prefix: string): Promise<string[]> {
  const present = new Set(await readdir('/run/netns').catch(() => []));
  return namespaces.map(({ name }) => prefix + name).filter((name) => present.has(name));
}

export async function processesOf(namespace: string): Promise<number[]> {
  return (await run('ip', ['netns', 'pids', namespace])).split('\n').filter(Boolean).map(Number);
}

async function build(
  { namespaces, wires, cables = [], rules, changes = [] }: Blueprint,
  prefix: string,
  options: RunOptions,
): Promise<void> {
  const batch = (args: string[], lines: readonly string[]): Promise<string> =>
    run('ip', [...args, '-batch', '-'], { ...options, input: `${lines.join('\n')}\n` });

  await batch(
    [],
    namespaces.map(({ name }) => `netns add ${prefix}${name}`),
  );
  await runPeer(['sysctl.py'], sysctls(namespaces, prefix), options);
  await allOf([
    batch(
      [],
      // Cables first: a name that is taken here cannot be given elsewhere.
      [...cables.map((cable) => moveLine(cable, prefix)), ...wires.map((wire) => linkLine(wire, prefix))],
    )
      .then(() => allOf(cables.map((cable) => batch(['-n', prefix + cable.namespace], [nameLine(cable)]))))
      .then(() => allOf(namespaces.map(({ name, setup }) => batch(['-n', prefix + name], setup)))),
    ...byNamespace(rules).map((loads) => applyInOrder(loads, prefix, options)),
  ]);
  await applyInOrder(changes, prefix, options);
  await runPeer(['serve.py'], { servers: servers(namespaces, prefix) }, options);
}

const sysctls = (namespaces: readonly Namespace[], prefix: string): Record<string, Namespace['sysctls']> =>
  Object.fromEntries(namespaces.map((namespace) => [prefix + namespace.name, namespace.sysctls]));

const servers = (namespaces: readonly Namespace[], prefix: string): unknown[] =>
  namespaces.flatMap(({ name, servers }) => servers.map((server) => ({ ...server, netns: prefix + name })));

/** Both ends are made where they belong: nothing shows in the namespace we run in, not even for a moment. */
function linkLine([near, far]: Wire, prefix: string): string {
  const macOf = (mac: string | undefined): string => (mac === undefined ? '' : ` address ${mac}`);
  return (
    `link add name ${near.device} netns ${prefix}${near.namespace}${macOf(near.mac)} type veth ` +
    `peer name ${far.device} netns ${prefix}${far.namespace}${macOf(far.mac)}`
  );
}

const moveLine = ({ is, namespace }: Cable, prefix: string): string =>
  `link set ${is} netns ${prefix}${namespace}`;

const nameLine = ({ is, device, mac }: Cable): string =>
  `link set ${is}${is === device ? '' : ` name ${device}`}${mac === undefined ? '' : ` address ${mac}`} down`;

function byNamespace(loads: readonly Program[]): Program[][] {
  const groups = new Map<string, Program[]>();
  for (const load of loads) groups.set(load.namespace, [...(groups.get(load.namespace) ?? []), load]);
  return [...groups.values()];
}

async function applyInOrder(loads: readonly Program[], prefix: string, options: RunOptions): Promise<void> {
  for (const { namespace, command, input } of loads)
    await runIn(prefix + namespace, command, { ...options, input });
}

/** Fails only when all have ended: what is taken down next must not be built on any more. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}

/** An emulated machine takes its time over it. */
const END_LIMIT_MS = 60_000;

async function endProcesses(namespace: string): Promise<void> {
  const end = Date.now() + END_LIMIT_MS;
  for (let pids = await processesOf(namespace); pids.length > 0; pids = await processesOf(namespace)) {
    for (const pid of pids) kill(pid);
    if (Date.now() > end)
      throw new LabError(`${namespace}: ${pids.join(' ')} will not end`, 'End them, then run down again.');
    await sleep(20);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone by itself in between.
  }
}

function requireRoot(): void {
  if (process.getuid?.() !== 0)
    throw new LabError('the lab needs root for network namespaces', 'Run it with sudo.');
}
