/** What workloads.yaml needs beside it, for kubectl: `npx tsx scripts/deploy/main.ts FOLDER` writes configuration.json. */
import { Command } from 'commander';
import { report } from '../lab/run.ts';
import { writeConfiguration } from './configuration.ts';

const program = new Command('deploy')
  .description("writes the workloads' configuration and certificate, for kubectl")
  .argument('<folder>', 'where to; made if it is not there')
  .action(async (folder: string) => console.log(await writeConfiguration(folder)));

try {
  await program.parseAsync();
} catch (error) {
  report('deploy', error);
}
