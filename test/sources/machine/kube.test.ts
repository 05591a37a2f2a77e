import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkKube } from '../../../src/sources/machine/kube.ts';
import { clusterObjects, KubeApi } from '../../support/kube-api.ts';

const folder = mkdtempSync(join(tmpdir(), 'nathop-doctor-'));
const api = new KubeApi(clusterObjects());
beforeAll(() => api.start());
afterAll(async () => {
  await api.stop();
  rmSync(folder, { recursive: true });
});

describe('the check of the Kubernetes API', () => {
  it('tells version, server and by whom', async () => {
    const named = api.kubeconfig(join(folder, 'config'));
    expect(await checkKube({ named, env: {} })).toEqual({
      name: 'Kubernetes API',
      ok: true,
      found: `v1.36.0 at ${api.url}, by ${named}`,
    });
  });

  it('tells what RBAC does not grant, and how to grant it', async () => {
    api.forbidden.add('pods').add('ingresses');
    const check = await checkKube({ named: api.kubeconfig(join(folder, 'config')), env: {} });
    api.forbidden.clear();
    expect(check.ok).toBe('warn');
    expect(check.found).toMatch(/does not grant get, list, watch of pods, ingresses\.networking\.k8s\.io$/);
    expect(check.mend).toContain('scripts/deploy/role.yaml');
  });

  it('tells that our credentials are not accepted', async () => {
    const named = api.kubeconfig(join(folder, 'config'), { token: 'of-another' });
    expect(await checkKube({ named, env: {} })).toMatchObject({
      ok: 'warn',
      found: `${api.url}, by ${named}: 401 Unauthorized`,
    });
  });

  it('tells that nobody answers', async () => {
    const named = api.kubeconfig(join(folder, 'config'));
    await api.stop();
    const check = await checkKube({ named, env: {} });
    await api.start();
    expect(check).toMatchObject({ ok: 'warn', found: `${api.url}, by ${named}: connection refused` });
  });

  it('is well where there is no kubeconfig', async () => {
    const nowhere = join(folder, 'nowhere');
    expect(await checkKube({ env: {}, root: nowhere })).toMatchObject({ ok: true });
  });
});
