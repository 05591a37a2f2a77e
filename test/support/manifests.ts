/**
 * What a Kubernetes API server would say of a manifest: by the schemas of its OpenAPI description (required fields,
 * types, enumerations), and by the client's models, which know each field by name and so find the misspelt ones.
 */
import { createRequire } from 'node:module';
import * as client from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

/** @throws where it is no YAML */
export function manifestsIn(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS() as Manifest;
  });
}

/** In words, each with the path of the field. */
export function problemsOf(manifest: Manifest): string[] {
  const { apiVersion, kind } = manifest;
  const model = modelOf(`V1${kind}`);
  const schema = schemaOf(apiVersion, kind);
  if (!model || !schema) return [`no ${kind} in ${apiVersion}`];
  return [...unknownFields(manifest, model, kind), ...violations(new schema(manifest))];
}

interface Model {
  readonly attributeTypeMap: readonly { readonly baseName: string; readonly type: string }[];
}

const modelOf = (name: string): Model | undefined =>
  (client as unknown as Record<string, Model | undefined>)[name];

function unknownFields(value: unknown, model: Model, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([field, inner]) => {
    const known = model.attributeTypeMap.find(({ baseName }) => baseName === field);
    return known
      ? unknownIn(inner, known.type, `${path}.${field}`)
      : [`${path}.${field}: there is no such field`];
  });
}

/** @param type as the client writes it: a model, `Array<…>`, `{ [key: string]: …; }`, or plain */
function unknownIn(value: unknown, type: string, path: string): string[] {
  const [, inner] = /^(?:Array<(.*)>|\{ \[key: string\]: (.*); \})$/.exec(type)?.filter((part) => part) ?? [];
  if (inner !== undefined && typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, one]) => unknownIn(one, inner, `${path}.${key}`));
  }
  const model = modelOf(type);
  return model?.attributeTypeMap ? unknownFields(value, model, path) : [];
}

/** A class of kubernetes-models. */
type Schema = new (manifest: Manifest) => { validate(): void };

function schemaOf(apiVersion: string, kind: string): Schema | undefined {
  const models = createRequire(import.meta.url)(`kubernetes-models/${apiVersion}`) as Record<string, Schema>;
  return models[kind];
}

function violations(manifest: { validate(): void }): string[] {
  try {
    manifest.validate();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
