/** Path of the root of every `LocalFiles` in this folder. Names are joined with "/", which no name contains. */
export const ROOT = "/";

/** Returns the path of `name` in a directory. */
export function join(directory: string, name: string): string {
  return directory === ROOT ? `${ROOT}${name}` : `${directory}/${name}`;
}

/** Returns directory and name of a path. */
export function split(path: string): { readonly directory: string; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { directory: slash <= 0 ? ROOT : path.slice(0, slash), name: path.slice(slash + 1) };
}
