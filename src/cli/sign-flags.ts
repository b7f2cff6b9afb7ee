/** Flags of commands that sign, and of those that look at signatures. */
import * as Flags from '@oclif/core/flags';

const signatureStoreOptions = {
  options: ['lookaside', 'attachment', 'bundle'],
  multiple: true,
  multipleNonGreedy: true,
  helpValue: '<lookaside|attachment|bundle>',
  helpGroup: 'SIGNATURES',
} as const;

const registriesDFlag = Flags.string({
  aliases: ['registries.d'],
  summary: 'Folder that says where signatures are kept, in place of the registries.d of the machine.',
  helpValue: 'DIR',
  helpGroup: 'SIGNATURES',
});

/** Where signatures go. */
export const signatureStoreFlags = {
  'signature-store': Flags.string({
    ...signatureStoreOptions,
    summary: 'Where signatures are kept; may be given several times.',
    description: 'Without it GPG signatures go to the lookaside, sigstore signatures to an attachment.',
  }),
  'registries-d': registriesDFlag,
};

/** Where signatures are looked for. */
export const signatureSearchFlags = {
  'signature-store': Flags.string({
    ...signatureStoreOptions,
    summary: 'Where to look for signatures; may be given several times.',
    description: 'Without it in every place, but for attachments where registries.d rules them out.',
  }),
  'registries-d': registriesDFlag,
};

/** Of commands that take signatures along, and make none. */
export const registriesDFlags = { 'registries-d': registriesDFlag };

/** Of commands that copy images. */
export const removeSignaturesFlag = {
  'remove-signatures': Flags.boolean({
    summary: 'Leave the signatures of what is copied behind.',
    description:
      'Without it they go along: those in lookasides and dir: folders, and attachments where registries.d says that they are used. A copy that would break them, or a destination that keeps none, is refused.',
    helpGroup: 'SIGNATURES',
  }),
};

/** Who signs. */
export const signFlags = {
  'sign-by': Flags.string({
    summary: 'Sign with this GPG key.',
    helpValue: 'FINGERPRINT',
    helpGroup: 'SIGNATURES',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'sign-key-file': Flags.string({
    summary: 'File with the exported GPG key, in place of gpg-agent.',
    helpValue: 'FILE',
    helpGroup: 'SIGNATURES',
  }),
  'sign-by-sigstore-private-key': Flags.string({
    summary: 'Sign with this sigstore key.',
    helpValue: 'FILE',
    helpGroup: 'SIGNATURES',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'sign-by-sigstore': Flags.string({
    summary: 'Sign as this parameter file says.',
    helpValue: 'FILE',
    helpGroup: 'SIGNATURES',
  }),
  'identity-token': Flags.string({
    summary: 'File with the identity token that --sign-by-sigstore is to sign with.',
    description:
      'In place of what the parameter file says of the token. A token itself is not taken: every process of the machine could read it.',
    helpValue: 'FILE',
    helpGroup: 'SIGNATURES',
  }),
  'sign-passphrase-file': Flags.string({
    summary: 'File whose first line is the passphrase of the key.',
    description: 'Without it $SHEAF_SIGN_PASSPHRASE; without that, you are asked where there is a terminal.',
    helpValue: 'FILE',
    helpGroup: 'SIGNATURES',
  }),
  'sign-identity': Flags.string({
    summary: "Sign this name, in place of the image's own.",
    helpValue: 'REFERENCE',
    helpGroup: 'SIGNATURES',
  }),
};

/** Of commands that read images from elsewhere. */
export const policyFlag = {
  policy: Flags.string({
    aliases: ['signature-policy'],
    summary: 'File that says whom to trust (policy.json), in place of that of the machine.',
    helpValue: 'FILE',
    helpGroup: 'SIGNATURES',
  }),
};
