/** What the names of registries mean. */

/** The host (and port) that serves the API of the registry `host`: Docker Hub has another one than its name says. */
export function apiHost(host: string): string {
  return host === 'docker.io' || host === 'index.docker.io' ? 'registry-1.docker.io' : host;
}

/** Whether a host name (as `URL.hostname` gives it) is this machine itself. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    hostname === '::1' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

/** `text` as a URL, relative to `base`; `undefined` where it is none. */
export function parseUrl(text: string, base: URL): URL | undefined {
  return URL.parse(text, base.href) ?? undefined;
}

/**
 * Makes `url`, which the server at `reached` has given, stay on TLS where it means that very server: one behind a proxy often
 * does not know that it is reached over TLS.
 */
export function keepTls(url: URL, reached: URL): void {
  if (reached.protocol === 'https:' && url.protocol === 'http:' && url.host === reached.host) url.protocol = 'https:';
}
