/** Requests to the API: who we are and how TLS is spoken is the Kubernetes client's; bytes and bounds are ours. */
import * as http from 'node:http';
import * as https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { clean } from '../../events/clean.ts';
import { reasonOf } from '../../events/errors.ts';
import { runPlugin, type Credential } from './credential.ts';
import type { Access, User } from './kubeconfig.ts';

/** What the API answered instead of what was asked for. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const CONNECT_MS = 10_000;
/** No byte for so long: the other side may be gone without a word. A watch gets a bookmark about every minute. */
const SILENCE_MS = 90_000;
const ERROR_LIMIT = 64 << 10;

export class Connection {
  readonly access: Access;
  readonly #signal: AbortSignal;
  #config: KubeConfig | undefined;
  #credential: Credential | undefined;

  /** @param signal ends whatever is under way */
  constructor(access: Access, signal: AbortSignal) {
    this.access = access;
    this.#signal = signal;
  }

  /** What was given to us may have been replaced: the next request asks anew who we are. */
  forgetCredential(): void {
    this.#credential = undefined;
    this.#config = undefined;
  }

  /**
   * The answer's body, as it comes.
   * @throws ApiError, or what kept it from being asked
   */
  async get(path: string, query: Readonly<Record<string, string>>): Promise<http.IncomingMessage> {
    const { server } = this.access.cluster;
    const url = new URL(`${server.replace(/\/+$/, '')}${path}`);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    const options: https.RequestOptions = { headers: { accept: 'application/json' } };
    await (await this.#configured()).applyToHTTPSOptions(options);
    const response = await this.#send(url, options);
    if (response.statusCode === 200) return response;
    throw new ApiError(response.statusCode ?? 0, await saidIn(response));
  }

  #send(url: URL, options: https.RequestOptions): Promise<http.IncomingMessage> {
    const { request: make } = url.protocol === 'http:' ? http : https;
    return new Promise((resolve, reject) => {
      const request = make(url, { ...options, method: 'GET', signal: this.#signal });
      const late = setTimeout(() => {
        request.destroy(new Error(`no answer within ${String(CONNECT_MS / 1000)} s`));
      }, CONNECT_MS);
      request.on('response', (response) => {
        clearTimeout(late);
        request.setTimeout(SILENCE_MS, () => request.destroy(new Error('silence')));
        resolve(response);
      });
      // Once it has an answer its errors are the body's.
      request.on('error', (error) => {
        clearTimeout(late);
        reject(error);
      });
      request.end();
    });
  }

  async #configured(): Promise<KubeConfig> {
    const { cluster, user } = this.access;
    if (user.exec !== undefined && isOver(this.#credential)) {
      this.#credential = await runPlugin(user.exec, cluster, this.#signal);
      this.#config = undefined;
    }
    if (this.#config !== undefined) return this.#config;
    const config = new KubeConfig();
    const { exec: _exec, tokenFile, ...given }: User = { ...user, ...this.#credential?.user };
    config.loadFromClusterAndUser(
      { name: 'cluster', ...cluster },
      {
        name: 'user',
        ...given,
        // It is read again each minute: a Pod's token is changed every hour.
        ...(tokenFile !== undefined && { authProvider: { name: 'tokenFile', config: { tokenFile } } }),
      },
    );
    this.#config = config;
    return config;
  }
}

const isOver = (credential: Credential | undefined): boolean =>
  credential === undefined || (credential.expiresAt ?? Infinity) <= Date.now();

/** The message of the Status that the API answers with. */
async function saidIn(response: http.IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += chunk;
      if (text.length > ERROR_LIMIT) break;
    }
    const status: unknown = JSON.parse(text);
    if (typeof status === 'object' && status !== null && 'message' in status) {
      return clean(String(status.message), 200);
    }
  } catch {
    // No Status: a proxy or another server answered.
  } finally {
    response.destroy();
  }
  return clean(response.statusMessage ?? '', 200);
}

/** Of an error on the way to the API, in few words. */
export function wordsOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = { ECONNREFUSED: 'connection refused', ENOTFOUND: 'its name is not known' }[code];
  // A name of several addresses gives one error for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return known ?? clean(reasonOf(first), 200);
}
