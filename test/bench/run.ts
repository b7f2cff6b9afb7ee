/**
 * `npm run bench NAME [-- OPTIONS]`: runs a scenario of this folder and prints what it measured. Without a name: which
 * scenarios there are.
 */
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { isFresh } from '../../bin/freshness.js';
import { OptionError, type Scenario } from './scenario.ts';

const folder = new URL('scenarios/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));
const [name, ...options] = process.argv.slice(2);

const load = async (wanted: string): Promise<Scenario> => {
  const module = (await import(new URL(`${wanted}.ts`, folder).href)) as { default: Scenario };
  return module.default;
};

if (name === undefined || !names.includes(name)) {
  if (name !== undefined) console.error(`There is no scenario "${name}".`);
  console.error('npm run bench NAME, where NAME is one of');
  for (const known of names) console.error(`  ${known.padEnd(12)} ${(await load(known)).summary}`);
  process.exitCode = 2;
} else {
  const scenario = await load(name);
  try {
    await scenario.run(options);
  } catch (thrown) {
    if (!(thrown instanceof OptionError)) throw thrown;
    console.error(`npm run bench ${name}: ${thrown.message}. ${scenario.summary}`);
    process.exitCode = 2;
  }
  if (!isFresh(new URL('../../', import.meta.url))) {
    console.error('The sources are not those that were built: these are not the figures of the build.');
    process.exitCode = 1;
  }
}
