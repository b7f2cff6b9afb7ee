/** Preloaded: writes the URLs of everything that was loaded to the file that SHEAF_TEST_LOADS names, when the process ends. */
import fs from 'node:fs';
import { registerHooks } from 'node:module';
import process from 'node:process';

const loaded: string[] = [];
registerHooks({
  load(url, context, nextLoad) {
    loaded.push(url);
    return nextLoad(url, context);
  },
});
process.on('exit', () => fs.writeFileSync(process.env['SHEAF_TEST_LOADS'] ?? '', JSON.stringify(loaded)));
