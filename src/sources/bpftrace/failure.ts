/** Why bpftrace would not start or did not stay, and what to do about it. */

import { CannotTraceError } from '../../events/errors.ts';

/** What bpftrace prints (0.17 to 0.27) or the system says, and what it means. First match counts. */
const KNOWN: readonly { says: RegExp; means: string; mend: string }[] = [
  {
    says: /ENOENT.*setpriv|setpriv could not be started|failed to execute (unshare|nsenter)/,
    means: 'setpriv, unshare or nsenter is not installed',
    mend: 'install util-linux',
  },
  {
    says: /failed to execute bpftrace|execv.*bpftrace|bpftrace: (command )?not found|bpftrace.*No such file/,
    means: 'bpftrace is not installed',
    mend: 'install it (Debian, Ubuntu: apt-get install bpftrace; Fedora: dnf install bpftrace)',
  },
  {
    says: /bpftrace v0\.(\d|1[0-6])\./,
    means: 'this bpftrace is too old',
    mend: 'install bpftrace 0.17 or newer',
  },
  {
    says: /private mount namespace|mount.*(permission denied|must be superuser)|unshare failed: Operation not permitted/i,
    means: 'tracefs is not mounted and may not be mounted from here',
    mend: 'run as root outside a container, or mount it: mount -t tracefs tracefs /sys/kernel/tracing',
  },
  {
    says: /unknown filesystem type 'tracefs'|no tracepoint net\/net_dev_queue/,
    means: 'this kernel has no tracepoints',
    mend: 'use a kernel built with CONFIG_FTRACE and CONFIG_BPF_EVENTS, as distributions do',
  },
  {
    says: /only supports running as the root user|must be root/i,
    means: 'eBPF needs root',
    mend: 'run with sudo',
  },
  {
    // perf_mmap() counts the buffer's pages as locked memory.
    says: /Failed to open perf buffer/,
    means: 'bpftrace may not lock the memory of its buffers',
    mend: 'give it CAP_IPC_LOCK, or raise the limit: ulimit -l unlimited',
  },
  {
    says: /Operation not permitted/i,
    means: 'a privilege is lacking',
    mend: 'run as root with the capabilities that `nathop doctor` names',
  },
  {
    says: /lockdown|locked down|Kernel is locked/i,
    means: 'the kernel is locked down and refuses eBPF programs',
    mend: 'see /sys/kernel/security/lockdown: tracing needs lockdown=integrity or none',
  },
  {
    says: /BTF|Unknown struct\/union|Cannot resolve unknown type|unknown type name|vmlinux/,
    means: 'the kernel gives no type information (BTF) that bpftrace can read',
    mend: 'use a kernel with CONFIG_DEBUG_INFO_BTF (/sys/kernel/btf/vmlinux), and bpftrace 0.17 or newer',
  },
  {
    says: /Error loading program|verifier/,
    means: "the kernel's verifier refuses the program",
    mend: 'update bpftrace (0.17 to 0.27 are known to work) and report the kernel version',
  },
];

/** @param said everything bpftrace printed that was not ours @param otherwise when it says nothing we know */
export function explainFailure(said: string, otherwise?: string): CannotTraceError {
  const known = KNOWN.find(({ says }) => says.test(said));
  if (known) return new CannotTraceError(known.means, known.mend);
  const last = said
    .trim()
    .split('\n')
    .filter((line) => !/RLIMIT_MEMLOCK|Addrspace is not set|is deprecated/.test(line))
    .at(-1);
  const detail = last === undefined || last === '' ? '' : `: ${last}`;
  return new CannotTraceError(`${otherwise ?? 'bpftrace failed'}${detail}`, 'see `nathop doctor`');
}
