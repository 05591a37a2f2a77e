/** Runs of a BPF program that the kernel skips, made for real: an interrupt falls into another program's run. */
import { connect } from 'node:net';
import { release } from 'node:os';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { tied } from '../../src/cluster/netns/tied.ts';
import { SkippedRuns } from '../../src/sources/bpftrace/skipped.ts';
import { openTracefs } from '../../src/sources/bpftrace/tracefs.ts';
import { traced } from '../support/live.ts';
import { until } from '../support/network.ts';

const tracing = await traced();

/** The first takes its time in connect(), where interrupts are let in; the second runs in the timer's interrupt. */
const PROGRAM = `
tracepoint:sock:inet_sock_set_state { unroll(60) { @busy[cpu] = nsecs; } }
tracepoint:timer:hrtimer_expire_entry { @timer[cpu] = nsecs; }
BEGIN { printf("begun\\n"); }`;

const refused = (): Promise<void> =>
  new Promise((resolve) => {
    connect(9, '127.0.0.1').on('error', () => {
      resolve();
    });
  });

/** Since when trace_call_bpf() counts them. */
const [major = 0, minor = 0] = release().split('.').map(Number);
const counts = major > 6 || (major === 6 && minor >= 7);

tracing('the runs that the kernel skips', () => {
  it.skipIf(!counts && process.env['CI'] !== 'true')('are counted', async () => {
    const tracefs = await openTracefs();
    const child = execa(
      ...tied('TERM', ['bpftrace', '-B', 'line', '-e', PROGRAM], { flags: tracefs.enter }),
      {
        reject: false,
        buffer: false,
      },
    );
    try {
      // bpftrace reads what its programs say once all are attached.
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await until(() => (said.includes('begun') ? true : undefined), 60_000);
      const skipped = await SkippedRuns.of(child.pid ?? 0);
      let total = 0;
      await until(async () => {
        for (let i = 0; i < 200; i++) await refused();
        total += await skipped.more();
        return total > 0 ? true : undefined;
      }, 20_000);
      expect(total).toBeGreaterThan(0);
    } finally {
      child.kill('SIGTERM');
      await child;
      await tracefs.close();
    }
  });

  it('are none of a process that holds no program', async () => {
    expect(await (await SkippedRuns.of(process.pid)).more()).toBe(0);
  });
});
