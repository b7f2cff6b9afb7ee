/** The full way through oclif: its configuration of all commands is loaded. For help, and to check the lean way against. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core/config';
import type { Options } from '@oclif/core/interfaces';
import { run } from '@oclif/core/run';
import type { CommandRunner } from './find-command.ts';
import { SheafHelp } from './help.ts';
import { type Place, packageJson } from './place.ts';

/** Prints the help of the program, a topic or a command, to stdout. */
export async function showHelp(argv: readonly string[], place: Place): Promise<void> {
  const config = await loadConfig(place);
  await new SheafHelp(config, config.pjson.oclif.helpOptions).showHelp([...argv]);
}

/** Runs a command as oclif itself does. */
export const fullRun: CommandRunner = async (request, place) => {
  await run([...request.id.split(':'), ...request.argv], loadOptions(place));
};

/** oclif's view of the whole program. */
export function loadConfig(place: Place): Promise<Config> {
  return Config.load(loadOptions(place));
}

function loadOptions(place: Place): Options {
  return {
    root: fileURLToPath(place.root),
    pjson: packageJson(place),
    // oclif.manifest.json wins over the modules, so in a checkout, where they change, it is left aside
    ignoreManifest: existsSync(new URL('src', place.root)),
  };
}
