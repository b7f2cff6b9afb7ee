import { BaseCommand } from '../../cli/base-command.ts';
import type { ListSummary } from '../../cli/documents/lists.ts';
import { renderTable } from '../../cli/render/table.ts';

export default class ManifestLs extends BaseCommand<typeof ManifestLs> {
  static override summary = 'Show the local lists.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<readonly ListSummary[]> {
    const { formatPlatform } = await import('../../oci/platform.ts');
    const { isAttestation } = await import('../../oci/matcher.ts');
    const { lists } = await this.env.store();
    const summaries = lists.list().map((record): ListSummary => {
      const images = record.index.manifests.filter((entry) => !isAttestation(entry));
      const platforms = images.flatMap((entry) =>
        entry.platform === undefined ? [] : [formatPlatform(entry.platform)],
      );
      return {
        id: record.id,
        names: record.names,
        instances: record.index.manifests.length,
        platforms: [...new Set(platforms)],
        created: new Date(record.createdAt).toISOString(),
        updated: new Date(record.updatedAt).toISOString(),
      };
    });
    const rows = summaries.flatMap((list) =>
      (list.names.length === 0 ? ['<none>'] : list.names).map((name) => [
        name,
        list.id.slice(0, 12),
        String(list.instances),
        list.platforms.join(' '),
        list.updated.slice(0, 19).replace('T', ' '),
      ]),
    );
    for (const line of renderTable(['NAME', 'ID', 'INSTANCES', 'PLATFORMS', 'UPDATED (UTC)'], rows))
      this.output.print(line);
    return summaries;
  }
}
