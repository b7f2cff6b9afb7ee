/** A registry over the folder in the first argument, in a process that a test can kill. Prints its URL. */
import { startRegistry } from '../../src/registry-server/index.ts';

const [directory = ''] = process.argv.slice(2);
const registry = await startRegistry({ storage: { directory } });
process.stdout.write(`${registry.url}\n`);
