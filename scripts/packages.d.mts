/** Of packages.mjs, which runs before anything is installed and so is no TypeScript. */
export const runtime: readonly string[];
export const lab: readonly string[];
export const build: readonly string[];
export const services: readonly string[];
export const test: readonly string[];
export const bench: readonly string[];
export const vm: readonly string[];
