import type { Target } from "../fuzzer/target.ts";
import { decodeToy } from "./toy.ts";

export const targets: readonly Target[] = [
  { name: "toy", run: (input) => void decodeToy(input) },
  {
    name: "hangs",
    run: (input) => {
      while (input[0] === 7);
    },
  },
  {
    name: "grows",
    run: (input) => {
      const kept: Uint8Array[] = [];
      while (input[0] === 7) kept.push(new Uint8Array(2 ** 20).fill(1));
    },
  },
];
