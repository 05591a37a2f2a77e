/** A bench that is interrupted takes what it made with it. */
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { traced } from '../support/live.ts';
import { marked } from '../support/marked.ts';
import { until } from '../support/network.ts';

const tracing = await traced();
const BENCH = fileURLToPath(new URL('../../scripts/bench/main.ts', import.meta.url));

tracing('a bench', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'ended by %s while nathop starts under it leaves no namespace and no process',
    async (signal) => {
      const mark = randomUUID();
      const bench = execa(process.execPath, ['--import', 'tsx', BENCH, 'loss'], {
        ...{ reject: false, stdin: 'ignore', detached: true, forceKillAfterDelay: false },
        env: { NATHOP_TEST: mark },
      });
      const of = (program: string): boolean | undefined =>
        marked(mark).some(({ command }) => command.startsWith(program)) || undefined;
      await until(() => of('bpftrace -B'), 25_000);
      expect(namespaces()).toHaveLength(3);
      bench.kill(signal);
      await bench;
      await until(() => (marked(mark).length === 0 ? true : undefined), 5_000).catch(() => undefined);
      expect(marked(mark)).toEqual([]);
      expect(namespaces()).toEqual([]);
      // What is killed can remove no file.
      if (signal !== 'SIGKILL') expect(folders()).toEqual([]);
      for (const left of folders()) rmSync(left, { recursive: true });
    },
  );
});

const namespaces = (): string[] => readdirSync('/run/netns').filter((name) => name.startsWith('nb-'));
const folders = (): string[] =>
  readdirSync(tmpdir())
    .filter((name) => name.startsWith('nathop-bench-'))
    .map((name) => join(tmpdir(), name));
