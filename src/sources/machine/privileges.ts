import { readFile } from 'node:fs/promises';
import { type Check, doubtful, fine, lacking } from './check.ts';

/** Bits of include/uapi/linux/capability.h, and what each is for. */
const CAPABILITIES = [
  { name: 'CAP_NET_ADMIN', bit: 12n, needed: 'read rules and conntrack tables' },
  { name: 'CAP_SYS_PTRACE', bit: 19n, needed: "tell other users' processes" },
  { name: 'CAP_SYS_ADMIN', bit: 21n, needed: 'enter namespaces' },
  { name: 'CAP_PERFMON', bit: 38n, needed: 'attach probes' },
  { name: 'CAP_BPF', bit: 39n, needed: 'load eBPF programs' },
];

export async function checkPrivileges(): Promise<Check[]> {
  const effective = effectiveCapabilities(await read('/proc/self/status'));
  return [checkCapabilities(process.getuid?.() ?? -1, effective), checkLockdown(await read(LOCKDOWN))];
}

/** From /proc/PID/status. */
export const effectiveCapabilities = (status: string): bigint =>
  BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);

export function checkCapabilities(uid: number, effective: bigint): Check {
  const absent = CAPABILITIES.filter(({ bit }) => !has(effective, bit));
  if (uid === 0 && absent.length === 0) return fine('privileges', 'root, with every capability needed');
  const who = uid === 0 ? 'root' : `user ${uid}`;
  const what = absent.map(({ name, needed }) => `${name} (${needed})`).join(', ');
  return uid === 0
    ? lacking('privileges', `${who}, without ${what}`, 'Run outside the container, or with --privileged.')
    : lacking('privileges', what === '' ? who : `${who}, without ${what}`, 'Run it with sudo.');
}

export const has = (effective: bigint, bit: bigint): boolean => (effective & (1n << bit)) !== 0n;

const LOCKDOWN = '/sys/kernel/security/lockdown';

/** `[none] integrity confidentiality`, the one in force in brackets; empty where securityfs is not mounted. */
export function checkLockdown(text: string): Check {
  const mode = /\[(\w+)\]/.exec(text)?.[1];
  if (mode === 'none' || mode === 'integrity') return fine('lockdown', mode);
  if (mode === undefined) return fine('lockdown', 'not shown by this kernel');
  return mode === 'confidentiality'
    ? lacking('lockdown', mode, 'Boot without lockdown=confidentiality: it keeps eBPF from reading packets.')
    : doubtful('lockdown', mode, 'If tracing fails, boot with lockdown=integrity or without lockdown.');
}

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
