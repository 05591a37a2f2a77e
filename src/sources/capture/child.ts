/** One capture in one namespace, as a process that ends with us, and as a stream of packets. */
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { toolEnvironment, visitors } from '../../cluster/netns/run.ts';
import { tied } from '../../cluster/netns/tied.ts';
import { clean } from '../../events/clean.ts';
import { monotonicNow } from '../clock.ts';
import { PcapReader } from './pcap.ts';
import type { PcapRecord } from './pcap.ts';
import type { CaptureHow, CaptureTool } from './tool.ts';

export interface CaptureListener {
  /** @param at by the monotonic clock */
  packet(record: PcapRecord, at: number): void;
  /** So many packets at least did not come through. */
  missed(count: number): void;
}

const STOP_LIMIT_MS = 1_000;

type Running = PromiseLike<unknown> & {
  readonly pid?: number;
  readonly exitCode: number | null;
  kill(signal: NodeJS.Signals): boolean;
};

export class CaptureChild {
  /** It captures; rejects never, and may never settle. */
  readonly ready: Promise<void>;
  /** It has ended, by itself or because of `stop`: how, in words. */
  readonly ended: Promise<string>;
  private readonly child: Running;
  private stderr = '';

  /** @param netns path of the namespace */
  constructor(netns: string, tool: CaptureTool, how: CaptureHow, listener: CaptureListener) {
    const child = execa(...tied('TERM', tool.command(how), { netns }), {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      encoding: 'buffer',
      buffer: false,
      reject: false,
      // A group of its own: Ctrl-C is for us.
      detached: true,
      env: toolEnvironment(),
    });
    this.child = child;
    const { pid } = child;
    if (pid !== undefined) visitors.add(pid);
    const reader = new PcapReader((record) => {
      listener.packet(record, record.at - offset.ns);
    });
    const offset = tool.clock === 'wall' ? new WallOffset() : { ns: 0, measure: () => undefined };
    this.ready = new Promise((resolve) => {
      // The stream begins with its header, which is written once packets are taken.
      child.stdout.once('data', () => {
        resolve();
      });
    });
    child.stdout.on('data', (chunk: Buffer) => {
      offset.measure();
      reader.push(chunk);
      if (reader.fault !== undefined) this.kill(`what it wrote is ${reader.fault}`);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.takeStderr(chunk.toString('utf8'), listener);
    });
    this.ended = Promise.resolve(child).then((result) => {
      if (pid !== undefined) visitors.delete(pid);
      const how = result.signal ? `by ${result.signal}` : `with status ${String(result.exitCode)}`;
      const said = this.stderr.trim().split('\n').at(-1);
      return said ? `${how}: ${said}` : how;
    });
  }

  async stop(): Promise<void> {
    // tcpdump says at its end what it missed.
    this.child.kill('SIGINT');
    const limit = setTimeout(() => this.child.kill('SIGKILL'), STOP_LIMIT_MS);
    await Promise.race([this.ended, delay(STOP_LIMIT_MS + 500)]);
    clearTimeout(limit);
  }

  private kill(why: string): void {
    this.stderr = `${this.stderr}${why}\n`;
    this.child.kill('SIGKILL');
  }

  private takeStderr(text: string, listener: CaptureListener): void {
    for (const line of text.split('\n')) {
      const [, missed, dropped] = /^(?:missed (\d+)|(\d+) packets dropped by kernel)$/.exec(line) ?? [];
      const count = Number(missed ?? dropped ?? 0);
      if (count > 0) listener.missed(count);
      // tcpdump's sums, and what it listens to, are no complaints.
      if (/^tcpdump: (listening|data link)|^\d+ packets|^missed /.test(line)) continue;
      if (line.trim() !== '') this.stderr = `${this.stderr}${clean(line, 400)}\n`.slice(-2_000);
    }
  }
}

/** What wall time is ahead of the monotonic clock. It is set now and then, and is read in whole milliseconds. */
class WallOffset {
  ns = -Infinity;

  measure(): void {
    const ns = Date.now() * 1e6 - monotonicNow();
    // Of readings that were rounded down the highest is the nearest.
    if (ns > this.ns || this.ns - ns > 2_000_000) this.ns = ns;
  }
}
