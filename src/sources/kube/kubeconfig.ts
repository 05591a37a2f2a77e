/** Which API, as whom: from kubeconfig files, or from the service account of the Pod that we run in. */
import { access, open } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { load } from 'js-yaml';
import * as z from 'zod';
import { clean } from '../../events/clean.ts';
import { reasonOf } from '../../events/errors.ts';
import { whoElseMayWrite } from './ownership.ts';

/** The API cannot be asked; what follows from it is for the caller to say. */
export class AccessError extends Error {
  readonly mend: string;

  constructor(message: string, mend: string) {
    super(message);
    this.mend = mend;
  }
}

export interface Cluster {
  readonly server: string;
  readonly caData?: string;
  readonly caFile?: string;
  readonly skipTLSVerify: boolean;
  readonly tlsServerName?: string;
  readonly proxyUrl?: string;
}

export interface User {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly certData?: string;
  readonly certFile?: string;
  readonly keyData?: string;
  readonly keyFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly impersonateUser?: string;
  readonly exec?: Exec;
}

/** A credential plugin (client.authentication.k8s.io). */
export interface Exec {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly provideClusterInfo: boolean;
}

export interface Access {
  /** In words: the file, or the service account. */
  readonly from: string;
  readonly cluster: Cluster;
  readonly user: User;
}

export interface Places {
  /** What --kubeconfig names. */
  readonly named?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Where files are looked for, instead of /. */
  readonly root?: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Where kubeadm, k3s, rke2, k0s and microk8s leave one on a node. */
const ON_NODES = [
  '/etc/kubernetes/admin.conf',
  '/etc/rancher/k3s/k3s.yaml',
  '/etc/rancher/rke2/rke2.yaml',
  '/var/lib/k0s/pki/admin.conf',
  '/var/snap/microk8s/current/credentials/client.config',
];
const SIZE_LIMIT = 1 << 20;

/**
 * The first of: what is named, $KUBECONFIG, the Pod's service account, what a node has, ~/.kube/config.
 * @returns undefined where there is none
 * @throws AccessError where there is one that cannot be used
 */
export async function findAccess({ named, env, root = '/' }: Places): Promise<Access | undefined> {
  if (named !== undefined) return fromFiles([named]);
  const listed = (env['KUBECONFIG'] ?? '').split(':').filter((path) => path !== '');
  if (listed.length > 0) return fromFiles(listed);
  const account = await fromServiceAccount(env, root);
  if (account !== undefined) return account;
  const home = env['HOME'];
  const paths = ON_NODES.map((path) => join(root, path));
  for (const path of home === undefined ? paths : [...paths, join(home, '.kube/config')]) {
    if (await isReadable(path)) return fromFiles([path]);
  }
  return undefined;
}

async function fromServiceAccount(env: NodeJS.ProcessEnv, root: string): Promise<Access | undefined> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  const tokenFile = join(root, SERVICE_ACCOUNT, 'token');
  if (!host || !port || !(await isReadable(tokenFile))) return undefined;
  return {
    from: 'the service account of this pod',
    cluster: {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      caFile: join(root, SERVICE_ACCOUNT, 'ca.crt'),
      skipTLSVerify: false,
    },
    user: { tokenFile },
  };
}

/** The first file that has a name counts, as with kubectl. */
async function fromFiles(paths: readonly string[]): Promise<Access> {
  const files = await Promise.all(paths.map(readConfig));
  const from = paths.join(':');
  const context = files.map(({ config }) => config['current-context']).find((name) => name !== '');
  if (context === undefined) {
    throw new AccessError(`${from} has no current-context`, 'Choose one: kubectl config use-context NAME');
  }
  const chosen = find(files, from, 'context', context, ({ config }) => config.contexts).item.context;
  const cluster = find(files, from, 'cluster', chosen.cluster, ({ config }) => config.clusters);
  const user = find(files, from, 'user', chosen.user, ({ config }) => config.users);
  return {
    from,
    cluster: clusterOf(cluster.item.cluster, cluster.file.path),
    user: await userOf(user.item.user, user.file.path),
  };
}

