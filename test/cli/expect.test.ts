import { describe, expect, it } from 'vitest';
import { nathop } from '../support/cli.ts';

/** Real packets: requests through proxies, with their joints. */
const RECORDING = new URL('../recordings/requests-iptables.nathop', import.meta.url).pathname;

const replay = (...args: string[]) => nathop(['replay', RECORDING, '--color', 'never', ...args]);

describe('replay --expect', () => {
  it('prints nothing and ends with 0 where all is as expected', async () => {
    const { status, stdout, stderr } = await replay('--expect', 'protocol=tcp,udp', '-q');
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('prints what is not, why, and ends with 1', async () => {
    const expected = ['--expect', 'client-ip=preserved,carried', '--expect', 'failure=none'];
    const { status, stdout, stderr } = await replay('-o', 'json', '-q', ...expected);
    expect(status).toBe(1);
    const offending = stdout
      .trim()
      .split('\n')
      .map(
        (line) => JSON.parse(line) as { clientIp: { verdict: string }; failure?: object; unmet: string[] },
      );
    expect(offending.length).toBeGreaterThan(1);
    for (const { clientIp, failure, unmet } of offending) {
      const kept = ['preserved', 'carried'].includes(clientIp.verdict);
      expect(unmet).toEqual([
        ...(kept ? [] : ['client-ip=preserved,carried']),
        ...(failure === undefined ? [] : ['failure=none']),
      ]);
      expect(unmet).not.toEqual([]);
    }
    const all = (await replay('-o', 'json')).stdout.trim().split('\n').length;
    expect(stderr).toBe(
      `nathop: expected client-ip=preserved,carried failure=none, and ${offending.length} of ${all} requests are not so\n` +
        '        they stand on stdout; `nathop explain` tells why\n',
    );
  });

  it.each(['text', 'wide'])('says in -o %s what was expected', async (how) => {
    const { stdout } = await replay('-o', how, '--http-status', '400', '--expect', 'client-ip=carried');
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/not client-ip=carried$/);
  });

  it('is held against what the filters let through', async () => {
    const { status } = await replay('--verdict', 'preserved', '--expect', 'client-ip=preserved');
    expect(status).toBe(0);
  });

  it('does not take silence for success', async () => {
    const { status, stdout, stderr } = await replay('-q', '--expect', 'client-ip=preserved', '-n', 'nowhere');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('no request was seen that could be so');
  });

  it.each([
    ['client-ip=kept', 'it is one of: preserved'],
    ['preserved', 'give FIELD=VALUE'],
  ])('%s is wrong usage', async (text, mend) => {
    const { status, stderr } = await replay('--expect', text);
    expect(status).toBe(2);
    expect(stderr.split('\n')).toHaveLength(3);
    expect(stderr).toContain(mend);
  });
});
