import { existsSync } from 'node:fs';
import { findNamespaces } from '../../cluster/netns/find.ts';
import type { Source } from '../source.ts';
import { parseEntry } from './parse.ts';
import { countEntries, readTable } from './read.ts';

export interface ConntrackOptions {
  /** The monotonic clock that all events of this machine carry, in nanoseconds. */
  readonly now: () => number;
  /** Entries of all namespaces together; more are not read. */
  readonly limit: number;
}

export interface ConntrackSource extends Source {
  /** In words, after the start: what older connections are not known. */
  readonly missing: readonly string[];
}

const OLDER = 'connections older than the trace';
/** Tables read side by side. */
const AT_ONCE = 4;

/** The connections that conntrack knew when we began; done with its start. */
export function conntrackSource({ now, limit }: ConntrackOptions): ConntrackSource {
  const missing: string[] = [];
  let stopped = false;
  return {
    missing,
    done: new Promise(() => undefined),
    async start(emit) {
      let read = 0;
      const waiting = [...(await findNamespaces()).values()];
      const readNext = async (): Promise<void> => {
        for (let next = waiting.shift(); next && !stopped && read <= limit; next = waiting.shift()) {
          const { inum, path } = next;
          if (countEntries(next) === 0) continue;
          const at = now();
          const whole = await readTable(next, (line) => {
            const entry = parseEntry(line, inum, at);
            if (entry && read < limit) emit(entry);
            return !entry || read++ < limit;
          });
          // It may just have gone, with its table.
          if (!whole && read <= limit && existsSync(path))
            missing.push(`${OLDER} in namespace ${inum}: its conntrack table could not be read`);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, readNext));
      if (read > limit) missing.push(`${OLDER} beyond the first ${limit} conntrack entries`);
    },
    stop() {
      stopped = true;
      return Promise.resolve();
    },
  };
}
