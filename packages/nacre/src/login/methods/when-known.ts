import { isThenable } from "../../mux/engine.ts";

/** Passes a value to `use`, now or when its promise resolves. */
export function whenKnown<T, U>(value: T | Promise<T>, use: (value: T) => U): U | Promise<U> {
  return isThenable(value) ? Promise.resolve(value).then(use) : use(value);
}
