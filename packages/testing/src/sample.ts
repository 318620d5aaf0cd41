import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    thorough?: boolean;
  }
}

/** Whether all cases run, as in `npm run verify`. Otherwise tests in files named `*.sampled.test.ts` run a part of their cases. */
export const isThorough: boolean = inject("thorough") === true;

/** Returns the integers from `from` to `to - 1`: all of them in a thorough run, otherwise every `step`-th and the last. */
export function sample(from: number, to: number, step: number): number[] {
  const all = Array.from({ length: to - from }, (_, i) => from + i);
  return isThorough ? all : all.filter((n) => (n - from) % step === 0 || n === to - 1);
}
