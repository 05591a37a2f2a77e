/** The rooms of the house and which may open into which; ARCHITECTURE.md says why. */
const ROOMS = ['cli', 'view', 'outputs', 'sources', 'cluster', 'compare', 'trace', 'terminal', 'events'];

/** Room → the rooms it may import. What the engine asks of names are types that `cluster` answers. */
const MAY = {
  cli: ['view', 'outputs', 'sources', 'cluster', 'compare', 'trace', 'terminal', 'events'],
  view: ['trace', 'terminal', 'events'],
  outputs: ['compare', 'trace', 'terminal', 'events'],
  sources: ['cluster', 'events'],
  cluster: ['events'],
  compare: ['trace', 'events'],
  trace: ['events'],
  terminal: ['events'],
  events: [],
};

const rooms = ROOMS.map((room) => {
  const forbidden = ROOMS.filter((other) => other !== room && !MAY[room].includes(other));
  return {
    name: `${room}-imports-only-below`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: {
      path: [`^src/main\\.ts$`, ...forbidden.map((other) => `^src/${other}/`)],
      // cluster answers what trace asks, and so needs the words of the question.
      ...(room === 'cluster' && { pathNot: '^src/trace/(knowledge|request)\\.ts$' }),
    },
  };
});

module.exports = {
  forbidden: [
    ...rooms,
    {
      name: 'entry-opens-the-command-line-alone',
      severity: 'error',
      from: { path: '^src/main\\.ts$' },
      to: { path: '^src/', pathNot: '^src/cli/' },
    },
    {
      name: 'engine-is-pure',
      comment: 'No clock, no I/O, no Node API: replay must give what live gave.',
      severity: 'error',
      from: { path: '^src/(compare|trace|events)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'what-runs-is-declared',
      comment:
        'As a development dependency: it is bundled, so that who installs nathop installs nothing else.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'] },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  required: [
    {
      name: 'the-entry-was-read',
      comment: 'A checker that cannot parse TypeScript reads nothing and finds nothing wrong.',
      severity: 'error',
      module: { path: '^src/main\\.ts$' },
      to: { path: '^src/cli/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
