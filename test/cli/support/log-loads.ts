/**
 * Preloaded: writes to the file that SHEAF_TEST_LOADS names, when the process ends, the URLs of everything that was loaded and
 * the modules of the build that were run: there they are functions with their paths as names.
 */
import fs from 'node:fs';
import { type Profiler, Session } from 'node:inspector';
import { registerHooks } from 'node:module';
import process from 'node:process';

const files: string[] = [];
registerHooks({
  load(url, context, nextLoad) {
    files.push(url);
    return nextLoad(url, context);
  },
});
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
process.on('exit', () => {
  let scripts: Profiler.ScriptCoverage[] = [];
  session.post('Profiler.takePreciseCoverage', (_, { result }) => {
    scripts = result;
  });
  const functions = scripts.flatMap((script) => (script.url.endsWith('dist/cli/main.cjs') ? script.functions : []));
  const modules = functions
    .filter(({ functionName, ranges }) => /^(src|node_modules)\//.test(functionName) && (ranges[0]?.count ?? 0) > 0)
    .map(({ functionName }) => functionName);
  fs.writeFileSync(process.env['SHEAF_TEST_LOADS'] ?? '', JSON.stringify({ files, modules }));
});
