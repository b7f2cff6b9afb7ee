/**
 * Runs one command without oclif's start-up work. Leans on the internals of `@oclif/core` (`_run`, what a command asks of
 * its configuration), which is why its version is pinned and a test compares this way with the full one.
 */
import { fileURLToPath } from 'node:url';
import type { Command } from '@oclif/core/command';
import { Config } from '@oclif/core/config';
import { commandModules } from './command-modules.ts';
import type { CommandRunner } from './find-command.ts';
import { type Place, packageJson } from './place.ts';

export const leanRun: CommandRunner = async (request, place) => {
  const load = commandModules[request.id] ?? (() => import(request.module.href));
  const { default: Class } = (await load()) as { default: RunnableCommand };
  Class.id = request.id;
  await new Class(request.argv, new LeanConfig(place))._run();
};

interface RunnableCommand {
  id: string;
  new (argv: string[], config: Config): Command & { _run(): Promise<unknown> };
}

/** What a running command asks of its configuration, without the commands and plugins of the whole program. */
export class LeanConfig extends Config {
  constructor(place: Place) {
    super({ root: fileURLToPath(place.root) });
    this.pjson = packageJson(place);
    this.bin = 'sheaf';
    this.name = this.pjson.name;
    this.version = this.pjson.version;
    this.topicSeparator = ' ';
    this.userAgent = `${this.name}/${this.version}`;
  }

  /** No plugins, no hooks. */
  override async runHook(): Promise<{ successes: []; failures: [] }> {
    return { successes: [], failures: [] };
  }
}
