import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

interface Held {
  open: number;
  evicted: number;
  firstEvicted: string;
  bytesEach: number;
}

/** What the README states is less; this leaves room for another Node. */
const BYTES_EACH = 2_500;

async function hold(count: number, maxConnections: number): Promise<Held> {
  const options = ['--expose-gc', '--import', 'tsx', 'test/support/hold.ts'];
  const { stdout } = await execa(process.execPath, [...options, String(count), String(maxConnections)]);
  return JSON.parse(stdout) as Held;
}

describe('a hundred thousand open connections', () => {
  it('are held within the bound, and each one more costs the oldest its place', async () => {
    const { open, evicted, firstEvicted, bytesEach } = await hold(100_500, 100_000);
    expect(open).toBe(100_000);
    expect(evicted).toBe(500);
    expect(firstEvicted).toBe('10000');
    expect(bytesEach).toBeGreaterThan(100);
    expect(bytesEach).toBeLessThan(BYTES_EACH);
  });
});
