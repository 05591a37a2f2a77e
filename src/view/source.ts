/** What the wiring tells the view, and what the view asks of it. */

export interface ViewStatus {
  /** Absent until attached, and in a replay that does not say. */
  probes?: { set: 'tracepoint' | 'precise'; running: boolean };
  /** What is not seen, and why, in words; one entry a lack. */
  missing: readonly string[];
  eventsPerSecond: number;
  /** Of any kind: buffers overrun, too late for the reorder window, lines not read. */
  lostEvents: number;
  /** `lowered`: brought down from `path` because the node is busy. */
  detail?: { level: 'path' | 'nat'; lowered: boolean };
  /** The recording being written. */
  recording?: { path: string };
  /** A replay: its speed (0: at once) and whether its end is reached. */
  replay?: { speed: number; ended: boolean };
  /** What went wrong while running (bpftrace died, the disk is full), in one line. */
  problem?: string;
}

export interface ViewSource {
  /** The machine's name, or the recording's. */
  readonly title: string;
  /** What to do to see something; shown while nothing has come, as in `curl http://10.100.0.2:32213/`. */
  readonly hint?: string;
  /** The filter given on the command line: requests that do not match never reach the model. */
  readonly scope?: string;
  /** Asked ten times a second. */
  status(): ViewStatus;
}

/** Recording from within; absent where there is nothing to record (a replay). */
export interface Recorder {
  defaultPath(): string;
  /** Rejects with what is wrong, in one line. */
  start(path: string): Promise<void>;
  /** Resolves with what was done, in words: `recorded 1,204 events`. */
  stop(): Promise<string>;
}
