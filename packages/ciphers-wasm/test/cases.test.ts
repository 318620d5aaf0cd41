import { describe } from "vitest";
import { attackCases } from "../../ciphers/test/attack-cases.ts";
import { streamCases } from "../../ciphers/test/stream-cases.ts";
import { vectorCases } from "../../ciphers/test/vector-cases.ts";
import { withWasm } from "./support.ts";

describe("all ciphers, with chacha20-poly1305 in WebAssembly", () => {
  attackCases(withWasm);
  streamCases(withWasm);
  vectorCases(withWasm);
});
