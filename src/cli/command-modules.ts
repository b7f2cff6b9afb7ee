/**
 * The commands of a build, by the id that oclif gives them (`manifest:add`). Empty in the sources, where each is a file that is
 * found by its name; `.ci/build.js` fills it, since in one file a command is loaded sooner than from a file of its own.
 */
export const commandModules: Readonly<Record<string, () => Promise<unknown>>> = {};
