import { ApiError, Connection, wordsOf } from '../kube/connection.ts';
import { AccessError, findAccess, type Access, type Places } from '../kube/kubeconfig.ts';
import { textOf } from '../kube/lines.ts';
import { ALL, missingRights, RESOURCES } from '../kube/resources.ts';
import { type Check, doubtful, fine } from './check.ts';

const NAME = 'Kubernetes API';
const PATIENCE_MS = 15_000;
const ANSWER_LIMIT = 8 << 20;

/** Where names of Pods and Services come from, beside the machine itself. Tracing goes without it. */
export async function checkKube(places: Places): Promise<Check> {
  try {
    const access = await findAccess(places);
    if (access !== undefined) return await checkApi(access);
    const found = 'not asked: no kubeconfig was found; names are by this machine and its rules alone';
    return fine(NAME, found);
  } catch (error) {
    if (error instanceof AccessError) return doubtful(NAME, error.message, error.mend);
    throw error;
  }
}

async function checkApi(access: Access): Promise<Check> {
  const { from, cluster } = access;
  const ending = new AbortController();
  const late = setTimeout(() => {
    ending.abort();
  }, PATIENCE_MS);
  const connection = new Connection(access, ending.signal);
  try {
    const version = versionIn(await textOf(await connection.get('/version', {}), ANSWER_LIMIT));
    const forbidden: (typeof ALL)[number][] = [];
    for (const resource of ALL) {
      const status = await statusOf(connection, RESOURCES[resource].path);
      if (status === 403) forbidden.push(resource);
    }
    const lacks = missingRights(forbidden);
    const where = `${version} at ${cluster.server}, by ${from}`;
    return lacks === undefined
      ? fine(NAME, where)
      : doubtful(
          NAME,
          `${where}; ${lacks}`,
          'Grant it: kubectl apply -f scripts/deploy/role.yaml, and bind it.',
        );
  } catch (error) {
    if (error instanceof AccessError) throw error;
    const refused = error instanceof ApiError;
    const why = ending.signal.aborted
      ? 'no answer'
      : refused
        ? `${String(error.status)} ${error.message}`
        : wordsOf(error);
    return doubtful(
      NAME,
      `${cluster.server}, by ${from}: ${why}`,
      refused
        ? 'Name a kubeconfig whose credentials it accepts: --kubeconfig FILE'
        : 'Name a kubeconfig whose server can be reached from here: --kubeconfig FILE',
    );
  } finally {
    clearTimeout(late);
    ending.abort();
  }
}

async function statusOf(connection: Connection, path: string): Promise<number> {
  try {
    (await connection.get(path, { limit: '1' })).destroy();
    return 200;
  } catch (error) {
    if (error instanceof ApiError) return error.status;
    throw error;
  }
}

function versionIn(text: string): string {
  try {
    const { gitVersion } = JSON.parse(text) as { gitVersion?: unknown };
    return typeof gitVersion === 'string' ? gitVersion : 'of a version that it does not tell';
  } catch {
    return 'of a version that it does not tell';
  }
}
