import { execa } from 'execa';

/** Live tests run the bundle. */
export default async function setup(): Promise<void> {
  await execa(process.execPath, ['scripts/setup.mjs', '--for', 'test'], { stdio: 'inherit' });
}
