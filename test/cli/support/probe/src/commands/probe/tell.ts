import { BaseCommand } from '../../../../../../../src/cli/base-command.ts';
import { progressFlags } from '../../../../../../../src/cli/flags.ts';

/** Tells of events of every kind and prints a result. */
export default class ProbeTell extends BaseCommand<typeof ProbeTell> {
  static override summary = 'Tell of events.';
  static override flags = { ...progressFlags };

  async run(): Promise<unknown> {
    const { session } = this.env;
    session.emit({ type: 'plan', title: 'Copying 2 images', steps: 2, bytes: 3000 });
    session.emit({ type: 'step-start', id: 'a', label: 'Copying blob sha256:aa', bytes: 2000 });
    session.emit({ type: 'step-progress', id: 'a', bytes: 1000 });
    session.emit({ type: 'step-end', id: 'a', outcome: 'copied' });
    session.emit({ type: 'step-start', id: 'b', label: 'Copying blob sha256:bb', bytes: 1000 });
    session.emit({ type: 'step-end', id: 'b', outcome: 'mounted' });
    session.emit({ type: 'retry', what: 'PUT x', attempt: 1, of: 3, delayMs: 1000, reason: '503' });
    session.emit({ type: 'log', level: 'info', message: 'an information' });
    session.emit({ type: 'request', host: 'r.example', method: 'GET', path: '/v2/', status: 200 });
    this.warn('mind this');
    this.output.print('result');
    return { result: true };
  }
}
