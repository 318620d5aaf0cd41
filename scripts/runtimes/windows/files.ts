/** Test files of what Windows lacks, grouped by reason. Paths are relative to the project's root. */
export const NEED_UNIX: readonly { readonly reason: string; readonly files: readonly string[] }[] = [
  {
    reason: "`diskFileSystem` refuses Windows",
    files: [
      "packages/node/test/disk/attacks.test.ts",
      "packages/node/test/disk/directory-cache.test.ts",
      "packages/node/test/disk/disk-files.test.ts",
      "packages/node/test/disk/faulty-disk.test.ts",
      "packages/node/test/disk/handler.test.ts",
      "packages/node/test/disk/long-files.test.ts",
      "packages/node/test/disk/swapped-directories.test.ts",
    ],
  },
];

/** The paths of all files in `NEED_UNIX`. */
export const UNIX_FILES: readonly string[] = NEED_UNIX.flatMap(({ files }) => files);
