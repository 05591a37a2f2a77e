/** What captures: our child with the binding of libpcap, tcpdump in its place, or nothing. */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { run, toolEnvironment } from '../../cluster/netns/run.ts';
import { captureFilter } from './filter.ts';

export interface CaptureTool {
  readonly name: 'cap' | 'tcpdump';
  /** The stamps in its stream: this machine's monotonic clock, or wall time. */
  readonly clock: 'monotonic' | 'wall';
  /** The command line for a namespace. */
  command(how: CaptureHow): readonly [string, ...string[]];
}

export interface CaptureHow {
  /** Nothing that stays on 127.0.0.1 or ::1. */
  readonly withoutLoopback: boolean;
  /** Messages of many others pass there. */
  readonly busy: boolean;
}

/**
 * cap asks for 64 KiB a packet and libpcap rounds up to twice that: what is named here takes twice as much memory of
 * the kernel, and holds 16 packets a megabyte. Heads come by hundreds in a burst, not by millions.
 */
const RING_MB = { busy: 32, calm: 8 };
/** tcpdump's ring holds 2 KB a packet. */
const TCPDUMP_CUT = 2_048;

/** @param child path of the bundled capture child */
export async function chooseTool(child: string): Promise<CaptureTool | undefined> {
  if (await capLoads(child)) return capTool(child);
  return (await tcpdumpThere()) ? tcpdumpTool : undefined;
}

export const capLoads = async (child: string): Promise<boolean> =>
  (await run(process.execPath, [child, 'check'])) !== undefined;

export async function tcpdumpThere(): Promise<boolean> {
  for (const folder of new Set((toolEnvironment()['PATH'] ?? '').split(':'))) {
    if (folder === '') continue;
    const found = await access(join(folder, 'tcpdump'), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

export const capTool = (child: string): CaptureTool => ({
  name: 'cap',
  clock: 'monotonic',
  command: ({ withoutLoopback, busy }) => [
    process.execPath,
    child,
    withoutLoopback ? 'no-own-loopback' : 'any',
    String(busy ? RING_MB.busy : RING_MB.calm),
  ],
});

export const tcpdumpTool: CaptureTool = {
  name: 'tcpdump',
  clock: 'wall',
  command: ({ withoutLoopback }) => [
    'tcpdump',
    ...['-i', 'any', '-y', 'LINUX_SLL2', '--immediate-mode', '-U', '-n', '-s', String(TCPDUMP_CUT)],
    // As another user it would outlive us: that takes the parent-death signal away (prctl(2)).
    ...['-Z', 'root', '-w', '-'],
    captureFilter({ ownLoopback: !withoutLoopback }),
  ],
};
