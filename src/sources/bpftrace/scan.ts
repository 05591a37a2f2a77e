/**
 * A cursor over one line of bpftrace's output: space-separated hex words and short names, read in place.
 * Nothing is allocated but what an event keeps: numbers, and names and addresses that are interned.
 */
import ipaddr from 'ipaddr.js';
import { clean } from '../../events/clean.ts';

const SPACE = 0x20;
const POINTER_DIGITS = 12; // 48 bits: enough to tell kernel addresses apart, and exact in a double

/** Most names and addresses on a node repeat; the cap keeps a flood of spoofed ones from filling memory. */
const MAX_INTERNED = 65_536;

export class Scanner {
  private bytes: Buffer = Buffer.alloc(0);
  private position = 0;
  private end = 0;
  private readonly v4 = new Map<number, string>();
  private readonly v6 = new Map<string, string>();
  private readonly names = new Map<number, string>();

  /** @param start inclusive, @param end exclusive, without the newline */
  line(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** True when the line ended before a word that was asked for: it was cut. */
  get short(): boolean {
    return this.position > this.end + 1;
  }

  /** A hex word up to 2^53. NaN where a digit is not one. */
  hex(): number {
    let value = 0;
    let i = this.position;
    for (; i < this.end; i++) {
      const byte = this.bytes[i] as number;
      if (byte === SPACE) break;
      value = value * 16 + digit(byte);
    }
    if (i === this.position) value = NaN;
    this.position = i + 1;
    return value;
  }

  /** A kernel address, its low 48 bits. */
  pointer(): number {
    const wordEnd = this.wordEnd();
    this.position = Math.max(this.position, wordEnd - POINTER_DIGITS);
    return this.hex();
  }

  /** A 32-bit word as it lies in memory. */
  address4(): string {
    return this.v4Text(this.hex());
  }

  /** Two 64-bit words as they lie in memory. */
  address6(): string {
    const a = this.half();
    const b = this.half();
    return this.v6Text(a.low, a.high, b.low, b.high);
  }

  /** Four 32-bit words as they lie in memory; an IPv4-mapped address comes out as IPv4 (RFC 4291, 2.5.5.2). */
  address6Words(): string {
    return this.v6Text(this.hex(), this.hex(), this.hex(), this.hex());
  }

  /** A name without spaces (a device), interned and cleaned. */
  name(): string {
    const end = this.wordEnd();
    const text = this.intern(this.position, end);
    this.position = end + 1;
    return text;
  }

  /** The rest of the line (a process name may hold spaces), interned and cleaned. */
  rest(): string {
    if (this.position >= this.end) {
      this.position = this.end + 1;
      return '';
    }
    const text = this.intern(this.position, this.end);
    this.position = this.end + 1;
    return text;
  }

  /** Text as it lies in memory, in words of eight bytes, up to a zero byte; cleaned, since anybody may have written it. */
  text(words: number): string {
    let text = '';
    let ended = false;
    for (let i = 0; i < words; i++) {
      const { low, high } = this.half();
      for (const half of [low, high]) {
        for (let shift = 0; shift < 32 && !ended; shift += 8) {
          const byte = (half >>> shift) & 255;
          if (byte === 0) ended = true;
          else text += String.fromCharCode(byte);
        }
      }
    }
    return clean(Buffer.from(text, 'latin1').toString('utf8'), 64);
  }

  private wordEnd(): number {
    let i = this.position;
    while (i < this.end && this.bytes[i] !== SPACE) i++;
    return i;
  }

  private half(): { low: number; high: number } {
    const end = this.wordEnd();
    const split = Math.max(this.position, end - 8);
    let high = 0;
    for (let i = this.position; i < split; i++) high = high * 16 + digit(this.bytes[i] as number);
    let low = 0;
    for (let i = split; i < end; i++) low = low * 16 + digit(this.bytes[i] as number);
    this.position = end + 1;
    return { low, high };
  }

  private v4Text(word: number): string {
    let text = this.v4.get(word);
    if (text === undefined) {
      text = Number.isNaN(word)
        ? '0.0.0.0'
        : `${word & 255}.${(word >>> 8) & 255}.${(word >>> 16) & 255}.${(word >>> 24) & 255}`;
      if (this.v4.size >= MAX_INTERNED) this.v4.clear();
      this.v4.set(word, text);
    }
    return text;
  }

  private v6Text(a: number, b: number, c: number, d: number): string {
    const key = `${String(a)},${String(b)},${String(c)},${String(d)}`;
    let text = this.v6.get(key);
    if (text === undefined) {
      const bytes = [a, b, c, d].flatMap((w) => [
        w & 255,
        (w >>> 8) & 255,
        (w >>> 16) & 255,
        (w >>> 24) & 255,
      ]);
      const address = new ipaddr.IPv6(bytes);
      text = address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
      if (this.v6.size >= MAX_INTERNED) this.v6.clear();
      this.v6.set(key, text);
    }
    return text;
  }

  private intern(start: number, end: number): string {
    let hash = 17;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (this.bytes[i] as number)) | 0;
    const known = this.names.get(hash);
    if (known !== undefined && this.equals(known, start, end)) return known;
    const text = clean(this.bytes.toString('latin1', start, end), 32);
    if (this.names.size >= MAX_INTERNED) this.names.clear();
    this.names.set(hash, text);
    return text;
  }

  private equals(text: string, start: number, end: number): boolean {
    if (text.length !== end - start) return false;
    for (let i = start; i < end; i++) if (text.charCodeAt(i - start) !== this.bytes[i]) return false;
    return true;
  }
}

function digit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  return NaN;
}
