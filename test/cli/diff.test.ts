import { describe, expect, it } from 'vitest';
import { comparisonSchema } from '../../src/outputs/comparison/schema.ts';
import type { ComparisonLine } from '../../src/outputs/comparison/schema.ts';
import { widthOf } from '../../src/terminal/text.ts';
import { nathop } from '../support/cli.ts';

/** Real packets of the same scenarios, with kube-proxy's rules of two modes. */
const recording = (name: string): string => new URL(`../recordings/${name}.nathop`, import.meta.url).pathname;
const IPTABLES = recording('iptables');
const NFTABLES = recording('nftables');

const diff = (...args: string[]) => nathop(['diff', IPTABLES, NFTABLES, ...args]);

const linesOf = (stdout: string): ComparisonLine[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => comparisonSchema.parse(JSON.parse(line)));

describe('diff', () => {
  it('finds the differences between the modes of kube-proxy that its makers tell of', async () => {
    const { status, stdout, stderr } = await diff('--color', 'never');
    expect(status).toBe(0);
    // A port that the Service does not have is rejected on the node in nftables mode, and leaves it in the other.
    const [, wrongPort = ''] = stdout.split('\n10.3.241.152:81\n');
    expect(wrongPort.split('\n\n')[0]?.replace(/ +/g, ' ')).toMatch(
      /outcome - 1\/1 dropped-by-kernel\n \+ 1\/1 rejected-by-rule/,
    );
    // 127.0.0.1:nodePort is closed there, so nobody got that far.
    expect(stdout).toMatch(
      /tcp GET \/ping from node node-a to 127\.0\.0\.1:32213 +\d → 0\n +- nobody asked this after/,
    );
    expect(stdout).toMatch(/^ +- node-a, ip nat: PREROUTING › KUBE-SERVICES ›$/m);
    expect(stderr).toMatch(/iptables\.nathop: \d+ requests, 0 events lost\n.*nftables\.nathop: \d+ requests/);
  });

  it('reads at 80 columns, and without colour the same', async () => {
    const plain = (await diff('--color', 'never', '-o', 'wide')).stdout;
    for (const line of plain.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(80);
    const colored = (await diff('--color', 'always', '-o', 'wide')).stdout;
    expect(colored).not.toBe(plain);
    expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(plain);
  });

  it('of a recording with itself finds none', async () => {
    const { status, stdout } = await nathop(['diff', IPTABLES, IPTABLES, '--color', 'never']);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^\d+ → \d+ requests; (\d+) kinds: \1 the same$/);
    const json = linesOf((await nathop(['diff', IPTABLES, IPTABLES, '-o', 'json'])).stdout);
    expect(json.length).toBeGreaterThan(20);
    expect(json.every(({ change }) => change === 'same')).toBe(true);
  });

  it('-o json: a kind of request a line, every request in one', async () => {
    const lines = linesOf((await diff('-o', 'json')).stdout);
    const asked = lines.map(({ asked: { protocol, from, to, service, what } }) =>
      [protocol, from, to, service, what].join(),
    );
    expect(new Set(asked).size).toBe(lines.length);
    const replayed = (await nathop(['replay', IPTABLES, '-o', 'json'])).stdout.trim().split('\n').length;
    expect(lines.reduce((sum, { requests }) => sum + requests.before, 0)).toBe(replayed);
    for (const { requests, outcome } of lines) {
      expect(outcome.reduce((sum, { after }) => sum + after, 0)).toBe(requests.after);
    }
  });

  it('filters both', async () => {
    const lines = linesOf((await diff('-o', 'json', '--service', 'default/service-test:http')).stdout);
    expect(lines.length).toBeGreaterThan(0);
    expect(new Set(lines.map(({ asked }) => asked.service))).toEqual(new Set(['default/service-test:http']));
    const none = await diff('-n', 'nowhere', '--color', 'never');
    expect(none).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('nothing to compare') as string,
    });
  });

  it('--expect is held against the second, and prints what is not so', async () => {
    const failing = await diff('-o', 'json', '-q', '--expect', 'client-ip=!lost');
    expect(failing.status).toBe(1);
    const lines = failing.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { unmet?: string[] });
    const offending = lines.filter(({ unmet }) => unmet !== undefined);
    expect(failing.stderr).toContain(`and ${String(offending.length)} of `);
    const swapped = await nathop(['diff', NFTABLES, IPTABLES, '-q', '--expect', 'failure=!no-such']);
    expect(swapped.status).toBe(2);
    const fine = await diff('-q', '--verdict', 'preserved', '--expect', 'client-ip=preserved');
    expect(fine.status).toBe(0);
    const silent = await diff('-q', '-n', 'nowhere', '--expect', 'client-ip=preserved');
    expect(silent.status).toBe(1);
  });

  it.each([
    [['diff', IPTABLES], 2, /missing required argument 'after'/],
    [['diff', IPTABLES, '/nonexistent'], 1, /nonexistent/],
    [['diff', IPTABLES, ''], 2, /must not be empty/],
  ] as const)('%j ends with %i', async (args, wanted, words) => {
    const { status, stderr, stdout } = await nathop(args);
    expect(status).toBe(wanted);
    expect(stdout).toBe('');
    expect(stderr).toMatch(words);
  });
});
