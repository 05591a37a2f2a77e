import { expect, describe, it } from 'vitest';
import { checkMachine } from '../../../src/sources/machine.ts';
import { checkBpftrace, preciseCheck, probesCheck } from '../../../src/sources/machine/kernel.ts';
import { kubeProxyCheck } from '../../../src/sources/machine/nodes.ts';
import {
  checkCapabilities,
  checkLockdown,
  effectiveCapabilities,
} from '../../../src/sources/machine/privileges.ts';
import { INSTALLED, live } from '../../support/live.ts';

const ALL = effectiveCapabilities('Name:\tnode\nCapEff:\t000001ffffffffff\n');

describe('privileges', () => {
  it('are there with root and every capability', () => {
    expect(checkCapabilities(0, ALL)).toMatchObject({ ok: true });
  });

  it('name what is lacking, and how to get it', () => {
    expect(checkCapabilities(1000, 0n)).toMatchObject({
      ok: false,
      mend: expect.stringContaining('sudo') as string,
    });
    const inContainer = checkCapabilities(0, ALL & ~(1n << 21n));
    expect(inContainer).toMatchObject({
      ok: false,
      found: expect.stringContaining('CAP_SYS_ADMIN') as string,
    });
    expect(inContainer.found).not.toContain('CAP_NET_ADMIN');
    expect(inContainer.mend).toContain('container');
  });

  it('may lack what only some things are told by', () => {
    const withoutSymbols = checkCapabilities(0, ALL & ~(1n << 34n));
    expect(withoutSymbols).toMatchObject({
      ok: 'warn',
      found: expect.stringContaining('CAP_SYSLOG') as string,
    });
  });

  it('are none where the kernel does not say', () => {
    expect(effectiveCapabilities('')).toBe(0n);
  });
});

describe('lockdown', () => {
  it.each([
    ['[none] integrity confidentiality\n', true],
    ['none [integrity] confidentiality\n', true],
    ['none integrity [confidentiality]\n', false],
    ['', true],
    ['[strict]', 'warn'],
  ] as const)('%j is %s', (text, ok) => {
    expect(checkLockdown(text).ok).toBe(ok);
  });
});

describe('bpftrace', () => {
  it.each([
    ['bpftrace v0.17.0\n', true],
    ['bpftrace v0.27.0-rc1\n', true],
    ['bpftrace v1.0.0\n', true],
    ['bpftrace v0.9.4\n', false],
    [undefined, false],
  ] as const)('%j is %s', (printed, ok) => {
    expect(checkBpftrace(printed).ok).toBe(ok);
  });
});

describe('probes', () => {
  it('cannot do without the first, and say what the others would show', () => {
    expect(probesCheck([]).ok).toBe(true);
    expect(probesCheck(['tcp/tcp_retransmit_skb'])).toMatchObject({
      ok: 'warn',
      found: 'without tcp/tcp_retransmit_skb',
    });
    expect(probesCheck(['net/net_dev_queue']).ok).toBe(false);
  });
});

describe('the precise set', () => {
  const nat = { what: 'NAT', by: 'fentry' } as const;
  const ipvs = { what: 'IPVS', by: 'none', why: 'the module ip_vs is not loaded' } as const;

  it('is told part by part, with what keeps the rest from being attached', () => {
    expect(preciseCheck([nat])).toMatchObject({ ok: true, found: 'NAT (fentry)' });
    expect(preciseCheck([nat, ipvs])).toMatchObject({
      ok: 'warn',
      found: 'NAT (fentry); without IPVS: the module ip_vs is not loaded',
    });
    const unloaded = preciseCheck([ipvs]);
    expect(unloaded).toMatchObject({ ok: 'warn', found: 'none: the module ip_vs is not loaded' });
    expect(unloaded).toHaveProperty('mend', expect.stringContaining('after the first rule'));
    expect(preciseCheck([]).ok).toBe('warn');
  });
});

describe("kube-proxy's mode", () => {
  it('is told, and what is not seen of IPVS', () => {
    expect(kubeProxyCheck('a', 'nftables', false)).toMatchObject({
      name: 'kube-proxy on a',
      ok: true,
      found: 'nftables',
    });
    expect(kubeProxyCheck('a', 'ipvs', true).ok).toBe(true);
    expect(kubeProxyCheck('a', 'ipvs', false)).toMatchObject({ ok: 'warn', mend: 'Install ipset.' });
  });
});

live('needs root')('this machine', () => {
  it('is checked whole, each check once, every lack with its mending', { timeout: 30_000 }, async () => {
    const checks = await checkMachine(INSTALLED, { env: {} });
    const names = checks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of [
      'privileges',
      'lockdown',
      'kernel',
      'BTF',
      'bpftrace',
      'tracefs',
      'nsenter',
      'ip',
      'network namespaces',
    ]) {
      expect(names).toContain(name);
    }
    for (const { ok, found, mend } of checks) {
      expect(found).not.toBe('');
      expect(mend === undefined).toBe(ok === true);
    }
  });
});
