/** Warnings that registries attach to their answers. */
import type { Session } from '../foundation/session.ts';
import { printable } from './registry-error.ts';

export interface Warnings {
  /** Emits every `Warning: 299 - "text"` of an answer of `host` that has not been emitted before in this run. */
  note(host: string, header: string | readonly string[] | undefined): void;
}

/** OCI Distribution Specification v1.1, "Warnings"; at most 100 texts a run are shown. */
export function createWarnings(session: Session): Warnings {
  const seen = new Set<string>();
  return {
    note(host, header) {
      if (header === undefined) return;
      for (const value of typeof header === 'string' ? [header] : header) {
        for (const [, quoted = ''] of value.slice(0, 16_384).matchAll(/(?:^|,)\s*299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
          const text = printable(quoted.replace(/\\(.)/g, '$1'), 1000);
          const message = `${host} warns: ${text}`;
          if (text === '' || seen.has(message) || seen.size >= 100) continue;
          seen.add(message);
          session.emit({ type: 'warning', code: 'REGISTRY_WARNING', message });
        }
      }
    },
  };
}
