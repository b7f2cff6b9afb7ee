import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../../../../../src/cli/base-command.ts';
import { progressFlags } from '../../../../../../../src/cli/flags.ts';
import { ConflictError, NotFoundError } from '../../../../../../../src/foundation/errors.ts';

/** Fails in the way asked for. */
export default class ProbeFail extends BaseCommand<typeof ProbeFail> {
  static override summary = 'Fail.';
  static override flags = progressFlags;
  static override args = { how: Args.string({ required: true, description: 'In which way.' }) };

  async run(): Promise<unknown> {
    switch (this.args.how) {
      case 'not-found':
        throw new NotFoundError('no list "app"', { code: 'LIST_NOT_FOUND', hint: 'See `sheaf manifest ls`.' });
      case 'conflict':
        throw new ConflictError('the name is taken', { cause: new Error('row 7 has it') });
      case 'status':
        this.endWith(1);
        return { exists: false };
      case 'later':
        // nobody waits for this one
        setImmediate(() => void Promise.reject(new TypeError('x is not a function')));
        return await new Promise(() => setInterval(() => {}, 1000));
      case 'handle':
        setInterval(() => {}, 1000);
        this.output.print('done');
        return {};
      default:
        throw new TypeError('x is not a function');
    }
  }
}
