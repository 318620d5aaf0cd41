import { attackCases } from "@nacre/testing/ciphers/attack-cases";
import { streamCases } from "@nacre/testing/ciphers/stream-cases";
import { vectorCases } from "@nacre/testing/ciphers/vector-cases";
import { describe } from "vitest";
import { withWasm } from "./support.ts";

describe("all ciphers, with chacha20-poly1305 in WebAssembly", () => {
  attackCases(withWasm);
  streamCases(withWasm);
  vectorCases(withWasm);
});
