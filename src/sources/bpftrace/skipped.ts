/**
 * Runs of our programs that the kernel skipped, since another BPF program (ours, or some other tool's) was in the midst
 * of a run on that CPU: an interrupt fell into it (trace_call_bpf(), __bpf_prog_enter_recur()). No program tells of a
 * run that did not happen; the kernel counts them a program, in the owner's fdinfo (bpf_prog_show_fdinfo(); for
 * tracepoints and kprobes since 6.7, for fentry since 5.12).
 */
import { readdir, readFile, readlink } from 'node:fs/promises';

const COUNT = /^recursion_misses:\s*(\d+)$/m;

export class SkippedRuns {
  private readonly files: readonly string[];
  private counted = 0;

  private constructor(files: readonly string[]) {
    this.files = files;
  }

  /** @param pid the process that holds the programs, all of them loaded */
  static async of(pid: number): Promise<SkippedRuns> {
    const fds = await readdir(`/proc/${String(pid)}/fd`).catch(() => []);
    const links = await Promise.all(
      fds.map((fd) => readlink(`/proc/${String(pid)}/fd/${fd}`).catch(() => '')),
    );
    const programs = fds.filter((_, i) => links[i] === 'anon_inode:bpf-prog');
    const skipped = new SkippedRuns(programs.map((fd) => `/proc/${String(pid)}/fdinfo/${fd}`));
    await skipped.more();
    return skipped;
  }

  /** @returns how many there were since the last call, or the first look; none where the kernel does not count them */
  async more(): Promise<number> {
    const texts = await Promise.all(this.files.map((file) => readFile(file, 'utf8').catch(() => '')));
    const sum = texts.reduce((total, text) => total + Number(COUNT.exec(text)?.[1] ?? 0), 0);
    const more = Math.max(0, sum - this.counted);
    this.counted += more;
    return more;
  }
}
