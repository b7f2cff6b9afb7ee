#!/usr/bin/env node
// The keychain of sheaf for docker, podman, skopeo, crane and oras, which run `docker-credential-sheaf get` and so on.
process.argv.splice(2, 0, 'credential-helper');
require('./run.js');
