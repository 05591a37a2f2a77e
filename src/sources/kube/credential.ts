import { execa } from 'execa';
import * as z from 'zod';
import { clean } from '../../events/clean.ts';
import { AccessError, type Cluster, type Exec, type User } from './kubeconfig.ts';

/** Some ask a person, who is not there: stdin is closed. */
const PATIENCE_MS = 30_000;
const SIZE_LIMIT = 1 << 20;

export interface Credential {
  readonly user: Pick<User, 'token' | 'certData' | 'keyData'>;
  /** Milliseconds since 1970; absent: until it is refused. */
  readonly expiresAt?: number;
}

const ExecCredential = z.object({
  status: z.object({
    token: z.string().optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
    expirationTimestamp: z.string().optional(),
  }),
});

/** What a credential plugin gives out. @throws AccessError */
export async function runPlugin(exec: Exec, cluster: Cluster, signal: AbortSignal): Promise<Credential> {
  const { server, caData, skipTLSVerify } = cluster;
  const info = {
    apiVersion: exec.apiVersion,
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(exec.provideClusterInfo && {
        cluster: {
          server,
          'insecure-skip-tls-verify': skipTLSVerify,
          ...(caData !== undefined && { 'certificate-authority-data': caData }),
        },
      }),
    },
  };
  const { stdout, failed, timedOut, shortMessage } = await execa(exec.command, exec.args, {
    env: { ...exec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    stdin: 'ignore',
    stderr: 'ignore',
    timeout: PATIENCE_MS,
    maxBuffer: SIZE_LIMIT,
    cancelSignal: signal,
    reject: false,
  });
  if (failed) {
    const why = timedOut ? 'it took longer than 30 s' : clean(shortMessage ?? 'it failed', 200);
    throw new AccessError(`the credential plugin ${exec.command} gave nothing: ${why}`, 'Run it by hand.');
  }
  const parsed = ExecCredential.safeParse(parse(stdout));
  if (!parsed.success) {
    throw new AccessError(`the credential plugin ${exec.command} gave no ExecCredential`, 'Run it by hand.');
  }
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = parsed.data.status;
  const expiresAt = expirationTimestamp === undefined ? NaN : Date.parse(expirationTimestamp);
  return {
    user: {
      ...(token !== undefined && { token }),
      ...(clientCertificateData !== undefined && { certData: base64(clientCertificateData) }),
      ...(clientKeyData !== undefined && { keyData: base64(clientKeyData) }),
    },
    ...(!Number.isNaN(expiresAt) && { expiresAt }),
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
