import { posix } from "node:path";

/** The address of the project's repository, without a slash at its end; `undefined` until there is one. */
const ADDRESS: string | undefined = undefined;

interface Manifest {
  readonly name: string;
  /** Packages by their versions, which pnpm has written in place of "workspace:*". */
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Package whose bundle contains the others. Its version follows ssh2's, so a field of its own names Nacre's. */
const BUNDLE = "@nacre/ssh2";

/** Returns a package's manifest without the sources, which are not published, and with the project's address. */
export function publishedManifest(text: string, address: string | undefined = ADDRESS): string {
  const { exports = {}, devDependencies = {}, ...manifest } = JSON.parse(text) as Manifest;
  const entries = Object.entries(exports).map(([path, conditions]) => [
    path,
    Object.fromEntries(Object.entries(conditions).filter(([condition]) => condition !== "@nacre/source")),
  ]);
  const directory = `packages/${manifest.name.replace("@nacre/", "")}`;
  const where =
    address === undefined
      ? {}
      : {
          homepage: `${address}/blob/main/${directory}/README.md`,
          repository: { type: "git", url: address, directory },
        };
  const inside = manifest.name === BUNDLE ? { nacre: devDependencies["nacre"] } : {};
  const changed = {
    ...manifest,
    ...inside,
    ...where,
    ...(entries.length > 0 && { exports: Object.fromEntries(entries) }),
  };
  return `${JSON.stringify(changed, undefined, 2)}\n`;
}

/**
 * Returns a package's README for a registry's page, where links to other files of the repository do not work: they get the project's
 * address, or, if it has none, only their text stays. `folder` is that of the package, such as `packages/node`.
 */
export function publishedReadme(text: string, folder: string, address: string | undefined = ADDRESS): string {
  return text.replaceAll(/\[([^\]]*)\]\((\.[^)\s]*)\)/g, (_, shown: string, target: string) =>
    address === undefined ? shown : `[${shown}](${address}/blob/main/${posix.join(folder, target)})`,
  );
}
