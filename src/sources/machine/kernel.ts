import { access } from 'node:fs/promises';
import { arch, release } from 'node:os';
import { run } from '../../cluster/netns/run.ts';
import type { ProbeChoice } from '../../events/event.ts';
import { readOffer } from '../bpftrace/offer.ts';
import { compose, TRACEPOINTS } from '../bpftrace/program.ts';
import { openTracefs, type Tracefs } from '../bpftrace/tracefs.ts';
import { type Check, doubtful, fine, lacking } from './check.ts';

/** @param probes folder of the *.bt files */
export async function checkKernel(probes: string): Promise<Check[]> {
  return [
    fine('kernel', `${release()} ${arch()}`),
    await checkBtf(),
    checkBpftrace(await run('bpftrace', ['--version'])),
    ...(await checkProbes(probes)),
  ];
}

async function checkBtf(): Promise<Check> {
  const path = '/sys/kernel/btf/vmlinux';
  return access(path).then(
    () => fine('BTF', path),
    () => lacking('BTF', `no ${path}`, 'Use a kernel built with CONFIG_DEBUG_INFO_BTF, as distributions do.'),
  );
}

/** Oldest that the probes are known to run on. */
const OLDEST = { major: 0, minor: 17 };

/** What `bpftrace --version` printed: `bpftrace v0.17.0`; undefined where it did not run. */
export function checkBpftrace(printed: string | undefined): Check {
  const [, version, major, minor] = /\bv?((\d+)\.(\d+)[\w.+-]*)/.exec(printed ?? '') ?? [];
  if (version === undefined) {
    return lacking(
      'bpftrace',
      'not installed',
      'Install it: apt-get install bpftrace, or dnf install bpftrace.',
    );
  }
  const old = Number(major) === OLDEST.major && Number(minor) < OLDEST.minor;
  const mend = `Install bpftrace ${OLDEST.major}.${OLDEST.minor} or newer.`;
  return old ? lacking('bpftrace', version, mend) : fine('bpftrace', version);
}

async function checkProbes(probes: string): Promise<Check[]> {
  let tracefs: Tracefs;
  try {
    tracefs = await openTracefs();
  } catch {
    return [
      lacking(
        'tracefs',
        'not mounted, and may not be mounted from here',
        'Run as root outside a container, or: mount -t tracefs tracefs /sys/kernel/tracing',
      ),
    ];
  }
  try {
    const offer = await readOffer(tracefs, true);
    const absent = TRACEPOINTS.filter((tracepoint) => !offer.has(tracepoint));
    const mounted = tracefs.enter.length === 0 ? 'mounted' : 'not mounted; nathop mounts it for itself alone';
    const program = await compose(probes, offer).catch(() => undefined);
    const choices = program?.precise.map(({ choice }) => choice) ?? [];
    return [fine('tracefs', mounted), probesCheck(absent), preciseCheck(choices)];
  } finally {
    await tracefs.close();
  }
}

/** Without the first of them there is nothing to show. */
export function probesCheck(absent: readonly string[]): Check {
  const name = 'tracepoint probes';
  const [floor = ''] = TRACEPOINTS;
  if (absent.length === 0) return fine(name, TRACEPOINTS.join(', '));
  const found = `without ${absent.join(', ')}`;
  const mend = 'Use a kernel with CONFIG_FTRACE and CONFIG_NET, 5.10 or newer.';
  return absent.includes(floor) ? lacking(name, found, mend) : doubtful(name, found, mend);
}

/** What of the precise set would be attached, and how; without it hooks and rules are concluded, not seen. */
export function preciseCheck(choices: readonly ProbeChoice[]): Check {
  const name = 'precise probes';
  const found = choices.filter(({ by }) => by !== 'none').map(({ what, by }) => `${what} (${by})`);
  const lacks = choices.filter(({ by }) => by === 'none').map(({ what, why }) => `${what}: ${why ?? ''}`);
  if (lacks.length === 0 && found.length > 0) return fine(name, found.join(', '));
  const absent = [...new Set(choices.map(({ why }) => why))].filter((why) => why !== undefined);
  if (found.length === 0) {
    const [why = 'without the tracepoint probes they say nothing'] = absent;
    const more = why.endsWith('is not loaded')
      ? 'For more: start it after the first rule that translates, which loads the module.'
      : 'For more: a kernel with BTF and fentry, or kprobes.';
    return doubtful(
      name,
      `none: ${why}`,
      `Hooks and rules are concluded from what tracepoints show. ${more}`,
    );
  }
  return doubtful(
    name,
    `${found.join(', ')}; without ${lacks.join(', ')}`,
    'What is missing is concluded from what tracepoints show; modules are loaded by the first rule that needs them.',
  );
}
