/**
 * The commands of a build, by the id that oclif gives them (`manifest:add`). Empty in the sources, where each is a file that is
 * found by its name; `.ci/build.js` fills it, where all commands are in one file.
 */
export const commandModules: Readonly<Record<string, () => Promise<unknown>>> = {};
