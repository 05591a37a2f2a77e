/**
 * Holds the arrows between the rooms of src/ (.dependency-cruiser.cjs), and fails if it read less than there is:
 * a checker that cannot parse TypeScript reads nothing and finds nothing wrong.
 */
import { execa } from 'execa';

const { stdout, exitCode } = await execa(
  'depcruise',
  ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src'],
  { preferLocal: true, reject: false, maxBuffer: 1e9 },
);
const { modules, summary } = JSON.parse(stdout);
const ours = modules.filter(({ source }) => source.startsWith('src/'));
const arrows = ours.flatMap(({ dependencies }) =>
  dependencies.filter(({ resolved }) => resolved.startsWith('src/')),
);
for (const { rule, from, to } of summary.violations) console.error(`${rule.name}: ${from} → ${to}`);
if (ours.length < 50 || arrows.length < ours.length) {
  console.error(
    `only ${ours.length} modules and ${arrows.length} imports were read: the check itself is broken`,
  );
  process.exit(1);
}
console.log(
  `${ours.length} modules, ${arrows.length} imports, ${summary.violations.length} against the rules`,
);
process.exit(summary.error > 0 || exitCode > 100 ? 1 : 0);
