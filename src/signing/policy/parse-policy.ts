/**
 * policy.json from its text. What is not known, stands twice or is missing makes the whole file unusable: a policy that is
 * understood in part protects from nothing.
 *
 * Source: containers-policy.json(5); containers/image signature/policy_config.go (what it accepts).
 */
import { asError, UsageError } from '../../foundation/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import type { JsonObject } from '../../oci/json-value.ts';
import { parseReference } from '../../oci/reference.ts';
import type { IdentityRule, Policy, Requirement, SigstoreKeys } from './policy.ts';
import { choose, exactFields, problem, requiredText, sourceOf, sourcesOf, textOf } from './policy-fields.ts';
import { checkScope } from './scopes.ts';

/** Throws UsageError POLICY_INVALID; `path` names the file. */
export function parsePolicy(bytes: Uint8Array, path: string): Policy {
  try {
    const document = exactFields(parseJson(bytes, path), ['default', 'transports'], 'the policy');
    const { transports = {} } = document;
    if (!isJsonObject(transports)) throw problem('transports is no object');
    return {
      default: requirements(document['default'], 'default'),
      transports: new Map(Object.keys(transports).map((name) => [name, scopesOf(name, transports[name])])),
    };
  } catch (thrown) {
    throw new UsageError(`the policy ${path} cannot be used: ${asError(thrown).message}`, {
      code: 'POLICY_INVALID',
      hint: 'Correct it; its form is that of containers-policy.json(5).',
      cause: thrown,
    });
  }
}

function scopesOf(transport: string, value: JsonValue | undefined): ReadonlyMap<string, readonly Requirement[]> {
  if (!isJsonObject(value)) throw problem(`transports.${transport} is no object`);
  return new Map(
    Object.keys(value).map((scope) => {
      if (scope !== '') checkScope(transport, scope);
      return [scope, requirements(value[scope], `transports.${transport}."${scope}"`)];
    }),
  );
}

function requirements(value: JsonValue | undefined, what: string): readonly Requirement[] {
  if (!Array.isArray(value) || value.length === 0) throw problem(`${what} must be a list of at least one requirement`);
  return value.map((one: JsonValue, at: number) => requirement(one, `${what}[${at}]`));
}

function requirement(value: JsonValue, what: string): Requirement {
  if (!isJsonObject(value)) throw problem(`${what} is no object`);
  switch (value['type']) {
    case 'insecureAcceptAnything':
    case 'reject':
      exactFields(value, ['type'], what);
      return { type: value['type'] };
    case 'signedBy':
      return signedBy(value, what);
    case 'sigstoreSigned':
      return sigstoreSigned(value, what);
    case 'signedBaseLayer':
      exactFields(value, ['type', 'baseLayerIdentity'], what);
      identity(value['baseLayerIdentity'], `${what}.baseLayerIdentity`);
      return { type: 'signedBaseLayer' };
    default:
      throw problem(`${what} has the unknown type ${JSON.stringify(value['type'] ?? null)}`);
  }
}

const keyTypes = ['GPGKeys', 'signedByGPGKeys', 'X509Certificates', 'signedByX509CAs'];

function signedBy(value: JsonObject, what: string): Requirement {
  exactFields(value, ['type', 'keyType', 'keyPath', 'keyPaths', 'keyData', 'signedIdentity'], what);
  const keyType = requiredText(value, 'keyType', what);
  if (!keyTypes.includes(keyType)) throw problem(`${what} has the unknown keyType "${keyType}"`);
  const keys = sourcesOf(value, { path: 'keyPath', paths: 'keyPaths', data: 'keyData' }, what);
  if (keys === undefined) throw problem(`${what} has none of keyPath, keyPaths and keyData`);
  return { type: 'signedBy', keyType, keys, identity: optionalIdentity(value, what) };
}

const rekorNames = {
  path: 'rekorPublicKeyPath',
  paths: 'rekorPublicKeyPaths',
  data: 'rekorPublicKeyData',
  datas: 'rekorPublicKeyDatas',
} as const;
const keyNames = { path: 'keyPath', paths: 'keyPaths', data: 'keyData', datas: 'keyDatas' } as const;

function sigstoreSigned(value: JsonObject, what: string): Requirement {
  const known = [...Object.values(keyNames), ...Object.values(rekorNames), 'type', 'fulcio', 'pki', 'signedIdentity'];
  exactFields(value, known, what);
  const keys = sourcesOf(value, keyNames, what);
  const rekorKeys = sourcesOf(value, rekorNames, what);
  const which = choose({ keys, fulcio: value['fulcio'], pki: value['pki'] }, `${what}: keys, fulcio and pki`);
  if (which === undefined) throw problem(`${what} has none of keyPath, keyPaths, keyData, keyDatas, fulcio and pki`);
  const trust =
    which === 'keys'
      ? ({ kind: 'keys', keys: keys ?? [], rekorKeys: rekorKeys ?? [] } as const)
      : which === 'fulcio'
        ? fulcio(value['fulcio'], rekorKeys, what)
        : pki(value['pki'], rekorKeys, what);
  return { type: 'sigstoreSigned', trust, identity: optionalIdentity(value, what) };
}

