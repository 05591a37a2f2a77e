/** Bytes to lines, none held that is longer than a recording's may be. */

/** A line that is too long is passed by; `text` is then undefined. */
export interface Line {
  readonly number: number;
  readonly text: string | undefined;
}

const LIMIT = 1024 * 1024;
/** Rule sets and the header that holds them: iptables-save of a large cluster is tens of megabytes. */
const LONG_LIMIT = 64 * 1024 * 1024;
const KIND_WITHIN = 256;
const NEWLINE = 10;

export class LineSplitter {
  private parts: Buffer[] = [];
  private length = 0;
  private overlong = false;
  private number = 1;

  /** The lines that end within these bytes. */
  push(bytes: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start);
      this.hold(bytes.subarray(start, end === -1 ? bytes.length : end));
      if (end === -1) return lines;
      lines.push(this.take());
      start = end + 1;
    }
  }

  /** What stands after the last line's end: a line cut off. */
  end(): Line | undefined {
    return this.length > 0 ? this.take() : undefined;
  }

  private hold(part: Buffer): void {
    this.length += part.length;
    if (this.overlong) return;
    this.parts.push(part);
    if (this.length > LIMIT && this.length > this.limit()) {
      this.overlong = true;
      this.parts = [];
    }
  }

  private limit(): number {
    if (this.number === 1) return LONG_LIMIT;
    const start = Buffer.concat(this.parts.slice(0, 8)).toString('latin1', 0, KIND_WITHIN);
    return /"kind":\s*"(rules|netns)"/.test(start) ? LONG_LIMIT : LIMIT;
  }

  private take(): Line {
    const [only, ...more] = this.parts;
    const whole = only !== undefined && more.length === 0 ? only : Buffer.concat(this.parts);
    const line = { number: this.number, text: this.overlong ? undefined : whole.toString('utf8') };
    this.number++;
    this.parts = [];
    this.length = 0;
    this.overlong = false;
    return line;
  }
}
