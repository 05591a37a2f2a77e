import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runPlugin } from '../../../src/sources/kube/credential.ts';
import { AccessError, findAccess, type Cluster, type Exec } from '../../../src/sources/kube/kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'nathop-kubeconfig-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const config = (user: object, context = 'one'): string => `
apiVersion: v1
kind: Config
current-context: ${context}
contexts: [{ name: one, context: { cluster: here, user: me } }]
clusters: [{ name: here, cluster: { server: 'https://192.0.2.1:6443', certificate-authority: pki/ca.crt } }]
users: [{ name: me, user: ${JSON.stringify(user)} }]
`;

let count = 0;
function file(text: string, path = join(folder, `config-${String(count++)}`)): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
const failing = (places: Parameters<typeof findAccess>[0]): Promise<unknown> =>
  findAccess(places).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a kubeconfig', () => {
  it('gives cluster and user of its context; files stand beside it', async () => {
    const named = file(config({ token: 'secret' }));
    expect(await findAccess({ named, env: {} })).toEqual({
      from: named,
      cluster: { server: 'https://192.0.2.1:6443', caFile: join(folder, 'pki/ca.crt'), skipTLSVerify: false },
      user: { token: 'secret' },
    });
  });

  it('is what is named, else $KUBECONFIG, else what a node has, else ~/.kube/config', async () => {
    const root = join(folder, 'root');
    const home = join(root, 'root');
    const named = file(config({ token: 'named' }));
    const listed = `${file(config({ token: 'listed' }))}:${file(config({ token: 'later' }))}`;
    const tokenOf = async (places: Parameters<typeof findAccess>[0]): Promise<string | undefined> =>
      (await findAccess({ root, ...places }))?.user.token;
    expect(await tokenOf({ env: { HOME: home } })).toBeUndefined();
    file(config({ token: 'home' }), join(home, '.kube/config'));
    expect(await tokenOf({ env: { HOME: home } })).toBe('home');
    file(config({ token: 'k3s' }), join(root, 'etc/rancher/k3s/k3s.yaml'));
    expect(await tokenOf({ env: { HOME: home } })).toBe('k3s');
    expect(await tokenOf({ env: { HOME: home, KUBECONFIG: listed } })).toBe('listed');
    expect(await tokenOf({ env: { HOME: home, KUBECONFIG: listed }, named })).toBe('named');
  });

  it('is the service account of the pod before what a node has', async () => {
    const root = join(folder, 'in-pod');
    const token = file('t', join(root, 'var/run/secrets/kubernetes.io/serviceaccount/token'));
    file(config({ token: 'admin' }), join(root, 'etc/kubernetes/admin.conf'));
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    expect(await findAccess({ env, root })).toMatchObject({
      cluster: { server: 'https://[fd00::1]:443' },
      user: { tokenFile: token },
    });
  });

  it.each([
    ['is not there', () => join(folder, 'nowhere'), /cannot be read: no such file/],
    ['is something else', () => file('[1, 2'), /is not a kubeconfig/],
    [
      'names a context that it has not',
      () => file(config({}, 'two')),
      /names the context two, which it does not/,
    ],
    ['has a provider of old', () => file(config({ 'auth-provider': { name: 'gcp' } })), /auth-provider gcp/],
  ])('that %s is refused in one line', async (_, make, words) => {
    const error = await failing({ named: make(), env: {} });
    expect(error).toBeInstanceOf(AccessError);
    expect((error as AccessError).message).toMatch(words);
    expect((error as AccessError).mend).not.toBe('');
  });
});

const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws', args: ['get-token'] };

describe.skipIf(process.geteuid?.() !== 0)('what root does not do for others', () => {
  const own = mkdtempSync('/root/nathop-kubeconfig-');
  afterAll(() => {
    rmSync(own, { recursive: true });
  });

  it('runs the plugin of a file that root alone may write', async () => {
    const named = file(config({ exec }), join(own, 'config'));
    expect((await findAccess({ named, env: {} }))?.user.exec).toMatchObject({
      command: 'aws',
      args: ['get-token'],
    });
  });

  it.each([
    [
      'of another user',
      (path: string) => {
        chownSync(path, 65534, 65534);
      },
      /belongs to user 65534/,
    ],
    [
      'that others may write',
      (path: string) => {
        chmodSync(path, 0o666);
      },
      /may be written by others/,
    ],
    [
      'in a folder that others may write',
      (path: string) => {
        chmodSync(dirname(path), 0o777);
      },
      /may be written by others/,
    ],
  ])('runs none of a file %s', async (_, change, words) => {
    const named = file(config({ exec }), join(own, `of-others-${String(count++)}`, 'config'));
    change(named);
    const error = await failing({ named, env: {} });
    expect(error).toBeInstanceOf(AccessError);
    expect((error as AccessError).message).toMatch(/would have root run aws, and /);
    expect((error as AccessError).message).toMatch(words);
  });

  it('sends no file that such a one names as a token', async () => {
    const named = file(config({ tokenFile: '/etc/shadow' }), join(own, 'shadow', 'config'));
    chownSync(named, 65534, 65534);
    expect(((await failing({ named, env: {} })) as Error).message).toMatch(
      /would have root send \/etc\/shadow/,
    );
  });

  it('takes a token that stands in it', async () => {
    const named = file(config({ token: 'mine' }), join(own, 'token', 'config'));
    chownSync(named, 65534, 65534);
    expect((await findAccess({ named, env: {} }))?.user.token).toBe('mine');
  });
});

describe('a credential plugin', () => {
  const cluster: Cluster = { server: 'https://192.0.2.1:6443', skipTLSVerify: false };
  const plugin = (script: string): Exec => ({
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: ['-e', script],
    env: { WORD: 'let-me-in' },
    provideClusterInfo: true,
  });
  const { signal } = new AbortController();

  it('gives a token, and is told for which cluster', async () => {
    const script = `
      const { spec } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
      const token = process.env.WORD + ' ' + spec.cluster.server + ' ' + spec.interactive;
      console.log(JSON.stringify({ status: { token, expirationTimestamp: '2030-01-01T00:00:00Z' } }));`;
    expect(await runPlugin(plugin(script), cluster, signal)).toEqual({
      user: { token: 'let-me-in https://192.0.2.1:6443 false' },
      expiresAt: Date.UTC(2030, 0, 1),
    });
  });

  it.each([
    ['fails', 'process.exit(3)', /gave nothing/],
    ['says something else', 'console.log("hello")', /gave no ExecCredential/],
  ])('that %s is told in one line', async (_, script, words) => {
    await expect(runPlugin(plugin(script), cluster, signal)).rejects.toThrow(words);
  });

  it('ends with us', async () => {
    const ending = new AbortController();
    const running = runPlugin(plugin('setInterval(() => {}, 1000)'), cluster, ending.signal);
    setTimeout(() => {
      ending.abort();
    }, 200);
    await expect(running).rejects.toThrow(/gave nothing/);
  });
});
