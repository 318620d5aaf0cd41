import { usage } from "../options/schema.ts";

/** Name of a login method that an application can decide. */
export type LoginMethod = "publickey" | "password" | "keyboard-interactive";

/** A login method of a client or server. */
interface Method {
  readonly method: { readonly name: string };
}

/**
 * Returns the methods that an option `methods` chooses: values, and names of `known`. Without the option, all of `known`. Throws `usage`
 * for another name, a repeated name, and a value that is not a login method.
 */
export function chosenMethods<M extends Method>(
  chosen: readonly (string | M)[] | undefined,
  known: readonly M[],
): readonly M[] {
  if (chosen === undefined) return known;
  const methods = chosen.flatMap((one) =>
    typeof one === "string" ? known.filter(({ method }) => method.name === one) : one?.method?.name ? [one] : [],
  );
  if (new Set(methods.map(methodName)).size < chosen.length)
    throw usage(`\`methods\` must be a list of ${known.map(methodName).join(", ")} and of login methods, each once`);
  return methods;
}

/** Returns the name of a method that is given by name or as a value. */
export function methodName(one: string | Method): string {
  return typeof one === "string" ? one : one.method.name;
}
