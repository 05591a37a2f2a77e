import { readFile } from 'node:fs/promises';
import { type Check, doubtful, fine, lacking } from './check.ts';

/** Bits of include/uapi/linux/capability.h, and what each is for. */
const CAPABILITIES = [
  { name: 'CAP_NET_ADMIN', bit: 12n, needed: 'read rules and conntrack tables' },
  { name: 'CAP_SYS_PTRACE', bit: 19n, needed: "tell other users' processes" },
  // It contains CAP_BPF and CAP_PERFMON (capabilities(7)), which alone would not do: setns() takes it.
  { name: 'CAP_SYS_ADMIN', bit: 21n, needed: 'load eBPF programs, enter namespaces' },
];
/** Without these something is not told. */
const HELPFUL = [
  { name: 'CAP_DAC_READ_SEARCH', bit: 2n, needed: "tell other users' processes" },
  { name: 'CAP_SYSLOG', bit: 34n, needed: 'tell the hook of a drop' },
];

export async function checkPrivileges(): Promise<Check[]> {
  const effective = effectiveCapabilities(await read('/proc/self/status'));
  return [checkCapabilities(process.getuid?.() ?? -1, effective), checkLockdown(await read(LOCKDOWN))];
}

/** From /proc/PID/status. */
export const effectiveCapabilities = (status: string): bigint =>
  BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);

export function checkCapabilities(uid: number, effective: bigint): Check {
  const name = 'privileges';
  const absent = CAPABILITIES.filter(({ bit }) => !has(effective, bit));
  const missed = HELPFUL.filter(({ bit }) => !has(effective, bit));
  const who = uid === 0 ? 'root' : `user ${uid}`;
  const what = [...absent, ...missed].map(({ name, needed }) => `${name} (${needed})`).join(', ');
  const found = what === '' ? who : `${who}, without ${what}`;
  if (uid !== 0) return lacking(name, found, 'Run it with sudo.');
  if (what === '') return fine(name, 'root, with every capability needed');
  return (absent.length > 0 ? lacking : doubtful)(
    name,
    found,
    'Run outside the container, or give it what is lacking.',
  );
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
