/** Bundles src/ into dist/, so that nathop starts in a third of a second. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { licensesOf } from './licenses.mjs';

/** Ink's connection to React's developer tools, which production never makes. */
const withoutDevtools = {
  name: 'without-devtools',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/devtools\.js$/ }, ({ path }) => ({ path, namespace: 'without-devtools' }));
    onLoad({ filter: /.*/, namespace: 'without-devtools' }, () => ({ contents: '' }));
  },
};

rmSync('dist', { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { nathop: 'src/main.ts', 'capture-child': 'src/capture-child.ts' },
  outdir: 'dist',
  bundle: true,
  // The view, with React and Ink, is a chunk of its own that only the full screen loads.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Names stay: they stand in stack traces, and keepNames would wrap every closure that is made.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  // React chooses its build by this when it is bundled.
  define: { 'process.env.NODE_ENV': '"production"' },
  // Node's own is deprecated, and says so to whoever runs the Kubernetes client (whatwg-url).
  alias: { punycode: 'punycode/punycode.js' },
  // Native, and may be absent.
  external: ['cap'],
  plugins: [withoutDevtools],
  banner: {
    // Some of what is bundled is CommonJS and asks for Node's modules by require().
    js: "import { createRequire as nathopRequire } from 'node:module'; const require = nathopRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
chmodSync('dist/nathop.js', 0o755);
writeFileSync('dist/LICENSES.txt', licensesOf(Object.keys(metafile.inputs)));