function fulcio(
  value: JsonValue | undefined,
  rekorKeys: Extract<SigstoreKeys, { kind: 'fulcio' }>['rekorKeys'] | undefined,
  what: string,
): SigstoreKeys {
  const object = exactFields(value, ['caPath', 'caData', 'oidcIssuer', 'subjectEmail'], `${what}.fulcio`);
  const authorities = sourceOf(object, { path: 'caPath', data: 'caData' }, `${what}.fulcio`);
  if (authorities === undefined) throw problem(`${what}.fulcio has neither caPath nor caData`);
  if (rekorKeys === undefined) throw problem(`${what}: with fulcio the key of a log is needed (rekorPublicKeyPath)`);
  return {
    kind: 'fulcio',
    authorities,
    oidcIssuer: requiredText(object, 'oidcIssuer', `${what}.fulcio`),
    subjectEmail: requiredText(object, 'subjectEmail', `${what}.fulcio`),
    rekorKeys,
  };
}

const pkiFields = [
  'caRootsPath',
  'caRootsData',
  'caIntermediatesPath',
  'caIntermediatesData',
  'subjectEmail',
  'subjectHostname',
];

function pki(value: JsonValue | undefined, rekorKeys: unknown, what: string): SigstoreKeys {
  const object = exactFields(value, pkiFields, `${what}.pki`);
  if (rekorKeys !== undefined) throw problem(`${what}: with pki no key of a log may be given`);
  const roots = sourceOf(object, { path: 'caRootsPath', data: 'caRootsData' }, `${what}.pki`);
  if (roots === undefined) throw problem(`${what}.pki has neither caRootsPath nor caRootsData`);
  const between = { path: 'caIntermediatesPath', data: 'caIntermediatesData' };
  const intermediates = sourceOf(object, between, `${what}.pki`);
  const subjectEmail = textOf(object, 'subjectEmail', `${what}.pki`) || undefined;
  const subjectHostname = textOf(object, 'subjectHostname', `${what}.pki`) || undefined;
  if (subjectEmail === undefined && subjectHostname === undefined) {
    throw problem(`${what}.pki has neither subjectEmail nor subjectHostname`);
  }
  return {
    kind: 'pki',
    roots,
    ...(intermediates === undefined ? {} : { intermediates }),
    ...(subjectEmail === undefined ? {} : { subjectEmail }),
    ...(subjectHostname === undefined ? {} : { subjectHostname }),
  };
}

function optionalIdentity(value: JsonObject, what: string): IdentityRule {
  const given = value['signedIdentity'];
  return given === undefined ? { type: 'matchRepoDigestOrExact' } : identity(given, `${what}.signedIdentity`);
}

/** A prefix of names: a host, or a repository. */
const prefixForm = /^(?:[A-Za-z0-9.-]+|\[[A-Fa-f0-9:]+\])(?::\d+)?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;

function identity(value: JsonValue | undefined, what: string): IdentityRule {
  if (!isJsonObject(value)) throw problem(`${what} is no object`);
  const { type } = value;
  switch (type) {
    case 'matchExact':
    case 'matchRepoDigestOrExact':
    case 'matchRepository':
      exactFields(value, ['type'], what);
      return { type };
    case 'exactReference': {
      exactFields(value, ['type', 'dockerReference'], what);
      const reference = requiredText(value, 'dockerReference', what);
      const { tag, digest } = parseReference(reference);
      if (tag === undefined && digest === undefined)
        throw problem(`${what}: "${reference}" has neither tag nor digest`);
      return { type, reference };
    }
    case 'exactRepository': {
      exactFields(value, ['type', 'dockerRepository'], what);
      const repository = requiredText(value, 'dockerRepository', what);
      // a tag in it is passed over, as by the peers
      parseReference(repository);
      return { type, repository };
    }
    case 'remapIdentity': {
      exactFields(value, ['type', 'prefix', 'signedPrefix'], what);
      const prefix = requiredText(value, 'prefix', what);
      const signedPrefix = requiredText(value, 'signedPrefix', what);
      for (const one of [prefix, signedPrefix]) {
        if (!prefixForm.test(one)) throw problem(`${what}: "${one}" is no prefix of names`);
      }
      return { type, prefix, signedPrefix };
    }
    default:
      throw problem(`${what} has the unknown type ${JSON.stringify(type ?? null)}`);
  }
}