const text = z.string().max(SIZE_LIMIT);
const Config = z.object({
  'current-context': text.catch(''),
  contexts: z
    .array(z.object({ name: text, context: z.object({ cluster: text, user: text.catch('') }) }))
    .catch([]),
  clusters: z.array(
    z.object({
      name: text,
      cluster: z.object({
        server: text,
        'certificate-authority': text.optional(),
        'certificate-authority-data': text.optional(),
        'insecure-skip-tls-verify': z.boolean().optional(),
        'tls-server-name': text.optional(),
        'proxy-url': text.optional(),
      }),
    }),
  ),
  users: z
    .array(
      z.object({
        name: text,
        user: z
          .object({
            token: text.optional(),
            tokenFile: text.optional(),
            'client-certificate': text.optional(),
            'client-certificate-data': text.optional(),
            'client-key': text.optional(),
            'client-key-data': text.optional(),
            username: text.optional(),
            password: text.optional(),
            as: text.optional(),
            'auth-provider': z.object({ name: text }).optional(),
            exec: z
              .object({
                apiVersion: text,
                command: text,
                args: z.array(text).nullish(),
                env: z.array(z.object({ name: text, value: text })).nullish(),
                provideClusterInfo: z.boolean().optional(),
              })
              .optional(),
          })
          .nullish(),
      }),
    )
    .catch([]),
});
type Config = z.infer<typeof Config>;
type RawUser = Config['users'][number]['user'];

interface ConfigFile {
  readonly path: string;
  readonly config: Config;
}

async function readConfig(path: string): Promise<ConfigFile> {
  let written: string;
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > SIZE_LIMIT) throw new Error(`larger than ${String(SIZE_LIMIT)} bytes`);
      written = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new AccessError(
      `${path} cannot be read: ${reasonOf(error)}`,
      'Name a kubeconfig, or use --no-kube.',
    );
  }
  const parsed = Config.safeParse(parse(written));
  if (parsed.success) return { path: resolve(path), config: parsed.data };
  throw new AccessError(`${path} is not a kubeconfig`, 'Name another, or use --no-kube.');
}

function parse(written: string): unknown {
  try {
    return load(written);
  } catch {
    return undefined;
  }
}

function find<T extends { name: string }>(
  files: readonly ConfigFile[],
  from: string,
  what: string,
  name: string,
  itemsOf: (file: ConfigFile) => readonly T[],
): { item: T; file: ConfigFile } {
  for (const file of files) {
    const item = itemsOf(file).find((one) => one.name === name);
    if (item !== undefined) return { item, file };
  }
  throw new AccessError(
    `${from} names the ${what} ${clean(name, 100)}, which it does not have`,
    'Choose another context: kubectl config use-context NAME',
  );
}

function clusterOf(raw: Config['clusters'][number]['cluster'], path: string): Cluster {
  return {
    server: raw.server,
    ...given('caData', raw['certificate-authority-data']),
    ...given('caFile', beside(path, raw['certificate-authority'])),
    skipTLSVerify: raw['insecure-skip-tls-verify'] ?? false,
    ...given('tlsServerName', raw['tls-server-name']),
    ...given('proxyUrl', raw['proxy-url']),
  };
}

async function userOf(raw: RawUser, path: string): Promise<User> {
  if (raw?.['auth-provider'] !== undefined) {
    throw new AccessError(
      `${path} has its credentials from the auth-provider ${clean(raw['auth-provider'].name, 100)}, which Kubernetes no longer has`,
      'Make a kubeconfig with a token, a certificate or a credential plugin.',
    );
  }
  await mustBeRoots(raw, path);
  const { exec } = raw ?? {};
  return {
    ...given('token', raw?.token),
    ...given('tokenFile', beside(path, raw?.tokenFile)),
    ...given('certData', raw?.['client-certificate-data']),
    ...given('certFile', beside(path, raw?.['client-certificate'])),
    ...given('keyData', raw?.['client-key-data']),
    ...given('keyFile', beside(path, raw?.['client-key'])),
    ...given('username', raw?.username),
    ...given('password', raw?.password),
    ...given('impersonateUser', raw?.as),
    ...(exec && {
      exec: {
        apiVersion: exec.apiVersion,
        command: exec.command.includes('/') ? (beside(path, exec.command) ?? '') : exec.command,
        args: exec.args ?? [],
        env: Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value])),
        provideClusterInfo: exec.provideClusterInfo ?? false,
      },
    }),
  };
}

/**
 * Root follows no orders of others: a file that somebody else may write could have it run any command, or send any
 * file to any server as a token.
 */
async function mustBeRoots(raw: RawUser, path: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { exec, tokenFile } = raw ?? {};
  if (exec === undefined && tokenFile === undefined) return;
  const who = await whoElseMayWrite(path);
  if (who === undefined) return;
  const would = exec === undefined ? `send ${tokenFile ?? ''}` : `run ${exec.command}`;
  throw new AccessError(
    `${path} would have root ${clean(would, 200)}, and ${who}`,
    'Copy it to where root alone may write, or make one with a token: kubectl create token NAME',
  );
}

const beside = (path: string, file: string | undefined): string | undefined =>
  file === undefined || file === '' || isAbsolute(file) ? file : join(dirname(path), file);

const given = <K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> =>
  value === undefined || value === '' ? {} : ({ [key]: value } as Record<K, string>);

const isReadable = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
