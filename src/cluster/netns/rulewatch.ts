import { execa } from 'execa';
import type { RulesEvent } from '../../events/event.ts';
import type { Namespace } from './namespace.ts';
import { readRules } from './rules.ts';
import { toolEnvironment, visitors } from './run.ts';
import { tied } from './tied.ts';

/** kube-proxy writes in several steps; one reading after the last is enough. */
const QUIET_MS = 200;
/** After a reading it rests for this long a character: 60,000 rules are six million and take four seconds, so 40. */
const REST_MS = 1 / 150;
/** Without a monitor (legacy tables, no xtables-monitor) rules are read this often, or as often as that allows. */
const POLL_MS = 3000;

export type RulesOfNamespace = Pick<RulesEvent, 'netns' | 'syntax' | 'text'>;

/**
 * The rules of one namespace: read once, and again when the kernel announces a new generation of them
 * (NFT_MSG_NEWGEN, through xtables-monitor, which keeps no copy of the rules; `nft monitor` takes 160 MB for
 * 60,000). The monitor keeps the namespace from going away, so `stop` it when nobody else is in there.
 */
export class RuleWatch {
  readonly #namespace: Namespace;
  readonly #tell: (rules: RulesOfNamespace) => void;
  readonly #digests = new Map<string, string>();
  readonly #stopping = new AbortController();
  #monitored = false;
  #visitor: number | undefined;
  /** Nothing tells when the monitor began to listen; a change before that shows in a second reading. */
  #confirmed = false;
  #timer: NodeJS.Timeout | undefined;
  #reading = false;
  #again = false;
  #restUntil = 0;

  constructor(namespace: Namespace, tell: (rules: RulesOfNamespace) => void) {
    this.#namespace = namespace;
    this.#tell = tell;
  }

  /** Resolves after the first reading. */
  async start(): Promise<void> {
    void this.#monitor();
    await this.#read();
  }

  /** The process of ours that stands in the namespace, or is about to enter it. */
  get visitor(): number | undefined {
    return this.#visitor;
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  async #monitor(): Promise<void> {
    const { path } = this.#namespace.found;
    // Its output would wait in a buffer of libc's until 4 KB are full.
    const command = ['stdbuf', '-oL', 'xtables-monitor', '--event', '-6'] as const;
    const monitor = execa(...tied('TERM', command, { netns: path }), {
      env: toolEnvironment(),
      stdin: 'ignore',
      stderr: 'ignore',
      buffer: false,
      reject: false,
      cancelSignal: this.#stopping.signal,
    });
    const { pid } = monitor;
    if (pid !== undefined) visitors.add(pid);
    this.#visitor = pid;
    this.#monitored = true;
    monitor.stdout.on('data', () => this.#changed());
    await monitor;
    if (pid !== undefined) visitors.delete(pid);
    this.#visitor = undefined;
    this.#monitored = false;
    this.#changed();
  }

  /** The kernel announces no change of these; of sets neither, but kube-proxy uses them only beside IPVS. */
  get #isSilent(): boolean {
    const { legacy4, legacy6, ipvs } = this.#namespace.tables;
    return ipvs || legacy4.length + legacy6.length > 0;
  }

  #changed(): void {
    this.#again = true;
    if (!this.#reading) this.#schedule(QUIET_MS);
  }

  #schedule(inMs: number): void {
    if (this.#stopping.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), Math.max(inMs, this.#restUntil - performance.now()));
    this.#timer.unref();
  }

  async #read(): Promise<void> {
    this.#reading = true;
    this.#again = false;
    await this.#tellChanges();
    this.#reading = false;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#again) this.#schedule(QUIET_MS);
    else if (!this.#confirmed || !this.#monitored || this.#isSilent) this.#schedule(POLL_MS);
    this.#confirmed = true;
  }

  async #tellChanges(): Promise<void> {
    const namespace = this.#namespace;
    // Before the first reading the tables have just been read.
    const there = this.#digests.size === 0 || (await namespace.readRuleTables());
    const rules = there ? await readRules(namespace.found, namespace.tables) : [];
    for (const { syntax, text, digest } of rules) {
      const known = this.#digests.get(syntax);
      if (known === digest || (known === undefined && text === '') || this.#stopping.signal.aborted) continue;
      this.#digests.set(syntax, digest);
      this.#tell({ netns: namespace.inum, syntax, text });
    }
    const length = rules.reduce((total, { text }) => total + text.length, 0);
    this.#restUntil = performance.now() + length * REST_MS;
  }
}
