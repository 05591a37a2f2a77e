/** Looking into JSON that may hold anything. */
export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The objects in the list under a key. */
export const objectsIn = (value: unknown, key: string): readonly Json[] =>
  isObject(value) ? listOf(value[key]).filter(isObject) : [];
